//! The measurements, put together.

mod picture;
mod runs;
mod spread;
mod text;

use crate::{
    latency::Percentiles,
    process::Memory,
    rows::{Goal, Row},
    servers::{Kind, Program},
};
pub(crate) use runs::Runs;
pub(crate) use spread::Spread;
pub(crate) use text::markdown;

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// CPU time of a unit in microseconds, or what the row says.
    pub(crate) cost: f64,
    /// Units in a second.
    pub(crate) rate: Option<f64>,
    /// Bytes of a unit on the wire, where they are what the row is about.
    pub(crate) bytes: Option<f64>,
    /// How long a unit takes.
    pub(crate) latency: Option<Percentiles>,
    /// What the server had at the end.
    pub(crate) memory: Memory,
}

/// All measurements.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    kinds: Vec<Kind>,
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    row: &'static Row,
    /// For each repetition what each server gave; `None` where a server does not do that.
    measured: Vec<Vec<Option<Measured>>>,
}

impl Table {
    pub(crate) fn new(programs: &[Program]) -> Self {
        let kinds = programs.iter().map(|program| program.kind).collect();
        Self {
            kinds,
            lines: Vec::new(),
        }
    }

    /// Adds a repetition: one measurement for each server.
    pub(crate) fn add(&mut self, row: &'static Row, measured: Vec<Option<Measured>>) {
        match self.lines.last_mut() {
            Some(line) if line.row.name == row.name => line.measured.push(measured),
            _ => self.lines.push(Line {
                row,
                measured: vec![measured],
            }),
        }
    }

    /// The names of what was done.
    pub(crate) fn rows(&self) -> String {
        let names: Vec<&str> = self.lines.iter().map(|line| line.row.name).collect();
        names.join(" ")
    }

    /// The place of the server that all are compared with.
    fn base(&self) -> Option<usize> {
        let mut kinds = self.kinds.iter();
        kinds.position(|kind| *kind == Kind::Socketioxide)
    }
}

impl Line {
    /// A figure of one server over the repetitions.
    fn spread(&self, server: usize, figure: impl Fn(&Measured) -> Option<f64>) -> Option<Spread> {
        let measured = self.measured.iter();
        Spread::of(measured.filter_map(|all| figure(all[server].as_ref()?)))
    }

    fn cost(&self, server: usize) -> Option<Spread> {
        self.spread(server, |measured| Some(measured.cost))
    }

    /// What a server costs beside another. Only what was measured one right after the other is compared.
    fn ratio(&self, server: usize, base: usize) -> Option<Spread> {
        let ratio = |all: &Vec<Option<Measured>>| Some(all[server]?.cost / all[base]?.cost);
        Spread::of(self.measured.iter().filter_map(ratio))
    }

    /// How koio does: what is compared with the goal, and what it must reach and aims at.
    fn goal(&self, kinds: &[Kind]) -> Option<(f64, f64, f64)> {
        let koio = 0;
        let beside = |kind| {
            let base = kinds.iter().position(|it| *it == kind)?;
            Some(self.ratio(koio, base)?.median)
        };
        match self.row.goal {
            Goal::Ratio { must, aim } => Some((beside(Kind::Socketioxide)?, must, aim)),
            Goal::OfNode { must, aim } => Some((beside(Kind::Node)?, must, aim)),
            Goal::Figure { must, aim, .. } => Some((self.cost(koio)?.median, must, aim)),
        }
    }
}
