//! EventSource as a transport (`transport=eventsource`): packets leave as server-sent events on the answer to a GET, and
//! arrive with POSTs, as over polling.
//!
//! `koio/js/transports.mjs` is the other end. `follower` is for clients that speak no Engine.IO.

mod follower;
mod lines;
mod pipe;
mod stream;
mod transport;
mod window;

pub(crate) use self::{
    follower::FollowerTransport,
    pipe::StreamPipe,
    stream::{EventStream, StreamConnection},
    transport::EventSourceTransport,
};
