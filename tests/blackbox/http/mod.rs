//! HTTP requests: what is refused, what is compressed, the payloads of polling, deadlines, lost answers, and that koio's HTTP/1 server and
//! hyper answer alike.

mod both_servers;
mod compression;
mod connections;
mod deadlines;
mod heads;
mod holes;
mod layers;
mod payloads;
mod requests;
mod unfinished;
