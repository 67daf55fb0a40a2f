//! Medians, ratios, and how they are printed.

use std::fmt;

use crate::{
    rows::Row,
    servers::{Kind, Program},
};

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// CPU time of a unit in microseconds, or memory in KiB.
    pub(crate) cost: f64,
    /// Units in a second.
    pub(crate) rate: Option<f64>,
}

impl Measured {
    pub(crate) fn describe(&self, row: &Row) -> String {
        let rate = self
            .rate
            .map(|rate| format!(", {rate:.0}/s"))
            .unwrap_or_default();
        format!("{:.2} {}{rate}", self.cost, row.unit)
    }
}

/// All measurements; prints as Markdown.
#[derive(Debug)]
pub(crate) struct Table {
    kinds: Vec<Kind>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    row: &'static Row,
    /// For each repetition what each server cost.
    measured: Vec<Vec<f64>>,
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
    pub(crate) fn add(&mut self, row: &'static Row, measured: &[Measured]) {
        let costs = measured.iter().map(|one| one.cost).collect();
        match self.lines.last_mut() {
            Some(line) if line.row.name == row.name => line.measured.push(costs),
            _ => self.lines.push(Line {
                row,
                measured: vec![costs],
            }),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| median (min–max) | unit |")?;
        for (index, kind) in self.kinds.iter().enumerate() {
            write!(f, " {} |", kind.name())?;
            if index > 0 {
                write!(f, " koio / {} |", kind.name())?;
            }
        }
        writeln!(f, "\n|---|---|{}", "---|".repeat(self.kinds.len() * 2 - 1))?;
        for line in &self.lines {
            write!(f, "| {} | {} |", line.row.title, line.row.unit)?;
            for index in 0..self.kinds.len() {
                let costs = line.measured.iter().map(|costs| costs[index]);
                write!(f, " {} |", Spread::of(costs.collect()))?;
                if index > 0 {
                    // Only what was measured one right after the other is compared.
                    let ratios = line.measured.iter().map(|costs| costs[0] / costs[index]);
                    write!(f, " {} |", Spread::of(ratios.collect()))?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The middle of some numbers, and how far they spread.
#[derive(Debug)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        let middle = numbers.len() / 2;
        let median = if numbers.len().is_multiple_of(2) {
            f64::midpoint(numbers[middle - 1], numbers[middle])
        } else {
            numbers[middle]
        };
        Self {
            median,
            least: numbers[0],
            most: numbers[numbers.len() - 1],
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "**{:.2}** ({:.2}–{:.2})",
            self.median, self.least, self.most
        )
    }
}
