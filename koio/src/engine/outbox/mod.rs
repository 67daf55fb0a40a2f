//! The frames that wait to be sent to one client, bounded by two marks ([`limits`]).
//!
//! One lock decides the order of accepted frames. The session's task sends the queue. Two fast paths go around the queue,
//! each with the queue as its slow twin: an emitter on another task writes its frame itself if the session is idle
//! ([`DirectWriter`](direct_writer::DirectWriter)), and frames of the session's own turn are collected without the lock
//! ([`TurnGuard`]).

#[cfg(test)]
mod compressed_tests;
mod crowd;
mod direct_writer;
mod drain;
mod fanout;
mod flush_waiters;
mod flushed;
mod limits;
mod load;
mod old_form;
mod ordered;
#[allow(clippy::module_inception, reason = "the file is named after `Outbox`")]
mod outbox;
mod queue;
mod ready;
mod state;
mod turn;
mod turn_buffer;
mod waiters;

pub(crate) use self::crowd::take as take_crowded;
pub use self::limits::SendError;
pub(crate) use self::{
    direct_writer::WriteBudget,
    fanout::Fanout,
    flush_waiters::Taking,
    limits::{NotQueued, SlowCause, Urgency},
    old_form::OldForm,
    ordered::OrderedSends,
    outbox::Outbox,
    turn::TurnGuard,
};
