//! The chats on the other nodes, if there are any: who is there, and what was said there.
//!
//! They share no memory. Who is there is asked (`fetch_sockets`), whenever one of them says that somebody came or went. What is
//! said goes to all, and each keeps it; one that starts, or was cut off from the others, asks them for what it has missed.
//! The name of somebody who is away is kept by the nodes that have seen them or have a message of theirs.

use crate::chat::{Chat, EVERYONE};
use crate::message::Kept;
use koio::cluster::{PartialAnswer, RemoteSocket, ServerEvent};
use koio::{Io, IoHandle, Result};
use std::time::Duration;
use tokio::time::timeout;

/// A node that died tells nobody: its people are gone after these two.
const LOOK_EVERY: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(2);

/// What the other nodes say, and what they are answered.
pub(crate) fn hear(io: Io) -> Io {
    io.on_server_side("people", people)
        .on_server_side("said", said)
        .on_server_side("history", history)
}

async fn people(event: ServerEvent) -> Result<()> {
    event.state::<Chat>()?.others_changed.notify_one();
    Ok(())
}

async fn said(event: ServerEvent) -> Result<()> {
    event.state::<Chat>()?.lock().hear(event.get(0)?)
}

/// Another node has this, and wants to know the rest.
async fn history(event: ServerEvent) -> Result<Vec<Kept>> {
    let (chat, theirs) = (event.state::<Chat>()?, event.get(0)?);
    let mut chat = chat.lock();
    let ours = chat.newest();
    chat.catch_up(&event.io(), theirs)?;
    Ok(ours)
}

/// Keeps up with the other nodes, as long as this one runs.
pub(crate) async fn follow(io: IoHandle, chat: Chat) {
    let mut was_alone = false;
    let mut gaps = None; // how often it was cut off from them, when it last asked what it had missed
    loop {
        let (alone, now) = (io.alone_since().is_some(), Some(io.counts().cluster_gaps));
        if alone != was_alone {
            eprintln!(
                "{}",
                if alone {
                    "Redis is away: this chat goes on alone"
                } else {
                    "Redis is back"
                }
            );
            was_alone = alone;
        }
        if !alone && gaps != now {
            gaps = now;
            let asked = io.server_side_emit_with_ack("history", chat.lock().newest());
            let answers = asked.await.unwrap_or_else(|error| {
                let partial = error.downcast_ref();
                partial.map_or_else(Vec::new, PartialAnswer::server_answers)
            });
            for missed in answers.into_iter().filter_map(|(_, answer)| answer.ok()) {
                chat.lock().catch_up(&io, missed).ok();
            }
        }
        let others = elsewhere(&io).await;
        chat.lock().meet(&io, &others).ok();
        timeout(LOOK_EVERY, chat.others_changed.notified())
            .await
            .ok();
    }
}

/// Who is on other nodes, as far as they answer.
async fn elsewhere(io: &IoHandle) -> Vec<RemoteSocket> {
    let asked = io.to(EVERYONE).timeout(PATIENCE).fetch_sockets().await;
    let mut sockets = asked.unwrap_or_else(|error| {
        let partial = error.downcast_ref::<PartialAnswer>();
        partial.map_or_else(Vec::new, |partial| partial.sockets().to_vec())
    });
    sockets.retain(|socket| io.socket(socket.id()).is_none());
    sockets
}
