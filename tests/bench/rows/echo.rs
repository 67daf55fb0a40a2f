//! Events with an ack that brings the argument back.

use std::time::Instant;

use super::{QUIET, measure};
use crate::{
    crowd::{Crowd, PATIENCE},
    failure::Failure,
    frames::{BINARY, FIRST, Frame, TEXT, Template},
    servers::Server,
    table::Measured,
};

/// How many connections echo.
const CONNECTIONS: usize = 100;

/// What is echoed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// An attachment.
    Binary,
}

/// What one connection has sent and got.
#[derive(Debug, Clone, Copy)]
struct Line {
    sent: u64,
    answered: u64,
    /// The text of an answer has come, its attachment has not.
    half: bool,
}

struct Echo {
    request: Template,
    /// The payloads of an answer, in their order.
    answer: Vec<(u8, Template)>,
    lines: Vec<Line>,
    answered: u64,
    stopping: bool,
}

impl Echo {
    fn new(kind: Kind, size: usize) -> Self {
        // The number stands in the ack's id and in the payload, so neither can be another message's.
        let payload = format!("#{}", "x".repeat(size - 8));
        let (request, answer) = match kind {
            Kind::Text => (
                Template::default().frame(TEXT, &format!(r##"42#["echo","{payload}"]"##)),
                vec![(TEXT, Template::plain(&format!(r##"43#["{payload}"]"##)))],
            ),
            Kind::Binary => (
                Template::default()
                    .frame(TEXT, r##"451-#["binary",{"_placeholder":true,"num":0}]"##)
                    .frame(BINARY, &payload),
                vec![
                    (
                        TEXT,
                        Template::plain(r##"461-#[{"_placeholder":true,"num":0}]"##),
                    ),
                    (BINARY, Template::plain(&payload)),
                ],
            ),
        };
        let line = Line {
            sent: FIRST,
            answered: FIRST,
            half: false,
        };
        Self {
            request,
            answer,
            lines: vec![line; CONNECTIONS],
            answered: 0,
            stopping: false,
        }
    }

    fn next_request(&mut self, index: usize, out: &mut Vec<u8>) {
        let line = &mut self.lines[index];
        out.extend_from_slice(self.request.with(line.sent));
        line.sent += 1;
    }

    fn on_frame(
        &mut self,
        index: usize,
        frame: Frame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let line = &mut self.lines[index];
        let (opcode, template) = &mut self.answer[usize::from(line.half)];
        let expected = template.with(line.answered);
        if frame.opcode != *opcode || frame.payload != expected {
            return Err(Failure::unexpected(frame.payload, expected));
        }
        if line.answered == line.sent {
            return Err(Failure::unexpected(frame.payload, b""));
        }
        line.half = !line.half && self.answer.len() == 2;
        if !line.half {
            line.answered += 1;
            self.answered += 1;
            if !self.stopping {
                self.next_request(index, out);
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

/// `window` messages are under way on each connection at any time.
pub(super) fn run(
    server: &Server,
    kind: Kind,
    window: u64,
    size: usize,
    seconds: f64,
) -> Result<Measured, Failure> {
    let mut crowd = Crowd::new(server)?;
    crowd.open(CONNECTIONS)?;
    let mut echo = Echo::new(kind, size);
    for index in 0..CONNECTIONS {
        let mut out = Vec::new();
        for _ in 0..window {
            echo.next_request(index, &mut out);
        }
        crowd.send(index, &out)?;
    }
    let measured = measure(server, seconds, || {
        crowd.turn(&mut |index, frame, out| echo.on_frame(index, frame, out))?;
        Ok(echo.answered)
    })?;
    echo.stopping = true;
    let given_up = Instant::now() + PATIENCE;
    while echo.outstanding() > 0 {
        let waited = crowd.turn(&mut |index, frame, out| echo.on_frame(index, frame, out));
        match waited {
            Ok(()) if Instant::now() < given_up => {}
            Ok(()) | Err(Failure::Stuck) => return Err(Failure::Lost(echo.outstanding())),
            Err(failure) => return Err(failure),
        }
    }
    crowd.stay_quiet(QUIET)?;
    Ok(measured)
}
