//! What a server accepts connections from.

use std::{fmt, io, net::SocketAddr};

use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
#[cfg(unix)]
use tokio::net::{UnixListener, unix};

use self::sealed::Open;
use crate::Result;

/// A socket that a server accepts connections from, for [`Io::serve`](crate::Io::serve) and
/// [`Server::and`](super::Server::and).
///
/// Implemented for the TCP and Unix listeners of tokio and of std (as systemd's socket activation gives them), and with the
/// feature `tls` for a `TlsListener`, which is one of those with TLS on its connections. Koio alone implements it.
///
/// A TCP connection gets `TCP_NODELAY`, and on Linux `TCP_NOTSENT_LOWAT`. A listener of std is set to non-blocking.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no listener that koio serves",
    note = "a `TcpListener` or `UnixListener`, of tokio or std, is one, and a `TlsListener` of koio's",
    note = "for an address there is `Io::bind`; a server of another kind takes `Io::into_service`"
)]
pub trait Listener: Open {
    /// The address of such a socket.
    type Addr: Clone + fmt::Debug + Send + Sync + 'static;

    /// The address that it is bound to: with port 0, the port that the system chose.
    ///
    /// # Errors
    /// The operating system's.
    fn local_addr(&self) -> io::Result<Self::Addr>;
}

/// Binds the first address that can be bound.
pub(super) async fn bind_tcp(address: impl ToSocketAddrs + fmt::Debug) -> Result<TcpListener> {
    let name = format!("{address:?}");
    let found = lookup_host(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    let addresses: Vec<SocketAddr> = found.collect();
    let listener = TcpListener::bind(addresses.as_slice())
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{addresses:?}: {error}")))?;
    Ok(listener)
}

pub(super) mod sealed {
    //! What koio does with a listener.

    use std::io;

    use super::ListenSocket;
    #[cfg(feature = "tls")]
    use crate::server::tls::Tls;

    /// Gives the socket.
    pub trait Open: Sized {
        /// Within a tokio runtime.
        fn open(self) -> io::Result<OpenListener>;
    }

    /// A listener that belongs to the runtime.
    #[derive(Debug)]
    pub struct OpenListener {
        pub(in crate::server) socket: ListenSocket,
        #[cfg(feature = "tls")]
        pub(in crate::server) tls: Option<Tls>,
        /// The socket's address, as in an URL.
        pub(in crate::server) address: String,
    }

    impl OpenListener {
        pub(in crate::server) fn new(socket: ListenSocket, address: String) -> Self {
            Self {
                socket,
                #[cfg(feature = "tls")]
                tls: None,
                address,
            }
        }

        /// What clients connect to.
        pub(in crate::server) fn url(&self) -> String {
            #[cfg(feature = "tls")]
            if self.tls.is_some() {
                return format!("https://{}", self.address);
            }
            format!("http://{}", self.address)
        }
    }
}

#[derive(Debug)]
pub(super) enum ListenSocket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener for TcpListener {
    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl Open for TcpListener {
    fn open(self) -> io::Result<sealed::OpenListener> {
        let address = self.local_addr()?.to_string();
        Ok(sealed::OpenListener::new(ListenSocket::Tcp(self), address))
    }
}

impl Listener for std::net::TcpListener {
    type Addr = SocketAddr;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl Open for std::net::TcpListener {
    fn open(self) -> io::Result<sealed::OpenListener> {
        self.set_nonblocking(true)?;
        TcpListener::from_std(self)?.open()
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Addr = unix::SocketAddr;

    fn local_addr(&self) -> io::Result<unix::SocketAddr> {
        Self::local_addr(self)
    }
}

#[cfg(unix)]
impl Open for UnixListener {
    fn open(self) -> io::Result<sealed::OpenListener> {
        let address = self.local_addr()?;
        let address = match address.as_pathname() {
            // As nginx writes it.
            Some(path) => format!("unix:{}", path.display()),
            None => "unix:".to_owned(),
        };
        Ok(sealed::OpenListener::new(ListenSocket::Unix(self), address))
    }
}

#[cfg(unix)]
impl Listener for std::os::unix::net::UnixListener {
    type Addr = std::os::unix::net::SocketAddr;

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Self::local_addr(self)
    }
}

#[cfg(unix)]
impl Open for std::os::unix::net::UnixListener {
    fn open(self) -> io::Result<sealed::OpenListener> {
        self.set_nonblocking(true)?;
        UnixListener::from_std(self)?.open()
    }
}
