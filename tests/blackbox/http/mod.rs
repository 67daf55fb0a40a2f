//! HTTP requests: what is refused, the payloads of polling, deadlines, lost answers, and that koio's HTTP/1 server and
//! hyper answer alike.

mod both_servers;
mod connections;
mod deadlines;
mod heads;
mod holes;
mod layers;
mod payloads;
mod requests;
mod unfinished;
