//! Reading answers into the types that the program asked for.

use std::fmt::Display;

use serde::de::DeserializeOwned;

use super::{
    super::error::{no_answer, no_server_answer},
    ack_time::AckTime,
};
use crate::{
    Error, Result, SocketId,
    adapter::{AckOutcome, NodeId, ServerAnswer},
    wire::RawArgs,
};

/// The first argument of a client's answer.
pub(super) fn first_argument<T: DeserializeOwned>(args: &RawArgs) -> Result<T> {
    let value = args.reader().next_or_null();
    value.map_err(|error| misfit("client", &error))
}

/// The answer of a client, or of a server, is not what the program asked for.
pub(super) fn misfit(whose: &str, why: &dyn Display) -> Error {
    Error::bad_request(format!("the {whose}'s answer: {why}")).hide()
}

/// The first argument of each answer. `time`: how long they were waited for.
pub(in crate::socket) fn read_outcomes<T: DeserializeOwned>(
    outcomes: &[AckOutcome],
    time: AckTime,
) -> Vec<(SocketId, Result<T>)> {
    let read = |outcome| read_outcome(outcome, time, first_argument);
    outcomes.iter().map(read).collect()
}

/// An answer, as `read` reads it.
pub(super) fn read_outcome<T>(
    (socket, outcome): &AckOutcome,
    time: AckTime,
    read: fn(&RawArgs) -> Result<T>,
) -> (SocketId, Result<T>) {
    let args = outcome.as_ref().map_err(|why| no_answer(*why, time));
    (*socket, args.and_then(read))
}

/// The first argument of the answer of each server to `event`.
pub(in crate::socket) fn read_server_answers<T: DeserializeOwned>(
    answers: &[ServerAnswer],
    event: &str,
) -> Vec<(NodeId, Result<T>)> {
    let read = |(server, answer): &ServerAnswer| {
        let args = answer.as_ref().map_err(|why| no_server_answer(why, event));
        let value = args.and_then(|args| {
            let value = args.reader().next_or_null();
            value.map_err(|error| misfit("server", &error))
        });
        (server.clone(), value)
    };
    answers.iter().map(read).collect()
}
