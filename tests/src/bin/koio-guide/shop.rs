//! Section 3 of the guide: an error of one's own.

use koio::{Error, Io, Result, on};

#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("{0} is sold out")]
    SoldOut(String),
    #[error("the stock can't be read")]
    Stock(#[from] std::io::Error),
}

#[on("buy")]
async fn buy(what: String) -> Result<u64, ShopError> {
    if what == "umbrella" {
        return Err(ShopError::SoldOut(what));
    }
    Ok(std::fs::metadata("/nowhere/stock")?.len())
}

pub(crate) fn with_codes(io: Io) -> Io {
    io.map_error::<ShopError>(|error| match error {
        ShopError::SoldOut(_) => Error::new("sold_out", error.to_string()),
        ShopError::Stock(_) => Error::internal(error.to_string()),
    })
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![buy]
}
