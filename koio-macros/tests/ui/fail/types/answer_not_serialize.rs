use koio::{Context, Result, on};

struct Receipt;

#[on("plain")]
async fn plain(_ctx: Context) -> Receipt {
    Receipt
}

#[on("result")]
async fn result(_ctx: Context) -> Result<Receipt> {
    Ok(Receipt)
}

#[on("inside")]
async fn inside(_ctx: Context) -> Result<Vec<Receipt>> {
    Ok(vec![Receipt])
}

fn main() {}
