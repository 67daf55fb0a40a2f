//! Every refusal says in the log what decided it, and what to write.

mod clients;
mod connections;
mod deadlines;
mod limits;
mod requests;
