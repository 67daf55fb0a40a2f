//! HTTP long-polling (protocol section "HTTP long-polling"): a GET fetches queued packets or waits for some, a POST
//! brings packets.

mod answered;
mod inbox;
mod progress;
mod requests;
mod response;
mod transport;

pub(super) use self::inbox::{PollingInbox, Post};
#[cfg(test)]
pub(crate) use self::inbox::{begin_post, post};
pub(crate) use self::transport::PollingTransport;
pub(crate) use self::{
    answered::{AnsweredPoll, NothingTaken},
    inbox::{note_received, poll, post_whole},
    progress::AnswerProgress,
    requests::{PendingPoll, PostRequest},
    response::{PendingRequest, PollResponse, Responder},
};
