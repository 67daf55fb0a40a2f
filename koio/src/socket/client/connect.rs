//! CONNECT, DISCONNECT, and packets for namespaces that the client is not in.

use std::sync::Arc;

use super::{Client, ProtocolViolation, in_namespace};
use crate::{
    engine::CloseReason,
    ids::SocketId,
    observe::Observation,
    socket::{driver::SocketDriver, socket::Socket},
    wire,
};

/// The most entries of `Client::left`.
const MAX_LEFT: usize = 32;

impl Client {
    pub(super) fn connect(
        &mut self,
        name: &str,
        auth: bytes::Bytes,
    ) -> Result<(), ProtocolViolation> {
        if in_namespace(&mut self.drivers, name).is_some() {
            return Err(ProtocolViolation::OutOfOrder("second CONNECT"));
        }
        let refuse = |message: &str| {
            let refusal = wire::connect_error(name, message, None);
            let _ = self.connection.session.reply(refusal);
            self.observers().notify(&Observation::ConnectRefused {
                namespace: name,
                message,
            });
        };
        let Some(dispatch) = self.declared.open(name) else {
            refuse("Invalid namespace");
            return Ok(());
        };
        let open = self.drivers.iter().filter(|driver| driver.is_open());
        if open.count() >= self.core().config().namespaces {
            refuse("Too many namespaces");
            return Ok(());
        }
        let Ok(id) = SocketId::random() else {
            refuse("internal error");
            return Ok(());
        };
        if let Some(left) = &mut self.left {
            left.retain(|left| **left != *name);
        }
        let connection = Arc::clone(&self.connection);
        let socket = self.core().local.enter(name, |namespace| {
            Socket::new(id, namespace, connection, &auth)
        });
        if self.drivers.is_empty() {
            // Most clients are in one namespace; `Vec::push` alone would allocate space for four.
            self.drivers.reserve_exact(1);
        }
        self.drivers.push(SocketDriver::new(socket, dispatch));
        Ok(())
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
    /// from that namespace, since the client may have sent it before it got DISCONNECT. Otherwise the client broke the
    /// protocol.
    pub(super) fn late_packet(
        &self,
        namespace: &str,
        what: &'static str,
    ) -> Result<(), ProtocolViolation> {
        if self.has_left(namespace) {
            self.observers()
                .notify(&Observation::LateEvent { namespace });
            return Ok(());
        }
        Err(ProtocolViolation::OutOfOrder(what))
    }

    /// Whether the server has disconnected this client from a namespace.
    pub(super) fn has_left(&self, namespace: &str) -> bool {
        self.left
            .iter()
            .flat_map(|left| left.iter())
            .any(|left| **left == *namespace)
    }

    /// Closes the sockets that handlers and other tasks have asked to close. False if there was no request.
    pub(super) fn take_close_requests(&mut self) -> bool {
        let Some(requests) = self.connection.take_requests() else {
            return false;
        };
        for (socket, reason) in requests.sockets {
            let left = self.left.get_or_insert_default();
            if left.len() < MAX_LEFT {
                left.push(Arc::clone(&socket.live_namespace().name));
            }
            let mut drivers = self.drivers.iter_mut();
            if let Some(driver) = drivers.find(|driver| *driver.socket() == socket) {
                driver.close(reason);
            }
        }
        if requests.all && !self.closed {
            self.ignores_packets = true;
            let reason = CloseReason::ServerNamespaceDisconnect;
            for driver in self
                .drivers
                .iter_mut()
                .filter(|driver| driver.is_accepted())
            {
                let socket = driver.socket();
                if socket.close() {
                    socket.reply(wire::disconnect(socket.namespace()));
                }
                driver.close(reason);
            }
            self.connection.session.close(reason);
        }
        true
    }
}
