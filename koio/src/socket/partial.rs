//! The answers that arrived in time, when some nodes did not answer.

use std::{error::Error as StdError, fmt};

use serde::de::DeserializeOwned;

use super::{
    ack::{AckTime, read_outcomes, read_server_answers},
    remote::RemoteSocket,
};
use crate::{
    Error, Result, SocketId,
    adapter::{AckOutcome, NodeId, ServerAnswer},
};

/// Some nodes of the cluster did not answer in time, or could not be asked: the source of an error with the code
/// `partial_answer`. It names them, and has the answers of the others.
///
/// ```
/// # use koio::{IoHandle, cluster::PartialAnswer};
/// # async fn count(io: &IoHandle) -> usize {
/// match io.fetch_sockets().await {
///     Ok(sockets) => sockets.len(),
///     Err(error) => match error.downcast_ref::<PartialAnswer>() {
///         Some(partial) => {
///             eprintln!("not from {:?}", partial.missing());
///             partial.sockets().len()
///         }
///         None => 0,
///     },
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct PartialAnswer {
    missing: Vec<NodeId>,
    sockets: Vec<RemoteSocket>,
    /// And how long they were waited for.
    answers: Option<(Vec<AckOutcome>, AckTime)>,
    /// And the event that they answer.
    server_answers: Option<(Vec<ServerAnswer>, Box<str>)>,
}

impl PartialAnswer {
    pub(super) fn new(missing: Vec<NodeId>) -> Self {
        Self {
            missing,
            sockets: Vec::new(),
            answers: None,
            server_answers: None,
        }
    }

    pub(super) fn with_sockets(self, sockets: Vec<RemoteSocket>) -> Self {
        Self { sockets, ..self }
    }

    pub(super) fn with_answers(self, answers: Vec<AckOutcome>, time: AckTime) -> Self {
        Self {
            answers: Some((answers, time)),
            ..self
        }
    }

    pub(super) fn with_server_answers(self, answers: Vec<ServerAnswer>, event: Box<str>) -> Self {
        Self {
            server_answers: Some((answers, event)),
            ..self
        }
    }

    pub(super) fn into_error(self) -> Error {
        let message = self.to_string();
        Error::new("partial_answer", message)
            .hide()
            .because(Box::new(self))
    }

    /// The nodes that did not answer.
    #[must_use]
    pub fn missing(&self) -> &[NodeId] {
        &self.missing
    }

    /// The sockets that the other nodes have, after a `fetch_sockets`.
    #[must_use]
    pub fn sockets(&self) -> &[RemoteSocket] {
        &self.sockets
    }

    /// The answers of the other nodes' sockets, after an `emit_with_acks`.
    #[must_use]
    pub fn answers<T: DeserializeOwned>(&self) -> Vec<(SocketId, Result<T>)> {
        let answers = self.answers.as_ref();
        answers.map_or_else(Vec::new, |(answers, time)| read_outcomes(answers, *time))
    }

    /// The answers of the other servers, after a `server_side_emit_with_ack`.
    #[must_use]
    pub fn server_answers<T: DeserializeOwned>(&self) -> Vec<(NodeId, Result<T>)> {
        let answers = self.server_answers.as_ref();
        answers.map_or_else(Vec::new, |(answers, event)| {
            read_server_answers(answers, event)
        })
    }
}

impl fmt::Display for PartialAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer from")?;
        for node in &self.missing {
            write!(f, " {node}")?;
        }
        Ok(())
    }
}

impl StdError for PartialAnswer {}
