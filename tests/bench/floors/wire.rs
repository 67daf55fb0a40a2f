//! What the bench asks for, told by the first bytes of a message. No JSON is parsed.

/// A text message from the client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request<'a> {
    Connect,
    /// To be answered: the ack's id, and the argument with its closing bracket.
    Echo {
        id: &'a [u8],
        rest: &'a [u8],
    },
    /// The same with a placeholder. The attachment comes next, and is sent back as it is.
    Binary {
        id: &'a [u8],
        rest: &'a [u8],
    },
    /// For all: the argument with its closing bracket.
    Cast {
        rest: &'a [u8],
    },
    Join {
        id: &'a [u8],
        room: &'a [u8],
    },
    /// For a room.
    Say {
        room: &'a [u8],
        rest: &'a [u8],
    },
    /// Nothing to do.
    Other,
}

impl<'a> Request<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        Self::event(text).unwrap_or(Self::Other)
    }

    fn event(text: &'a [u8]) -> Option<Self> {
        if let Some(event) = text.strip_prefix(b"42") {
            let (id, event) = number(event);
            if let Some(rest) = event.strip_prefix(b"[\"echo\",") {
                return Some(Self::Echo { id, rest });
            }
            if let Some(rest) = event.strip_prefix(b"[\"json\",") {
                return Some(Self::Echo { id, rest });
            }
            if let Some(rest) = event.strip_prefix(b"[\"cast\",") {
                return Some(Self::Cast { rest });
            }
            if let Some(event) = event.strip_prefix(b"[\"say\",\"") {
                let (room, rest) = event.split_at_checked(quote(event)?)?;
                let rest = rest.strip_prefix(b"\",")?;
                return Some(Self::Say { room, rest });
            }
            let event = event.strip_prefix(b"[\"join\",\"")?;
            let room = event.get(..quote(event)?)?;
            return Some(Self::Join { id, room });
        }
        if let Some(event) = text.strip_prefix(b"451-") {
            let (id, event) = number(event);
            let rest = event.strip_prefix(b"[\"binary\",")?;
            return Some(Self::Binary { id, rest });
        }
        (text == b"40").then_some(Self::Connect)
    }

    /// The text that answers the one who asks, if it is answered.
    pub(crate) fn answer(&self) -> Option<[&'a [u8]; 4]> {
        match *self {
            Self::Connect => Some([b"40{\"sid\":\"", b"00000000000000000000", b"\"}", b""]),
            Self::Echo { id, rest } => Some([b"43", id, b"[", rest]),
            Self::Binary { id, rest } => Some([b"461-", id, b"[", rest]),
            Self::Join { id, .. } => Some([b"43", id, b"[", b"]"]),
            Self::Cast { .. } | Self::Say { .. } | Self::Other => None,
        }
    }
}

/// The text that a broadcast is.
pub(crate) fn news(rest: &[u8]) -> [&[u8]; 2] {
    [b"42[\"news\",", rest]
}

/// What a session opens with.
pub(crate) const OPEN: &[u8] = br#"0{"sid":"00000000000000000000","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// Ends this process with its standard input.
pub(crate) fn end_with_stdin() {
    std::thread::spawn(|| {
        let _ = std::io::Read::read_to_end(&mut std::io::stdin(), &mut Vec::new());
        std::process::exit(0);
    });
}

fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(digits)
}

fn quote(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| *byte == b'"')
}
