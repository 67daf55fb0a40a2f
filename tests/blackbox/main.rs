//! koio as a client and a program see it, a module per subject: `tests/README.md` says which. One binary, since
//! linking is what costs.

mod acks;
mod arguments;
mod binary;
mod cluster;
mod connect;
mod disconnect;
mod documents;
mod emit;
mod handlers;
mod heartbeat;
mod hosts;
mod http;
mod left_out;
mod limits;
mod link;
mod listeners;
mod logs;
mod memory;
mod middleware;
mod namespaces;
mod observers;
mod order;
mod packets;
mod process;
mod protocol;
mod record;
mod rolling;
mod scene;
mod shutdown;
mod slow_line;
mod start;
mod testing;
mod two_nodes;
mod upgrade;
mod websocket;
