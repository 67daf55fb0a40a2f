//! The byte stream that hyper reads in koio's own HTTP server.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::tcp::Tcp;

/// A TCP connection, and bytes that were read from it already.
#[derive(Debug)]
pub(crate) struct HttpStream {
    unread: Bytes,
    tcp: Tcp,
}

impl HttpStream {
    /// `unread`: bytes that come before those of `tcp`.
    pub(crate) fn new(unread: Bytes, tcp: Tcp) -> Self {
        Self { unread, tcp }
    }

    pub(crate) fn into_parts(self) -> (Bytes, Tcp) {
        (self.unread, self.tcp)
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let length = buf.remaining().min(self.unread.len());
        buf.put_slice(self.unread.get(..length).unwrap_or_default());
        self.unread.advance(length);
        if self.unread.is_empty() {
            // An empty slice would keep its buffer allocated.
            self.unread = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
