//! What is added while the server runs, to single sockets or to whole namespaces: listeners, middleware, and observers of
//! what comes.
//!
//! The event table is frozen; this is a list in the extras of a socket that has some, and one for each declared namespace. An
//! event that meets such a list runs in an onion of its own: the middleware of the start, that added to the namespace, that
//! of the socket, and at the centre the handlers of the table, the namespace's listeners and the socket's.

mod added_listeners;
mod centre;
mod on_namespace;
mod on_socket;
mod once;

pub(crate) use added_listeners::observe;
pub(crate) use centre::{at_disconnect, connection_around, disconnect_around, onion_around};
