//! Emitting: who gets an event, how often it is serialised, and what becomes of a volatile one.

mod encoded_once;
mod membership;
mod rooms;
mod volatile;
mod volatile_wire;
