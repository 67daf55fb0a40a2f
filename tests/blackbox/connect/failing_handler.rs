//! A connection handler that fails after its client was let in.

use koio::{Context, Error, Io, Result, handlers, on};
use koio_tests::client;
use tracing::Level;

use crate::logs::Heard;
use crate::memory::Memory;

/// Lets the client in, and fails.
#[on("connection")]
async fn full_house(ctx: Context) -> Result<()> {
    ctx.emit("refused", "no seat is left")?;
    Err(Error::new("full_house", "no seat is left"))
}

#[tokio::test(start_paused = true)]
async fn a_connection_handler_that_fails_says_why_with_a_last_event_and_in_the_log() {
    for transport in client::BOTH {
        let heard = Heard::default();
        let listening = heard.listen();
        let memory = Memory::new(Io::new().handlers(handlers![full_house]));
        let mut peer = memory.open(transport).await;
        peer.join_as("40").await;
        peer.expect(r#"42["refused","no seat is left"]"#).await;
        peer.expect("41").await;
        drop(listening);
        let (level, line) = heard.says("the connection handler failed").expect("a line");
        assert_eq!(level, Level::WARN);
        for part in [r#"code="full_house""#, r#"namespace="/""#] {
            assert!(line.contains(part), "{line}");
        }
    }
}
