//! The GETs of clients over EventSource: the first opens a session, each other one continues it.

use std::sync::Arc;

use http::{Response, Uri};

use super::{Body, refusal::Refusal, response};
use crate::{
    engine::{Admission, Engine, NotOpened, Opening, Session},
    transport::{
        event_source::{EventSourceTransport, EventStream, StreamConnection, StreamPipe},
        polling,
    },
};

/// Opens a session, whose stream is the body of the answer.
pub(super) fn open(
    engine: &Engine,
    admission: Admission,
    opening: Opening,
) -> Result<Response<Body>, NotOpened> {
    let pipe = Arc::<StreamPipe>::default();
    let window = engine.config().event_source_window;
    let transport = Box::new(EventSourceTransport::new(Arc::clone(&pipe), window));
    let sid = admission.sid();
    engine.open_admitted(admission, opening, transport)?;
    // In the table, unless it has ended since.
    let session = engine.get(&sid).ok_or(NotOpened::Refusing)?;
    let body = Body::stream(EventStream::new(&pipe, session));
    Ok(response::event_stream(body))
}

/// Another stream for a session.
pub(super) fn go_on(session: &Session, uri: &Uri) -> Result<Response<Body>, Refusal> {
    let (connection, body) = StreamConnection::new(session, received(uri));
    // A session that can't go on ends, and its stream with it.
    let taken = session.reconnect(Box::new(connection));
    taken.map_err(|_| Refusal::SessionUnknown(Some(session.sid())))?;
    Ok(response::event_stream(Body::stream(body)))
}

/// Passes on how many packets the client says that it has.
pub(super) fn note_received(session: &Session, uri: &Uri) {
    polling::note_received(session, received(uri));
}

/// How many packets the client of a stream says that it has: `received` of the query.
fn received(uri: &Uri) -> u64 {
    let query = uri.query().unwrap_or_default().as_bytes();
    let mut pairs = form_urlencoded::parse(query);
    let received = pairs.find_map(|(name, value)| (name == "received").then_some(value));
    received
        .and_then(|received| received.parse().ok())
        .unwrap_or(0)
}
