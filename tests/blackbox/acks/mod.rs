//! Acknowledgements: what a handler answers, who waits for an answer of a client, and answers that break the rules.

mod answers;
mod gone_or_full;
mod late;
mod malformed;
mod of_many;
mod waiting;

/// How many servers the tests below run on.
mod nodes {
    pub(crate) use crate::memory::Memory;
}

/// The same tests on two servers of a cluster, that clients reach in turn.
#[path = "."]
#[allow(clippy::duplicate_mod, reason = "that is what it is for")]
mod on_two_nodes {
    mod nodes {
        pub(crate) use crate::two_nodes::Memory;
    }

    #[path = "of_many.rs"]
    mod of_many;
    #[path = "waiting.rs"]
    mod waiting;
}
