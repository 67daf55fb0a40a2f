//! koio's JavaScript: two more transports for the official client, which its browsers load as a module.
//!
//! - `EventSourceTransport`: packets come down as server-sent events, and go up with POSTs. For clients whose proxies let no
//!   WebSocket through, at a fraction of the requests that long-polling makes. The server allows it by
//!   [`event_source`](crate::engine::EngineConfig::event_source).
//! - `ShortPolling`: asks every so often, and the server answers at once. For clients that may not keep a request open. Packets
//!   come as late as the next poll, and volatile events not at all.
//!
//! Both are classes that the client takes in its option `transports`. The session, acks, binary, rooms, reconnecting and the
//! upgrade to WebSocket are the client's own.
//!
//! ```js
//! import * as client from "/socket.io/socket.io.esm.min.js"; // in Node: from "socket.io-client"
//! import { transports } from "/socket.io/transports.mjs";
//!
//! const { EventSourceTransport, ShortPolling } = transports(client);
//! const socket = client.io({ transports: [EventSourceTransport, client.WebSocket] });
//! const other = client.io({ transports: [ShortPolling], transportOptions: { polling: { delay: 2_000 } } });
//! ```
//!
//! The client is version 4.8 or later, as a module (`import * as client`): the older kind of script does not give its classes
//! away. In the crate the file is `js/transports.mjs`, with its types beside it. A program serves it as it serves its page, or
//! beside the client:
//!
//! ```no_run
//! use koio::{Io, config::ClientFiles, js};
//!
//! let files = ClientFiles::from_dir("node_modules/socket.io/client-dist");
//! let io = Io::new()
//!     .config(|config| config.engine.event_source = true)
//!     // `/socket.io/transports.mjs`
//!     .serve_client(files.file("transports.mjs", js::TRANSPORTS.as_bytes()));
//! ```
//!
//! The delay of short polling is 1 s by default. The client must ask at least once in `ping_timeout` (20 s). What is queued for
//! a session that the server closes is kept for [`poll_again_timeout`](crate::engine::EngineConfig::poll_again_timeout) (5 s),
//! so a longer delay may miss the last words.

/// The text of `transports.mjs`.
pub const TRANSPORTS: &str = include_str!("../js/transports.mjs");

/// The text of `transports.d.mts`: its types, for TypeScript.
pub const TRANSPORTS_TYPES: &str = include_str!("../js/transports.d.mts");
