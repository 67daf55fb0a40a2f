//! Clients of Socket.IO 2 and 1, as far as they connect in another way.
//!
//! They are in `/` from the start and do not ask for it, they write a query behind the name of a namespace where later ones
//! have `auth`, and their sockets have the id of their session.

use std::task::Context;

use super::{
    Client, ProtocolViolation,
    of_2::{auth_of, without_query},
};
use crate::{observe::Observation, socket::driver::SocketDriver, wire};

const ROOT: &str = "/";

impl Client {
    /// The namespace that a packet names.
    #[inline]
    pub(super) fn name_of<'a>(&self, namespace: &'a [u8]) -> &'a str {
        let name = wire::namespace_str(namespace);
        match self.old {
            None => name,
            Some(_) => without_query(name),
        }
    }

    /// Puts the client into `/`, once.
    pub(super) fn enter_root(&mut self, cx: &mut Context<'_>) {
        let old = self.old.as_mut().filter(|old| !old.is_in_root);
        let Some(old) = old.filter(|_| !self.draining && !self.closed) else {
            return;
        };
        old.is_in_root = true;
        let entered = self.connect(ROOT, b"");
        debug_assert!(entered.is_ok(), "nothing was sent before");
        self.run(cx, SocketDriver::is_startable);
        self.await_decision(ROOT);
    }

    /// CONNECT, whose `auth` is the query behind the name.
    pub(super) fn connect_of_2(
        &mut self,
        namespace: &str,
        cx: &mut Context<'_>,
    ) -> Result<(), ProtocolViolation> {
        let name = without_query(namespace);
        if name == ROOT && self.driver(ROOT).is_some() {
            // Some clients ask for what they have.
            let sid = self.connection.session.sid();
            let packet = "connect";
            self.observers()
                .notify(&Observation::PacketIgnored { sid, packet });
            return Ok(());
        }
        let query = namespace.get(name.len() + 1..).unwrap_or_default();
        self.connect(name, auth_of(query).as_bytes())?;
        self.run(cx, SocketDriver::is_startable);
        self.await_decision(name);
        Ok(())
    }
}
