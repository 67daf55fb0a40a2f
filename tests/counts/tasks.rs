//! How many tasks there are.

use koio_tests::{Bare, serve};
use tokio::runtime::Handle;

use super::server::io;

#[tokio::test]
async fn a_connection_has_one_task_and_takes_it_along() {
    const COUNT: usize = 20;
    let server = serve(io()).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut clients = Bare::crowd(server.addr, COUNT).await;
    // What served the upgrade ends in its own time.
    let settled = async |count| {
        while tasks() > count {
            tokio::task::yield_now().await;
        }
    };
    koio_tests::within("one task each", settled(before + COUNT)).await;
    assert_eq!(tasks(), before + COUNT);
    // Neither an event nor a broadcast starts another.
    for client in &mut clients {
        client.send(&[r#"421["echo","text"]"#]).await;
        client.until(br#"431["text"]"#).await;
        assert_eq!(tasks(), before + COUNT);
    }
    server.handle.broadcast("news", "text").expect("no fault");
    for client in &mut clients {
        client.until(br#"42["news","text"]"#).await;
        assert_eq!(tasks(), before + COUNT);
    }
    drop(clients);
    koio_tests::within("nobody", settled(before)).await;
}
