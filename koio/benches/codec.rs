//! How many instructions the codec takes for each operation, exact and free of noise: what wall time can't show.
//!
//! `cargo bench -p koio --bench codec` builds koio's own tests, for only they see the codec, and runs the
//! operations of `koio/src/wire/tests/codec.rs` under valgrind, each [`FEW`] and [`MANY`] times: the difference is
//! theirs alone.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints its table"
)]

use std::{
    error::Error,
    process::{Command, ExitCode},
};

const FEW: u64 = 100;
const MANY: u64 = 1100;
const TEST: &str = "wire::tests::codec::every_measured_operation_works";

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err("valgrind is not installed: nothing was measured".into());
    }
    // cargo adds `--bench`.
    let only: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let program = build()?;
    let listed = run(Command::new(&program).args([TEST, "--exact", "--nocapture"]))?.0;
    println!("| operation | instructions |\n|---|---|");
    for (_, name) in listed
        .lines()
        .filter_map(|line| line.split_once("operation: "))
    {
        if only.is_empty() || only.iter().any(|only| name.contains(only)) {
            let extra = count(&program, name, MANY)?.saturating_sub(count(&program, name, FEW)?);
            println!("| {name} | {} |", extra / (MANY - FEW));
        }
    }
    Ok(())
}

/// Builds koio's tests, and says where they are.
fn build() -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = ["test", "-p", "koio", "--release", "--lib", "--no-run"];
    let (_, said) = run(Command::new(cargo).args(arguments))?;
    // "Executable unittests src/lib.rs (target/release/deps/koio-…)"
    let path = said
        .rsplit_once('(')
        .and_then(|(_, path)| path.split_once(')'));
    Ok(path.ok_or("cargo names no executable")?.0.to_owned())
}

fn count(program: &str, name: &str, times: u64) -> Result<u64, Box<dyn Error>> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            program,
        ])
        .args([TEST, "--exact"])
        .env("KOIO_CODEC", format!("{times}*{name}"));
    let (_, said) = run(&mut valgrind)?;
    let collected = said.rsplit_once("Collected :").map(|(_, count)| count);
    let collected = collected.and_then(|count| count.split_whitespace().next());
    Ok(collected.ok_or("valgrind counted nothing")?.parse()?)
}

/// What it writes to its output, and what to its standard error.
fn run(command: &mut Command) -> Result<(String, String), Box<dyn Error>> {
    let output = command.output()?;
    let [said, complained] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    if !output.status.success() {
        return Err(format!("{command:?} failed: {complained}").into());
    }
    Ok((said, complained))
}
