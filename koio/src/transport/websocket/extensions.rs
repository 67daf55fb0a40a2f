//! Negotiating extensions of WebSocket (RFC 6455 section 9): permessage-deflate (RFC 7692) is the only one. Pure.

/// What was agreed with a client that compresses its messages and takes compressed ones. Nothing is kept from one message
/// to the next, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) struct Agreed {
    /// The client has asked for a window, and is told which one the server has.
    server_window_bits: Option<u8>,
}

impl Agreed {
    /// What the response to the handshake says in `Sec-WebSocket-Extensions`. The client need not have offered the two
    /// parameters to get them (RFC 7692 sections 7.1.1.1 and 7.1.1.2).
    pub(in crate::transport) fn answer(self) -> String {
        let mut answer =
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover".to_owned();
        if let Some(bits) = self.server_window_bits {
            answer.push_str(&format!("; server_max_window_bits={bits}"));
        }
        answer
    }
}

/// The first offer that can be met, in the lines of `Sec-WebSocket-Extensions`. `window_bits`: of the server's compressors.
///
/// `None` also for lines that are malformed: without an extension every client can go on.
pub(in crate::transport) fn negotiate<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    window_bits: u8,
) -> Option<Agreed> {
    let mut agreed = None;
    for line in lines {
        let mut rest = Rest(line);
        loop {
            let offer = rest.offer(window_bits)?;
            agreed = agreed.or(offer);
            match rest.next() {
                None => break,
                Some(b',') => {}
                Some(_) => return None,
            }
        }
    }
    agreed
}

/// What has not been read of a line.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// Reads one offer, with its parameters. `None`: it is malformed. `Some(None)`: it can't be met, or there is none between
    /// two commas.
    fn offer(&mut self, window_bits: u8) -> Option<Option<Agreed>> {
        if matches!(self.peek(), None | Some(b',')) {
            return Some(None);
        }
        let mut can_meet = self.token()?.eq_ignore_ascii_case(b"permessage-deflate");
        let mut known = OfferedParameters::default();
        while self.peek() == Some(b';') {
            self.next();
            let name = self.token()?;
            let value = if self.peek() == Some(b'=') {
                self.next();
                Some(self.value()?)
            } else {
                None
            };
            can_meet &= known.note(name, value).is_some();
        }
        let server_window_bits = known.server_max_window_bits.map(|_| window_bits);
        can_meet &= known
            .server_max_window_bits
            .is_none_or(|most| window_bits <= most);
        Some(can_meet.then_some(Agreed { server_window_bits }))
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.0 = self.0.trim_ascii_start();
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.peek()?;
        self.0 = self.0.get(1..).unwrap_or_default();
        Some(next)
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        let end = self.0.iter().position(|byte| !is_token(*byte));
        let (token, rest) = self.0.split_at_checked(end.unwrap_or(self.0.len()))?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, or one in quotes.
    fn value(&mut self) -> Option<&'a [u8]> {
        if self.peek() != Some(b'"') {
            return self.token();
        }
        self.next();
        // Quoted, a value still has to be a token (RFC 6455 section 9.1).
        let value = self.token()?;
        (self.0.first() == Some(&b'"')).then(|| self.next())?;
        Some(value)
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The parameters of one offer (RFC 7692 section 7.1).
#[derive(Default)]
struct OfferedParameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    client_max_window_bits: bool,
    server_max_window_bits: Option<u8>,
}

impl OfferedParameters {
    /// Notes one. `None` if the offer must be declined: the parameter is unknown, comes twice, or has a value that is not
    /// allowed (section 7.1: "MUST decline").
    fn note(&mut self, name: &[u8], value: Option<&[u8]>) -> Option<()> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let seen = if is("server_no_context_takeover") {
            value.is_none().then_some(())?;
            std::mem::replace(&mut self.server_no_context_takeover, true)
        } else if is("client_no_context_takeover") {
            value.is_none().then_some(())?;
            std::mem::replace(&mut self.client_no_context_takeover, true)
        } else if is("client_max_window_bits") {
            // How far back the client looks: whatever it is, the server's window is long enough.
            if let Some(value) = value {
                bits(value)?;
            }
            std::mem::replace(&mut self.client_max_window_bits, true)
        } else if is("server_max_window_bits") {
            self.server_max_window_bits.replace(bits(value?)?).is_some()
        } else {
            return None;
        };
        (!seen).then_some(())
    }
}

/// A window, from 8 to 15, without a leading zero.
fn bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TAKEOVER: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    fn answer(lines: &[&str], window_bits: u8) -> Option<String> {
        let lines = lines.iter().map(|line| line.as_bytes());
        negotiate(lines, window_bits).map(Agreed::answer)
    }

    #[test]
    fn every_offer_that_can_be_met_is_answered_without_takeover() {
        for offer in [
            "permessage-deflate",
            "Permessage-Deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=8",
            "permessage-deflate; client_max_window_bits=\"10\"",
            "permessage-deflate;client_max_window_bits = 15 ; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
            "x-webkit-deflate-frame, permessage-deflate",
            "permessage-deflate; unknown, permessage-deflate",
            "permessage-bzip2; level=9; dict=\"a\", , permessage-deflate,",
        ] {
            assert_eq!(
                answer(&[offer], 15).as_deref(),
                Some(NO_TAKEOVER),
                "{offer}"
            );
        }
        let lines = ["x-unknown", "permessage-deflate"];
        assert_eq!(answer(&lines, 15).as_deref(), Some(NO_TAKEOVER));
    }

    #[test]
    fn an_offer_with_a_window_for_the_server_is_met_by_a_server_whose_window_is_not_longer() {
        for (most, window, met) in [
            (15, 15, true),
            (15, 9, true),
            (10, 10, true),
            (10, 15, false),
            (9, 9, true),
            (8, 9, false),
            (8, 15, false),
        ] {
            let offer = format!("permessage-deflate; server_max_window_bits={most}");
            let expected = format!("{NO_TAKEOVER}; server_max_window_bits={window}");
            assert_eq!(
                answer(&[&offer], window),
                met.then_some(expected),
                "{offer}"
            );
        }
    }

    #[test]
    fn the_first_of_several_offers_that_can_be_met_is_taken() {
        let offers = "permessage-deflate; server_max_window_bits=10, permessage-deflate; \
                      server_max_window_bits=15, permessage-deflate";
        let expected = format!("{NO_TAKEOVER}; server_max_window_bits=15");
        assert_eq!(answer(&[offers], 15), Some(expected));
        let lines = [
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate",
        ];
        assert_eq!(answer(&lines, 15).as_deref(), Some(NO_TAKEOVER));
    }

    #[test]
    fn what_must_be_declined_is() {
        for offer in [
            "",
            ",",
            "permessage-bzip2",
            "permessage-deflate2",
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits=8; client_max_window_bits=8",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=010",
            "permessage-deflate; client_max_window_bits=99999999999",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=x",
            "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
        ] {
            assert_eq!(answer(&[offer], 15), None, "{offer}");
        }
    }

    #[test]
    fn malformed_lines_agree_on_nothing() {
        for lines in [
            &["permessage-deflate;"][..],
            &["permessage-deflate; =8"],
            &["permessage-deflate; client_max_window_bits="],
            &["permessage-deflate; client_max_window_bits=\"8"],
            &["permessage-deflate; client_max_window_bits=\"\""],
            &["permessage-deflate permessage-deflate"],
            &["permessage-deflate, ;"],
            &["permessage-deflate, \"quoted\""],
            &["permessage-deflate", "a b"],
            &["permessage-deflate\u{e9}"],
        ] {
            assert_eq!(answer(lines, 15), None, "{lines:?}");
        }
    }
}
