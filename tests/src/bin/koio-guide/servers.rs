//! Section 15 of the guide, events between servers.

use koio::{Io, IoHandle, Namespace, Result, cluster::ServerEvent};
use std::{collections::HashMap, sync::Mutex};

#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<String, String>>);

pub(crate) fn server() -> Io {
    Io::new()
        .state(Cache::default())
        .on_server_side("forget", |event: ServerEvent| async move {
            let key: String = event.get(0)?; // the first argument
            event.state::<Cache>()?.0.lock().unwrap().remove(&key);
            Ok(())
        })
        .namespace(
            "/chat",
            Namespace::new().on_server_side("load", |event: ServerEvent| async move {
                Ok(event.here().count()) // what is returned is the answer
            }),
        )
}

pub(crate) async fn clients(io: &IoHandle) -> Result<usize> {
    io.server_side_emit("forget", "ann")?;
    let chat = io.of("/chat");
    let mut clients = chat.count();
    for (server, answer) in chat.server_side_emit_with_ack::<usize>("load", ()).await? {
        match answer {
            Ok(there) => clients += there,
            Err(error) => eprintln!("{server}: {error}"),
        }
    }
    Ok(clients)
}
