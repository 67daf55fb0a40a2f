//! Measures what koio's server costs beside other servers, in the same run on the same machine.
//!
//! What counts is the CPU time of the server's process (user and system) per message: it is steady where
//! throughput and latency are not. Each row starts every server anew, one after the other and over again
//! (A B A B), on one core, with the load generator on another. Only ratios from one run are comparable.
//!
//! Every message is counted, and checked byte by byte: one that is lost, comes twice or out of order fails
//! the run.

mod added;
mod calls;
mod client;
mod cluster;
mod connection;
mod crowd;
mod failure;
mod fairness;
mod frames;
mod http;
mod latency;
mod options;
mod process;
mod reactor;
mod rows;
mod scale;
mod servers;
mod stream;
mod table;

use std::process::ExitCode;

use clap::Parser;
use failure::Failure;
use options::Options;
use rows::Row;
use servers::{Cores, Kind, Program};
use table::{Measured, Runs, Table};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    // Many systems let a process ask for more open files than it gets at first.
    rlimit::increase_nofile_limit(u64::MAX)?;
    if options.calls {
        return calls::run(options);
    }
    if options.fairness {
        return fairness::run(options);
    }
    if options.slow {
        return fairness::slow::run(options);
    }
    if options.scale {
        return scale::run(options);
    }
    if options.cluster {
        return cluster::run(options);
    }
    if options.added {
        return added::run(options);
    }
    let kinds = std::iter::once(Kind::Koio).chain(options.versus());
    let programs: Vec<Program> = kinds
        .map(|kind| Program::build(kind, options))
        .collect::<Result<_, _>>()?;
    let cores = own_cores();
    let mut runs = Vec::new();
    for _ in 0..options.runs() {
        let table = matrix(&programs, cores, options)?;
        if options.short {
            println!("every message came, once and in order: {}", table.rows());
            return Ok(());
        }
        println!("{table}");
        runs.push(table);
    }
    let runs = Runs::new(runs);
    if options.runs() > 1 {
        println!("{runs}");
    }
    if let (Some(file), Some(picture)) = (&options.picture, runs.picture()) {
        std::fs::write(file, picture)?;
    }
    Ok(())
}

/// Ties this process to its core. Says where that leaves the servers.
fn own_cores() -> Cores {
    if process::pin_this(process::LOAD_CORE) {
        return Cores::Own;
    }
    eprintln!("not pinned: server and load share their cores");
    Cores::Any
}

/// All rows, each over and over again.
fn matrix(programs: &[Program], cores: Cores, options: &Options) -> Result<Table, Failure> {
    let mut table = Table::new(programs);
    for row in options.rows() {
        for repetition in 0..options.repetitions() {
            let measured = programs
                .iter()
                .map(|program| measure(row, repetition, program, cores, options))
                .collect::<Result<_, _>>()?;
            table.add(row, measured);
        }
    }
    Ok(table)
}

/// One repetition of a row with a fresh server; `None` if that kind of server does not do it.
fn measure(
    row: &Row,
    repetition: usize,
    program: &Program,
    cores: Cores,
    options: &Options,
) -> Result<Option<Measured>, Failure> {
    let kind = program.kind;
    if !row.applies(kind) {
        return Ok(None);
    }
    let server = program.start(cores, &row.arguments(kind), options)?;
    let result = row.run(&server, &options.pace());
    let measured = result.map_err(|failure| failure.during(row.name, kind))?;
    let (row_name, name) = (row.name, kind.name());
    eprintln!(
        "{row_name:>11} #{repetition} {name:>12}: {}",
        measured.describe(row)
    );
    Ok(Some(measured))
}
