//! What is counted.

use std::net::SocketAddr;

use crate::{
    Result,
    client::{BINARY, Polling, TEXT, WebSocket, frame},
};

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What one count is for, and how many of it a round has.
    pub(crate) unit: &'static str,
    pub(crate) units: usize,
    pub(crate) run: fn(SocketAddr, usize) -> Result<()>,
}

const fn row(
    name: &'static str,
    unit: &'static str,
    units: usize,
    run: fn(SocketAddr, usize) -> Result<()>,
) -> Row {
    Row {
        name,
        unit,
        units,
        run,
    }
}

/// As the bench's rows (`tests/bench`), which measure the time.
pub(crate) const ROWS: &[Row] = &[
    row("echo1-32", "message", 1, |address, rounds| {
        echo(address, rounds, 1, &text(32))
    }),
    row("echo16-32", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &text(32))
    }),
    row("echo16-1k", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &text(1024))
    }),
    row("echo1-16k", "message", 1, |address, rounds| {
        echo(address, rounds, 1, &text(16 * 1024))
    }),
    row("json16-1k", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &json())
    }),
    row("binary1-1k", "message", 1, |address, rounds| {
        binary(address, rounds, 1)
    }),
    row("binary16-1k", "message", 16, |address, rounds| {
        binary(address, rounds, 16)
    }),
    row("event16-32", "message", 16, event),
    row("late16-32", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &named("late", text(32)))
    }),
    row("overlap16-32", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &named("overlap", text(32)))
    }),
    row("struct16-200", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &message("struct"))
    }),
    row("value16-200", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &message("value"))
    }),
    row("wrap16-32", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &text(32))
    }),
    row("wrap3-16-32", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &text(32))
    }),
    row("layer16-32", "message", 16, |address, rounds| {
        echo(address, rounds, 16, &text(32))
    }),
    row("broadcast100-32", "delivery", 100, |address, rounds| {
        broadcast(address, rounds, 100, 32)
    }),
    row("broadcast100-1k", "delivery", 100, |address, rounds| {
        broadcast(address, rounds, 100, 1024)
    }),
    row("recover100-32", "delivery", 100, |address, rounds| {
        broadcast(address, rounds, 100, 32)
    }),
    row("broadcast1-32", "event", 1, |address, rounds| {
        broadcast(address, rounds, 1, 32)
    }),
    row("cluster1-32", "event", 1, |address, rounds| {
        broadcast(address, rounds, 1, 32)
    }),
    row("rooms10x10-32", "delivery", 100, rooms),
    row("connect", "connection", 1, connect),
    row("connect-polling", "connection", 1, connect_polling),
    row("connect-upgrade", "connection", 1, connect_upgrade),
    row("polling-echo", "message", 1, polling_echo),
];

/// An event's name and its argument.
type Event = (&'static str, String);

fn text(size: usize) -> Event {
    ("echo", format!("\"{}\"", "x".repeat(size)))
}

fn named(name: &'static str, (_, argument): Event) -> Event {
    (name, argument)
}

/// A message of a chat, 200 bytes long. Its keys are in alphabetical order, so a `serde_json::Value` writes it alike.
fn message(name: &'static str) -> Event {
    let start = r#"{"from":"somebody","id":1234567,"private":false,"reply_to":null,"tags":["red","green"],"text":""#;
    let text = "x".repeat(200 - start.len() - 2);
    (name, format!("{start}{text}\"}}"))
}

/// Objects of nearly 1 KiB together.
fn json() -> Event {
    let item = r#"{"at":{"x":12.5,"y":-3},"id":1234567,"name":"an item of a list","on":[true,false,null],"tags":["red","green"]}"#;
    ("json", format!("[{}]", [item; 9].join(",")))
}

/// Rounds of events under way at the same time, each answered.
fn echo(
    address: SocketAddr,
    rounds: usize,
    at_once: usize,
    (name, argument): &Event,
) -> Result<()> {
    let mut client = WebSocket::connect(address)?;
    let request = format!(r#"427["{name}",{argument}]"#);
    let request = frame(TEXT, request.as_bytes()).repeat(at_once);
    let answer = format!("437[{argument}]");
    for _ in 0..rounds {
        client.send(&request)?;
        for _ in 0..at_once {
            client.expect(answer.as_bytes())?;
        }
    }
    Ok(())
}

fn binary(address: SocketAddr, rounds: usize, at_once: usize) -> Result<()> {
    let mut client = WebSocket::connect(address)?;
    let bytes = [0xa5; 1024];
    let mut request = frame(TEXT, br#"451-7["binary",{"_placeholder":true,"num":0}]"#);
    request.extend(frame(BINARY, &bytes));
    let request = request.repeat(at_once);
    for _ in 0..rounds {
        client.send(&request)?;
        for _ in 0..at_once {
            client.expect(br#"461-7[{"_placeholder":true,"num":0}]"#)?;
            client.expect(&bytes)?;
        }
    }
    Ok(())
}

/// As `echo`, but the answers are events.
fn event(address: SocketAddr, rounds: usize) -> Result<()> {
    let mut client = WebSocket::connect(address)?;
    let (_, argument) = text(32);
    let request = frame(TEXT, format!(r#"42["event",{argument}]"#).as_bytes()).repeat(16);
    let answer = format!(r#"42["news",{argument}]"#);
    for _ in 0..rounds {
        client.send(&request)?;
        for _ in 0..16 {
            client.expect(answer.as_bytes())?;
        }
    }
    Ok(())
}

fn many(address: SocketAddr, clients: usize) -> Result<Vec<WebSocket>> {
    (0..clients).map(|_| WebSocket::connect(address)).collect()
}

/// One of the clients says something to all of them.
fn broadcast(address: SocketAddr, rounds: usize, clients: usize, size: usize) -> Result<()> {
    let mut clients = many(address, clients)?;
    let (_, argument) = text(size);
    let request = frame(TEXT, format!(r#"42["cast",{argument}]"#).as_bytes());
    // With recovery an argument follows.
    let news = format!(r#"42["news",{argument}"#);
    for _ in 0..rounds {
        clients[0].send(&request)?;
        for client in &mut clients {
            client.expect(news.as_bytes())?;
        }
    }
    Ok(())
}

/// One client of each of 10 rooms says something to the 10 clients of its room.
fn rooms(address: SocketAddr, rounds: usize) -> Result<()> {
    let mut clients = many(address, 100)?;
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(&frame(
            TEXT,
            format!(r#"421["join","room {}"]"#, index / 10).as_bytes(),
        ))?;
        client.expect(b"431[")?;
    }
    let (_, argument) = text(32);
    let news = format!(r#"42["news",{argument}]"#);
    for _ in 0..rounds {
        for (index, room) in clients.chunks_mut(10).enumerate() {
            let request = format!(r#"42["say","room {index}",{argument}]"#);
            room[0].send(&frame(TEXT, request.as_bytes()))?;
            for client in room {
                client.expect(news.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// A client comes, has one event answered, and goes.
fn connect(address: SocketAddr, rounds: usize) -> Result<()> {
    for _ in 0..rounds {
        echo(address, 1, 1, &text(32))?;
    }
    Ok(())
}

fn connect_polling(address: SocketAddr, rounds: usize) -> Result<()> {
    for _ in 0..rounds {
        let mut client = Polling::connect(address)?;
        client.post("1")?;
    }
    Ok(())
}

/// A client comes by polling, goes over to a WebSocket, has one event answered, and goes.
fn connect_upgrade(address: SocketAddr, rounds: usize) -> Result<()> {
    for _ in 0..rounds {
        let mut polling = Polling::connect(address)?;
        let mut client = WebSocket::upgrade(address, &mut polling)?;
        client.send(&frame(TEXT, br#"427["echo","upgraded"]"#))?;
        client.expect(br#"437["upgraded"]"#)?;
    }
    Ok(())
}

/// A poll waits, a POST brings the event, the poll brings the answer.
fn polling_echo(address: SocketAddr, rounds: usize) -> Result<()> {
    let mut client = Polling::connect(address)?;
    let (_, argument) = text(32);
    let request = format!(r#"427["echo",{argument}]"#);
    let answer = format!("437[{argument}]");
    for _ in 0..rounds {
        client.poll()?;
        client.post(&request)?;
        client.expect(&answer)?;
    }
    Ok(())
}
