//! Clients that do nothing wrong: each sends an event now and then and waits for its answer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, Frame, Template},
    latency::Latencies,
    reactor::PATIENCE,
    servers::Server,
};

/// The time from one event of a client to its next.
const PERIOD: Duration = Duration::from_millis(100);

/// A client.
#[derive(Debug)]
struct Line {
    cut: bool,
    sent: u64,
    answered: u64,
    /// When those that have not been answered were due.
    due: VecDeque<Instant>,
}

/// The clients. They send whether the server keeps up or not.
pub(super) struct Others {
    crowd: Crowd,
    lines: Vec<Line>,
    request: Template,
    answer: Template,
    /// When the first event was due, and how many have been since.
    started: Instant,
    turns: u32,
    pub(super) found: Found,
}

/// How they fared.
#[derive(Debug)]
pub(super) struct Found {
    /// From the time at which an event was due to the time at which its answer had been read. So what the load generator
    /// is late by counts as well.
    pub(super) latencies: Latencies,
    /// What the load generator was late by.
    pub(super) late: Latencies,
    pub(super) cut: usize,
    /// Answers that never came to those who were not cut.
    pub(super) lost: usize,
}

impl Others {
    pub(super) fn connect(server: &Server, count: usize) -> Result<Self, Failure> {
        let mut crowd = Crowd::new(server)?;
        crowd.open(count)?;
        let line = || Line {
            cut: false,
            sent: FIRST,
            answered: FIRST,
            due: VecDeque::new(),
        };
        Ok(Self {
            crowd,
            lines: std::iter::repeat_with(line).take(count).collect(),
            request: Template::text(r##"42#["echo","#"]"##),
            answer: Template::plain(r##"43#["#"]"##),
            started: Instant::now(),
            turns: 0,
            found: Found {
                latencies: Latencies::new(),
                late: Latencies::new(),
                cut: 0,
                lost: 0,
            },
        })
    }

    /// Begins to send from now on.
    pub(super) fn restart(&mut self) {
        self.started = Instant::now();
        self.turns = 0;
    }

    /// Goes on until then.
    pub(super) fn run(&mut self, end: Instant) -> Result<(), Failure> {
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let due = self.due();
            if due <= now {
                self.send(due, now);
            } else {
                self.turn(due.min(end) - now)?;
            }
        }
    }

    /// Sends nothing more, and waits for the answers.
    pub(super) fn finish(mut self) -> Result<Found, Failure> {
        let given_up = Instant::now() + PATIENCE;
        while self.waiting().next().is_some() && Instant::now() < given_up {
            self.turn(PERIOD)?;
        }
        let missing: Vec<Instant> = self.waiting().copied().collect();
        self.found.lost = missing.len();
        for due in missing {
            self.found.latencies.record(due.elapsed());
        }
        Ok(self.found)
    }

    fn waiting(&self) -> impl Iterator<Item = &Instant> {
        let lines = self.lines.iter().filter(|line| !line.cut);
        lines.flat_map(|line| &line.due)
    }

    /// When the next event is due. Their times are spread over the period.
    fn due(&self) -> Instant {
        self.started + PERIOD * self.turns / self.lines.len() as u32
    }

    fn send(&mut self, due: Instant, now: Instant) {
        let index = self.turns as usize % self.lines.len();
        self.turns += 1;
        let line = &mut self.lines[index];
        if line.cut {
            return;
        }
        self.found.late.record(now - due);
        let request = self.request.with(line.sent);
        line.sent += 1;
        line.due.push_back(due);
        if self.crowd.send(index, request).is_err() {
            line.cut = true;
            self.found.cut += 1;
        }
    }

    fn turn(&mut self, time: Duration) -> Result<(), Failure> {
        let Self {
            crowd,
            lines,
            answer,
            found,
            ..
        } = self;
        let mut cut = Vec::new();
        crowd.turn_for(
            time,
            &mut |index, frame, at, _| lines[index].on_frame(frame, at, answer, found),
            &mut |index, failure| match failure {
                Failure::Closed { .. } | Failure::Io(_) => {
                    cut.push(index);
                    Ok(())
                }
                other => Err(other),
            },
        )?;
        for index in cut {
            found.cut += usize::from(!lines[index].cut);
            lines[index].cut = true;
        }
        Ok(())
    }
}

impl Line {
    fn on_frame(
        &mut self,
        frame: Frame<'_>,
        at: Instant,
        answer: &mut Template,
        found: &mut Found,
    ) -> Result<(), Failure> {
        if frame.payload.starts_with(b"42[\"news\"") || frame.opcode == crate::frames::CLOSE {
            // A broadcast, or the word before the end.
            return Ok(());
        }
        let expected = answer.with(self.answered);
        match self.due.pop_front() {
            Some(due) if frame.payload == expected => {
                found.latencies.record(at - due);
                self.answered += 1;
                Ok(())
            }
            _ => Err(Failure::unexpected(frame.payload, expected)),
        }
    }
}
