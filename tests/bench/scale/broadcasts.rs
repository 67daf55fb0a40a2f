//! Broadcasts to few and to many, and the memory of a connection among few and among many.

use std::time::Duration;

use super::{Pair, Scale, report::Report};
use crate::{crowd::Crowd, failure::Failure, rows::cast};

/// Time in which a server may tidy up.
const SETTLE: Duration = Duration::from_secs(1);
const SIZE: usize = 32;

pub(super) fn measure(scale: &Scale<'_>, report: &mut Report) -> Result<(), Failure> {
    let settle = if scale.options.short {
        SETTLE / 10
    } else {
        SETTLE
    };
    let (mut cpu, mut idle, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for &recipients in scale.sizes.recipients {
        let figures = scale.pairs("broadcasts", 3, |server| {
            let per_connection = |kib: f64| kib / recipients as f64;
            let before = server.memory()?.rss;
            let mut crowd = Crowd::new(server)?;
            crowd.open(recipients)?;
            crowd.stay_quiet(settle)?;
            let idle = server.memory()?.rss - before;
            let measured = cast::broadcasts(server, &mut crowd, SIZE, &scale.options.pace())?;
            crowd.stay_quiet(settle)?;
            let after = server.memory()?.rss - before;
            Ok(vec![
                measured.cost,
                per_connection(idle),
                per_connection(after),
            ])
        })?;
        let step = |what: &str, figure: Pair| (format!("{what} {recipients} connections"), figure);
        cpu.push(step("a broadcast's delivery, to", figures[0]));
        idle.push(step("a connection, one of", figures[1]));
        after.push(step("a connection after broadcasts, one of", figures[2]));
    }
    report.series("µs CPU", cpu);
    report.series("KiB", idle);
    report.series("KiB", after);
    Ok(())
}
