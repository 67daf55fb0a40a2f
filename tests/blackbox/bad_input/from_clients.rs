//! Packets of clients that are well formed and senseless.

use koio::{Context, Io, Namespace, Next, on};
use koio_tests::Transport;

use crate::memory::Memory;

#[on("small")]
async fn small(number: u8, other: Option<f32>) -> String {
    format!("{number} {other:?}")
}

fn server() -> Io {
    Io::new()
        .handlers(koio::handlers![small])
        .namespace("/chat", Namespace::new())
        .on("echo", |ctx: Context| async move { ctx.args() })
}

#[tokio::test(start_paused = true)]
async fn numbers_that_do_not_fit_are_answered_and_the_connection_goes_on() {
    for transport in koio_tests::client::BOTH {
        let memory = Memory::new(server());
        let mut peer = memory.client(transport).await;
        for number in [
            "256",
            "-1",
            "1e3",
            "1.5",
            "1e999",
            "-1e999",
            "99999999999999999999999999999999999999999999",
            "1e99999999999",
            "0.00000000000000000000000000000000000000000001",
        ] {
            peer.send(&format!(r#"421["small",{number}]"#)).await;
            let answer = peer.text().await;
            assert!(
                answer.contains(r#""code":"bad_request","message":"argument 1 (`number`)"#),
                "{number}: {answer}"
            );
        }
        peer.send(r#"421["small",7,1e39]"#).await;
        let answer = peer.text().await;
        assert!(answer.starts_with("431["), "{answer}");
        peer.send(r#"421["small",7]"#).await;
        peer.expect(r#"431["7 None"]"#).await;
    }
}

#[tokio::test(start_paused = true)]
async fn ids_of_acks_that_belong_to_nothing_are_ignored_and_counted() {
    let memory = Memory::new(server());
    let mut peer = memory.client(Transport::WebSocket).await;
    for id in ["0", "7", "18446744073709551615"] {
        peer.send(&format!("43{id}[1]")).await;
        peer.send(&format!("43{id}[]")).await;
    }
    peer.send("421844674407370955161[\"echo\",1]").await;
    peer.expect("431844674407370955161[1]").await;
    assert_eq!(memory.count(|counts| counts.unexpected_acks), 6);
}

#[tokio::test(start_paused = true)]
async fn namespaces_of_any_text_are_refused_by_their_name_and_the_connection_goes_on() {
    for transport in koio_tests::client::BOTH {
        let memory = Memory::new(server());
        let mut peer = memory.client(transport).await;
        for name in [
            "/",
            "//",
            "/\u{0}",
            "/\n",
            "/chat/",
            "/🔑",
            "/__proto__",
            "/a b",
        ] {
            if name == "/" {
                continue;
            }
            peer.send(&format!("40{name},")).await;
            let answer = peer.text().await;
            assert!(
                answer.starts_with(&format!("44{name},")),
                "{name:?}: {answer:?}"
            );
        }
        peer.send(r#"421["echo","still here"]"#).await;
        peer.expect(r#"431["still here"]"#).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_and_joins_over_and_over_is_served_each_time() {
    let memory = Memory::new(server());
    let mut peer = memory.client(Transport::WebSocket).await;
    for _ in 0..100 {
        peer.join_as("40/chat,").await;
        peer.send("41/chat,").await;
    }
    peer.send(r#"421["echo",1]"#).await;
    peer.expect("431[1]").await;
    assert_eq!(memory.io.of("/chat").count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_middleware_may_read_name_and_arguments_and_leaves_both_as_they_are() {
    let io = server().wrap(|ctx: Context, next: Next| async move {
        if ctx.event() == "echo" {
            let mut args = ctx.args()?;
            let first: String = args.next()?;
            koio::ensure!(first != "forbidden", "forbidden", "not that");
        }
        next.run().await
    });
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.send(r#"421["echo","a",[1, 2]]"#).await;
    peer.expect(r#"431["a",[1, 2]]"#).await;
    peer.send(r#"422["echo","forbidden"]"#).await;
    peer.expect(r#"432[{"error":{"code":"forbidden","message":"not that"}}]"#)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_of_a_pattern_goes_with_its_last_socket_and_the_main_one_stays() {
    let io = server().namespace("/room/{number}", Namespace::new());
    let memory = Memory::new(io);
    let mut peer = memory.client(Transport::WebSocket).await;
    peer.join_as("40/room/1,").await;
    assert_eq!(memory.io.namespaces(), ["/", "/chat", "/room/1"]);
    peer.send("41/room/1,").await;
    peer.send("41").await;
    peer.join_as("40").await;
    peer.send(r#"421["echo"]"#).await;
    peer.expect("431[]").await;
    assert_eq!(memory.io.namespaces(), ["/", "/chat"]);
}
