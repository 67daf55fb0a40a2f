//! The costs as a bar chart, in SVG.

use std::fmt::Write;

use super::{Line, Table};
use crate::{rows::Goal, servers::Kind};

/// Where the bars begin, and the width of the whole.
const LEFT: f64 = 360.0;
const WIDTH: f64 = 860.0;
/// The height of a bar, and what lies between two rows of the table.
const BAR: f64 = 13.0;
const GAP: f64 = 14.0;
/// The height of the title and the legend.
const TOP: f64 = 84.0;
const BOTTOM: f64 = 34.0;
/// A longer bar is cut off, and says how long it would be.
const MOST: f64 = 2.0;

/// `None` if there is nothing to compare with.
pub(super) fn draw(table: &Table) -> Option<String> {
    let base = table.base()?;
    let mut svg = Svg::default();
    let mut y = TOP;
    for line in &table.lines {
        y = svg.row(table, line, base, y) + GAP;
    }
    let height = y - GAP + BOTTOM;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#24292f\">\n\
         <title>What a message costs each server, as a share of what it costs socketioxide</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    out += &legend(&table.kinds);
    out += &axis(y - GAP);
    out += &svg.body;
    out += "</svg>\n";
    Some(out)
}

#[derive(Debug, Default)]
struct Svg {
    body: String,
}

impl Svg {
    /// The bars of a row; says where they end.
    fn row(&mut self, table: &Table, line: &Line, base: usize, top: f64) -> f64 {
        let mut y = top;
        // Where the first bar, koio's, has to end.
        let mark = match line.row.goal {
            Goal::Ratio { must, .. } => Some(x(must)),
            Goal::Memory { must, .. } => line.cost(base).map(|cost| x(must / cost.median)),
        };
        for (server, kind) in table.kinds.iter().enumerate() {
            let Some(ratio) = line.ratio(server, base) else {
                continue;
            };
            let end = x(ratio.median);
            let cut = if ratio.median > MOST { " →" } else { "" };
            self.put(&format!(
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                end - LEFT,
                BAR - 2.0,
                colour(*kind)
            ));
            // Beside the line that shows how far it spreads, and clear of the mark.
            let mut label = end.max(x(ratio.most)) + 5.0;
            let crossed = |mark: &f64| (label - 3.0..label + 25.0).contains(mark);
            if let (0, Some(mark)) = (server, mark.filter(crossed)) {
                label = mark + 5.0;
            }
            self.put(&format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\">{:.2}{cut}</text>",
                label,
                y + BAR - 4.0,
                ratio.median
            ));
            self.put(&format!(
                "<path d=\"M{:.1} {middle:.1}H{:.1}\" stroke=\"#24292f\" stroke-width=\"1\"/>",
                x(ratio.least),
                x(ratio.most),
                middle = y + BAR / 2.0 - 1.0
            ));
            y += BAR;
        }
        self.put(&format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            f64::midpoint(top, y) + 4.0,
            escaped(line.row.title)
        ));
        if let Some(mark) = mark {
            self.put(&format!(
                "<path d=\"M{mark:.1} {:.1}V{:.1}\" stroke=\"#cf222e\" stroke-width=\"2\"/>",
                top - 3.0,
                top + BAR + 1.0
            ));
        }
        y
    }

    fn put(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

fn legend(kinds: &[Kind]) -> String {
    let mut out = "<text x=\"20\" y=\"24\" font-size=\"15\" font-weight=\"bold\">\
                   Server cost of each message, socketioxide = 1</text>\n\
                   <text x=\"20\" y=\"42\">CPU time, and memory for idle connections. Less is better. \
                   Thin line: least to most. Red: what koio must reach.</text>\n"
        .to_owned();
    let mut left = 20.0;
    for kind in kinds {
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"54\" width=\"12\" height=\"12\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"64\">{}</text>",
            colour(*kind),
            left + 17.0,
            kind.name()
        );
        left += 40.0 + 7.0 * kind.name().len() as f64;
    }
    out
}

fn axis(bottom: f64) -> String {
    let mut out = String::new();
    for step in 0..=4 {
        let value = f64::from(step) * MOST / 4.0;
        let colour = if value == 1.0 { "#57606a" } else { "#d8dee4" };
        let _ = writeln!(
            out,
            "<path d=\"M{at:.1} {:.1}V{:.1}\" stroke=\"{colour}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"10\">{value:.1}</text>",
            TOP - 6.0,
            bottom + 4.0,
            bottom + 18.0,
            at = x(value)
        );
    }
    out
}

fn x(ratio: f64) -> f64 {
    let scale = (WIDTH - LEFT - 60.0) / MOST;
    LEFT + ratio.min(MOST) * scale
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Koio => "#0969da",
        Kind::Socketioxide => "#bf8700",
        Kind::Node => "#2da44e",
        Kind::FloorWs => "#8c959f",
        Kind::FloorTokio => "#afb8c1",
        Kind::FloorEpoll => "#d0d7de",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{process::Memory, rows::ROWS, table::Measured};

    fn costs(cost: f64) -> Option<Measured> {
        Some(Measured {
            cost,
            rate: None,
            latency: None,
            memory: Memory {
                rss: 1.0,
                peak: 1.0,
            },
        })
    }

    #[test]
    fn the_picture_has_a_bar_for_each_server_that_was_measured() {
        let mut table = Table {
            kinds: vec![Kind::Koio, Kind::Socketioxide, Kind::FloorWs],
            lines: Vec::new(),
        };
        table.add(&ROWS[0], vec![costs(1.0), costs(2.0), costs(9.0)]);
        table.add(&ROWS[12], vec![costs(3.0), costs(2.0), None]);
        let svg = draw(&table).expect("socketioxide is there");
        let bars = svg
            .lines()
            .filter(|line| line.starts_with("<rect x=\"360\""));
        assert_eq!(bars.count(), 5);
        assert!(svg.contains(">0.50<") && svg.contains(">4.50 →<"), "{svg}");
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }

    #[test]
    fn there_is_no_picture_without_anything_to_compare_with() {
        let table = Table {
            kinds: vec![Kind::Koio],
            lines: Vec::new(),
        };
        assert!(draw(&table).is_none());
    }
}
