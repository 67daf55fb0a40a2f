//! The measurements as Markdown.

use std::fmt;

use comfy_table::{Cell, presets::ASCII_MARKDOWN};

use super::{Line, Measured, Table};
use crate::{
    rows::{Goal, Row},
    servers::Kind,
};

impl Measured {
    /// In one line.
    pub(crate) fn describe(&self, row: &Row) -> String {
        let mut text = format!("{:.2} {}", self.cost, row.unit());
        if let Some(rate) = self.rate {
            text += &format!(", {rate:.0}/s");
        }
        if let Some(bytes) = self.bytes {
            text += &format!(", {bytes:.0} B each");
        }
        if let Some(latency) = self.latency {
            let (p50, p99, p999) = (latency.p50, latency.p99, latency.p999);
            text += &format!(", p50 {p50:.0} p99 {p99:.0} p99.9 {p999:.0} µs");
        }
        let mib = |kib: f64| kib / 1024.0;
        let (rss, peak) = (mib(self.memory.rss), mib(self.memory.peak));
        text + &format!(", {rss:.1} MiB, at most {peak:.1}")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(base) = self.base() {
            self.ratios(f, base)?;
            writeln!(f)?;
        }
        writeln!(
            f,
            "Cost of the server: median (min–max)\n\n{}\n",
            self.costs()
        )?;
        writeln!(
            f,
            "Medians of throughput, latency and memory\n\n{}",
            self.details()
        )
    }
}

/// An empty table with these columns, to be printed as Markdown.
pub(crate) fn markdown(columns: impl IntoIterator<Item = impl Into<Cell>>) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(columns);
    table
}

impl Table {
    /// What each server costs beside socketioxide, and how that compares with the goal.
    fn ratios(&self, f: &mut fmt::Formatter<'_>, base: usize) -> fmt::Result {
        let others: Vec<usize> = (1..self.kinds.len()).filter(|it| *it != base).collect();
        let names = others.iter().map(|other| self.kinds[*other].name());
        let columns = ["work", "koio", "must reach", "aim", "reached"];
        let mut table = markdown(columns.into_iter().chain(names));
        let (mut must_reached, mut aim_reached) = (0, 0);
        for line in &self.lines {
            let mut koio = match (line.row.goal, line.goal(&self.kinds)) {
                (Goal::OfNode { .. }, Some((ratio, ..))) => format!("{ratio:.3} of node"),
                _ => cell(line.ratio(0, base)),
            };
            if let (Goal::Figure { unit, .. }, Some(cost)) = (line.row.goal, line.cost(0)) {
                // The ratio is not what it is judged by.
                koio += &format!(", {:.2} {unit}", cost.median);
            }
            let mut cells = vec![line.row.title.to_owned(), koio];
            match line.goal(&self.kinds) {
                None => cells.extend(["–"; 3].map(str::to_owned)),
                Some((reached, must, aim)) => {
                    must_reached += usize::from(reached <= must);
                    aim_reached += usize::from(reached <= aim);
                    let verdict = match reached {
                        it if it <= aim => "aim",
                        it if it <= must => "must",
                        _ => "**no**",
                    };
                    let unit = match line.row.goal {
                        Goal::Ratio { .. } => String::new(),
                        Goal::OfNode { .. } => " of node".to_owned(),
                        Goal::Figure { unit, .. } => format!(" {unit}"),
                    };
                    cells.extend([
                        format!("{must:.2}{unit}"),
                        format!("{aim:.2}{unit}"),
                        verdict.to_owned(),
                    ]);
                }
            }
            cells.extend(others.iter().map(|other| cell(line.ratio(*other, base))));
            table.add_row(cells);
        }
        let rows = self.lines.len();
        writeln!(
            f,
            "Cost, socketioxide = 1: median (min–max)\n\n{table}\n\n\
             {must_reached} of {rows} rows reach what they must, {aim_reached} their aim."
        )
    }

    /// What each server costs.
    fn costs(&self) -> comfy_table::Table {
        let names = self.kinds.iter().map(|kind| kind.name());
        let mut table = markdown(["work", "unit"].into_iter().chain(names));
        for line in &self.lines {
            let costs = (0..self.kinds.len()).map(|server| cell(line.cost(server)));
            let what = [line.row.title, line.row.unit()].map(str::to_owned);
            table.add_row(what.into_iter().chain(costs));
        }
        table
    }

    /// Everything else, medians only.
    fn details(&self) -> comfy_table::Table {
        let mut table = markdown([
            "work",
            "server",
            "per second",
            "bytes of each",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "RSS MiB",
            "peak RSS MiB",
        ]);
        for line in &self.lines {
            for (server, kind) in self.kinds.iter().enumerate() {
                if line.cost(server).is_some() {
                    table.add_row(line.detail(server, *kind));
                }
            }
        }
        table
    }
}

impl Line {
    fn detail(&self, server: usize, kind: Kind) -> [String; 9] {
        let median = |figure: &dyn Fn(&Measured) -> Option<f64>, digits: usize| {
            let spread = self.spread(server, figure);
            spread.map_or_else(|| "–".to_owned(), |it| format!("{:.digits$}", it.median))
        };
        [
            self.row.title.to_owned(),
            kind.name().to_owned(),
            median(&|it| it.rate, 0),
            median(&|it| it.bytes, 0),
            median(&|it| Some(it.latency?.p50), 0),
            median(&|it| Some(it.latency?.p99), 0),
            median(&|it| Some(it.latency?.p999), 0),
            median(&|it| Some(it.memory.rss / 1024.0), 1),
            median(&|it| Some(it.memory.peak / 1024.0), 1),
        ]
    }
}

fn cell(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}
