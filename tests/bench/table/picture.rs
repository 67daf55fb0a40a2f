//! The costs as a bar chart, in SVG.

use plotters::prelude::{
    BLACK, ChartBuilder, Color, DrawingAreaErrorKind, IntoDrawingArea, IntoFont, LabelAreaPosition,
    PathElement, RGBColor, Rectangle, SVGBackend, SeriesLabelPosition, Text, WHITE,
};

use super::{Line, Spread, Table};
use crate::{rows::Goal, servers::Kind};

/// Pixels: the width of the whole, what the names of the rows take of it, and the height of a bar.
const WIDTH: u32 = 860;
const LEFT: u32 = 360;
const BAR: u32 = 13;
/// The title, the legend and the axis together.
const AROUND: u32 = 130;
/// A longer bar is cut off, and says how long it would be.
const MOST: f64 = 2.0;
const GOAL: RGBColor = RGBColor(0xcf, 0x22, 0x2e);

/// `None` if there is nothing to compare with.
pub(super) fn draw(table: &Table) -> Option<String> {
    let base = table.base()?;
    let mut svg = String::new();
    paint(table, base, &mut svg).ok()?;
    Some(svg)
}

fn paint(
    table: &Table,
    base: usize,
    svg: &mut String,
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    // Each row of the table has a bar for each server that was measured, and an empty one behind them.
    let bars = |line: &Line| 1 + ratios(table, line, base).count();
    let height = table.lines.iter().map(bars).sum::<usize>() as u32;
    let area = SVGBackend::with_string(svg, (WIDTH, height * BAR + AROUND)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "Server cost of each message, socketioxide = 1 (less is better; red: what koio must reach)",
            ("sans-serif", 15),
        )
        .margin(10)
        .margin_right(50)
        .margin_bottom(60)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 20)
        .build_cartesian_2d(0.0..MOST, f64::from(height)..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(5)
        .max_light_lines(0)
        .draw()?;
    let small = ("sans-serif", 10).into_font();
    let mut top = 0.0;
    for line in &table.lines {
        let mut y = top;
        for (kind, ratio) in ratios(table, line, base) {
            let bar = Rectangle::new(
                [(0.0, y), (ratio.median.min(MOST), y + 0.85)],
                colour(kind).filled(),
            );
            let spread = [ratio.least, ratio.most].map(|end| (end.min(MOST), y + 0.42));
            let cut = if ratio.median > MOST { " →" } else { "" };
            let end = ratio.median.max(ratio.most).min(MOST) + 0.02;
            let label = format!("{:.2}{cut}", ratio.median);
            chart.draw_series([bar])?;
            chart.draw_series([PathElement::new(spread, BLACK)])?;
            chart.draw_series([Text::new(label, (end, y + 0.1), small.clone())])?;
            y += 1.0;
        }
        // Where the first bar, koio's, has to end.
        let goal = match line.row.goal {
            Goal::Ratio { must, .. } => Some(must),
            Goal::OfNode { .. } => None,
            Goal::Figure { must, .. } => line.cost(base).map(|cost| must / cost.median),
        };
        if let Some(goal) = goal.map(|goal| goal.min(MOST)) {
            let mark = [(goal, top - 0.2), (goal, top + 1.0)];
            chart.draw_series([PathElement::new(mark, GOAL.stroke_width(2))])?;
        }
        let title = chart.backend_coord(&(0.0, f64::midpoint(top, y)));
        area.draw(&Text::new(
            line.row.title,
            (20, title.1 - 6),
            ("sans-serif", 12),
        ))?;
        top = y + 1.0;
    }
    for kind in &table.kinds {
        chart
            .draw_series(std::iter::empty::<Rectangle<_>>())?
            .label(kind.name())
            .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour(*kind).filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .draw()?;
    area.present()
}

/// What each server that was measured costs beside socketioxide.
fn ratios(table: &Table, line: &Line, base: usize) -> impl Iterator<Item = (Kind, Spread)> {
    let kinds = table.kinds.iter().enumerate();
    kinds.filter_map(move |(server, kind)| Some((*kind, line.ratio(server, base)?)))
}

fn colour(kind: Kind) -> RGBColor {
    match kind {
        Kind::Koio => RGBColor(9, 105, 218),
        Kind::Socketioxide => RGBColor(191, 135, 0),
        Kind::Node => RGBColor(45, 164, 78),
        Kind::FloorWs => RGBColor(140, 149, 159),
        Kind::FloorTokio => RGBColor(175, 184, 193),
        Kind::FloorEpoll => RGBColor(208, 215, 222),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{process::Memory, rows::ROWS, table::Measured};

    fn costs(cost: f64) -> Option<Measured> {
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
        // And one for each server in the legend, whose frame and background are drawn before them as is the whole.
        assert_eq!(svg.matches("<rect").count(), 5 + 3 + 1, "{svg}");
        assert!(
            svg.contains("\n0.50\n") && svg.contains("\n4.50 →\n"),
            "{svg}"
        );
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
