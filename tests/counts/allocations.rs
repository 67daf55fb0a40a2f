//! Allocations of a broadcast on koio's own listener. This is the only test of its program: the counter is one for
//! all threads.
//!
//! The limits are what there is today. Whoever brings a number up has to say why; whoever brings one down sets the
//! limit lower.

mod server;

use std::alloc::System;

use koio_tests::{Bare, serve};
use server::io;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of a broadcast, to however many: the frame, and its buffer if a session still holds the last one.
const MOST: usize = 2;
/// Broadcasts before it is counted: queues and the buffers of the thread grow to their size.
const WARM: usize = 20;
const ROUNDS: usize = 20;

/// The allocations of a broadcast up to the moment at which all have it. The least of some rounds: the thread
/// that waits for the test may allocate something meanwhile.
async fn of_a_broadcast(recipients: usize) -> usize {
    let server = serve(io()).await;
    let mut clients = Bare::crowd(server.addr, recipients).await;
    let mut least = usize::MAX;
    for round in 0..WARM + ROUNDS {
        let region = Region::new(ALLOCATOR);
        let news = "a text of some thirty characters";
        server.handle.broadcast("news", news).expect("no fault");
        for client in &mut clients {
            client.until(b"characters\"]").await;
        }
        let change = region.change();
        if round >= WARM {
            least = least.min(change.allocations + change.reallocations);
        }
    }
    least
}

#[tokio::test]
async fn a_broadcast_allocates_the_same_little_for_few_and_for_many() {
    for recipients in [1, 8, 64] {
        let allocations = of_a_broadcast(recipients).await;
        assert!(
            allocations <= MOST,
            "{allocations} allocations of a broadcast to {recipients}"
        );
    }
}
