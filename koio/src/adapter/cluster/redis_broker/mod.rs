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
//!
//! In a sharded cluster these are channels of sharded publishing too, so that a classic and a sharded cluster on one Redis
//! know nothing of each other.
//!
//! Namespaces of a pattern are subscribed while they have sockets here (`places`). What is for one goes out twice: in koio's
//! bytes on `P-koio#`, so that a node of koio's misses nothing until its subscription is confirmed, and for servers of Node
//! in theirs, with a sign by which koio's ignore it.

mod builder;
mod from_node;
mod places;
mod redis_node;
mod to_node;

pub use builder::Redis;
