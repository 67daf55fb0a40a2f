//! Acknowledgements: what a handler answers, who waits for an answer of a client, and answers that break the rules.

mod answers;
mod late;
mod malformed;
mod of_many;
mod waiting;
