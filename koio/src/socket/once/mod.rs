//! Events that are handled once for each key, however often their client sends them: what a session remembers of them.

mod in_socket;
mod memory;
mod tries;

pub(in crate::socket) use memory::{AwayBytes, AwayMemory, OnceMemory};
pub(crate) use tries::OnceRun;
