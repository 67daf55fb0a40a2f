//! The run of an event that is handled once.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use super::OnceBy;
use crate::{
    Error,
    router::{context::Context, pipeline::EventRun},
};

/// What is to be done with one try of an event.
pub(crate) enum Tried {
    /// It is the first one, and runs.
    First,
    /// It is not handled: it has its answer, or will have that of the first one.
    Again,
    /// It has no key.
    Refused(Error),
}

/// Decides whether the event of this context runs.
pub(crate) fn first_try(ctx: &Context, once_by: &OnceBy) -> Tried {
    let key = match once_by.key(ctx) {
        Ok(key) => key,
        Err(error) => return Tried::Refused(error),
    };
    match ctx.socket().begin_once(ctx.event(), &key, ctx.ack_id()) {
        Some(run) => {
            ctx.keep_answer(run);
            Tried::First
        }
        None => Tried::Again,
    }
}

/// An event whose answer is kept. If it is dropped, or ends without an answer, others that wait for that are told.
pub(crate) struct FirstRun {
    running: Pin<Box<dyn EventRun>>,
    /// Behind `running`, which may drop an `Ack`.
    end: RunEnd,
}

struct RunEnd(Context);

impl FirstRun {
    pub(crate) fn new(running: Pin<Box<dyn EventRun>>) -> Self {
        let end = RunEnd(running.ctx().clone());
        Self { running, end }
    }
}

impl Drop for RunEnd {
    fn drop(&mut self) {
        self.0.abandon_answer();
    }
}

impl Future for FirstRun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        self.running.as_mut().poll(cx)
    }
}

impl EventRun for FirstRun {
    fn ctx(&self) -> &Context {
        &self.end.0
    }

    fn ctx_mut(self: Pin<&mut Self>) -> &mut Context {
        &mut self.get_mut().end.0
    }
}
