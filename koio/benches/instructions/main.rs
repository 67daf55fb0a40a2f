//! How many instructions the server spends on each row, kernel excluded: exact where wall time is noise.
//!
//! `cargo bench -p koio --bench instructions` runs every row, `… -- echo rooms` those whose name contains a word. It
//! needs valgrind and nothing else.
//!
//! Each row is run twice, [`FEW`] and [`MANY`] rounds, against this same program as a server under
//! `valgrind --tool=callgrind`, with one thread, over loopback; the client stays outside and is not counted. The
//! difference of the two counts, divided by the units of the rounds between them, is the row: start-up, handshakes and
//! the end cancel out. A round waits for all of its answers, so that the server wakes up as often in each run; two runs
//! differ by less than 1 %.
//!
//! callgrind's profile of the longer run stays in `target/instructions`: `callgrind_annotate FILE` says where the
//! instructions go.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints its table"
)]

mod client;
mod rows;
mod server;

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use rows::{ROWS, Row};

const FEW: usize = 20;
const MANY: usize = 1_020;
/// Set for the process that is the server: the row that it serves.
const SERVER: &str = "KOIO_BENCH_SERVER";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let done = if let Ok(row) = env::var(SERVER) {
        server::run(&row).map_err(|error| error.to_string().into())
    } else {
        measure()
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err("valgrind is not installed: nothing was measured".into());
    }
    // cargo adds `--bench`.
    let words: Vec<_> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let profiles = profiles()?;
    println!("| row | instructions per | |\n|---|---|---|");
    for row in ROWS {
        if words.is_empty() || words.iter().any(|word| row.name.contains(word.as_str())) {
            let few = count(row, FEW, Path::new("/dev/null"))?;
            let many = count(row, MANY, &profiles.join(format!("{}.out", row.name)))?;
            let units = ((MANY - FEW) * row.units) as u64;
            println!(
                "| {} | {} | {} |",
                row.name,
                row.unit,
                many.saturating_sub(few) / units
            );
        }
    }
    Ok(())
}

/// The folder of the profiles, beside the folder of the build profile: `target/instructions`.
fn profiles() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let target = program
        .ancestors()
        .nth(3)
        .ok_or("the bench is not in target")?;
    let folder = target.join("instructions");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The instructions of a server, from its start to its end, that is asked for so many rounds of a row.
fn count(row: &Row, rounds: usize, profile: &Path) -> Result<u64> {
    let mut server = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .env(SERVER, row.name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    let stdout = server.stdout.as_mut().ok_or("the server has no output")?;
    BufReader::new(stdout).read_line(&mut address)?;
    let done = address
        .trim()
        .parse::<SocketAddr>()
        .map_err(Into::into)
        .and_then(|address| (row.run)(address, rounds));
    // Lets the server read that the last connections are closed.
    thread::sleep(Duration::from_millis(100));
    drop(server.stdin.take());
    let mut log = String::new();
    let stderr = server.stderr.as_mut().ok_or("the server has no log")?;
    stderr.read_to_string(&mut log)?;
    server.wait()?;
    done.map_err(|error| format!("{}: {error}\n{log}", row.name))?;
    let collected = log.rsplit_once("Collected :").map(|(_, count)| count);
    let collected = collected.and_then(|count| count.split_whitespace().next());
    Ok(collected.ok_or("valgrind counted nothing")?.parse()?)
}
