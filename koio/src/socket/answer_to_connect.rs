//! The packets that answer CONNECT, as the revision of the client has them.

use super::socket::Socket;
use crate::{
    Error,
    wire::{self, Frame},
};

impl Socket {
    /// Whether its client is of Socket.IO 2 (or 1).
    #[inline]
    pub(super) fn is_of_2(&self) -> bool {
        self.session().revision().is_three()
    }

    /// CONNECT.
    pub(super) fn welcome(&self) -> Frame {
        match self.is_of_2() {
            false => wire::connect(self.namespace(), self.id().as_str()),
            true => wire::connect_of_2(self.namespace()),
        }
    }

    /// CONNECT_ERROR, and the message in it.
    pub(super) fn refusal<'a>(&self, error: &'a Error) -> (Frame, &'a str) {
        let is_of_2 = self.is_of_2();
        let (message, data) = error.refusal(is_of_2);
        let data = data.as_ref().map(|data| data.get().as_bytes());
        let refusal = match is_of_2 {
            false => wire::connect_error(self.namespace(), message, data),
            true => wire::connect_error_of_2(self.namespace(), message, data),
        };
        (refusal, message)
    }
}
