//! A crowd that comes, leaves, comes again and leaves again: what does the server keep?

use std::time::{Duration, Instant};

use super::{Scale, report::Report};
use crate::{crowd::Crowd, failure::Failure, reactor::PATIENCE, rows::cast, servers::Server};

/// Time in which a server may tidy up.
const SETTLE: Duration = Duration::from_secs(1);
/// What the second crowd may need beyond the first, and leave behind: memory that is not used again would show.
const AGAIN: f64 = 1.05;
/// The share of a crowd's memory that the server may keep when the crowd has gone.
const KEPT: f64 = 0.5;
const MIB: f64 = 1024.0;

pub(super) fn measure(scale: &Scale<'_>, report: &mut Report) -> Result<(), Failure> {
    let count = scale.sizes.crowd;
    let names = ["there", "gone", "there again", "gone again"];
    let figures = scale.pairs("leaving", names.len(), |server| {
        let settle = if scale.options.short {
            SETTLE / 10
        } else {
            SETTLE
        };
        let files = server.open_files()?;
        let before = server.memory()?.rss;
        let mut sizes = Vec::new();
        for _ in 0..2 {
            let mut crowd = Crowd::new(server)?;
            crowd.open(count)?;
            cast::broadcasts(server, &mut crowd, 32, &scale.options.pace())?;
            sizes.push((server.memory()?.rss - before) / MIB);
            crowd.leave();
            wait_until_all_are_gone(server, files)?;
            std::thread::sleep(settle);
            sizes.push((server.memory()?.rss - before) / MIB);
        }
        Ok(sizes)
    })?;
    for (name, figure) in names.iter().zip(&figures) {
        report.note(
            format!("memory with {count} connections {name}"),
            "MiB",
            *figure,
        );
    }
    let ratio = |after: usize, before: usize| figures[after].koio / figures[before].koio;
    let what = "kept of the memory of the first crowd";
    report.at_most(what.to_owned(), "", ratio(1, 0), KEPT);
    report.at_most(
        "the second crowd beside the first".to_owned(),
        "",
        ratio(2, 0),
        AGAIN,
    );
    report.at_most(
        "left by the second beside the first".to_owned(),
        "",
        ratio(3, 1),
        AGAIN,
    );
    Ok(())
}

fn wait_until_all_are_gone(server: &Server, files: usize) -> Result<(), Failure> {
    let given_up = Instant::now() + PATIENCE;
    while server.open_files()? > files {
        if Instant::now() > given_up {
            return Err(Failure::Stuck);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
