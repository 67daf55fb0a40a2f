//! Engine.IO sessions: what keeps a client connected over HTTP long-polling, WebSocket and the upgrade from
//! one to the other.
//!
//! Below Socket.IO lies Engine.IO (protocol revision 4, and 3 where it is allowed): a session that carries messages in both directions,
//! in order, and notices when its peer is gone. This module has the rules of a session as a pure state machine
//! (`machine`), the one task that drives it (`task`), the bounded queue of outgoing frames (`outbox`) and the table
//! of sessions ([`Engine`]). HTTP and WebSocket themselves are [`transport`](crate::transport)'s
//! business.
//!
//! The module is public so that raw Engine.IO servers can be built (see the example `engine-echo`), and outside
//! the stability promise.

mod admission;
pub(crate) mod breach;
pub(crate) mod commands;
mod config;
mod ending;
#[allow(clippy::module_inception, reason = "the file is named after `Engine`")]
mod engine;
pub(crate) mod machine;
mod missed_deadline;
pub(crate) mod outbox;
mod request_head;
mod session;
mod session_deflate;
mod sessions;
pub(crate) mod task;
pub(crate) mod transport;
mod transport_kind;
mod upstream;

pub use self::engine::Engine;
pub(crate) use self::engine::{NotOpened, random_id};
pub use crate::close_reason::CloseReason;
pub(crate) use admission::{Admission, LimitReached};
pub(crate) use config::between_tries;
pub use config::{BadConfig, EngineConfig};
pub(crate) use ending::Ending;
pub use outbox::SendError;
pub(crate) use outbox::{Fanout, NotQueued, OldForm, OrderedSends};
pub use session::Session;
pub(crate) use sessions::{SessionOutcome, Sessions};
pub(crate) use task::wake_after_others;
pub use transport_kind::TransportKind;
pub(crate) use upstream::canonical;
pub use upstream::{Acceptor, Opening, PeerAddr, Upstream};
