//! Section 15 of the guide, apart from its `main`.

use koio::{IoHandle, Result, cluster::PartialAnswer};

pub(crate) async fn online(io: &IoHandle) -> Result<usize> {
    let error = match io.fetch_sockets().await {
        Ok(sockets) => return Ok(sockets.len()),
        Err(error) => error,
    };
    let Some(partial) = error.downcast_ref::<PartialAnswer>() else {
        return Err(error);
    };
    eprintln!("no answer from {:?}", partial.missing());
    Ok(partial.sockets().len())
}
