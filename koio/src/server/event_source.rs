//! `Io::event_source`: streams of events for clients that are none of Socket.IO's.

use std::{future::Future, sync::Arc};

use super::Io;
use crate::{
    ids::{Room, SocketId},
    socket::{Following, with_slash},
    transport::{AllowRequest, EventSourceRoute, Followed, OpeningRequest, Rejection},
};

/// What a client of an event stream reads: events of one namespace, emitted to everybody or to one of these rooms. What the
/// function given to [`Io::event_source`] returns, or a room, or several.
///
/// ```
/// use koio::server::EventSourceRooms;
///
/// let rooms = EventSourceRooms::of("/chat").room("lobby").room("news");
/// let rooms: EventSourceRooms = ["lobby", "news"].into();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is what the function given to `event_source` returns"]
pub struct EventSourceRooms {
    namespace: String,
    rooms: Vec<Room>,
}

impl EventSourceRooms {
    /// What is emitted to everybody of a namespace, `/` or `/chat`. Clients must be able to connect to it.
    pub fn of(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            rooms: Vec::new(),
        }
    }

    /// And what is emitted to this room.
    pub fn room(mut self, room: impl Into<Room>) -> Self {
        self.rooms.push(room.into());
        self
    }
}

/// Everybody of `/`.
impl Default for EventSourceRooms {
    fn default() -> Self {
        Self::of("/")
    }
}

impl From<&str> for EventSourceRooms {
    fn from(room: &str) -> Self {
        Self::default().room(room)
    }
}

impl From<String> for EventSourceRooms {
    fn from(room: String) -> Self {
        Self::default().room(room)
    }
}

impl<R: Into<Room>, const N: usize> From<[R; N]> for EventSourceRooms {
    fn from(rooms: [R; N]) -> Self {
        rooms.into_iter().fold(Self::default(), Self::room)
    }
}

impl<R: Into<Room>> From<Vec<R>> for EventSourceRooms {
    fn from(rooms: Vec<R>) -> Self {
        rooms.into_iter().fold(Self::default(), Self::room)
    }
}

impl Io {
    /// Streams events to clients that are none of Socket.IO's: `new EventSource("/news")` of any page, `curl -N`, a dashboard. They
    /// read what is emitted to the rooms that the function returns, and to everybody of their namespace; they send nothing.
    ///
    /// ```
    /// use http::StatusCode;
    /// use koio::server::{OpeningRequest, Rejection};
    ///
    /// let io = koio::Io::new().event_source("/news", |request: OpeningRequest| async move {
    ///     match request.query("token").as_deref() {
    ///         Some("secret") => Ok(["news", "sport"]),
    ///         _ => Err(Rejection::new("a token, please").status(StatusCode::UNAUTHORIZED)),
    ///     }
    /// });
    /// ```
    ///
    /// Each event has
    ///
    /// - `event:`, its name; as JSON has it, without the quotes, where it has a line break. A browser's `EventSource` calls the
    ///   listeners of that name, and `onmessage` for `message` alone. `error` and `open` are events of its own: emit others;
    /// - `data:`, one line of JSON: the argument, or the list of several, or `null` if there is none. Binary is a text in base64;
    /// - `id:`, with [recovery](Self::recovery) only. A client whose stream has ended comes back with the last one
    ///   (`Last-Event-ID`, or `last_event_id` in the query) and gets what it has missed, in order and once. If that is not kept
    ///   any more, or the server was started again, an event `koio.gap` comes first. With [`Parser::Msgpack`](crate::config::Parser)
    ///   nothing is kept for streams: whoever has missed something gets `koio.gap`.
    ///
    /// Events that ask for an answer, and those for a single socket, are not streamed. `except` means these clients by their rooms.
    /// Events of other nodes of a [cluster](Self::cluster) come as for sockets.
    ///
    /// The clients are **no sockets**: handlers, `sockets`, `fetch_sockets`, rooms and their sizes, and `disconnect_sockets` know
    /// nothing of them. They are sessions: the limits of [`EngineConfig`](crate::engine::EngineConfig) hold (`max_sessions`,
    /// `handshakes_per_second`, and `max_unconnected` while the function decides), a client that does not read ends as a slow
    /// consumer at the marks of its queue and is counted ([`slow_consumers`](crate::observe::Counts::slow_consumers)), observers
    /// see a session over `eventsource`, and a shutdown ends the streams. A comment goes out each
    /// [`ping_interval`](Self::ping_interval), for proxies that close quiet connections.
    ///
    /// With recovery a namespace is there for as long as a client that has followed it may come back.
    ///
    /// The function is asked for each stream, and may wait. Its [`Rejection`] is answered with its status and its text; for the rest
    /// it is as that of [`allow_request`](Self::allow_request), which is not asked. Pages of other origins must be
    /// [let in](Self::allow_origin), and get CORS headers. Another method than GET is answered 405.
    ///
    /// A path that does not begin with a slash, is below koio's own, or is given twice is an error at the start; a namespace that
    /// is not declared is answered 500, and logged.
    ///
    /// # Cancel safety
    /// The function's future is dropped when the client hangs up, and at the deadline.
    #[track_caller]
    pub fn event_source<F, Fut, R>(mut self, path: impl Into<String>, rooms: F) -> Self
    where
        F: Fn(OpeningRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Rejection>> + Send + 'static,
        R: Into<EventSourceRooms>,
    {
        let path = path.into();
        let is_taken = self.rules.event_source(&path).is_some();
        let result = match () {
            () if !path.starts_with('/') => Err("it does not begin with a slash"),
            () if path.contains(['?', '#']) => Err("it has a query or a fragment"),
            () if is_taken => Err("it is given twice"),
            () => Ok(()),
        };
        self.note_invalid(result, "is no path of an event stream", &path, "`/news`");
        let core = Arc::clone(&self.core);
        let ask = AllowRequest::new(move |request| {
            let rooms = rooms(request);
            async move { rooms.await.map(Into::<EventSourceRooms>::into) }
        });
        let route = EventSourceRoute::new(&path, ask, move |mut kept| {
            let EventSourceRooms { namespace, rooms } = kept.remove().unwrap_or_default();
            let namespace: Arc<str> = with_slash(&namespace).into();
            if !core.is_declared(&namespace) {
                return Err(Rejection::hidden(format_args!(
                    "the namespace `{namespace}` is not declared"
                )));
            }
            let no_id = |_| Rejection::hidden("the operating system has no randomness to give");
            let id = SocketId::random().map_err(no_id)?;
            let (core, name) = (Arc::clone(&core), Arc::clone(&namespace));
            Ok(Followed {
                namespace,
                positioned: core.keeps_order(),
                join: Box::new(move |session, last| {
                    Box::new(Following::begin(&core, &name, &rooms, id, session, last))
                }),
            })
        });
        self.rules.event_sources.push(route);
        self
    }
}
