//! Several tables, one for each run: did all of them reach what they must?

use std::fmt;

use super::{Table, markdown, picture};
use crate::rows::Goal;

/// The tables of all runs. They have the same rows.
#[derive(Debug)]
pub(crate) struct Runs(Vec<Table>);

impl Runs {
    pub(crate) fn new(tables: Vec<Table>) -> Self {
        Self(tables)
    }

    /// A picture of the costs beside those of socketioxide, as SVG; `None` if socketioxide was not measured.
    pub(crate) fn picture(&self) -> Option<String> {
        let (first, others) = self.0.split_first()?;
        let mut all = first.clone();
        for table in others {
            for (line, other) in all.lines.iter_mut().zip(&table.lines) {
                line.measured.extend_from_slice(&other.measured);
            }
        }
        picture::draw(&all)
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else {
            return Ok(());
        };
        let runs = self.0.len();
        let numbers = (1..=runs).map(|run| format!("run {run}"));
        let columns = ["work", "must reach"].map(str::to_owned);
        let columns = columns.into_iter().chain(numbers);
        let mut text = markdown(columns.chain(["reached".to_owned()]));
        let mut reached_always = 0;
        for (index, line) in first.lines.iter().enumerate() {
            let (must, unit) = match line.row.goal {
                Goal::Ratio { must, .. } => (must, String::new()),
                Goal::OfNode { must, .. } => (must, " of node".to_owned()),
                Goal::Figure { must, unit, .. } => (must, format!(" {unit}")),
            };
            let mut cells = vec![line.row.title.to_owned(), format!("{must:.2}{unit}")];
            let mut reached = 0;
            for table in &self.0 {
                match table.lines[index].goal(&table.kinds) {
                    None => cells.push("–".to_owned()),
                    Some((figure, must, _)) => {
                        cells.push(format!("{figure:.2}{unit}"));
                        reached += usize::from(figure <= must);
                    }
                }
            }
            cells.push(match reached {
                all if all == runs => "always".to_owned(),
                0 => "**never**".to_owned(),
                some => format!("**{some} of {runs}**"),
            });
            text.add_row(cells);
            reached_always += usize::from(reached == runs);
        }
        let rows = first.lines.len();
        writeln!(
            f,
            "{runs} runs in a row\n\n{text}\n\n{reached_always} of {rows} rows reach what they must in every run."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        process::Memory,
        rows::ROWS,
        servers::Kind,
        table::{Line, Measured},
    };

    fn run(koio: f64) -> Table {
        let cost = |cost| {
            Some(Measured {
                cost,
                rate: None,
                bytes: None,
                latency: None,
                memory: Memory {
                    rss: 1.0,
                    peak: 1.0,
                },
            })
        };
        Table {
            kinds: vec![Kind::Koio, Kind::Socketioxide],
            lines: vec![Line {
                row: &ROWS[0],
                measured: vec![vec![cost(koio), cost(10.0)]],
            }],
        }
    }

    #[test]
    fn a_row_has_to_reach_its_goal_in_every_run() {
        let text = |costs: &[f64]| {
            let tables = costs.iter().map(|cost| run(*cost)).collect();
            let text = Runs::new(tables).to_string();
            // Without the blanks that make the columns even.
            text.split(' ')
                .filter(|it| !it.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert!(text(&[7.0, 8.0]).contains("| 0.70 | 0.80 | always |"));
        assert!(text(&[7.0, 8.1]).contains("| 0.70 | 0.81 | **1 of 2** |"));
        assert!(text(&[9.0, 9.0]).contains("\n0 of 1 rows"));
    }

    #[test]
    fn the_picture_is_of_all_runs_together() {
        let svg = Runs::new(vec![run(4.0), run(6.0)]).picture();
        assert!(svg.is_some_and(|svg| svg.contains("\n0.50\n")));
    }
}
