//! What a client should not send, and what happens then. In every test two other connections go
//! about their business and must not notice.

mod acks;
mod binary;
mod connect;
mod frames;
mod handshake;
mod http;
mod origin;
mod packets;
mod payloads;
mod upgrade;
