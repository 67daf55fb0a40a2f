//! Section 11 of the guide.

use koio::Io;
use std::time::Duration;

pub(crate) fn limited(io: Io) -> Io {
    io.max_payload(100_000)
        .ping_interval(Duration::from_secs(10))
        .config(|config| {
            config.socket.rooms = 10;
            config.engine.send_queue_bytes = 256 * 1024;
        })
}
