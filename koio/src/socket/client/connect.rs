//! CONNECT, DISCONNECT, and packets for namespaces that the client is not in.

use std::{sync::Arc, time::Instant};

use serde_json::value::RawValue;

use super::{Client, ProtocolViolation, extras::ClientExtras, in_namespace};
use crate::{
    Error,
    engine::CloseReason,
    ids::SocketId,
    observe::Observation,
    socket::{
        declared::speakable,
        dispatch::{Accept, Dispatch},
        driver::SocketDriver,
        recovery::{LostSession, claim, ensure_swept, expire},
        socket::Socket,
    },
    time::{after, now},
    wire::{self, Incoming, Message, Parser},
};

/// What CONNECT_ERROR says when the server disconnects the client before it has decided.
fn disconnected() -> Error {
    Error::new(Error::DISCONNECTED, "disconnected by the server")
}

impl Client {
    pub(super) fn connect(&mut self, name: &str, auth: &[u8]) -> Result<(), ProtocolViolation> {
        if in_namespace(&mut self.drivers, name).is_some() {
            return Err(ProtocolViolation::OutOfOrder("second CONNECT"));
        }
        if let Err(breach) = self.assembler.limits().check_namespace(name.len()) {
            // Not noted as left: `has_left` knows every name of this length.
            self.refuse(name, &Error::bad_request(breach.to_string()));
            return Ok(());
        }
        self.change_extras(|extras| extras.left.retain(|left| **left != *name));
        let (dispatch, id) = match self.admit(name, auth) {
            Ok(admitted) => admitted,
            Err(error) => {
                match error {
                    Some(error) => self.refuse(name, &error),
                    // In the reference's words, without a code.
                    None => self.refuse_with(self.parser, name, "Invalid namespace", None),
                }
                self.note_left(&name.into());
                return Ok(());
            }
        };
        let connection = Arc::clone(&self.connection);
        let returning = self.returning(name, auth);
        let id = returning.as_ref().map_or(id, |session| session.record.id);
        let socket = self.core().local.enter(name, |namespace| {
            Socket::new(id, namespace, connection, auth)
        });
        let before = returning.and_then(|session| socket.restore(session));
        if self.drivers.is_empty() {
            // Most clients are in one namespace; `Vec::push` alone would allocate space for four.
            self.drivers.reserve_exact(1);
        }
        self.drivers
            .push(SocketDriver::new(socket, dispatch, before));
        Ok(())
    }

    /// The session that this client comes back to.
    fn returning(&self, name: &str, auth: &[u8]) -> Option<LostSession> {
        let core = &self.connection.core;
        core.local.recovery.get()?;
        if self.old.is_some() {
            return None;
        }
        let claimed = claim(core, name, auth);
        // Also for a client that is not let in: its session waits on, and expires.
        let hook = self.shared.on_expired.as_ref();
        ensure_swept(core, hook);
        match claimed {
            Ok(session) => Some(session),
            Err(unrecoverable) => {
                if let Some(session) = unrecoverable {
                    expire(core, hook, *session);
                }
                None
            }
        }
    }

    /// What a new socket in this namespace needs, or why there is none; without an error: it is not declared.
    fn admit(
        &self,
        name: &str,
        auth: &[u8],
    ) -> Result<(Box<dyn Dispatch>, SocketId), Option<Error>> {
        let limits = self.assembler.limits();
        limits
            .check_auth(auth.len())
            .map_err(|breach| Some(Error::bad_request(breach.to_string())))?;
        // One parser can say names for which `IoHandle::of` and the other have no form.
        let has_form = name.starts_with('/') && speakable(name).is_ok();
        let declared = has_form.then(|| self.shared.declared.open(name));
        let dispatch = declared.flatten().ok_or(None)?;
        let open = self.drivers.iter().filter(|driver| driver.is_open());
        let (open, max) = (open.count(), self.core().config().namespaces);
        if open >= max {
            let message = format!("Too many namespaces: {} (namespaces {max})", open + 1);
            return Err(Some(Error::new("too_many_namespaces", message)));
        }
        let no_randomness = "the operating system has no randomness to give";
        // A client of Socket.IO 2 takes its session's id for that of its socket in `/`.
        let in_root = self
            .old
            .and_then(|_| self.connection.session.sid().socket_id());
        let id = match in_root {
            Some(id) => id.in_namespace(name),
            None => SocketId::random().map_err(|_| Some(Error::internal(no_randomness)))?,
        };
        Ok((dispatch, id))
    }

    /// The client is not in this namespace any more, and may not know it yet.
    pub(super) fn note_left(&mut self, namespace: &Arc<str>) {
        let limit = self.core().config().namespaces;
        let extras = self.extras.get_or_insert_default();
        extras.note_left(namespace, limit);
    }

    pub(super) fn disconnect(&mut self, namespace: &str) -> Result<(), ProtocolViolation> {
        match self.driver(namespace) {
            Some(driver) => {
                driver.close(CloseReason::ClientNamespaceDisconnect);
                Ok(())
            }
            None => self.late_packet(namespace, "DISCONNECT before CONNECT"),
        }
    }

    /// A packet for a namespace that this client is not in. It is dropped if the server has disconnected the client
    /// from that namespace, or refused it, since the client may have sent it before it knew; and while the server shuts
    /// down, since it lets no client in. Otherwise the client broke the protocol.
    pub(super) fn late_packet(
        &self,
        namespace: &str,
        what: &'static str,
    ) -> Result<(), ProtocolViolation> {
        if self.draining || self.has_left(namespace) {
            let namespace = wire::shortened(namespace);
            self.observers()
                .notify(&Observation::LateEvent { namespace });
            return Ok(());
        }
        Err(ProtocolViolation::OutOfOrder(what))
    }

    /// Whether the server has disconnected this client from a namespace, or refused it.
    pub(super) fn has_left(&self, namespace: &str) -> bool {
        // One whose name is too long was refused, if the client asked for it.
        let limits = self.assembler.limits();
        if limits.check_namespace(namespace.len()).is_err() {
            return true;
        }
        self.extras
            .iter()
            .flat_map(|extras| extras.left.iter())
            .any(|left| **left == *namespace)
    }

    /// Closes the sockets that handlers and other tasks have asked to close. False if there was no request.
    pub(super) fn take_close_requests(&mut self) -> bool {
        let Some(requests) = self.connection.take_requests() else {
            return false;
        };
        for (socket, reason) in requests.sockets {
            self.note_left(&socket.live_namespace().name);
            let mut drivers = self.drivers.iter_mut();
            if let Some(driver) = drivers.find(|driver| driver.socket().is_same(&socket)) {
                driver.close(reason);
            }
        }
        if requests.all && !self.closed {
            self.leaving = true;
            let reason = CloseReason::ServerNamespaceDisconnect;
            for driver in self.drivers.iter_mut().filter(|driver| driver.is_open()) {
                let socket = driver.socket();
                if Accept::new(socket.clone()).refuse(&disconnected()) {
                    // The client would take a mere end of the connection for a reason to come back.
                } else if socket.close() {
                    socket.reply(wire::disconnect(socket.namespace()));
                }
                driver.close(reason);
            }
        }
        true
    }

    /// Closes the session of a client that the server has disconnected from everything. When the messages that came
    /// together have been seen: a CONNECT among them is refused.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.leaving) {
            self.ignores_packets = true;
            let reason = CloseReason::ServerNamespaceDisconnect;
            self.connection.session.close(reason);
        }
    }

    /// Refuses a CONNECT of a client that is disconnected. Other packets are dropped.
    pub(super) fn refuse_connect(&mut self, message: Message) {
        match self.assemble(message) {
            Ok(Some(Incoming::Connect { namespace, .. })) => {
                self.refuse(wire::namespace_str(&namespace), &disconnected());
            }
            Ok(_) => {}
            Err(_) => self.ignores_packets = true,
        }
    }

    fn refuse(&self, namespace: &str, error: &Error) {
        let (message, data) = error.refusal(self.old.is_some());
        self.refuse_with(self.parser, namespace, message, data.as_deref());
    }

    /// Refuses in these words, for a client with this parser.
    pub(super) fn refuse_with(
        &self,
        parser: Parser,
        namespace: &str,
        message: &str,
        data: Option<&RawValue>,
    ) {
        let data = data.map(|data| data.get().as_bytes());
        let refusal = match self.old {
            None => wire::connect_error(namespace, message, data),
            Some(_) => wire::connect_error_of_2(namespace, message, data),
        };
        let refusal = parser.control(refusal, namespace);
        let _ = self.connection.session.reply(refusal);
        let namespace = wire::shortened(namespace);
        self.observers()
            .notify(&Observation::ConnectRefused { namespace, message });
    }

    /// Sets the deadline of a CONNECT that its middleware has not decided at once.
    pub(super) fn await_decision(&mut self, namespace: &str) {
        let Some(driver) = in_namespace(&mut self.drivers, namespace) else {
            return;
        };
        if Accept::was_answered(driver.socket()) {
            return;
        }
        let socket = driver.socket().clone();
        let by = after(self.core().config().connect_timeout);
        let extras = self.extras.get_or_insert_default();
        extras.undecided.push((socket, by));
    }

    pub(super) fn undecided(&self) -> &[(Socket, Instant)] {
        self.extras.as_ref().map_or(&[], |extras| &extras.undecided)
    }

    /// Refuses each CONNECT that its middleware has not decided in time. The client may ask again. False if there is none.
    pub(super) fn refuse_undecided(&mut self) -> bool {
        if self.undecided().is_empty() {
            return false;
        }
        let time = now();
        let core = Arc::clone(&self.connection.core);
        let (limit, observers) = (core.config().connect_timeout, &core.local.observers);
        let mut refused = false;
        self.retain_undecided(|driver, by| {
            let due = time >= by;
            refused |= due && driver.refuse_undecided(observers, limit);
            !due
        });
        if refused && self.deadlines.connect.is_some() {
            // It has as long again to connect to another namespace, or to this one.
            self.deadlines.connect = Some(after(limit));
        }
        refused
    }

    /// Forgets the deadlines of those that are decided, or that the client does not wait for any more.
    fn retain_undecided(&mut self, mut keep: impl FnMut(&mut SocketDriver, Instant) -> bool) {
        let Some(extras) = &mut self.extras else {
            return;
        };
        extras.undecided.retain(|(socket, by)| {
            let mut drivers = self.drivers.iter_mut();
            drivers
                .find(|driver| {
                    let is_undecided = driver.is_open() && !Accept::was_answered(driver.socket());
                    is_undecided && driver.socket().is_same(socket)
                })
                .is_some_and(|driver| keep(driver, *by))
        });
        self.change_extras(|_| {});
    }

    pub(super) fn change_extras(&mut self, change: impl FnOnce(&mut ClientExtras)) {
        if let Some(extras) = &mut self.extras {
            change(extras);
        }
        self.extras
            .take_if(|extras| **extras == ClientExtras::default());
    }
}
