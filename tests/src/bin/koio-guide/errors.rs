//! Section 3 of the guide.

use koio::{Error, Result, bail, ensure, on};

#[on("reserve")]
async fn reserve(seat: u32) -> Result<u32> {
    ensure!(seat > 0, "bad_seat", "seats are counted from one");
    if seat > 40 {
        bail!("no_such_seat", "there is no seat {seat}");
    }
    if seat == 8 {
        return Err(Error::new("taken", "somebody sits there").data([9, 10]));
    }
    Ok(seat)
}

#[on("read")]
async fn read(path: String) -> Result<String> {
    let known = ["motd"].contains(&path.as_str());
    ensure!(known, "unknown", "no such text");
    Ok(std::fs::read_to_string("/nowhere/motd")?)
}

pub(crate) fn all() -> koio::Handlers {
    koio::handlers![reserve, read]
}
