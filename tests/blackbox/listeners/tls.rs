//! TLS on koio's own listener: certificates, handshakes, and clients that make none.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use koio::Io;
use koio::server::{Listener, Tls, rustls};
use koio_tests::{Certificate, Http, Running, run, tunnel, until, within};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WantsServerCert;
use rustls::{ConfigBuilder, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Folder, koio};
use crate::logs::Heard;

/// A server with this certificate.
pub(super) async fn tls_server(io: Io, tls: Tls) -> Running {
    let listener = tls.bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    run(io.serve(listener).expect("a server"), addr)
}

pub(super) fn tls_of(certificate: &Certificate) -> Tls {
    let folder = Folder::new();
    let (cert, key) = certificate.write(folder.path());
    Tls::from_pem_files(cert, key).expect("a certificate")
}

/// rustls's own types of a certificate and its key.
fn pair(certificate: &Certificate) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("PEM");
    (chain, key)
}

/// A configuration that lacks its certificate.
fn config_builder() -> ConfigBuilder<ServerConfig, WantsServerCert> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_no_client_auth()
}

fn config(certificate: &Certificate) -> ServerConfig {
    let (chain, key) = pair(certificate);
    config_builder()
        .with_single_cert(vec![chain], key)
        .expect("a certificate")
}

#[tokio::test]
async fn http_1_1_alone_is_announced_whatever_the_configuration_says() {
    let certificate = Certificate::new();
    let mut with_h2 = config(&certificate);
    with_h2.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    for tls in [
        Tls::new(config(&certificate)),
        Tls::new(with_h2),
        tls_of(&certificate),
    ] {
        let (io, _reasons) = koio();
        let server = tls_server(io, tls).await;
        let browser = certificate.connector(&[b"h2", b"http/1.1"]);
        let stream = tunnel::tls(server.addr, &browser).await.expect("TLS");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        // A client that knows HTTP/2 alone is told so by TLS itself.
        let modern = certificate.connector(&[b"h2"]);
        assert!(tunnel::tls(server.addr, &modern).await.is_err());
        // And one without ALPN is served.
        let plain = certificate.connector(&[]);
        assert!(tunnel::tls(server.addr, &plain).await.is_ok());
    }
}

#[test]
fn a_file_that_is_no_certificate_or_key_is_named() {
    let folder = Folder::new();
    let (cert, key) = Certificate::new().write(folder.path());
    let (empty, missing) = (
        folder.path().join("empty.pem"),
        folder.path().join("none.pem"),
    );
    fs::write(&empty, "").expect("a file");
    let other = folder.path().join("other.pem");
    fs::write(&other, Certificate::new().key).expect("a file");
    for (cert, key, named) in [
        (&empty, &key, "empty.pem` has no certificate"),
        (&cert, &empty, "empty.pem` has no private key"),
        (&missing, &key, "certificate in `"),
        (&cert, &missing, "private key in `"),
        (&cert, &cert, "cert.pem` has no private key"),
        (&cert, &other, "other.pem` can't be used"),
    ] {
        let error = Tls::from_pem_files(cert, key).expect_err("no certificate");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[tokio::test]
async fn no_handshakes_at_all_is_a_contradiction() {
    let (io, _reasons) = koio();
    let tls = tls_of(&Certificate::new()).max_handshakes(0);
    let listener = tls.bind("127.0.0.1:0").await.expect("a port");
    let error = io.serve(listener).expect_err("no handshakes");
    assert!(format!("{error:?}").contains("max_handshakes"), "{error:?}");
}

#[tokio::test]
async fn a_client_that_speaks_plain_http_is_told_so() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let (io, _reasons) = koio();
    let server = tls_server(io, tls_of(&Certificate::new())).await;
    let mut http = Http::connect(server.addr).await;
    let answer = http.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "This port speaks TLS: connect by https:// or wss://\n"
    );
    until("the count", || server.handle.counts().tls_failed != 0).await;
    let (level, line) = heard.says("TLS handshake failed").expect("a line");
    assert_eq!(level, tracing::Level::DEBUG);
    assert!(line.contains("speaks HTTP without TLS"), "{line}");
    assert!(line.contains("peer=127.0.0.1:"), "{line}");
}

/// Reads until the server has closed the connection.
async fn closed(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    within("the server to hang up", stream.read_to_end(&mut bytes))
        .await
        .ok();
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_ended_and_one_that_waits_for_it_is_made() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let certificate = Certificate::new();
    let (io, _reasons) = koio();
    let io = io.config(|config| config.header_timeout = Duration::from_secs(1));
    let server = tls_server(io, tls_of(&certificate).max_handshakes(1)).await;
    // Nothing at all, and the beginning of a handshake, which has the only place.
    let silent = TcpStream::connect(server.addr).await.expect("a port");
    let mut begun = TcpStream::connect(server.addr).await.expect("a port");
    begun.write_all(&[22, 3, 1]).await.expect("a socket");
    tokio::time::sleep(Duration::from_millis(300)).await;
    // It comes later, so its time ends later.
    let connector = certificate.connector(&[]);
    let made = tunnel::tls(server.addr, &connector);
    let made = within("a handshake", made).await;
    assert!(made.is_ok(), "{made:?}");
    tokio::join!(closed(silent), closed(begun));
    assert_eq!(server.handle.counts().tls_failed, 2);
    let (_, line) = heard.says("header_timeout = 1s").expect("a line");
    assert!(line.contains("max_handshakes = 1"), "{line}");
}

#[tokio::test]
async fn a_shutdown_waits_for_no_handshake() {
    let (io, _reasons) = koio();
    let server = tls_server(io, tls_of(&Certificate::new())).await;
    let silent = TcpStream::connect(server.addr).await.expect("a port");
    let begun = tokio::time::Instant::now();
    server.handle.shutdown(Duration::from_secs(30)).await;
    server.ended().await.expect("an end in order");
    assert!(begun.elapsed() < Duration::from_secs(8));
    closed(silent).await;
}

/// What a program does whose certificates are renewed while it runs.
#[derive(Debug)]
struct Renewed(std::sync::Mutex<Arc<rustls::sign::CertifiedKey>>);

impl rustls::server::ResolvesServerCert for Renewed {
    fn resolve(
        &self,
        _: rustls::server::ClientHello<'_>,
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0.lock().expect("a key")))
    }
}

fn certified(certificate: &Certificate) -> Arc<rustls::sign::CertifiedKey> {
    let (chain, key) = pair(certificate);
    let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key");
    Arc::new(rustls::sign::CertifiedKey::new(vec![chain], key))
}

#[tokio::test]
async fn a_certificate_may_change_while_the_server_runs() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let resolver = Arc::new(Renewed(std::sync::Mutex::new(certified(&old))));
    let config = config_builder().with_cert_resolver(Arc::clone(&resolver) as _);
    let (io, _reasons) = koio();
    let server = tls_server(io, Tls::new(config)).await;
    for (is, is_not) in [(&old, &new), (&new, &old)] {
        *resolver.0.lock().expect("a key") = certified(is);
        assert!(tunnel::tls(server.addr, &is.connector(&[])).await.is_ok());
        assert!(
            tunnel::tls(server.addr, &is_not.connector(&[]))
                .await
                .is_err()
        );
    }
}
