//! HTTP requests as `hyper` and `tower` hand them over: what a request asks for, which pages may ask, and the
//! prescribed responses.

mod body;
mod last_session;
pub(super) mod origin;
pub(super) mod request;
pub(super) mod response;
mod service;
mod stream;

pub use body::Body;
pub(crate) use last_session::LastSession;
pub use origin::{BadOrigin, Origins};
pub use service::{EngineService, Responding};
pub(crate) use stream::HttpStream;
