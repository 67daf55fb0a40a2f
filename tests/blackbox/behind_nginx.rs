//! koio behind a real nginx, with the configuration that the guide shows: over TCP and over a Unix socket.
//!
//! `KOIO_NGINX_IDLE=long` is the long form: connections that are idle for 70 s, with the times of koio and nginx as they are.

use std::env;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use koio_tests::{Certificate, Client, Http, Polling, Running, Target, Transport, Tunnel};
use koio_tests::{client, http, run, serve, within};
use tokio::net::UnixListener;

use crate::listeners::{Folder, assert_serves, koio};
use crate::programs::free_addr;
use crate::rolling::nginx::{NGINX, Nginx};

/// The location of the guide, with this server behind it.
fn location(server: &str) -> String {
    let guide = include_str!("../../koio/docs/guide.md");
    let (_, rest) = guide.split_once("```nginx\n").expect("a configuration");
    let (location, _) = rest.split_once("```").expect("its end");
    assert!(location.contains("http://127.0.0.1:3000;"), "{location}");
    location.replace("http://127.0.0.1:3000", server)
}

/// nginx in front of a server, which may keep its connections to it.
async fn nginx(folder: &Folder, server: &str, idle: Option<Duration>) -> Nginx {
    let addr = free_addr();
    let idle = idle.map_or(String::new(), |idle| {
        format!("keepalive_timeout {}ms;", idle.as_millis())
    });
    let http = format!(
        "upstream koio {{ server {server}; keepalive 8; {idle} }}
        map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
        server {{ listen {addr}; {} }}",
        location("http://koio").replace("\"upgrade\"", "$connection_upgrade")
    );
    Nginx::with(folder.path(), addr, &http).await
}

/// nginx with the guide's configuration as it is.
async fn plain_nginx(folder: &Folder, server: &str) -> Nginx {
    let addr = free_addr();
    let http = format!("server {{ listen {addr}; {} }}", location(server));
    Nginx::with(folder.path(), addr, &http).await
}

/// A Unix socket at `path` that nginx's workers, who are another user's, may connect to.
fn listen_for_nginx(path: &Path) -> UnixListener {
    // The file of a server that has gone stays.
    fs::remove_file(path).ok();
    let listener = UnixListener::bind(path).expect("a socket");
    fs::set_permissions(path, Permissions::from_mode(0o666)).expect("a file");
    listener
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_configuration_of_the_guide_both_transports_and_the_upgrade_work() {
    if !NGINX.is_there() {
        return;
    }
    let (io, _reasons) = koio();
    let server = serve(io).await;
    let folder = Folder::new();
    let nginx = plain_nginx(&folder, &format!("http://{}", server.addr)).await;
    assert_serves(Target::socket_io(nginx.addr)).await;
    // A page of nginx's host and port is of the same origin, since `Host` is passed on; another is not.
    let path = Target::socket_io(nginx.addr).polling();
    for (origin, status) in [
        (format!("http://{}", nginx.addr), 200),
        ("http://evil.example".to_owned(), 403),
    ] {
        let headers = [("Origin", &*origin)];
        let answer = http::request(nginx.addr, "GET", &path, &headers).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_unix_socket_behind_nginx_both_transports_work_and_a_restart_is_survived() {
    if !NGINX.is_there() {
        return;
    }
    let folder = Folder::new();
    let socket = folder.socket();
    let at = format!("http://unix:{}:", socket.display());
    let nginx = plain_nginx(&folder, at.trim_end_matches(':')).await;
    let target = Target::socket_io(nginx.addr);
    for _ in 0..2 {
        let listener = listen_for_nginx(&socket);
        let (io, _reasons) = koio();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = run(io.serve(listener).expect("a server"), nowhere);
        assert_serves(target).await;
        let client = Client::connect(target, Transport::WebSocket).await;
        leave(server, client).await;
        // Until the next server listens, nginx has none to pass a request to.
        let answer = http::get(nginx.addr, &target.polling()).await;
        assert_eq!(answer.status, 502);
    }
}

/// Shuts the server down. The client is told.
async fn leave(server: Running, mut client: Client) {
    let handle = server.handle.clone();
    let ending = tokio::spawn(async move { handle.shutdown(Duration::from_secs(20)).await });
    assert_eq!(client.ended().await, [""; 0]);
    let drained = within("the shutdown", ending).await.expect("a shutdown");
    assert_eq!(drained.cut, 0);
    server.ended().await.expect("an end in order");
}

/// nginx answers 502 if a request meets a connection that koio is just closing. So koio keeps idle connections longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_no_idle_time_of_a_connection_costs_a_request() {
    if !NGINX.is_there() {
        return;
    }
    let is_long = env::var("KOIO_NGINX_IDLE").is_ok_and(|form| form == "long");
    let (io, _reasons) = koio();
    // A fiftieth of the defaults, which are 75 s here and 60 s in nginx.
    let (io, nginx_keeps, pauses) = if is_long {
        (io, None, vec![30_000, 59_900, 70_000, 75_100])
    } else {
        let io = io.config(|config| {
            config.keep_alive_timeout = Duration::from_millis(1_500);
        });
        let pauses = vec![600, 1_190, 1_210, 1_400, 1_490, 1_510, 1_600];
        (io, Some(Duration::from_millis(1_200)), pauses)
    };
    let server = serve(io).await;
    let folder = Folder::new();
    let nginx = nginx(&folder, &server.addr.to_string(), nginx_keeps).await;
    let target = Target::socket_io(nginx.addr);
    let mut tries = tokio::task::JoinSet::new();
    for pause in pauses {
        tries.spawn(async move {
            for _ in 0..2 {
                let mut session = Polling::connect(target).await;
                // Nothing is under way meanwhile, so nginx's connections are idle.
                session.post("1").await;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let answer = http::get(target.addr, &target.polling()).await;
                assert_eq!(answer.status, 200, "after {pause} ms");
            }
        });
    }
    tries.join_all().await;
    let log = fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
    assert!(!log.contains("upstream prematurely closed"), "{log}");
}

/// TLS ends in nginx, which tells koio over a Unix socket the address, scheme and host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_with_tls_the_client_has_its_address_and_a_page_its_origin() {
    if !NGINX.is_there() {
        return;
    }
    let folder = Folder::new();
    let certificate = Certificate::new();
    let (cert, key) = certificate.write(folder.path());
    let listener = listen_for_nginx(&folder.socket());
    let (io, _reasons) = koio();
    let server = io.trust_proxies(["unix"]).serve(listener);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let _server = run(server.expect("a server"), nowhere);
    let addr = free_addr();
    let http = format!(
        "server {{
          listen {addr} ssl; ssl_certificate {}; ssl_certificate_key {};
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_set_header X-Forwarded-Host $http_host;
          location / {{
            proxy_pass http://unix:{}:;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
          }}
        }}",
        cert.display(),
        key.display(),
        folder.socket().display()
    );
    let nginx = Nginx::with(folder.path(), addr, &http).await;
    let tunnel = Tunnel::to_tls(nginx.addr, &certificate).await;
    for transport in client::BOTH {
        let mut client = Client::connect(tunnel.target(), transport).await;
        client.send(r#"421["address"]"#).await;
        client.expect(r#"431["127.0.0.1"]"#).await;
    }
    let path = tunnel.target().polling();
    for (origin, status) in [
        ("https://chat.example", 200),
        ("http://chat.example", 403),
        ("https://evil.example", 403),
    ] {
        let mut http = Http::connect(tunnel.addr).await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: chat.example\r\nOrigin: {origin}\r\n\r\n");
        http.write(head).await;
        let answer = http.response().await.expect("an answer");
        assert_eq!(answer.status, status, "{origin}");
    }
}
