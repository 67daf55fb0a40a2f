//! Does a client that floods the server, or never reads, harm the others?
//!
//! What counts is how long the others wait for the answer to an event. The threads that flood share their core with
//! the thread that measures, and give way to it.

mod bare;
mod flood;
mod others;
pub(crate) mod slow;

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    failure::Failure,
    options::Options,
    own_cores, process,
    servers::{Cores, Kind, Program, Server},
    table::markdown,
};
use flood::{FLOODERS, Fate, Flood};
use others::{Found, Others};

/// The clients that do nothing wrong.
const CLIENTS: usize = 100;
/// What 99 % of their events may take at most, in milliseconds.
const MUST: f64 = 100.0;
/// Threads of the server.
const WORKERS: [usize; 2] = [1, 2];

/// Measures each kind of flood, with one thread and with two, and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let program = Program::build(Kind::Koio, options)?;
    let mut table = markdown([
        "flood",
        "threads",
        "others' p50 ms",
        "p99 ms",
        "max ms",
        "others cut",
        "load late ms",
        "the flooders",
        "peak RSS MiB",
        "reached",
    ]);
    let mut judged = Judged::default();
    // The short form runs on a server built for debugging: how long it takes says nothing.
    let workers = if options.short {
        &WORKERS[..1]
    } else {
        &WORKERS
    };
    for &workers in workers {
        for flood in Flood::ALL {
            let server = start(&program, workers, options)?;
            let measured = measure(&server, flood, options.flood_time());
            let (found, fate) =
                measured.map_err(|failure| failure.during(flood.name(), Kind::Koio))?;
            let late = milliseconds(found.late.percentiles().map(|late| late.p99));
            let peak = server.memory()?.peak / 1024.0;
            let reached = if options.short {
                found.is_whole()
            } else {
                found.is_fair()
            };
            let others = found.describe();
            eprintln!("{} on {workers}: {others:?} {fate}", flood.name());
            let cells = [flood.name().to_owned(), workers.to_string()];
            let rest = [
                late,
                fate.to_string(),
                format!("{peak:.0}"),
                judged.add(reached),
            ];
            table.add_row(cells.into_iter().chain(others).chain(rest));
        }
    }
    println!(
        "{FLOODERS} clients that flood, and {CLIENTS} others with an event every 100 ms\n\n{table}"
    );
    judged.end()
}

/// Starts a server with so many threads. Two threads need two cores, which they share with the load.
fn start(program: &Program, workers: usize, options: &Options) -> Result<Server, Failure> {
    let mut cores = own_cores();
    if workers > 1 && cores == Cores::Own && process::pin_this(process::BOTH_CORES) {
        cores = Cores::Both;
    }
    let arguments = ["--workers".to_owned(), workers.to_string()];
    program.start(cores, &arguments, options)
}

fn measure(server: &Server, flood: Flood, time: Duration) -> Result<(Found, Fate), Failure> {
    let mut others = Others::connect(server, CLIENTS)?;
    let end = Instant::now() + time;
    let address = server.address;
    let fate = thread::scope(|scope| {
        let flooders = (0..FLOODERS).map(|_| scope.spawn(move || flood::run(flood, address, end)));
        let flooders: Vec<_> = flooders.collect();
        others.run(end)?;
        let mut fate = Fate::default();
        for flooder in flooders {
            fate.add(flooder.join().unwrap_or_default());
        }
        Ok::<_, Failure>(fate)
    })?;
    Ok((others.finish()?, fate))
}

impl Found {
    /// p50, p99 and the longest time, and how many were cut or got no answer.
    fn describe(&self) -> [String; 4] {
        let percentiles = self.latencies.percentiles();
        let mut cut = self.cut.to_string();
        if self.lost > 0 {
            cut += &format!(", {} answers lost", self.lost);
        }
        [
            milliseconds(percentiles.map(|it| it.p50)),
            milliseconds(percentiles.map(|it| it.p99)),
            milliseconds(percentiles.map(|it| it.max)),
            cut,
        ]
    }

    fn is_whole(&self) -> bool {
        self.cut == 0 && self.lost == 0
    }

    fn is_fair(&self) -> bool {
        let p99 = self.latencies.percentiles().map(|it| it.p99 / 1000.0);
        self.is_whole() && p99.is_some_and(|p99| p99 < MUST)
    }
}

fn milliseconds(microseconds: Option<f64>) -> String {
    microseconds.map_or_else(|| "–".to_owned(), |it| format!("{:.1}", it / 1000.0))
}

/// Counts what was not reached.
#[derive(Debug, Default)]
struct Judged {
    missed: usize,
}

impl Judged {
    fn add(&mut self, reached: bool) -> String {
        self.missed += usize::from(!reached);
        if reached { "yes" } else { "**no**" }.to_owned()
    }

    fn end(self) -> Result<(), Failure> {
        match self.missed {
            0 => Ok(()),
            missed => Err(Failure::Unfair(missed)),
        }
    }
}
