//! Measures what koio's server costs beside other servers, in the same run on the same machine.
//!
//! What counts is the CPU time of the server's process (user and system) per message: it is steady where
//! throughput and latency are not. Each row starts every server anew, one after the other and over again
//! (A B A B), on one core, with the load generator on another. Only ratios from one run are comparable.
//!
//! Every message is counted, and checked byte by byte: one that is lost, comes twice or out of order fails
//! the run.

mod connection;
mod crowd;
mod failure;
mod frames;
mod options;
mod process;
mod rows;
mod servers;
mod table;

use std::process::ExitCode;

use failure::Failure;
use options::Options;
use servers::{Kind, Program};
use table::{Measured, Table};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", options::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}\n\n{}", options::USAGE);
            return ExitCode::FAILURE;
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let kinds = std::iter::once(Kind::Koio).chain(options.versus.iter().copied());
    let programs: Vec<Program> = kinds.map(Program::build).collect::<Result<_, _>>()?;
    let pinned = process::pin_this(process::LOAD_CORE);
    if !pinned {
        eprintln!("not pinned: server and load share their cores");
    }
    let mut table = Table::new(&programs);
    for row in options.rows() {
        for repetition in 0..options.repetitions {
            let mut measured = Vec::new();
            for program in &programs {
                let server = program.start(pinned, options)?;
                let result = row.run(&server, options.seconds);
                let one = result.map_err(|failure| failure.during(row.name, program.kind))?;
                eprintln!(
                    "{:>9} #{repetition} {:>12}: {}",
                    row.name,
                    program.kind.name(),
                    Measured::describe(&one, row)
                );
                measured.push(one);
            }
            table.add(row, &measured);
        }
    }
    println!("{table}");
    Ok(())
}
