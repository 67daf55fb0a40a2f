//! The measurements as Markdown.

use std::fmt;

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
        self.costs(f)?;
        writeln!(f)?;
        self.details(f)
    }
}

impl Table {
    /// What each server costs beside socketioxide, and how that compares with the goal.
    fn ratios(&self, f: &mut fmt::Formatter<'_>, base: usize) -> fmt::Result {
        let others: Vec<usize> = (1..self.kinds.len()).filter(|it| *it != base).collect();
        write!(
            f,
            "Cost, socketioxide = 1: median (min–max)\n\n| work | koio | must reach | aim | reached |"
        )?;
        for other in &others {
            write!(f, " {} |", self.kinds[*other].name())?;
        }
        writeln!(f, "\n|---|---|---|---|---|{}", "---|".repeat(others.len()))?;
        let (mut must_reached, mut aim_reached) = (0, 0);
        for line in &self.lines {
            write!(f, "| {} | ", line.row.title)?;
            cell(f, line.ratio(0, base))?;
            if let (Goal::Memory { .. }, Some(cost)) = (line.row.goal, line.cost(0)) {
                // The ratio is not what it is judged by.
                write!(f, ", {:.2} KiB", cost.median)?;
            }
            match line.goal(Some(base)) {
                None => write!(f, " | – | – | – |")?,
                Some((reached, must, aim)) => {
                    must_reached += usize::from(reached <= must);
                    aim_reached += usize::from(reached <= aim);
                    let verdict = match reached {
                        it if it <= aim => "aim",
                        it if it <= must => "must",
                        _ => "**no**",
                    };
                    let unit = match line.row.goal {
                        Goal::Ratio { .. } => "",
                        Goal::Memory { .. } => " KiB",
                    };
                    write!(f, " | {must:.2}{unit} | {aim:.2}{unit} | {verdict} |")?;
                }
            }
            for other in &others {
                write!(f, " ")?;
                cell(f, line.ratio(*other, base))?;
                write!(f, " |")?;
            }
            writeln!(f)?;
        }
        let rows = self.lines.len();
        writeln!(
            f,
            "\n{must_reached} of {rows} rows reach what they must, {aim_reached} their aim."
        )
    }

    /// What each server costs.
    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cost of the server: median (min–max)\n\n| work | unit |")?;
        for kind in &self.kinds {
            write!(f, " {} |", kind.name())?;
        }
        writeln!(f, "\n|---|---|{}", "---|".repeat(self.kinds.len()))?;
        for line in &self.lines {
            write!(f, "| {} | {} |", line.row.title, line.row.unit())?;
            for server in 0..self.kinds.len() {
                write!(f, " ")?;
                cell(f, line.cost(server))?;
                write!(f, " |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    /// Everything else, medians only.
    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Medians of throughput, latency and memory\n\n\
             | work | server | per second | p50 µs | p99 µs | p99.9 µs | RSS MiB | peak RSS MiB |\n\
             |---|---|---|---|---|---|---|---|"
        )?;
        for line in &self.lines {
            for (server, kind) in self.kinds.iter().enumerate() {
                if line.cost(server).is_some() {
                    line.detail(f, server, *kind)?;
                }
            }
        }
        Ok(())
    }
}

impl Line {
    fn detail(&self, f: &mut fmt::Formatter<'_>, server: usize, kind: Kind) -> fmt::Result {
        let median = |figure: &dyn Fn(&Measured) -> Option<f64>, digits: usize| {
            let spread = self.spread(server, figure);
            spread.map_or_else(|| "–".to_owned(), |it| format!("{:.digits$}", it.median))
        };
        writeln!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            self.row.title,
            kind.name(),
            median(&|it| it.rate, 0),
            median(&|it| Some(it.latency?.p50), 0),
            median(&|it| Some(it.latency?.p99), 0),
            median(&|it| Some(it.latency?.p999), 0),
            median(&|it| Some(it.memory.rss / 1024.0), 1),
            median(&|it| Some(it.memory.peak / 1024.0), 1),
        )
    }
}

fn cell(f: &mut fmt::Formatter<'_>, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "{value}"),
        None => write!(f, "–"),
    }
}
