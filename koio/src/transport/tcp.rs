//! The byte streams that connections run on: [`Tcp`], or any other behind [`ByteStream`].

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::engine::transport::{DirectFrames, DirectWrite, DirectWritten};

/// A byte stream that a WebSocket may run on.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {
    /// A writer for tasks that do not own the stream.
    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        None
    }

    /// Takes the unwritten part of a frame that the direct writer has begun. It must be written before anything else.
    fn take_begun(&self) -> Option<Bytes> {
        None
    }
}

/// TLS, or another stream that is not the socket itself.
impl ByteStream for TokioIo<Upgraded> {}

#[cfg(test)]
impl ByteStream for tokio::io::DuplexStream {}

/// A TCP connection. Any task may write to it through its [`writer`](Self::writer).
#[derive(Debug)]
pub(crate) struct Tcp {
    read: OwnedReadHalf,
    /// Dropping the last reference shuts the connection down for writing.
    write: Option<Arc<TcpWriter>>,
}

/// The writing half of a TCP connection.
#[derive(Debug)]
pub(crate) struct TcpWriter {
    half: OwnedWriteHalf,
    /// The unwritten part of a frame that [`DirectWrite::write`] has begun. Boxed, to keep idle connections small.
    begun: Mutex<Option<Box<Bytes>>>,
}

impl From<TcpStream> for Tcp {
    fn from(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self {
            read,
            write: Some(Arc::new(TcpWriter {
                half: write,
                begun: Mutex::new(None),
            })),
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        // The socket is closed with the read half, which the peer sees as well: a shutdown before it would be a system
        // call more for each connection (row `connect`).
        if let Some(last) = self.write.take().and_then(Arc::into_inner) {
            last.half.forget();
        }
    }
}

impl ByteStream for Tcp {
    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        Some(self.writer()? as _)
    }

    fn take_begun(&self) -> Option<Bytes> {
        let begun = self.write.as_ref()?.begun.lock().take()?;
        Some(*begun)
    }
}

impl DirectWrite for TcpWriter {
    fn write(&self, frames: &mut dyn DirectFrames) -> DirectWritten {
        let mut begun = self.begun.lock();
        if begun.is_some() {
            return DirectWritten::Nothing;
        }
        let bytes = frames.bytes();
        // An error counts as nothing written: the session's task meets it again.
        match self.half.try_write(bytes) {
            Ok(0) | Err(_) => DirectWritten::Nothing,
            Ok(written) if written == bytes.len() => DirectWritten::All,
            Ok(written) => {
                *begun = Some(Box::new(frames.take_unwritten(written)));
                DirectWritten::Part
            }
        }
    }
}

impl TcpWriter {
    /// Writes as much as the socket takes without waiting.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.half.try_write(bytes)
    }

    /// [`try_write`](Self::try_write) for several slices.
    pub(super) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.half.try_write_vectored(bufs)
    }
}

impl Tcp {
    /// Ready when there are bytes to read, or the peer has hung up.
    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.read.as_ref().poll_read_ready(cx)
    }

    /// The writing half, for other tasks.
    pub(super) fn writer(&self) -> Option<Arc<TcpWriter>> {
        self.write.clone()
    }

    /// Writes as much as the socket takes without waiting.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.write {
            Some(write) => write.try_write(bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn poll_try(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let Some(half) = &self.write else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let stream: &TcpStream = half.half.as_ref();
        loop {
            match write(stream) {
                // Readiness is polled only when the write would block: nearly always it does not.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(stream.poll_write_ready(cx))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_try(cx, |stream| stream.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_try(cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write = None;
        Poll::Ready(Ok(()))
    }
}
