//! The byte streams that connections run on: [`Tcp`], or any other behind [`ByteStream`].

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::websocket::{Sink, WriteQueue};
use crate::engine::transport::{
    DirectFlushed, DirectFrames, DirectWrite, DirectWritten, FrameSource,
};

/// A byte stream of any type.
pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for S {}

/// A byte stream that a WebSocket may run on.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {
    /// The queue of a stream that one task alone writes to. `()`: the stream shares its queue with direct writers.
    type OwnQueue: Default + Send;

    /// Uses the queue of what is to be written.
    fn with_queue<R>(&self, own: &mut Self::OwnQueue, with: impl FnOnce(&mut WriteQueue) -> R)
    -> R;

    /// Writes what is queued, then the frames of `source`.
    fn poll_write_frames(
        &mut self,
        own: &mut Self::OwnQueue,
        cx: &mut Context<'_>,
        source: &mut dyn FrameSource,
    ) -> Poll<io::Result<()>>;

    /// A writer for tasks that do not own the stream.
    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        None
    }
}

/// A [`Sink`] that waits for a stream.
struct Waiting<'a, 'b, S>(&'a mut S, &'a mut Context<'b>);

impl<S: AsyncWrite + Unpin> Sink for Waiting<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(self.1, bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(self.1, slices)
    }
}

/// Implements [`ByteStream`] for a stream that is not the socket itself.
macro_rules! owned_by_one_task {
    ($stream:ty) => {
        impl ByteStream for $stream {
            type OwnQueue = WriteQueue;

            fn with_queue<R>(
                &self,
                own: &mut WriteQueue,
                with: impl FnOnce(&mut WriteQueue) -> R,
            ) -> R {
                with(own)
            }

            fn poll_write_frames(
                &mut self,
                own: &mut WriteQueue,
                cx: &mut Context<'_>,
                source: &mut dyn FrameSource,
            ) -> Poll<io::Result<()>> {
                own.write(&mut Waiting(self, cx), source)
            }
        }
    };
}

// TLS, for example: in another server, and on koio's own listener.
owned_by_one_task!(TokioIo<Upgraded>);
owned_by_one_task!(Box<dyn ReadWrite>);
#[cfg(test)]
owned_by_one_task!(tokio::io::DuplexStream);

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
    /// What a WebSocket has taken over and not written.
    ///
    /// An emitter locks it within the outbox's lock, and the session's task takes frames out of the outbox within this lock.
    /// So an emitter only tries to lock it: the task is writing then.
    queue: Mutex<WriteQueue>,
}

impl From<TcpStream> for Tcp {
    fn from(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self {
            read,
            write: Some(Arc::new(TcpWriter {
                half: write,
                queue: Mutex::default(),
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
    type OwnQueue = ();

    fn with_queue<R>(&self, (): &mut (), with: impl FnOnce(&mut WriteQueue) -> R) -> R {
        match &self.write {
            Some(writer) => with(&mut writer.queue.lock()),
            None => with(&mut WriteQueue::default()),
        }
    }

    fn poll_write_frames(
        &mut self,
        (): &mut (),
        cx: &mut Context<'_>,
        source: &mut dyn FrameSource,
    ) -> Poll<io::Result<()>> {
        match &self.write {
            Some(writer) => {
                let sink = &mut WaitingTcp(writer.half.as_ref(), cx);
                writer.queue.lock().write(sink, source)
            }
            None => Poll::Ready(Ok(())),
        }
    }

    fn direct_writer(&self) -> Option<Arc<dyn DirectWrite>> {
        Some(self.writer()? as _)
    }
}

impl DirectWrite for TcpWriter {
    fn write(&self, frames: &mut dyn DirectFrames) -> DirectWritten {
        match self.queue.try_lock() {
            Some(mut queue) => queue.write_direct(|bytes| self.half.try_write(bytes), frames),
            None => DirectWritten::Nothing,
        }
    }

    fn flush(&self, source: &mut dyn FrameSource) -> DirectFlushed {
        match self.queue.try_lock() {
            Some(mut queue) => queue.flush(&mut Insisting(self.half.as_ref()), source),
            None => DirectFlushed::default(),
        }
    }
}

/// A [`Sink`] that waits for a TCP connection.
struct WaitingTcp<'a, 'b>(&'a TcpStream, &'a mut Context<'b>);

impl Sink for WaitingTcp<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_try(self.0, self.1, |stream| stream.try_write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        poll_try(self.0, self.1, |stream| stream.try_write_vectored(slices))
    }
}

/// A [`Sink`] that does not wait for a TCP connection, and asks the kernel itself.
///
/// tokio makes no system call after one that would have blocked, until it has heard that the socket is writable again. On
/// Linux that is when a third of the send buffer is free, and when the thread polls the network.
struct Insisting<'a>(&'a TcpStream);

impl Insisting<'_> {
    fn poll(
        &self,
        tried: io::Result<usize>,
        send: impl FnOnce(&SockRef<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let mut result = tried;
        if would_block(&result) {
            result = send(&SockRef::from(self.0));
        }
        if would_block(&result) {
            return Poll::Pending;
        }
        Poll::Ready(result)
    }
}

fn would_block(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl Sink for Insisting<'_> {
    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(self.0.try_write(bytes), |socket| {
            socket.send_with_flags(bytes, NO_SIGNAL)
        })
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll(self.0.try_write_vectored(slices), |socket| {
            socket.send_vectored_with_flags(slices, NO_SIGNAL)
        })
    }
}

/// `MSG_NOSIGNAL`: no `SIGPIPE` if the client has hung up. Elsewhere std has switched the signal off.
const NO_SIGNAL: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    0x4000
} else {
    0
};

impl TcpWriter {
    /// Writes as much as the socket takes without waiting.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.half.try_write(bytes)
    }

    /// Whether the peer has closed its side, even if bytes before that have not been read.
    pub(super) fn has_hung_up(&self) -> bool {
        let stream: &TcpStream = self.half.as_ref();
        let ready = pin!(stream.ready(Interest::READABLE));
        let ready = ready.poll(&mut Context::from_waker(Waker::noop()));
        matches!(ready, Poll::Ready(Ok(ready)) if ready.is_read_closed())
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

    /// Writes without waiting. Asks the kernel itself, also where it has not said that there is room.
    pub(super) fn insist(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &self.write {
            Some(writer) => Insisting(writer.half.as_ref()).write(bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_try(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        match &self.write {
            Some(writer) => poll_try(writer.half.as_ref(), cx, write),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

fn poll_try(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    write: impl Fn(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
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
