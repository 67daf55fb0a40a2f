//! One order for each namespace, of what sockets and handles emit.

use koio::{Context, Result};
use serde_json::json;

use super::client::{Client, recovering};
use crate::memory::Memory;

#[tokio::test(start_paused = true)]
async fn what_a_handler_answers_and_emits_keeps_its_order() {
    let memory = Memory::new(recovering().on("go", |ctx: Context| async move {
        for number in 0..3 {
            ctx.emit("own", number)?;
            ctx.io().broadcast("all", number)?;
        }
        Result::Ok("answer")
    }));
    for transport in koio_tests::client::BOTH {
        let mut client = Client::new(&memory, transport).await;
        client.peer.send(r#"427["go"]"#).await;
        let mut offsets = Vec::new();
        for number in 0..3 {
            client.expect(&[json!(["own", number])]).await;
            offsets.extend(client.kept.offset.clone());
            client.expect(&[json!(["all", number])]).await;
            offsets.extend(client.kept.offset.clone());
        }
        assert!(offsets.is_sorted_by(|one, next| one < next), "{offsets:?}");
        assert_eq!(client.peer.text().await, r#"437["answer"]"#);
        let kept = client.lose(&memory).await;
        let mut back = Client::returning(&memory, transport, kept).await;
        assert!(back.recovered);
        memory.io.broadcast("end", ()).expect("no fault");
        back.expect(&[json!(["end"])]).await;
    }
}
