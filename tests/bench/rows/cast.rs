//! A broadcast to everybody, one after the other.

use std::time::Instant;

use super::pace::{Pace, QUIET};
use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, TEXT, Template},
    servers::Server,
    table::Measured,
};

/// One of the recipients asks for a broadcast, and for the next one as soon as all have got it.
pub(crate) fn run(
    server: &Server,
    recipients: usize,
    size: usize,
    pace: &Pace,
) -> Result<Measured, Failure> {
    let mut crowd = Crowd::new(server)?;
    crowd.open(recipients)?;
    broadcasts(server, &mut crowd, size, pace)
}

/// The same with recipients that are there already.
pub(crate) fn broadcasts(
    server: &Server,
    crowd: &mut Crowd,
    size: usize,
    pace: &Pace,
) -> Result<Measured, Failure> {
    let recipients = crowd.len();
    let payload = format!("#{}", "x".repeat(size - 8));
    let mut request = Template::text(&format!(r##"42["cast","{payload}"]"##));
    let mut news = Template::plain(&format!(r##"42["news","{payload}"]"##));
    // The number of the broadcast that each waits for.
    let mut next = vec![FIRST; recipients];
    let mut number = FIRST;
    let mut delivered: u64 = 0;
    let measured = pace.measure(server, |latencies| {
        let sent = Instant::now();
        crowd.send(0, request.with(number))?;
        let expected = news.with(number);
        let mut missing = recipients as u64;
        while missing > 0 {
            let turned = crowd.turn(&mut |index, frame, at, _| {
                if frame.opcode != TEXT
                    || !is_news(frame.payload, expected)
                    || next[index] != number
                {
                    return Err(Failure::unexpected(frame.payload, expected));
                }
                next[index] += 1;
                missing -= 1;
                latencies.record(at - sent);
                Ok(())
            });
            match turned {
                Err(Failure::Stuck) => return Err(Failure::Lost(missing)),
                turned => turned?,
            }
        }
        number += 1;
        delivered += recipients as u64;
        Ok(delivered)
    })?;
    crowd.stay_quiet(QUIET)?;
    Ok(measured)
}

/// Whether it is the event that is expected. With recovery an offset follows its arguments.
fn is_news(payload: &[u8], expected: &[u8]) -> bool {
    let start = expected.strip_suffix(b"]").unwrap_or(expected);
    match payload.strip_prefix(start) {
        Some(b"]") => true,
        Some([b',', b'"', offset @ .., b'"', b']']) => {
            let is_of_one = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
            !offset.is_empty() && offset.iter().all(is_of_one)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_is_the_event_itself_or_with_an_offset() {
        let expected = br#"42["news","x"]"#;
        let is = |payload: &[u8]| is_news(payload, expected);
        assert!(is(expected) && is(br#"42["news","x","a0"]"#));
        for other in [
            &br#"42["news","y"]"#[..],
            br#"42["news","x",""]"#,
            br#"42["news","x","a","b"]"#,
        ] {
            assert!(!is(other));
        }
    }
}
