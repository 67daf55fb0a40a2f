//! What is added to single sockets while the server runs: listeners, middleware, and observers of what comes.
//!
//! The event table is frozen; this is a list in the extras of a socket that has some. An event of such a socket runs in an
//! onion of its own: the middleware of the server and of the namespace, that of the socket, and at the centre the handlers
//! of the table and the socket's listeners.

mod centre;
mod on_socket;
mod socket_listeners;

pub(crate) use centre::{at_disconnect, onion_around};
pub(crate) use socket_listeners::observe;
