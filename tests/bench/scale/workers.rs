//! Two threads instead of one: what a message costs, and whether it stays in order.

use super::{Pair, Scale, median, report::Report};
use crate::{
    failure::Failure,
    rows::{Pace, echo, rooms},
    servers::Server,
};

/// What a message may cost on two threads beside one.
const MUST: f64 = 1.4;

type Work = fn(&Server, &Pace) -> Result<f64, Failure>;

pub(super) fn measure(scale: &Scale<'_>, report: &mut Report) -> Result<(), Failure> {
    // Both check every message: one that overtakes another fails.
    let works: [(&str, Work); 2] = [
        ("an echo, 16 in flight", |server, pace| {
            Ok(echo::run(server, echo::Kind::Text, 16, 32, pace)?.cost)
        }),
        ("a delivery to a room", |server, pace| {
            Ok(rooms::run(server, 100, 10, pace)?.cost)
        }),
    ];
    for (what, work) in works {
        let mut costs = [Vec::new(), Vec::new()];
        for _ in 0..scale.options.repetitions() {
            for (workers, costs) in (1..).zip(&mut costs) {
                let arguments = ["--workers".to_owned(), workers.to_string()];
                costs.push(scale.koio(what, scale.cores, &arguments, |server| {
                    work(server, &scale.options.pace())
                })?);
            }
        }
        let [one, two] = costs.map(|costs| median(costs.into_iter()));
        for (threads, koio) in [("one thread", one), ("two threads", two)] {
            let figures = Pair { koio, floor: None };
            report.note(format!("{what}, {threads}"), "µs CPU", figures);
        }
        report.at_most(
            format!("{what}, two threads beside one"),
            "",
            two / one,
            MUST,
        );
    }
    Ok(())
}
