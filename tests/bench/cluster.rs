//! How long does a broadcast take to the clients of another node, over one Redis, and what does it cost?
//!
//! A client of the first node asks for broadcasts at a steady rate. Each reaches a client of each node, once and in order.
//! The time of the local ones is what clients and nodes take by themselves.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::{
    failure::Failure,
    latency::{Latencies, Percentiles},
    options::Options,
    process,
    reactor::PATIENCE,
    servers::{Cores, Kind, Program, Server},
};

/// Broadcasts in a second.
const RATES: [u32; 3] = [1_000, 5_000, 10_000];

/// Bytes of a message's text.
const SIZE: usize = 100;

type Socket = WebSocketStream<TcpStream>;

/// A Redis that runs until this is dropped.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start() -> Result<Self, Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()?;
        let redis = Self { child, port };
        let given_up = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > given_up {
                return Err(Failure::Stuck);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let program = Program::build(Kind::Koio, options)?;
    let redis = Redis::start()?;
    let arguments = [
        "--redis".to_owned(),
        format!("redis://127.0.0.1:{}", redis.port),
    ];
    let near = program.start(Cores::Any, &arguments, options)?;
    let far = program.start(Cores::Any, &arguments, options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if !options.short {
        println!(
            "µs: of {SIZE} bytes, to the client of the same node and to that of the other; CPU per broadcast"
        );
        println!("  rate   local p50     p99   remote p50     p99     max   CPU near   far  Redis");
    }
    for rate in RATES {
        let (messages, line) = runtime.block_on(measure(&near, &far, &redis, rate, options))?;
        if options.short {
            println!("every message came, once and in order: {messages} at {rate}/s");
            return Ok(());
        }
        println!("{line}");
    }
    Ok(())
}

async fn measure(
    near: &Server,
    far: &Server,
    redis: &Redis,
    rate: u32,
    options: &Options,
) -> Result<(u64, String), Failure> {
    let mut sender = connect(near).await?;
    let mut here = connect(near).await?;
    let mut there = connect(far).await?;
    let pace = options.pace();
    let messages = (f64::from(rate) * (pace.seconds + pace.warm_up.as_secs_f64())) as u64;
    let warm = (f64::from(rate) * pace.warm_up.as_secs_f64()) as u64;
    let began = Instant::now();
    let cpu = || -> Result<[f64; 3], Failure> {
        Ok([near.cpu()?, far.cpu()?, process::cpu(redis.child.id())?])
    };
    let sending = async {
        let mut tick = interval(Duration::from_millis(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut sent, mut used) = (0, cpu()?);
        while sent < messages {
            tick.tick().await;
            let due = began.elapsed().as_micros() as u64 * u64::from(rate) / 1_000_000;
            while sent < due.min(messages) {
                if sent == warm {
                    used = cpu()?;
                }
                // The time goes with the message: it is read where it arrives.
                let now = began.elapsed().as_nanos();
                let text = format!("{sent} {now} {}", "x".repeat(SIZE));
                let text = text.get(..SIZE).unwrap_or_default();
                send(&mut sender, format!(r#"42["cast","{text}"]"#)).await?;
                sent += 1;
            }
            // Its own copies are taken, so that it is no slow reader.
            while let Ok(Some(message)) = timeout(Duration::ZERO, sender.next()).await {
                message.map_err(broken)?;
            }
        }
        Ok::<_, Failure>(used)
    };
    let (used, local, remote) = tokio::try_join!(
        sending,
        receive(&mut here, began, warm, messages),
        receive(&mut there, began, warm, messages),
    )?;
    let [near, far, redis] = cpu()?;
    let of_each = |now: f64, before: f64| (now - before) / (messages - warm) as f64;
    let (local, remote) = (percentiles(&local)?, percentiles(&remote)?);
    let line = format!(
        "{rate:>6} {:>11.0} {:>7.0} {:>12.0} {:>7.0} {:>7.0} {:>10.1} {:>5.1} {:>6.1}",
        local.p50,
        local.p99,
        remote.p50,
        remote.p99,
        remote.max,
        of_each(near, used[0]),
        of_each(far, used[1]),
        of_each(redis, used[2]),
    );
    Ok((messages, line))
}

fn percentiles(latencies: &Latencies) -> Result<Percentiles, Failure> {
    latencies.percentiles().ok_or(Failure::Lost(1))
}

/// All messages, each once and in order.
async fn receive(
    socket: &mut Socket,
    began: Instant,
    warm: u64,
    messages: u64,
) -> Result<Latencies, Failure> {
    let mut latencies = Latencies::new();
    let mut next = 0;
    while next < messages {
        let text = receive_text(socket)
            .await
            .map_err(|failure| match failure {
                Failure::Stuck => Failure::Lost(messages - next),
                other => other,
            })?;
        if text == "2" {
            send(socket, "3".to_owned()).await?;
            continue;
        }
        let now = began.elapsed();
        let mut words = text
            .strip_prefix(r#"42["news",""#)
            .unwrap_or_default()
            .split(' ');
        let number = words.next().and_then(|number| number.parse::<u64>().ok());
        let sent = words.next().and_then(|sent| sent.parse::<u64>().ok());
        let (Some(number), Some(sent)) = (number, sent) else {
            return Err(Failure::unexpected(text.as_bytes(), b"news"));
        };
        if number != next {
            return Err(Failure::unexpected(
                text.as_bytes(),
                next.to_string().as_bytes(),
            ));
        }
        next += 1;
        if number >= warm {
            latencies.record(now.saturating_sub(Duration::from_nanos(sent)));
        }
    }
    Ok(latencies)
}

async fn connect(server: &Server) -> Result<Socket, Failure> {
    let address = server.address;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
    let (mut socket, _) = client_async(url, stream).await.map_err(broken)?;
    receive_text(&mut socket).await?;
    send(&mut socket, "40".to_owned()).await?;
    receive_text(&mut socket).await?;
    Ok(socket)
}

async fn send(socket: &mut Socket, text: String) -> Result<(), Failure> {
    socket.send(Message::text(text)).await.map_err(broken)
}

async fn receive_text(socket: &mut Socket) -> Result<String, Failure> {
    let message = timeout(PATIENCE, socket.next()).await;
    match message.map_err(|_| Failure::Stuck)? {
        Some(Ok(message)) => Ok(message.to_text().map_err(broken)?.to_owned()),
        Some(Err(error)) => Err(broken(error)),
        None => Err(Failure::Stuck),
    }
}

fn broken(error: tokio_tungstenite::tungstenite::Error) -> Failure {
    Failure::Io(std::io::Error::other(error))
}
