//! What a client did wrong: a name that is too long is answered, a broken packet ends the session.

use std::fmt;

use super::{Client, ProtocolViolation, in_namespace};
use crate::{
    Error,
    engine::CloseReason,
    observe::Observation,
    wire::{ArgError, DecodeErrorKind, Event, shortened},
};

impl Client {
    /// Whether the name of an event, with so many bytes, is too long for it to be started.
    #[inline]
    pub(super) fn is_misnamed(&self, bytes: usize) -> bool {
        self.assembler.limits().check_event(bytes).is_err()
    }

    /// Answers an event whose name is too long. No handler can have this name.
    #[cold]
    pub(super) fn misnamed_event(
        &mut self,
        namespace: &str,
        event: &Event,
    ) -> Result<(), ProtocolViolation> {
        let Some(driver) = in_namespace(&mut self.drivers, namespace) else {
            return self.late_packet(namespace, "event before CONNECT");
        };
        if !driver.was_accepted() {
            // Its client does not wait for the answer to CONNECT, and could not take this one before that.
            self.observers()
                .notify(&Observation::LateEvent { namespace });
            return Ok(());
        }
        if self.draining {
            driver.drop_events(1);
            return Ok(());
        }
        let socket = driver.socket().clone();
        if let Err(ArgError::Syntax(error)) = event.args.reader().finish() {
            return Err(error.into());
        }
        let Err(breach) = self.assembler.limits().check_event(event.name_len()) else {
            return Ok(());
        };
        self.observers().notify(&Observation::EventRefused {
            namespace,
            socket: socket.id(),
            event: shortened(event.name()),
            cause: format_args!("{breach}"),
        });
        if let Some(id) = event.ack {
            let error = Error::bad_request(breach.to_string());
            if let Ok(answer) = socket.answer(id, &error.envelope()) {
                socket.send_answer(answer);
            }
        }
        Ok(())
    }

    /// Tells the observers that the client broke a rule that is no limit.
    pub(super) fn protocol_error(&self, cause: fmt::Arguments<'_>) {
        let sid = self.connection.session.sid();
        self.observers()
            .notify(&Observation::ProtocolError { sid, cause });
    }

    /// Ends the session of a client that broke the protocol.
    pub(super) fn violation(&mut self, violation: &ProtocolViolation) {
        self.ignores_packets = true;
        let session = &self.connection.session;
        let reason = match *violation {
            ProtocolViolation::Undecodable(error) => {
                if let Some(breach) = self.assembler.limits().breach_of(error) {
                    self.observers().notify(&Observation::LimitExceeded {
                        sid: session.sid(),
                        limit: breach.limit,
                        cause: format_args!("{breach}"),
                    });
                    session.close_because(CloseReason::ForcedClose, &breach.to_string());
                    return;
                }
                let is_first = self.deadlines.connect.is_some();
                let hint = match error.kind() {
                    DecodeErrorKind::UnexpectedBinary if is_first => {
                        "Does the client use another parser? For `socket.io-msgpack-parser` there are the feature `msgpack` and `Io::parser`"
                    }
                    _ => "Is the other side a Socket.IO 5 client?",
                };
                self.protocol_error(format_args!("undecodable packet: {error}. {hint}"));
                CloseReason::ForcedClose
            }
            #[cfg(any(test, feature = "msgpack"))]
            ProtocolViolation::OtherParser(what) => {
                self.protocol_error(format_args!("packet of another parser: {what}"));
                CloseReason::ForcedClose
            }
            ProtocolViolation::OutOfOrder(what) => {
                self.protocol_error(format_args!("packet out of order: {what}"));
                CloseReason::ForcedServerClose
            }
        };
        session.close(reason);
    }
}
