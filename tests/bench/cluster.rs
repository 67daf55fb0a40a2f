//! How long does a broadcast take to the clients of another node, over one broker, and what does it cost?
//!
//! A client of the first node asks for broadcasts at a steady rate. Each reaches a client of each node, once and in order.
//! The time of the local ones is what clients and nodes take by themselves.

pub(crate) mod broker;
mod steady;

use broker::{Broker, BrokerKind};
use steady::{Joined, SIZE, Steady};

use crate::{
    failure::Failure,
    options::Options,
    servers::{Cores, Kind, Program},
    table::{Spread, markdown},
};

/// Broadcasts in a second.
const RATES: [u32; 2] = [1_000, 5_000];

/// What is compared. koio on Redis speaks as Node's adapter there does.
const SETUPS: [(Kind, BrokerKind); 3] = [
    (Kind::Koio, BrokerKind::Redis),
    (Kind::Koio, BrokerKind::Nats),
    (Kind::Node, BrokerKind::Redis),
];

/// At 1,000 broadcasts in a second: the 99th percentile to the client of the other node, in microseconds.
const P99_MUST: f64 = 5_000.0;
/// CPU of both nodes, of what Node's take.
const CPU_MUST: f64 = 0.25;

/// A pair of servers at one rate, over the repetitions.
struct Line {
    setup: (Kind, BrokerKind),
    rate: u32,
    measured: Vec<Steady>,
}

impl Line {
    fn new(setup: (Kind, BrokerKind), rate: u32) -> Self {
        let measured = Vec::new();
        Self {
            setup,
            rate,
            measured,
        }
    }

    fn spread(&self, figure: impl Fn(&Steady) -> f64) -> Option<Spread> {
        Spread::of(self.measured.iter().map(figure))
    }

    fn median(&self, figure: impl Fn(&Steady) -> f64) -> f64 {
        self.spread(figure).map_or(f64::NAN, |spread| spread.median)
    }

    /// CPU of both nodes for each delivery to the other one.
    fn cpu(&self) -> f64 {
        self.median(Steady::nodes)
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut programs = vec![Program::build(Kind::Koio, options)?];
    if !options.short {
        // Its packages are installed for figures alone.
        programs.push(Program::build(Kind::Node, options)?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let rates = if options.short { &RATES[..1] } else { &RATES };
    let (pace, mut lines) = (options.pace(), Vec::new());
    for rate in rates {
        lines.extend(SETUPS.map(|setup| Line::new(setup, *rate)));
    }
    for _ in 0..options.repetitions() {
        for (kind, broker) in SETUPS {
            let Some(program) = programs.iter().find(|program| program.kind == kind) else {
                continue;
            };
            let joined = join(program, broker, options)?;
            if !options.short {
                // Node compiles what it runs often.
                let warm = joined.measure(RATES[1], &pace);
                runtime
                    .block_on(warm)
                    .map_err(|failure| failure.during("cluster", kind))?;
            }
            for line in &mut lines {
                if line.setup == (kind, broker) {
                    let measured = joined.measure(line.rate, &pace);
                    let measured = runtime.block_on(measured);
                    let measured = measured.map_err(|failure| failure.during("cluster", kind))?;
                    report(line, &measured);
                    line.measured.push(measured);
                }
            }
        }
    }
    lines.retain(|line| !line.measured.is_empty());
    if options.short {
        let messages: u64 = lines
            .iter()
            .flat_map(|line| &line.measured)
            .map(|it| it.messages)
            .sum();
        println!("every message came, once and in order: {messages}");
    } else {
        println!("{}", table(&lines));
        println!("{}", verdict(&lines));
    }
    Ok(())
}

/// Two fresh servers on a fresh broker.
fn join(program: &Program, broker: BrokerKind, options: &Options) -> Result<Joined, Failure> {
    let broker = Broker::start(broker)?;
    let arguments = broker.arguments();
    Ok(Joined {
        near: program.start(Cores::Any, &arguments, options)?,
        far: program.start(Cores::Any, &arguments, options)?,
        broker,
    })
}

/// One measurement in one line.
fn report(line: &Line, measured: &Steady) {
    let (kind, broker) = line.setup;
    eprintln!(
        "{:>5}/s {:>5} on {}: remote p50 {:.0} p99 {:.0} µs, {:.1} µs CPU of both nodes",
        line.rate,
        kind.name(),
        broker.name(),
        measured.remote.p50,
        measured.remote.p99,
        measured.nodes(),
    );
}

fn table(lines: &[Line]) -> String {
    let mut table = markdown([
        "broadcasts",
        "servers",
        "local p50 µs",
        "local p99 µs",
        "remote p50 µs",
        "remote p99 µs",
        "remote max µs",
        "µs CPU of both nodes",
        "node = 1",
        "of the near one",
        "of the far one",
        "of the broker",
    ]);
    for line in lines {
        let (kind, broker) = line.setup;
        let ratio = of_node(lines, line).map_or_else(|| "–".to_owned(), |it| format!("{it:.2}"));
        let spread = |figure: fn(&Steady) -> f64| {
            let spread = line.spread(figure);
            spread.map_or_else(|| "–".to_owned(), |it| it.to_string())
        };
        table.add_row([
            format!("{}/s", line.rate),
            format!("{} on {}", kind.name(), broker.name()),
            format!("{:.0}", line.median(|it| it.local.p50)),
            format!("{:.0}", line.median(|it| it.local.p99)),
            format!("{:.0}", line.median(|it| it.remote.p50)),
            format!("{:.0}", line.median(|it| it.remote.p99)),
            format!("{:.0}", line.median(|it| it.remote.max)),
            spread(Steady::nodes),
            ratio,
            format!("{:.1}", line.median(|it| it.near)),
            format!("{:.1}", line.median(|it| it.far)),
            format!("{:.1}", line.median(|it| it.broker)),
        ]);
    }
    format!(
        "Broadcasts of {SIZE} B to the client of the same node and to that of the other, and CPU for each: medians\n\n{table}\n"
    )
}

/// The CPU of both nodes beside that of Node's at the same rate.
fn of_node(lines: &[Line], line: &Line) -> Option<f64> {
    let base = lines
        .iter()
        .find(|base| base.setup.0 == Kind::Node && base.rate == line.rate)?;
    Some(line.cpu() / base.cpu())
}

/// Whether koio on Redis reaches what it must.
fn verdict(lines: &[Line]) -> String {
    let koio = lines.iter().filter(|line| line.setup == SETUPS[0]);
    let said = koio.map(|line| {
        let mut text = String::new();
        if line.rate == RATES[0] {
            let p99 = line.median(|it| it.remote.p99);
            text += &format!(
                "remote p99 {} of {P99_MUST:.0} µs, ",
                reached(p99, P99_MUST, 0)
            );
        }
        let cpu = of_node(lines, line).unwrap_or(f64::NAN);
        text += &format!("CPU {} of {CPU_MUST} × node", reached(cpu, CPU_MUST, 2));
        format!("koio on Redis at {}/s: {text}", line.rate)
    });
    said.collect::<Vec<_>>().join("\n")
}

fn reached(figure: f64, must: f64, digits: usize) -> String {
    match figure <= must {
        true => format!("{figure:.digits$}"),
        false => format!("**no**, {figure:.digits$}"),
    }
}
