//! Events with an ack that brings the argument back.

mod payload;

use std::time::Instant;

use super::pace::{Pace, QUIET};
use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, Frame, Template},
    latency::Latencies,
    reactor::PATIENCE,
    servers::Server,
    table::Measured,
};
pub(crate) use payload::Kind;

/// How many connections echo.
const CONNECTIONS: usize = 100;

/// What one connection has sent and got.
#[derive(Debug, Clone)]
struct Line {
    sent: u64,
    answered: u64,
    /// The text of an answer has come, its attachment has not.
    half: bool,
    under_way: Vec<UnderWay>,
}

/// A message that has been sent, and not been answered.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    number: u64,
    sent: Instant,
}

struct Echo {
    kind: Kind,
    request: Template,
    /// The payloads of an answer, in their order.
    answer: Vec<(u8, Template)>,
    lines: Vec<Line>,
    answered: u64,
    stopping: bool,
}

impl Echo {
    fn new(kind: Kind, window: u64, size: usize) -> Self {
        let (request, answer) = kind.templates(size);
        let line = Line {
            sent: FIRST,
            answered: FIRST,
            half: false,
            under_way: Vec::with_capacity(window as usize),
        };
        Self {
            kind,
            request,
            answer,
            lines: vec![line; CONNECTIONS],
            answered: 0,
            stopping: false,
        }
    }

    fn next_request(&mut self, index: usize, now: Instant, out: &mut Vec<u8>) {
        let line = &mut self.lines[index];
        out.extend_from_slice(self.request.with(line.sent));
        line.under_way.push(UnderWay {
            number: line.sent,
            sent: now,
        });
        line.sent += 1;
    }

    fn on_frame(
        &mut self,
        index: usize,
        frame: Frame<'_>,
        at: Instant,
        out: &mut Vec<u8>,
        latencies: &mut Latencies,
    ) -> Result<(), Failure> {
        let line = &mut self.lines[index];
        let (opcode, template) = &mut self.answer[usize::from(line.half)];
        let number = match self.kind {
            // The next one, in whatever order they come.
            Kind::Overlapping => number(frame.payload),
            _ => line.answered,
        };
        let expected = template.with(number);
        if frame.opcode != *opcode || frame.payload != expected {
            return Err(Failure::unexpected(frame.payload, expected));
        }
        let mut under_way = line.under_way.iter();
        let Some(place) = under_way.position(|it| it.number == number) else {
            return Err(Failure::unexpected(frame.payload, b""));
        };
        line.half = !line.half && self.answer.len() == 2;
        if !line.half {
            latencies.record(at - line.under_way.remove(place).sent);
            line.answered += 1;
            self.answered += 1;
            if !self.stopping {
                self.next_request(index, at, out);
            }
        }
        Ok(())
    }

    fn outstanding(&self) -> u64 {
        self.lines
            .iter()
            .map(|line| line.sent - line.answered)
            .sum()
    }
}

/// The number in the ack's id of an answer.
fn number(payload: &[u8]) -> u64 {
    let digits = payload.get(2..10).unwrap_or_default().iter();
    digits.fold(0, |number, digit| number * 10 + u64::from(digit & 0x0f))
}

/// `window` messages are under way on each connection at any time.
pub(crate) fn run(
    server: &Server,
    kind: Kind,
    window: u64,
    size: usize,
    pace: &Pace,
) -> Result<Measured, Failure> {
    let mut crowd = Crowd::new(server)?;
    crowd.open(CONNECTIONS)?;
    let mut echo = Echo::new(kind, window, size);
    for index in 0..CONNECTIONS {
        let mut out = Vec::new();
        for _ in 0..window {
            echo.next_request(index, Instant::now(), &mut out);
        }
        crowd.send(index, &out)?;
    }
    let measured = pace.measure(server, |latencies| {
        crowd.turn(&mut |index, frame, at, out| echo.on_frame(index, frame, at, out, latencies))?;
        Ok(echo.answered)
    })?;
    echo.stopping = true;
    let mut unused = Latencies::new();
    let given_up = Instant::now() + PATIENCE;
    while echo.outstanding() > 0 {
        let waited = crowd
            .turn(&mut |index, frame, at, out| echo.on_frame(index, frame, at, out, &mut unused));
        match waited {
            Ok(()) if Instant::now() < given_up => {}
            Ok(()) | Err(Failure::Stuck) => return Err(Failure::Lost(echo.outstanding())),
            Err(failure) => return Err(failure),
        }
    }
    crowd.stay_quiet(QUIET)?;
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::TEXT;

    /// What the checker says to answers with these numbers, after two requests.
    fn check(kind: Kind, answers: &[u64]) -> Result<u64, Failure> {
        let mut echo = Echo::new(kind, 2, 32);
        let mut out = Vec::new();
        for _ in 0..2 {
            echo.next_request(0, Instant::now(), &mut out);
        }
        echo.stopping = true;
        let (_, mut answer) = kind.templates(32);
        for number in answers {
            let payload = answer[0].1.with(*number);
            let frame = Frame {
                opcode: TEXT,
                compressed: false,
                payload,
                length: payload.len() + 2,
            };
            let mut latencies = Latencies::new();
            echo.on_frame(0, frame, Instant::now(), &mut out, &mut latencies)?;
        }
        Ok(echo.outstanding())
    }

    #[test]
    fn an_answer_that_is_lost_is_missing() {
        assert!(matches!(check(Kind::Text, &[FIRST, FIRST + 1]), Ok(0)));
        assert!(matches!(check(Kind::Text, &[FIRST]), Ok(1)));
    }

    #[test]
    fn an_answer_that_comes_twice_or_too_early_or_unasked_fails() {
        assert!(check(Kind::Text, &[FIRST, FIRST]).is_err());
        assert!(check(Kind::Text, &[FIRST + 1, FIRST]).is_err());
        assert!(check(Kind::Text, &[FIRST, FIRST + 1, FIRST + 2]).is_err());
    }

    #[test]
    fn answers_of_handlers_that_overlap_come_in_any_order_but_once() {
        let check = |answers: &[u64]| check(Kind::Overlapping, answers);
        assert!(matches!(check(&[FIRST + 1, FIRST]), Ok(0)));
        assert!(check(&[FIRST, FIRST]).is_err());
        assert!(check(&[FIRST + 2]).is_err());
    }
}
