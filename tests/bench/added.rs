//! What recovery and a cluster add: koio with one of them beside koio without.
//!
//! In turn on one core, as the rows: only ratios from one run are comparable.

mod replay;

use crate::{
    cluster::broker::{Broker, BrokerKind},
    failure::Failure,
    options::Options,
    own_cores,
    rows::{Pace, cast, idle},
    servers::{Cores, Kind, Program, Server},
    table::{Measured, Spread, markdown},
};

/// What a server is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Nothing,
    Recovery,
    /// A second server, without clients, is there too.
    Cluster(BrokerKind),
}

const ALL: [With; 4] = [
    With::Nothing,
    With::Recovery,
    With::Cluster(BrokerKind::Redis),
    With::Cluster(BrokerKind::Nats),
];

impl With {
    fn name(self) -> String {
        match self {
            Self::Nothing => "neither".to_owned(),
            Self::Recovery => "recovery".to_owned(),
            Self::Cluster(broker) => format!("cluster on {}", broker.name()),
        }
    }
}

/// What is measured, and what recovery may make of it.
struct Work {
    title: &'static str,
    unit: &'static str,
    run: fn(&Server, &Pace, bool) -> Result<Measured, Failure>,
    recovery: Limit,
}

#[derive(Clone, Copy)]
enum Limit {
    None,
    /// So many times as much.
    Times(f64),
    /// So much more, in KiB.
    More(f64),
}

const WORKS: [Work; 3] = [
    Work {
        title: "broadcast to 1, 32 B, on the node that emits",
        unit: "µs CPU",
        run: |server, pace, _| cast::run(server, 1, 32, pace),
        recovery: Limit::None,
    },
    Work {
        title: "broadcast to 1,000, 32 B, per delivery",
        unit: "µs CPU",
        run: |server, pace, short| cast::run(server, if short { 50 } else { 1_000 }, 32, pace),
        recovery: Limit::Times(1.05),
    },
    Work {
        title: "memory per idle WebSocket connection",
        unit: "KiB",
        run: |server, _, short| idle::run(server, if short { 50 } else { 1_000 }),
        recovery: Limit::More(0.5),
    },
];

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let program = Program::build(Kind::Koio, options)?;
    let cores = own_cores();
    let mut table = markdown(
        ["work", "unit"]
            .map(str::to_owned)
            .into_iter()
            .chain(ALL.map(With::name)),
    );
    let mut verdicts = Vec::new();
    for work in WORKS {
        let mut measured = ALL.map(|_| Vec::new());
        for _ in 0..options.repetitions() {
            for (with, figures) in ALL.into_iter().zip(&mut measured) {
                let cost = measure(&work, with, &program, cores, options);
                figures.push(cost.map_err(|failure| failure.during("added", Kind::Koio))?);
            }
        }
        let spreads = measured.map(|figures| Spread::of(figures.into_iter()));
        let [Some(nothing), Some(recovery), ..] = spreads else {
            continue;
        };
        let cells = spreads
            .iter()
            .flatten()
            .enumerate()
            .map(|(index, spread)| match index {
                0 => spread.to_string(),
                _ => format!("{spread} ×{:.2}", spread.median / nothing.median),
            });
        let head = [work.title, work.unit].map(str::to_owned);
        table.add_row(head.into_iter().chain(cells));
        verdicts.extend(
            work.recovery
                .verdict(work.title, nothing.median, recovery.median),
        );
    }
    let replayed = replay::measure(&program, options)?;
    if options.short {
        println!(
            "every message came, once and in order: {} works, and what was missed",
            WORKS.len()
        );
        return Ok(());
    }
    println!("Cost of the server: median (min–max), and × without\n\n{table}\n");
    println!("{}\n", verdicts.join("\n"));
    println!("{replayed}");
    Ok(())
}

/// One measurement on a fresh server.
fn measure(
    work: &Work,
    with: With,
    program: &Program,
    cores: Cores,
    options: &Options,
) -> Result<f64, Failure> {
    let broker = match with {
        With::Cluster(kind) => Some(Broker::start(kind)?),
        _ => None,
    };
    let arguments = match (&broker, with) {
        (Some(broker), _) => broker.arguments(),
        (None, With::Recovery) => ["--recovery", "60"].map(str::to_owned).to_vec(),
        (None, _) => Vec::new(),
    };
    let server = program.start(cores, &arguments, options)?;
    let other = match broker {
        Some(_) => Some(program.start(Cores::Any, &arguments, options)?),
        None => None,
    };
    let measured = (work.run)(&server, &options.pace(), options.short)?;
    drop(other);
    eprintln!(
        "{} with {}: {:.2} {}",
        work.title,
        with.name(),
        measured.cost,
        work.unit
    );
    Ok(measured.cost)
}

impl Limit {
    fn verdict(self, title: &str, without: f64, with: f64) -> Option<String> {
        let (is, figure, most) = match self {
            Self::None => return None,
            Self::Times(most) => (with / without, format!("× {:.3}", with / without), most),
            Self::More(most) => (
                with - without,
                format!("{:.2} KiB more", with - without),
                most,
            ),
        };
        let reached = if is <= most { "" } else { "**not reached**: " };
        Some(format!(
            "recovery, {title}: {reached}{figure}, at most {most}"
        ))
    }
}
