//! A way for the plain clients of the tests to a server that listens otherwise: by TLS, or on a Unix socket.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::{Certificate, Target};

/// The bytes that the operating system keeps for the tunnel on either side: what a client does not read, the server shall
/// notice.
const BUFFER: u32 = 16 * 1024;

/// A proxy in front of the server, until it is dropped.
#[derive(Debug)]
pub struct Tunnel {
    /// Where clients connect to.
    pub addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// To a server with this certificate.
    pub async fn to_tls(server: SocketAddr, certificate: &Certificate) -> Self {
        Self::start(Server::Tls(server, certificate.connector(&[]))).await
    }

    /// To a server on this Unix socket.
    pub async fn to_unix(path: PathBuf) -> Self {
        Self::start(Server::Unix(path)).await
    }

    /// What the clients connect to.
    pub fn target(&self) -> Target {
        Target::socket_io(self.addr)
    }

    async fn start(server: Server) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Inherited by the connections that are accepted.
        socket.set_recv_buffer_size(BUFFER).expect("a buffer");
        socket.set_send_buffer_size(BUFFER).expect("a buffer");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a port");
        let listener = socket.listen(64).expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).ok();
                tokio::spawn(carry(client, server.clone()));
            }
        });
        Self { addr, task }
    }
}

#[derive(Clone)]
enum Server {
    Tls(SocketAddr, TlsConnector),
    Unix(PathBuf),
}

async fn carry(mut client: TcpStream, server: Server) {
    match server {
        Server::Tls(addr, connector) => {
            if let Ok(mut server) = tls(addr, &connector).await {
                copy_bidirectional(&mut client, &mut server).await.ok();
            }
        }
        Server::Unix(path) => {
            if let Ok(mut server) = UnixStream::connect(&path).await {
                copy_bidirectional(&mut client, &mut server).await.ok();
            }
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A TLS connection to this server.
///
/// # Errors
/// The server can't be reached, or refuses the handshake.
pub async fn tls(
    server: SocketAddr,
    connector: &TlsConnector,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER)?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::IpAddress(server.ip().into());
    connector.connect(name, stream).await
}
