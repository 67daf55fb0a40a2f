//! Emitting: who gets an event, how often it is serialised, and what becomes of a volatile one.

mod encoded_once;
mod families;
mod flushed;
mod lists;
mod membership;
mod one_node;
mod rooms;
mod volatile;
mod volatile_wire;

/// How many servers the tests below run on.
mod nodes {
    pub(crate) use crate::{memory::Memory, scene::Scene};
}

/// The same tests on two servers of a cluster, that clients reach in turn.
#[path = "."]
#[allow(clippy::duplicate_mod, reason = "that is what it is for")]
mod on_two_nodes {
    mod nodes {
        pub(crate) use crate::two_nodes::{Memory, Scene};
    }

    #[path = "encoded_once.rs"]
    mod encoded_once;
    #[path = "families.rs"]
    mod families;
    #[path = "membership.rs"]
    mod membership;
    #[path = "rooms.rs"]
    mod rooms;
    #[path = "volatile.rs"]
    mod volatile;
}
