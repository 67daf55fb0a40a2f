//! The byte stream of koio's own HTTP server.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A response up to this size is copied together: for so little the system takes longer over a vectored write than
/// a copy does. hyper itself can be told to copy, but then copies all and keeps a buffer of the longest.
const SHORT: usize = 2 * 1024;

/// A TCP connection on which short responses leave in one piece.
#[derive(Debug)]
pub(crate) struct HttpStream(TcpStream);

impl HttpStream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.0
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.0);
        if bufs.iter().map(|buf| buf.len()).sum::<usize>() > SHORT {
            return stream.poll_write_vectored(cx, bufs);
        }
        let mut short = [0; SHORT];
        let mut free = short.as_mut_slice();
        for buf in bufs {
            // Room for all of them, as their sum says.
            let Some((place, rest)) = free.split_at_mut_checked(buf.len()) else {
                return stream.poll_write_vectored(cx, bufs);
            };
            place.copy_from_slice(buf);
            free = rest;
        }
        let unused = free.len();
        stream.poll_write(cx, short.get(..SHORT - unused).unwrap_or_default())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
