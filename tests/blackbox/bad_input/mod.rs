//! What a program or a client gives that makes no sense: an error of a known kind, or nothing at all, and never a wait
//! without an end.

mod from_clients;
mod gone;
mod names;
mod numbers;
