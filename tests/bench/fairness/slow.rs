//! Clients that never read, beside others that do, while much is broadcast.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{Judged, WORKERS, bare, others::Others};
use crate::{
    failure::Failure,
    frames::Template,
    options::Options,
    servers::{Kind, Program, Server},
    table::markdown,
};

/// Clients that read, and as many that do not.
const CLIENTS: usize = 200;
/// Time from one broadcast to the next, and what it says.
const PERIOD: Duration = Duration::from_millis(4);
const SIZE: usize = 1024;
/// When the last of those that do not read must have been cut: after up to 9 s Linux takes no more for them (at most
/// 2.2 MB each), then `write_timeout` runs for 10 s.
const MUST: Duration = Duration::from_secs(22);
/// What one of them may hold at most: `send_queue_hard` and a message, in KiB.
const MEMORY: f64 = 8.0 * 1024.0 + 1.0;
/// How often the server is asked how many connections it has.
const LOOK: Duration = Duration::from_millis(100);

/// Measures with one thread and with two, and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let program = Program::build(Kind::Koio, options)?;
    let mut table = markdown([
        "threads",
        "never read, cut",
        "first after s",
        "last after s",
        "KiB for each",
        "others' p50 ms",
        "p99 ms",
        "max ms",
        "others cut",
        "reached",
    ]);
    let mut judged = Judged::default();
    for workers in WORKERS {
        let server = super::start(&program, workers, options)?;
        let measured = measure(&server);
        let row = measured.map_err(|failure| failure.during("slow readers", Kind::Koio))?;
        let cells = [
            workers.to_string(),
            format!("{} of {CLIENTS}", row.cut),
            format!("{:.1}", row.first.as_secs_f64()),
            format!("{:.1}", row.last.as_secs_f64()),
            format!("{:.0}", row.memory),
        ];
        let others = row.others.describe();
        let reached =
            row.cut == CLIENTS && row.last <= MUST && row.memory <= MEMORY && row.others.is_fair();
        table.add_row(cells.into_iter().chain(others).chain([judged.add(reached)]));
    }
    println!(
        "{CLIENTS} clients that never read, {CLIENTS} others that do, and a broadcast of {SIZE} B every {PERIOD:?}\n\n\
         {table}"
    );
    judged.end()
}

/// What was found.
struct Slow {
    cut: usize,
    first: Duration,
    last: Duration,
    /// KiB for each client that did not read, at most.
    memory: f64,
    others: super::others::Found,
}

fn measure(server: &Server) -> Result<Slow, Failure> {
    let mut others = Others::connect(server, CLIENTS)?;
    let silent = (0..CLIENTS).map(|_| bare::websocket(server.address));
    let silent: Vec<TcpStream> = silent.collect::<Result<_, _>>()?;
    let before = server.memory()?.rss;
    let caster = bare::websocket(server.address)?;
    let files = server.open_files()?;
    let started = Instant::now();
    let mut cuts: Vec<Duration> = Vec::new();
    thread::scope(|scope| {
        let broadcasts = scope.spawn(|| cast(&caster));
        let mut others_until = || {
            others.restart();
            while cuts.len() < CLIENTS && started.elapsed() < 2 * MUST {
                others.run(Instant::now() + LOOK)?;
                let gone = files.saturating_sub(server.open_files()?).min(CLIENTS);
                cuts.resize(gone.max(cuts.len()), started.elapsed());
            }
            Ok::<(), Failure>(())
        };
        let result = others_until();
        let _ = caster.shutdown(Shutdown::Both);
        let _ = broadcasts.join();
        result
    })?;
    let memory = (server.memory()?.peak - before) / CLIENTS as f64;
    drop(silent);
    Ok(Slow {
        cut: cuts.len(),
        first: cuts.first().copied().unwrap_or_default(),
        last: cuts.last().copied().unwrap_or_default(),
        memory,
        others: others.finish()?,
    })
}

/// Broadcasts until the connection is shut.
fn cast(stream: &TcpStream) {
    let mut request = Template::text(&format!("42[\"cast\",\"{}\"]", "x".repeat(SIZE)));
    let request = request.with(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut block = vec![0; crate::reactor::BLOCK];
            let mut stream = stream;
            while stream.read(&mut block).is_ok_and(|length| length > 0) {}
        });
        let (mut stream, mut due) = (stream, Instant::now());
        while stream.write_all(request).is_ok() {
            due += PERIOD;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
}
