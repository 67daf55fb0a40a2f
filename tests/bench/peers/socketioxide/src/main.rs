//! The events of the bench on socketioxide. It prints `listening on ADDRESS` and ends with its standard input.

use std::{
    io::{Read, Write},
    time::Duration,
};

use axum::serve::ListenerExt;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};

/// A message of a chat.
#[derive(Serialize, Deserialize)]
struct Message {
    from: String,
    id: u64,
    private: bool,
    reply_to: Option<u64>,
    tags: Vec<String>,
    text: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on("echo", async |Data::<String>(text), ack: AckSender| {
            let _ = ack.send(&text);
        });
        socket.on("json", async |Data::<Value>(value), ack: AckSender| {
            let _ = ack.send(&value);
        });
        socket.on("value", async |Data::<Value>(value), ack: AckSender| {
            let _ = ack.send(&value);
        });
        socket.on(
            "struct",
            async |Data::<Message>(message), ack: AckSender| {
                let _ = ack.send(&message);
            },
        );
        for event in ["await", "overlap"] {
            socket.on(event, async |Data::<String>(text), ack: AckSender| {
                tokio::task::yield_now().await;
                let _ = ack.send(&text);
            });
        }
        socket.on("pause", async |Data::<String>(text), ack: AckSender| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = ack.send(&text);
        });
        socket.on("binary", async |Data::<Bytes>(bytes), ack: AckSender| {
            let _ = ack.send(&bytes);
        });
        socket.on("cast", async |Data::<String>(text), io: SocketIo| {
            let _ = io.emit("news", &text).await;
        });
        socket.on(
            "join",
            async |socket: SocketRef, Data::<String>(room), ack: AckSender| {
                socket.join(room);
                let _ = ack.send(&());
            },
        );
        socket.on(
            "say",
            async |Data::<(String, String)>((room, text)), io: SocketIo| {
                let _ = io.to(room).emit("news", &text).await;
            },
        );
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    // axum leaves Nagle's algorithm on, which the answers of a window would wait for.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await
}
