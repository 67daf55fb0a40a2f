//! A client that blocks its thread, for those who do nothing but send, or nothing at all.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::{
    connection::{upgrade_request, upgraded},
    failure::Failure,
    frames::{self, Template},
    http,
    reactor::PATIENCE,
};

/// A connection whose writes and reads block, but not for ever.
pub(super) fn open(address: SocketAddr) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A socket over WebSocket.
pub(super) fn websocket(address: SocketAddr) -> Result<TcpStream, Failure> {
    let mut stream = open(address)?;
    stream.write_all(upgrade_request(address, "", "").as_bytes())?;
    let mut bytes = Vec::new();
    let head = wait_for(&mut stream, &mut bytes, upgraded)?;
    bytes.drain(..head);
    let frame = |bytes: &[u8]| Ok(frames::split(bytes).map(|(_, length)| length));
    let open = wait_for(&mut stream, &mut bytes, frame)?;
    bytes.drain(..open);
    stream.write_all(Template::text("40").with(0))?;
    wait_for(&mut stream, &mut bytes, frame)?;
    Ok(stream)
}

/// A socket over polling, and the id of its session.
pub(super) fn polling(address: SocketAddr) -> Result<(TcpStream, String), Failure> {
    let mut stream = open(address)?;
    let mut ask = |request: String| {
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        let answer = |bytes: &[u8]| Ok(http::split(bytes)?.map(|(body, _)| body.to_vec()));
        wait_for(&mut stream, &mut bytes, answer)
    };
    let sid = http::sid(&ask(get(""))?)?;
    ask(post(&sid, "40"))?;
    ask(get(&sid))?;
    Ok((stream, sid))
}

/// A request for a session, or for what it has to say.
pub(super) fn get(sid: &str) -> String {
    let sid = match sid {
        "" => String::new(),
        sid => format!("&sid={sid}"),
    };
    format!("GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: bench\r\n\r\n")
}

pub(super) fn post(sid: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: bench\r\n\
         Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Reads until `found` finds something in all that has come.
fn wait_for<T>(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    found: impl Fn(&[u8]) -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let mut block = [0; 4096];
    loop {
        if let Some(found) = found(bytes)? {
            return Ok(found);
        }
        match stream.read(&mut block)? {
            0 => return Err(Failure::handshake(bytes)),
            length => bytes.extend_from_slice(&block[..length]),
        }
    }
}
