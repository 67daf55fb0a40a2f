//! [`Stage`]: a real socket without a connection. No task drives its session, so what it is sent stays in the outbox.

use std::{
    sync::Arc,
    task::{self, Waker},
};

use http::{HeaderMap, Uri};
use parking_lot::Mutex;
use std::net::SocketAddr;

use super::line::connect_message;
use crate::{
    CloseReason, Error, Result, Socket,
    engine::{Acceptor as _, Engine, EngineConfig, Opening, Session, TransportKind, Upstream},
    ids::Sid,
    socket::{Accept, BoxFuture, Clients, Dispatch, Namespaces, ServerCore, SocketConfig},
    wire::{Event, Revision},
};

/// A connected socket, and what it needs to stay one.
pub(super) struct Stage {
    pub(super) core: Arc<ServerCore<Socket>>,
    pub(super) socket: Socket,
    pub(super) accept: Accept,
    pub(super) session: Session,
    _engine: Engine,
    _upstream: Box<dyn Upstream>,
}

impl Stage {
    /// Connects a socket to a namespace.
    pub(super) fn new(
        namespace: &str,
        auth: &str,
        uri: &Uri,
        headers: &HeaderMap,
        address: Option<SocketAddr>,
    ) -> Result<Self> {
        let core = ServerCore::new();
        let connected = Arc::new(Mutex::new(None));
        let clients = Clients::new(
            Arc::clone(&core),
            Arc::new(Taken(Arc::clone(&connected))),
            None,
        );
        let clients = Arc::new(clients);
        let config = EngineConfig::default();
        let engine = Engine::new(config.clone(), Arc::clone(&clients) as _)?;
        core.start(SocketConfig::default(), &engine);
        let websocket = TransportKind::WebSocket;
        let sid = Sid::random().map_err(|_| Error::internal("no random numbers"))?;
        let session = Session::new(sid, &config, websocket, Revision::Four, None);
        let opening = Opening::new(headers, uri, address, websocket);
        let mut upstream = clients.accept(session.clone(), opening);
        let cx = &mut task::Context::from_waker(Waker::noop());
        upstream.on_message(connect_message(namespace, auth), cx);
        let _ = upstream.poll(cx);
        let Some((socket, accept)) = connected.lock().take() else {
            return Err(Error::setup(format!(
                "no client could connect to `{namespace}` with this `auth`"
            )));
        };
        accept.accept();
        // The answer to CONNECT.
        session.shared().outbox.pop();
        Ok(Self {
            core,
            socket,
            accept,
            session,
            _engine: engine,
            _upstream: upstream,
        })
    }
}

type Connected = Arc<Mutex<Option<(Socket, Accept)>>>;

/// Takes the socket that connects, and runs nothing.
struct Taken(Connected);

impl Namespaces for Taken {
    fn open(&self, _: &str) -> Option<Box<dyn Dispatch>> {
        Some(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl Dispatch for Taken {
    fn connect(&mut self, socket: &Socket, accept: Accept) -> BoxFuture {
        *self.0.lock() = Some((socket.clone(), accept));
        Box::pin(std::future::pending())
    }

    fn event(
        &mut self,
        _: &Socket,
        event: &mut Option<Event>,
        _: &mut task::Context<'_>,
    ) -> Option<BoxFuture> {
        event.take();
        None
    }

    fn disconnect(&mut self, _: &Socket, _: CloseReason) -> BoxFuture {
        Box::pin(std::future::ready(()))
    }
}
