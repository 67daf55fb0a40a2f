//! The byte stream that hyper reads in koio's own HTTP server.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::HttpConnection;
use crate::transport::{AnyStream, lazy_timer::LazyTimer, stalled_write::StalledWrite};

/// The most bytes that one read drops when a connection is closed.
const DROPPED_AT_ONCE: usize = 8 * 1024;

/// Such reads: 256 KiB in all.
const DROPS: usize = 32;

/// A connection, and bytes that were read from it already. Its reads and writes have deadlines.
///
/// hyper's own `header_read_timeout` runs from the answer before, so one number would be the time of a head and that of an
/// idle connection. hyper has no deadline for writes.
#[derive(Debug)]
pub(crate) struct HttpStream {
    unread: Bytes,
    stream: AnyStream,
    deadlines: StreamDeadlines,
}

#[derive(Debug)]
struct StreamDeadlines {
    connection: Arc<HttpConnection>,
    read: LazyTimer,
    write: StalledWrite,
}

impl HttpStream {
    /// `unread`: bytes that come before those of `stream`.
    pub(crate) fn new(unread: Bytes, stream: AnyStream, connection: Arc<HttpConnection>) -> Self {
        Self {
            unread,
            stream,
            deadlines: StreamDeadlines {
                connection,
                read: LazyTimer::default(),
                write: StalledWrite::default(),
            },
        }
    }

    pub(crate) fn connection(&self) -> &Arc<HttpConnection> {
        &self.deadlines.connection
    }

    pub(crate) fn into_parts(self) -> (Bytes, AnyStream) {
        (self.unread, self.stream)
    }
}

impl Drop for StreamDeadlines {
    fn drop(&mut self) {
        self.connection.cut("the connection ended");
    }
}

impl StreamDeadlines {
    /// What hyper gets for a read: nothing, which is the end of the stream, if no request has come in its time.
    fn after_read(
        &mut self,
        read: Poll<io::Result<()>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match read {
            Poll::Ready(Ok(())) => self.connection.has_read(),
            Poll::Ready(Err(_)) => self.connection.reset(),
            // While an answer is written, the deadline is that of the writing.
            Poll::Pending if !self.write.is_stalled() => {
                if let Some(by) = self.connection.read_by() {
                    ready!(self.read.poll(cx, by));
                    self.connection.expired();
                    return Poll::Ready(Ok(()));
                }
            }
            Poll::Pending => {}
        }
        read
    }

    fn before_write(&self) {
        if self.write.is_stalled() {
            self.connection.tries_again();
        }
    }

    /// What hyper gets for a write. `insist` tries it again without waiting.
    fn after_write(
        &mut self,
        mut written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
        insist: impl FnMut() -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending()
            && let Some(timeout) = self.connection.write_timeout()
        {
            written = self.write.poll(cx, timeout, insist);
        }
        match &written {
            Poll::Ready(Ok(_)) => {
                self.write.progressed();
                self.connection.has_written();
            }
            Poll::Ready(Err(error)) => self.connection.cut(&error.to_string()),
            Poll::Pending => self.connection.is_stalled(),
        }
        written
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            let read = Pin::new(&mut self.stream).poll_read(cx, buf);
            return self.deadlines.after_read(read, cx);
        }
        let length = buf.remaining().min(self.unread.len());
        buf.put_slice(self.unread.get(..length).unwrap_or_default());
        self.unread.advance(length);
        if self.unread.is_empty() {
            // An empty slice would keep its buffer allocated.
            self.unread = Bytes::new();
        }
        self.deadlines.connection.has_read();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.deadlines.before_write();
        let Self {
            stream, deadlines, ..
        } = &mut *self;
        let written = Pin::new(&mut *stream).poll_write(cx, buf);
        deadlines.after_write(written, cx, || stream.insist(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.deadlines.before_write();
        let Self {
            stream, deadlines, ..
        } = &mut *self;
        let written = Pin::new(&mut *stream).poll_write_vectored(cx, bufs);
        let first = bufs.iter().find(|buf| !buf.is_empty());
        deadlines.after_write(written, cx, || {
            first.map_or(Poll::Pending, |first| stream.insist(first))
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has written all that it has.
        self.deadlines.connection.has_flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.drop_arrived(cx);
        Poll::Ready(Ok(()))
    }
}

impl HttpStream {
    /// Drops bytes that have arrived and will not be answered. A socket that is closed with unread bytes resets its
    /// connection, and the client may lose the last answers (RFC 9112 section 9.6).
    fn drop_arrived(&mut self, cx: &mut Context<'_>) {
        let mut bytes = [0; DROPPED_AT_ONCE];
        for _ in 0..DROPS {
            let mut buf = ReadBuf::new(&mut bytes);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut buf);
            if !matches!(read, Poll::Ready(Ok(()))) || buf.filled().is_empty() {
                return;
            }
        }
    }
}
