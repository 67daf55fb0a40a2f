//! The table of what was found.

use std::fmt;

use super::Pair;
use crate::table::markdown;

/// What koio's cost may grow by beyond what the floor's grows by.
const GROWTH: f64 = 1.3;

/// The table of what was found.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Line>);

#[derive(Debug)]
struct Line {
    what: String,
    unit: &'static str,
    figures: Pair,
    judged: Option<Judged>,
}

#[derive(Debug, Clone, Copy)]
struct Judged {
    /// What koio's figure and the floor's have grown by, if that is what counts.
    grown: Option<Pair>,
    figure: f64,
    must: f64,
}

impl Report {
    /// A figure that is judged by nothing.
    pub(super) fn note(&mut self, what: String, unit: &'static str, figures: Pair) {
        self.push(what, unit, figures, None);
    }

    /// A figure that must not be above another.
    pub(super) fn at_most(&mut self, what: String, unit: &'static str, koio: f64, must: f64) {
        let figures = Pair { koio, floor: None };
        let judged = Judged {
            grown: None,
            figure: koio,
            must,
        };
        self.push(what, unit, figures, Some(judged));
    }

    /// The same thing at sizes that grow. Each but the first is compared with the cheapest before it.
    pub(super) fn series(&mut self, unit: &'static str, steps: Vec<(String, Pair)>) {
        let mut least: Option<Pair> = None;
        for (what, figures) in steps {
            let judged = least.map(|least| Judged::of(figures, least));
            self.push(what, unit, figures, judged);
            let smaller =
                |figure: f64, least: Option<f64>| least.map_or(figure, |it| it.min(figure));
            least = Some(Pair {
                koio: smaller(figures.koio, least.map(|it| it.koio)),
                floor: figures
                    .floor
                    .map(|it| smaller(it, least.and_then(|it| it.floor))),
            });
        }
    }

    fn push(&mut self, what: String, unit: &'static str, figures: Pair, judged: Option<Judged>) {
        eprintln!("{what}: {:.2} {unit}", figures.koio);
        self.0.push(Line {
            what,
            unit,
            figures,
            judged,
        });
    }
}

impl Judged {
    fn of(figures: Pair, least: Pair) -> Self {
        let floor = figures.floor.zip(least.floor);
        let grown = Pair {
            koio: figures.koio / least.koio,
            floor: floor.map(|(figure, least)| figure / least),
        };
        Self {
            grown: Some(grown),
            // A floor that has become cheaper by chance is nothing that koio would have to follow.
            figure: grown.koio / grown.floor.unwrap_or(1.0).max(1.0),
            must: GROWTH,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = markdown([
            "what",
            "unit",
            "koio",
            "floor-tokio",
            "koio has grown",
            "the floor has",
            "judged",
            "must",
            "reached",
        ]);
        let shown = |figure: Option<f64>| match figure {
            Some(figure) => format!("{figure:.2}"),
            None => "–".to_owned(),
        };
        let (mut reached, mut judged) = (0, 0);
        for line in &self.0 {
            let grown = line.judged.and_then(|judged| judged.grown);
            let verdict = line.judged.map(|it| it.figure <= it.must);
            judged += usize::from(verdict.is_some());
            reached += usize::from(verdict == Some(true));
            table.add_row([
                line.what.clone(),
                line.unit.to_owned(),
                format!("{:.2}", line.figures.koio),
                shown(line.figures.floor),
                shown(grown.map(|it| it.koio)),
                shown(grown.and_then(|it| it.floor)),
                shown(line.judged.map(|it| it.figure)),
                shown(line.judged.map(|it| it.must)),
                match verdict {
                    None => "–",
                    Some(true) => "yes",
                    Some(false) => "**no**",
                }
                .to_owned(),
            ]);
        }
        writeln!(
            f,
            "Cost as everything grows. A growth is against the cheapest step before; that of the floor is taken \
             off.\n\n{table}\n\n{reached} of {judged} criteria are reached."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(steps: &[(f64, f64)]) -> Vec<bool> {
        let mut report = Report::default();
        let steps = steps.iter().map(|(koio, floor)| {
            let figures = Pair {
                koio: *koio,
                floor: Some(*floor),
            };
            (String::new(), figures)
        });
        report.series("", steps.collect());
        let judged = report.0.iter().filter_map(|line| line.judged);
        judged.map(|it| it.figure <= it.must).collect()
    }

    #[test]
    fn only_what_the_floor_has_not_grown_by_counts() {
        assert_eq!(series(&[(1.0, 1.0), (1.2, 1.0), (1.4, 1.0)]), [true, false]);
        assert_eq!(series(&[(1.0, 1.0), (2.0, 1.6)]), [true]);
        assert_eq!(series(&[(1.0, 1.0), (1.2, 0.5)]), [true]);
    }

    #[test]
    fn growth_is_against_the_cheapest_step() {
        assert_eq!(series(&[(2.0, 1.0), (1.0, 1.0), (1.5, 1.0)]), [true, false]);
    }
}
