//! Content codings (RFC 9110 section 8.4): what a client takes, and what an answer has.

use std::fmt;

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY},
};

/// How the body of an answer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Gzip,
    /// In the format of zlib, as RFC 9110 has it.
    Deflate,
}

impl ContentCoding {
    /// Its name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// What the values of `Accept-Encoding` ask for. Of two that are wanted alike it is gzip. `None` if neither is wanted, or not
    /// as much as none at all.
    pub(crate) fn wanted<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut wanted = WantedCoding::default();
        for value in values {
            for element in value.split(|byte| *byte == b',') {
                wanted.note(element);
            }
        }
        wanted.coding()
    }

    /// What a request asks for.
    pub(super) fn wanted_by(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(ACCEPT_ENCODING).iter();
        Self::wanted(values.map(HeaderValue::as_bytes))
    }

    /// Says in the head of an answer how it is compressed.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(self.name()));
        vary(headers);
    }
}

/// Says in the head of an answer that another client may get it compressed otherwise.
pub(super) fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
}

impl fmt::Display for ContentCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much a client wants each coding, in thousandths; `None` if it does not name it.
#[derive(Default)]
struct WantedCoding {
    gzip: Option<u16>,
    deflate: Option<u16>,
    identity: Option<u16>,
    /// What is not named.
    others: Option<u16>,
}

impl WantedCoding {
    /// One element of the list: `gzip;q=0.5`.
    fn note(&mut self, element: &[u8]) {
        let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let slot = if is("gzip") || is("x-gzip") {
            &mut self.gzip
        } else if is("deflate") {
            &mut self.deflate
        } else if is("identity") {
            &mut self.identity
        } else if is("*") {
            &mut self.others
        } else {
            return;
        };
        let weight = parts.find_map(|part| {
            let value = part.strip_prefix(b"q=").or(part.strip_prefix(b"Q="))?;
            Some(thousandths(value))
        });
        *slot = Some(weight.unwrap_or(1_000));
    }

    fn coding(&self) -> Option<ContentCoding> {
        let gzip = self.gzip.or(self.others).unwrap_or(0);
        let deflate = self.deflate.or(self.others).unwrap_or(0);
        // One that is not named is wanted least of all that are.
        let identity = self.identity.unwrap_or(0);
        let (coding, weight) = if gzip >= deflate {
            (ContentCoding::Gzip, gzip)
        } else {
            (ContentCoding::Deflate, deflate)
        };
        (weight > 0 && weight >= identity).then_some(coding)
    }
}

/// A weight, `0.125` for example. What is none is 0: nobody is sent what he may not have asked for.
fn thousandths(value: &[u8]) -> u16 {
    let (whole, fraction) = match value.split_first() {
        Some((whole @ (b'0' | b'1'), rest)) => (u16::from(whole - b'0'), rest),
        _ => return 0,
    };
    let digits = match fraction {
        [] => fraction,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return 0,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let padded = digits.iter().chain(b"000").take(3);
    let fraction = padded.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    (whole * 1_000 + fraction).min(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_is_what_the_client_wants_most() {
        let gzip = Some(ContentCoding::Gzip);
        let deflate = Some(ContentCoding::Deflate);
        for (values, expected) in [
            (&["gzip"][..], gzip),
            (&["gzip, deflate, br, zstd"], gzip),
            (&["deflate, gzip"], gzip),
            (&["deflate"], deflate),
            (&["GZIP"], gzip),
            (&["x-gzip"], gzip),
            (&["*"], gzip),
            (&["gzip;q=0, *"], deflate),
            (&["gzip;q=0.5, deflate;q=0.8"], deflate),
            (&["gzip;q=0.8, deflate;q=0.801"], deflate),
            (&["deflate; q=0.5 , gzip ; q=0.5"], gzip),
            (&["identity;q=0, gzip;q=0.1"], gzip),
            (&["gzip;q=1.0, identity; q=0.5, *;q=0"], gzip),
            (&["identity", "gzip"], gzip),
            (&["br", "deflate"], deflate),
            (&["identity, gzip;q=0.5"], None),
            (&["gzip;q=0"], None),
            (&["gzip;q=0.000, deflate;Q=0"], None),
            (&["*;q=0"], None),
            (&["identity"], None),
            (&["identity;q=0"], None),
            (&["br, zstd"], None),
            (&["gzipped"], None),
            (&["gzip;q=x"], None),
            (&["gzip;q="], None),
            (&["gzip;q=0.0001"], None),
            (&["gzip;q=2"], None),
            (&["gzip;q=-1"], None),
            (&[""], None),
            (&[",;,q=1"], None),
            (&[], None),
        ] {
            let given = values.iter().map(|value| value.as_bytes());
            assert_eq!(ContentCoding::wanted(given), expected, "{values:?}");
        }
    }
}
