//! Events that are handled once for each key, and the same events without that.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use koio::{Bytes, Handlers, State, handlers, on};
use serde::Deserialize;

/// How often each order was handled.
#[derive(Default)]
pub(crate) struct Handled(Mutex<HashMap<String, u32>>);

impl Handled {
    fn add(&self, id: &str) -> u32 {
        let mut all = self.0.lock().expect("the orders");
        let count = all.entry(id.to_owned()).or_default();
        *count += 1;
        *count
    }
}

#[derive(Deserialize)]
struct Order {
    id: String,
    /// Milliseconds.
    takes: u64,
}

pub(crate) fn all() -> Handlers {
    handlers![order, order_again, order_file, handled]
}

#[on("order", once_by = "/0/id", concurrency = 8)]
async fn order(order: Order, all: State<Handled>) -> u32 {
    handle(&order, &all).await
}

#[on("order again", concurrency = 8)]
async fn order_again(order: Order, all: State<Handled>) -> u32 {
    handle(&order, &all).await
}

#[on("order a file", once_by = "/0/id", concurrency = 8)]
async fn order_file(order: Order, all: State<Handled>) -> Bytes {
    let count = handle(&order, &all).await;
    Bytes::from(vec![7, count.try_into().unwrap_or(u8::MAX)])
}

async fn handle(order: &Order, all: &Handled) -> u32 {
    let count = all.add(&order.id);
    tokio::time::sleep(Duration::from_millis(order.takes)).await;
    count
}

#[on("handled", concurrency = 8)]
async fn handled(id: String, all: State<Handled>) -> u32 {
    let all = all.0.lock().expect("the orders");
    all.get(&id).copied().unwrap_or_default()
}
