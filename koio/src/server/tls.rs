//! TLS on koio's own listener.

use std::{
    fmt,
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::CryptoProvider,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    },
    server::TlsStream,
};

use crate::{Error, Result, transport::AnyStream};

/// What a client hears that speaks HTTP where TLS is spoken.
const PLAIN_HTTP: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 52\r\n\
    connection: close\r\n\r\nThis port speaks TLS: connect by https:// or wss://\n";

const HTTP_1_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// TLS for a listener: certificate, key, and the limits of handshakes.
///
/// ```no_run
/// use koio::{Io, Result, server::Tls};
///
/// # async fn run() -> Result<()> {
/// let tls = Tls::from_pem_files("/etc/chat/fullchain.pem", "/etc/chat/privkey.pem")?;
/// Io::new()
///     .serve(tls.bind("0.0.0.0:443").await?)?
///     .run_until_signal()
///     .await
/// # }
/// ```
///
/// Everything that holds for a plain listener holds behind TLS as well: drain, signals, limits. Only the session's own task
/// writes to a connection behind TLS, so an emit from elsewhere wakes it. Bytes count as taken by the client when the TLS
/// connection has taken them, of which it keeps at most 64 KiB.
///
/// It speaks HTTP/1.1, and announces nothing else (ALPN): browsers then open their WebSocket without a detour. For HTTP/2
/// put koio inside axum-server or behind a proxy.
///
/// A handshake has [`header_timeout`](crate::config::Config::header_timeout), from the connection to its end. One that
/// fails, or takes longer, ends its connection; it is counted ([`Counts::tls_failed`](crate::observe::Counts::tls_failed))
/// and logged at level debug with the peer's address. A client that speaks HTTP is told so.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    handshakes: usize,
    places: Arc<Semaphore>,
}

impl Tls {
    /// TLS with this configuration: certificates, cryptography, client certificates, session tickets are its own. A
    /// `ResolvesServerCert` in it may change certificates while the server runs.
    ///
    /// `h2` is taken out of its ALPN protocols, and `http/1.1` added.
    pub fn new(config: impl Into<Arc<ServerConfig>>) -> Self {
        let mut config = config.into();
        let protocols = &config.alpn_protocols;
        if protocols.iter().any(|name| name == HTTP_2)
            || !protocols.iter().any(|name| name == HTTP_1_1)
        {
            let config = Arc::make_mut(&mut config);
            config
                .alpn_protocols
                .retain(|name| name != HTTP_2 && name != HTTP_1_1);
            config.alpn_protocols.push(HTTP_1_1.to_vec());
        }
        Self {
            acceptor: TlsAcceptor::from(config),
            handshakes: 0,
            places: Arc::new(Semaphore::new(0)),
        }
        .max_handshakes(1_024)
    }

    /// Reads the certificate with its chain, and its key, from two PEM files.
    ///
    /// The cryptography is the process's default provider of rustls, if the program has installed one, else ring with the
    /// feature `tls-ring`. The files are read once; [`new`](Self::new) says how certificates may change.
    ///
    /// # Errors
    /// A file can't be read or has nothing of its kind in it, the two do not belong together, or there is no provider. The
    /// error names the file.
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .and_then(|chain| match chain.is_empty() {
                true => Err(pem::Error::NoItemsFound),
                false => Ok(chain),
            })
            .map_err(|error| unreadable("certificate", certificate, error))?;
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| unreadable("private key", key, error))?;
        let mismatch = |error: tokio_rustls::rustls::Error| {
            Error::setup(format!(
                "the certificate in `{}` and the key in `{}` can't be used: {error}",
                certificate.display(),
                key.display()
            ))
            .because(Box::new(error))
        };
        let config = ServerConfig::builder_with_provider(provider()?)
            .with_safe_default_protocol_versions()
            .map_err(mismatch)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(mismatch)?;
        Ok(Self::new(config))
    }

    /// How many handshakes may run at once, on all listeners of this value. Default 1,024; not zero. Further connections
    /// wait for their turn within their own `header_timeout`.
    #[must_use]
    pub fn max_handshakes(mut self, handshakes: usize) -> Self {
        self.handshakes = handshakes;
        self.places = Arc::new(Semaphore::new(handshakes.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// Makes the handshake of a TCP connection. HTTP is answered in its own words.
    pub(super) async fn accept_tcp(
        &self,
        stream: TcpStream,
        header_timeout: Duration,
    ) -> std::result::Result<AnyStream, TlsFailure> {
        let accepting = async {
            let mut first = [0];
            match stream.peek(&mut first).await.map_err(TlsFailure::Io)? {
                0 => Err(TlsFailure::Io(io::ErrorKind::UnexpectedEof.into())),
                // A method of HTTP. TLS begins with 22, the type of a handshake record.
                _ if first[0].is_ascii_uppercase() => {
                    refuse_plain(stream).await;
                    Err(TlsFailure::PlainHttp)
                }
                _ => self.negotiate(stream).await,
            }
        };
        self.within(header_timeout, accepting).await
    }

    /// Makes the handshake of another connection.
    pub(super) async fn accept(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        header_timeout: Duration,
    ) -> std::result::Result<AnyStream, TlsFailure> {
        self.within(header_timeout, self.negotiate(stream)).await
    }

    async fn within(
        &self,
        header_timeout: Duration,
        accepting: impl Future<Output = std::result::Result<AnyStream, TlsFailure>>,
    ) -> std::result::Result<AnyStream, TlsFailure> {
        match timeout(header_timeout, accepting).await {
            Ok(result) => result,
            Err(_) => Err(TlsFailure::TimedOut {
                header_timeout,
                max_handshakes: self.handshakes,
                running: self
                    .handshakes
                    .saturating_sub(self.places.available_permits()),
            }),
        }
    }

    async fn negotiate(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> std::result::Result<AnyStream, TlsFailure> {
        // It is never closed.
        let _place = self.places.acquire().await;
        let stream = self.acceptor.accept(stream).await.map_err(TlsFailure::Io)?;
        Ok(AnyStream::new(UnclosedIsEnd(stream)))
    }

    /// Why no listener can be served with it.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.handshakes == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the limit `max_handshakes` is zero: no client could connect",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("max_handshakes", &self.handshakes)
            .finish_non_exhaustive()
    }
}

/// Answers a client that speaks HTTP, and reads what it has sent: a socket that is closed with unread bytes resets its
/// connection, and the answer may be lost.
async fn refuse_plain(mut stream: TcpStream) {
    if stream.write_all(PLAIN_HTTP).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut dropped = [0; 4 * 1024];
        for _ in 0..16 {
            let read = timeout(Duration::from_secs(1), stream.read(&mut dropped));
            if !matches!(read.await, Ok(Ok(1..))) {
                return;
            }
        }
    }
}

/// The provider that the program has chosen, or the one that the features have.
fn provider() -> Result<Arc<CryptoProvider>> {
    if let Some(chosen) = CryptoProvider::get_default() {
        return Ok(Arc::clone(chosen));
    }
    #[cfg(feature = "tls-ring")]
    {
        Ok(Arc::new(
            tokio_rustls::rustls::crypto::ring::default_provider(),
        ))
    }
    #[cfg(not(feature = "tls-ring"))]
    {
        Err(Error::setup(
            "rustls has no cryptography: turn on koio's feature `tls-ring`, or install a `CryptoProvider` as the \
             process's default first"
                .to_owned(),
        ))
    }
}

fn unreadable(what: &str, file: &Path, error: pem::Error) -> Error {
    let file = file.display();
    let problem = match &error {
        pem::Error::NoItemsFound => format!("`{file}` has no {what} in PEM"),
        error => format!("the {what} in `{file}` can't be read: {error}"),
    };
    Error::setup(problem).because(Box::new(error))
}

/// Why a handshake did not succeed.
#[derive(Debug)]
pub(super) enum TlsFailure {
    Io(io::Error),
    PlainHttp,
    TimedOut {
        header_timeout: Duration,
        max_handshakes: usize,
        running: usize,
    },
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::PlainHttp => f.write_str(
                "the client speaks HTTP without TLS; it must connect by https:// or wss://",
            ),
            Self::TimedOut {
                header_timeout,
                max_handshakes,
                running,
            } => write!(
                f,
                "not done within header_timeout = {header_timeout:?}; {running} handshakes run, max_handshakes = \
                 {max_handshakes}"
            ),
        }
    }
}

/// A TLS stream on which the end of the TCP connection is its end, with or without a `close_notify`.
///
/// Many clients close without one. HTTP and WebSocket have frames of their own, so a message that was cut short is noticed
/// all the same, and the end of a connection between two polls must not look like a reset.
struct UnclosedIsEnd<S>(TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for UnclosedIsEnd<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.0).poll_read(cx, buf)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for UnclosedIsEnd<S> {
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
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
