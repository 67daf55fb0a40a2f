//! The broker for Redis, in which servers of Node may be nodes too.
//!
//! It joins three rooms: the cluster's messages, the words of Node's adapters (`node_wire`) and the connection (`redis`).
//! What Node servers must hear is said once, in their words, and koio's nodes hear the same bytes. A request is said
//! twice: koio's nodes answer it by name and in koio's bytes (`Message::encode`), on channels that Node servers do not
//! subscribe, so that no answer loses the id of its socket or the reason why there is none.
//!
//! - `P-koio#`: all nodes of koio's. Who is there (`presence`), requests, and what Node has no words for.
//! - `P-koio#<node>#`: one of them. Answers.
//! - `P-koio-node#N#`: nothing is published there. Each of them subscribes it with the namespace, together with the channel
//!   on which Node counts servers: the difference is the number of Node servers.

mod builder;
mod from_node;
mod redis_node;
mod to_node;

pub use builder::Redis;
