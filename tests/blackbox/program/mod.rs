//! What a program may write, and what becomes of it at the start and on the wire: the attribute and its options,
//! patterns of namespaces, arguments, answers, layers, and what the start refuses.

mod answers;
mod arguments;
mod layers;
mod options;
mod patterns;
mod start;
