//! A listener with TLS.

use std::{fmt, io};

use tokio::net::{TcpListener, ToSocketAddrs};

use super::{
    listener::{
        Listener, bind_tcp,
        sealed::{Open, OpenListener},
    },
    tls::Tls,
};
use crate::Result;

/// A listener with TLS on its connections. Made by [`Tls::bind`] and [`Tls::over`].
#[derive(Debug)]
pub struct TlsListener<L> {
    listener: L,
    tls: Tls,
}

impl Tls {
    /// Binds a TCP address.
    ///
    /// # Errors
    /// The address can't be bound; the error names it.
    ///
    /// # Cancel safety
    /// Dropping the future binds nothing.
    pub async fn bind(
        self,
        address: impl ToSocketAddrs + fmt::Debug,
    ) -> Result<TlsListener<TcpListener>> {
        Ok(self.over(bind_tcp(address).await?))
    }

    /// TLS on the connections of a listener.
    pub fn over<L: Listener>(self, listener: L) -> TlsListener<L> {
        TlsListener {
            listener,
            tls: self,
        }
    }
}

impl<L: Listener> Listener for TlsListener<L> {
    type Addr = L::Addr;

    fn local_addr(&self) -> io::Result<L::Addr> {
        self.listener.local_addr()
    }
}

impl<L: Listener> Open for TlsListener<L> {
    fn open(self) -> io::Result<OpenListener> {
        self.tls.check()?;
        let mut open = self.listener.open()?;
        if open.tls.replace(self.tls).is_some() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a listener has TLS over TLS",
            ));
        }
        Ok(open)
    }
}
