//! The server that the tests with the official client talk to. koio says where it listens.
//!
//! Flags, each with a number: `--port`, `--allow-port` (of an origin on this machine), `--ping-interval`, `--ping-timeout`, `--connect-timeout`,
//! `--recovery` and `--recovery-without-middleware` (milliseconds), `--max-payload`, `--max-queue`, `--http-compression` and
//! `--per-message-deflate` (bytes, the threshold), `--allow-request` (1:
//! refuses who asks for it), `--msgpack` (1: that is the parser), `--eio3` (1: clients of
//! Socket.IO 2 are let in); and, with any number, `--elsewhere` (another path),
//! `--only-websocket`, `--only-polling`, `--cookie`, `--initial-headers`,
//! `--generate-id` (ids begin with `fixture-`), `--allow-upgrades` (0: none), `--cors` (which headers pages may send and read). With `KOIO_FIXTURE_CLIENT`, a directory with the bundle of
//! the browser client, it serves that and pages with it. With `KOIO_FIXTURE_TLS` it speaks TLS, with a certificate that it writes
//! to that folder as `cert.pem`.

mod acks;
mod events;
mod gates;
mod life;
mod listeners;
mod orders;
mod recovery;
mod requests;
mod rooms;
mod sequences;

use std::convert::Infallible;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use koio::config::{HttpCompression, Parser, PerMessageDeflate};
use koio::recovery::Recovery;
use koio::server::Tls;
use koio::{Io, Namespace, handlers};

#[tokio::main]
async fn main() -> koio::Result<()> {
    let io = Io::new()
        .config(|config| config.engine.event_source = true)
        .event_source("/news", |_| async { Ok("news") });
    let (io, port) = with_flags(io, std::env::args().skip(1));
    let io = io
        .state(events::Typed::default())
        .state(life::Online::default())
        .state(life::Ready::default())
        .state(orders::Handled::default())
        .state(sequences::Seen::default())
        .observe(life::Created)
        .wrap(life::watched)
        .handlers(handlers![
            everywhere(),
            sequences::all(),
            life::kick_connection,
            gates::all_rooms(),
        ])
        .namespace("/custom", Namespace::new().handlers(everywhere()))
        .namespace(
            "/renamed",
            Namespace::new()
                .wrap(gates::renaming)
                .handlers(everywhere()),
        )
        .namespace(
            "/any",
            Namespace::new().handlers(handlers![life::left, events::any]),
        )
        .namespace(
            "/watch",
            Namespace::new().handlers(handlers![events::echo, life::online]),
        )
        .namespace(
            "/greeting",
            Namespace::new().handlers(handlers![everywhere(), gates::greet]),
        )
        .namespace(
            "/recovery",
            Namespace::new().handlers(handlers![everywhere(), recovery::all()]),
        )
        .namespace(
            "/slow",
            Namespace::new().handlers(handlers![everywhere(), gates::all_slow()]),
        )
        .namespace(
            "/guarded",
            Namespace::new().wrap(gates::guard).handlers(everywhere()),
        )
        .namespace(
            "/onion",
            Namespace::new()
                .wrap(gates::outer)
                .wrap(gates::inner)
                .handlers(handlers![gates::peel, gates::blocked]),
        );
    let io = match std::env::var_os("KOIO_FIXTURE_CLIENT") {
        Some(dir) => io.serve_client(dir).attach(tower::service_fn(page)),
        None => io,
    };
    let Some(folder) = std::env::var_os("KOIO_FIXTURE_TLS") else {
        return io.listen(("127.0.0.1", port)).await;
    };
    let (certificate, key) = koio_tests::Certificate::new().write(folder.as_ref());
    let tls = Tls::from_pem_files(certificate, key)?;
    io.serve(tls.bind(("127.0.0.1", port)).await?)?
        .run_until_signal()
        .await
}

/// A page for a browser with the client that the server has, by a script tag or as a module.
async fn page(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let script = match request.uri().path() {
        "/module" => {
            "<script type=module>import { io } from '/socket.io/socket.io.esm.min.js'; window.io = io;</script>"
        }
        _ => "<script src=/socket.io/socket.io.js></script>",
    };
    let response = Response::builder().header("content-type", "text/html");
    let body = format!("<!doctype html><link rel=icon href=data:,>{script}");
    Ok(response.body(body).expect("a response"))
}

/// What a client can do in every namespace that is not about something else.
fn everywhere() -> koio::Handlers {
    handlers![
        events::all(),
        acks::all(),
        rooms::all(),
        life::all(),
        listeners::all(),
        orders::all(),
    ]
}

fn with_flags(mut io: Io, mut args: impl Iterator<Item = String>) -> (Io, u16) {
    let mut port = 0;
    while let Some(flag) = args.next() {
        let value: u64 = args
            .next()
            .and_then(|value| value.parse().ok())
            .expect("a number");
        let time = Duration::from_millis(value);
        let bytes = usize::try_from(value).expect("a size");
        io = match flag.as_str() {
            "--port" => {
                port = u16::try_from(value).expect("a port");
                io
            }
            "--allow-port" => io.allow_origin(format!("http://127.0.0.1:{value}")),
            "--generate-id" => io.generate_id(|_, random| format!("fixture-{}", &random[8..])),
            "--allow-upgrades" => io.allow_upgrades(value == 1),
            "--cors" => io.cors(requests::cors()).headers(requests::served_by),
            "--allow-request" => io.allow_request(requests::refuse_who_asks_for_it),
            "--ping-interval" => io.ping_interval(time),
            "--ping-timeout" => io.ping_timeout(time),
            "--connect-timeout" => io.connect_timeout(time),
            "--recovery-without-middleware" => io.recovery(Recovery::new(time).skip_middleware()),
            "--elsewhere" => io.path("/elsewhere/live"),
            "--only-websocket" => io.config(|config| config.engine.polling = false),
            "--only-polling" => io.config(|config| config.engine.websocket = false),
            "--cookie" => io.cookie("koio-node"),
            "--initial-headers" => io.initial_headers(|_, headers| {
                headers.insert("x-served-by", HeaderValue::from_static("the fixture"));
            }),
            "--http-compression" => io.http_compression(HttpCompression::new().threshold(bytes)),
            "--per-message-deflate" => {
                io.per_message_deflate(PerMessageDeflate::new().threshold(bytes))
            }
            "--recovery" => io.recovery(Recovery::new(time)),
            "--max-payload" => io.max_payload(bytes),
            "--msgpack" if value == 1 => io.parser(Parser::Msgpack),
            "--msgpack" => io,
            "--eio3" => io.allow_eio3(value == 1),
            "--max-queue" => io.config(|config| config.engine.send_queue_bytes = bytes),
            other => panic!("unknown flag {other}"),
        };
    }
    (io, port)
}
