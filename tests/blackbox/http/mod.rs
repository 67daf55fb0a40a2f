//! HTTP requests: what is refused, the payloads of polling, and that koio's HTTP/1 server and hyper answer alike.

mod both_servers;
mod connections;
mod payloads;
mod requests;
