//! A socket does not outlive its token.

use koio::Socket;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// What puts a socket out when its time is over.
struct Expiry(AbortHandle);

/// Puts a socket out at that time, and no longer at an earlier one. A client that is put out does not come back by
/// itself.
pub(crate) fn put_out_at(socket: &Socket, time: Instant) {
    forget(socket);
    let leaving = socket.clone();
    let task = tokio::spawn(async move {
        sleep_until(time).await;
        leaving.disconnect();
    });
    socket.set(Expiry(task.abort_handle()));
}

/// To be called when a socket has left: the task would keep it until its time is over.
pub(crate) fn forget(socket: &Socket) {
    if let Some(expiry) = socket.get::<Expiry>() {
        expiry.0.abort();
    }
}
