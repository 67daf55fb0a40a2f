//! What a server accepts connections from: TCP, Unix sockets, TLS, several at once; and what it says about them.

mod addresses;
mod announced;
mod given;
mod several;
mod tls;
mod tls_clients;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use koio::{CloseReason, Context, Io, State, handlers, on};
use koio_tests::{Client, Polling, Received, Target, WebSocket, client};
use tokio::sync::mpsc;

use crate::scene::echo;

/// A folder of its own, which is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("koio-listeners-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where a Unix socket may be.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("koio.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[on("address")]
pub(crate) async fn address(ctx: Context) -> Option<String> {
    ctx.handshake().address().map(|peer| peer.ip().to_string())
}

#[on("leave")]
async fn leave(ctx: Context) {
    ctx.socket().disconnect_all();
}

#[derive(Clone)]
pub(crate) struct Reasons(mpsc::UnboundedSender<CloseReason>);

#[on("disconnect")]
async fn left(reason: CloseReason, reasons: State<Reasons>) {
    reasons.0.send(reason).ok();
}

/// A server, and why its clients left.
pub(crate) fn koio() -> (Io, mpsc::UnboundedReceiver<CloseReason>) {
    let (sender, reasons) = mpsc::unbounded_channel();
    let io = Io::new().state(Reasons(sender));
    (io.handlers(handlers![echo, address, leave, left]), reasons)
}

/// Both transports and the upgrade, with text and binary.
pub(crate) async fn assert_serves(target: Target) {
    for transport in client::BOTH {
        let mut client = Client::connect(target, transport).await;
        client.send(r#"421["echo","text"]"#).await;
        client.expect(r#"431["text"]"#).await;
        let packet = r#"451-2["echo",{"_placeholder":true,"num":0}]"#;
        client.send_with(packet, &[&[1, 2, 3]]).await;
        client
            .expect(r#"461-2[{"_placeholder":true,"num":0}]"#)
            .await;
        client.expect_binary(&[1, 2, 3]).await;
        client.close().await;
    }
    let session = Polling::connect(target).await;
    let mut socket = WebSocket::probe(&session).await;
    socket.send("5").await;
    socket.send(r#"421["echo",1]"#).await;
    socket.expect("431[1]").await;
    socket.send(r#"42["leave"]"#).await;
    while !matches!(socket.next().await, Received::End(_)) {}
}
