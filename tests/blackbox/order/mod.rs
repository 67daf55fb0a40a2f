//! Events keep their order in both directions, and a client sees a prefix of what was accepted for it.

mod accepted_prefix;
mod both_directions;
