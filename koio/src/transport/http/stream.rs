//! The byte stream that hyper reads in koio's own HTTP server.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::HttpConnection;
use crate::{
    time::now,
    transport::{lazy_timer::LazyTimer, polling::NothingTaken, tcp::Tcp},
};

/// The most bytes that one read drops when a connection is closed.
const DROPPED_AT_ONCE: usize = 8 * 1024;

/// Such reads: 256 KiB in all.
const DROPS: usize = 32;

/// A TCP connection, and bytes that were read from it already. Its reads and writes have deadlines.
///
/// hyper's own `header_read_timeout` runs from the answer before, so one number would be the time of a head and that of an
/// idle connection. hyper has no deadline for writes.
#[derive(Debug)]
pub(crate) struct HttpStream {
    unread: Bytes,
    tcp: Tcp,
    deadlines: StreamDeadlines,
}

#[derive(Debug)]
struct StreamDeadlines {
    connection: Arc<HttpConnection>,
    read: LazyTimer,
    write: LazyTimer,
    /// Since when the client takes no bytes.
    stalled: Option<Instant>,
}

impl HttpStream {
    /// `unread`: bytes that come before those of `tcp`.
    pub(crate) fn new(unread: Bytes, tcp: Tcp, connection: Arc<HttpConnection>) -> Self {
        Self {
            unread,
            tcp,
            deadlines: StreamDeadlines {
                connection,
                read: LazyTimer::default(),
                write: LazyTimer::default(),
                stalled: None,
            },
        }
    }

    pub(crate) fn connection(&self) -> &Arc<HttpConnection> {
        &self.deadlines.connection
    }

    pub(crate) fn into_parts(self) -> (Bytes, Tcp) {
        (self.unread, self.tcp)
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
            Poll::Pending if self.stalled.is_none() => {
                if let Some(by) = self.connection.read_by() {
                    return self.read.poll(cx, by).map(Ok);
                }
            }
            Poll::Pending => {}
        }
        read
    }

    fn before_write(&self) {
        if self.stalled.is_some() {
            self.connection.tries_again();
        }
    }

    fn after_write(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(_)) => {
                self.stalled = None;
                self.connection.has_written();
            }
            Poll::Ready(Err(_)) => self.connection.cut("it could not be written"),
            Poll::Pending => {
                self.connection.is_stalled();
                let since = *self.stalled.get_or_insert_with(now);
                let timeout = self.connection.write_timeout();
                if let Some(timeout) = timeout
                    && let Some(by) = since.checked_add(timeout)
                {
                    ready!(self.write.poll(cx, by));
                    self.connection.cut(&NothingTaken(timeout).to_string());
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
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
            let read = Pin::new(&mut self.tcp).poll_read(cx, buf);
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
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.deadlines.after_write(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.deadlines.before_write();
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.deadlines.after_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has written all that it has.
        self.deadlines.connection.has_flushed();
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.tcp).poll_shutdown(cx))?;
        self.drop_arrived(cx);
        Poll::Ready(Ok(()))
    }
}

impl HttpStream {
    /// Drops what has arrived and will not be answered. A socket that is closed with unread bytes resets its connection, and
    /// the client may lose the last answers (RFC 9112 section 9.6).
    fn drop_arrived(&mut self, cx: &mut Context<'_>) {
        let mut bytes = [0; DROPPED_AT_ONCE];
        for _ in 0..DROPS {
            let mut buf = ReadBuf::new(&mut bytes);
            let read = Pin::new(&mut self.tcp).poll_read(cx, &mut buf);
            if !matches!(read, Poll::Ready(Ok(()))) || buf.filled().is_empty() {
                return;
            }
        }
    }
}
