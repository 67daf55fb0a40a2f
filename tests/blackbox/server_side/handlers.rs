//! Handlers of other servers' events that ask other servers themselves, and that panic.

use koio::Io;
use koio::cluster::{self, ServerEvent};
use tokio::time::Instant;

use super::servers::{failure_of, three, values};
use crate::memory::Memory as Node;

#[tokio::test(start_paused = true)]
async fn a_panic_behind_a_handler_ends_its_event_alone() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("a bug in `drop`");
        }
    }
    let broker = cluster::Memory::new();
    let two = Io::new()
        .map_error::<std::num::ParseIntError>(|_| panic!("a bug in `map_error`"))
        .on_server_side("maps", |_: ServerEvent| async { Ok("x".parse::<u8>()?) })
        .on_server_side("drops", |_: ServerEvent| async {
            let _held = PanicsWhenDropped;
            Ok(())
        })
        .on_server_side("drops later", |_: ServerEvent| async {
            let _held = PanicsWhenDropped;
            tokio::task::yield_now().await;
            Ok(())
        })
        .on_server_side("q", |_: ServerEvent| async { Ok(7) })
        .cluster(broker.clone());
    let _two = Node::new(two);
    let one = Node::new(Io::new().cluster(broker));
    for event in ["maps", "drops", "drops later"] {
        let error = failure_of(&one.io, event, ()).await;
        assert_eq!(error.code(), "internal", "{event}");
        let served = one.io.server_side_emit_with_ack("q", ());
        assert_eq!(values::<u8>(served.await.expect(event)), [7]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_ask_the_server_that_asks_it() {
    let servers = three(|number| {
        Io::new()
            .on_server_side("sum", move |event: ServerEvent| async move {
                let asked = event
                    .io()
                    .server_side_emit_with_ack::<usize>("number", ())
                    .await?;
                Ok(values(asked))
            })
            .on_server_side("number", move |_: ServerEvent| async move { Ok(number) })
            .config(|config| config.socket.server_events = 2)
    });
    let started = Instant::now();
    let asked = servers[0].io.server_side_emit_with_ack("sum", ());
    let sums: Vec<Vec<usize>> = values(asked.await.expect("both"));
    assert_eq!(sums, [vec![0, 1], vec![0, 2]]);
    assert!(started.elapsed().is_zero());
}
