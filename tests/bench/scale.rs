//! Does a message cost the same when there is more of everything: connections, rooms, namespaces, threads?
//!
//! Beside koio runs the floor, the least that a server on tokio can cost. It grows dearer with the number of its
//! connections as well, since sockets and tasks no longer fit the caches; that part is taken off.

mod broadcasts;
mod joins;
mod leaving;
mod namespaces;
mod report;
mod rooms;
mod workers;

use crate::{
    failure::Failure,
    options::Options,
    own_cores, process,
    servers::{Cores, Kind, Program, Server},
};
use report::Report;

/// How much there is of everything.
#[derive(Debug)]
struct Sizes {
    /// Recipients of a broadcast.
    recipients: &'static [usize],
    /// Those who come and leave, twice.
    crowd: usize,
    /// Rooms in which one after the other something is said.
    rooms: &'static [usize],
    /// Connections that are in those rooms.
    members: usize,
    /// Namespaces that the clients are spread over.
    namespaces: &'static [usize],
    /// Recipients of the broadcasts beside which sockets join rooms.
    beside: usize,
}

/// A process may often open 20,000 files, and needs some beside its connections.
const LONG: Sizes = Sizes {
    recipients: &[100, 1_000, 9_500, 19_000],
    crowd: 9_500,
    rooms: &[1, 100, 10_000],
    members: 1_000,
    namespaces: &[1, 100],
    beside: 10_000,
};

/// Enough to see that every message comes.
const SHORT: Sizes = Sizes {
    recipients: &[20, 200],
    crowd: 200,
    rooms: &[1, 100],
    members: 50,
    namespaces: &[1, 10],
    beside: 200,
};

/// The servers, and how they are measured.
struct Scale<'a> {
    koio: Program,
    floor: Program,
    options: &'a Options,
    cores: Cores,
    sizes: &'static Sizes,
}

/// A figure of koio's, and the same of the floor's.
#[derive(Debug, Clone, Copy)]
struct Pair {
    koio: f64,
    floor: Option<f64>,
}

impl Scale<'_> {
    /// Measures koio and the floor in turn, `count` figures of each at once, and hands back their medians.
    fn pairs(
        &self,
        what: &'static str,
        count: usize,
        measure: impl Fn(&Server) -> Result<Vec<f64>, Failure>,
    ) -> Result<Vec<Pair>, Failure> {
        let (mut koio, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..self.options.repetitions() {
            for (program, figures) in [(&self.koio, &mut koio), (&self.floor, &mut floor)] {
                let server = program.start(self.cores, &[], self.options)?;
                let measured = measure(&server);
                figures.push(measured.map_err(|failure| failure.during(what, program.kind))?);
            }
        }
        let pair = |index| Pair {
            koio: median(koio.iter().map(|figures| figures[index])),
            floor: Some(median(floor.iter().map(|figures| figures[index]))),
        };
        Ok((0..count).map(pair).collect())
    }

    /// Measures a koio server with these arguments.
    fn koio<T>(
        &self,
        what: &'static str,
        cores: Cores,
        arguments: &[String],
        measure: impl FnOnce(&Server) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let server = self.koio.start(cores, arguments, self.options)?;
        measure(&server).map_err(|failure| failure.during(what, Kind::Koio))
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures all of it and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let koio = Program::build(Kind::Koio, options)?;
    let floor = Program::build(Kind::FloorTokio, options)?;
    let mut scale = Scale {
        koio,
        floor,
        options,
        cores: own_cores(),
        sizes: if options.short { &SHORT } else { &LONG },
    };
    let mut report = Report::default();
    broadcasts::measure(&scale, &mut report)?;
    rooms::measure(&scale, &mut report)?;
    namespaces::measure(&scale, &mut report)?;
    leaving::measure(&scale, &mut report)?;
    // Two threads need two cores, which they share with the load.
    if scale.cores == Cores::Own && process::pin_this(process::BOTH_CORES) {
        scale.cores = Cores::Both;
    }
    workers::measure(&scale, &mut report)?;
    joins::measure(&scale, &mut report)?;
    if options.short {
        println!(
            "every message came, once and in order, to many connections, rooms and namespaces"
        );
    } else {
        println!("{report}");
    }
    Ok(())
}
