//! Section 2 of the guide.

use koio::{Ack, args, on};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    item: String,
    how_many: Option<u32>, // may be missing
}

#[derive(Serialize)]
struct Receipt {
    text: String,
}

#[on("order")]
async fn order(order: Order, note: Option<String>) -> Receipt {
    let (count, note) = (order.how_many.unwrap_or(1), note.unwrap_or_default());
    let text = format!("{count} x {} {note}", order.item);
    Receipt { text }
}

#[on("range")]
async fn range(numbers: Vec<i64>) -> impl Serialize {
    args![numbers.iter().copied().min(), numbers.iter().copied().max()] // two values
}

#[on("later")]
async fn later(ack: Ack, text: String) {
    tokio::spawn(ack.reply_with(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(text)
    }));
}

#[on("report", concurrency = 16)]
async fn report(month: u32) -> String {
    tokio::time::sleep(Duration::from_millis(400)).await; // a query
    format!("the report of month {month}")
}

#[derive(Deserialize)]
struct Payment {
    cents: u32,
}

#[on("pay", once_by = "/0/id")]
async fn pay(payment: Payment) -> String {
    tokio::time::sleep(std::time::Duration::from_millis(300)).await; // the bank
    format!("paid {} cents", payment.cents)
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![order, range, later, report, pay]
}
