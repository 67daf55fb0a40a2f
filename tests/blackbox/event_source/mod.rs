//! Server-sent events: as a transport, and as an endpoint for clients that are none of Socket.IO's.

mod plain;
mod transport;
