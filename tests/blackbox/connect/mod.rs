//! How a connection begins: the Engine.IO handshake, the page that it comes from, and the CONNECT packet.

mod allow_request;
mod cors;
mod early;
mod failing_handler;
mod handshake;
mod headers;
mod ids;
mod origin;
mod packet;
mod panics;
mod undecided;
