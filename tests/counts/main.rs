//! What a broadcast and a connection may cost, in numbers that don't depend on the machine: encodings, writes, tasks.
//! `allocations.rs` beside this is a program of its own.

mod encodings;
mod server;
mod tasks;
mod writes;
