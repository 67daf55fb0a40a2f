//! The connection to one Redis server, which knows channels and bytes only.
//!
//! Two connections: one for commands and for publishing (`publisher`), one that only listens (`subscriber`), since Redis
//! closes a listener that is too slow. Each is kept by a task of its own, which connects again for ever. What is
//! subscribed stands in `subscriptions`, and is subscribed anew on every new connection; what is to be published, in
//! a `PublishQueue`. `liveness` says when a connection that only listens is deaf.
//!
//! The crate `redis` opens, authenticates, writes commands and reads answers. It reconnects nothing here: its
//! `ConnectionManager` gives up after a few attempts until the next command, and takes no notice if a subscription
//! fails.

mod backoff;
mod commands;
mod connection;
mod counting;
mod events;
mod liveness;
mod publication;
mod publisher;
mod server;
mod socket;
mod subscriber;
mod subscriptions;

#[cfg(test)]
mod tests;

pub(super) use connection::{RedisConnection, RedisOptions};
pub(super) use events::RedisEvents;
pub(super) use server::RedisUnreachable;
