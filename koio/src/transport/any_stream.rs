//! The byte stream of a connection, as the kind of listener gives it.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tcp::{ReadWrite, Tcp, TcpWriter};

/// A connection of koio's own listener.
pub(crate) enum AnyStream {
    /// The socket itself, which emitters write to as well.
    Tcp(Tcp),
    /// TLS, or a Unix socket. One task alone reads and writes it.
    Other(Box<dyn ReadWrite>),
}

impl AnyStream {
    pub(crate) fn new(stream: impl ReadWrite + 'static) -> Self {
        Self::Other(Box::new(stream))
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut dyn ReadWrite> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp),
            Self::Other(other) => Pin::new(&mut **other),
        }
    }

    /// The writing half of the socket, if it is one. Weak, because the end of the last one shuts the connection down.
    pub(super) fn weak_writer(&self) -> Weak<TcpWriter> {
        match self {
            Self::Tcp(tcp) => tcp
                .writer()
                .map_or_else(Weak::new, |writer| Arc::downgrade(&writer)),
            Self::Other(_) => Weak::new(),
        }
    }

    /// Writes without waiting, also where the kernel has not said that there is room. [`Other`](Self::Other) has said all
    /// that it knows.
    pub(super) fn insist(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(tcp) => tcp.insist(bytes),
            Self::Other(_) => Poll::Pending,
        }
    }
}

impl fmt::Debug for AnyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => tcp.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

impl AsyncRead for AnyStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for AnyStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_write_vectored(),
            Self::Other(other) => other.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
