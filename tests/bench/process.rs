//! What Linux says about a process, and which core it runs on.

use std::process::{Command, Stdio};

use crate::failure::Failure;

/// The core of the servers.
pub(crate) const SERVER_CORE: usize = 0;
/// The core of the load generator.
pub(crate) const LOAD_CORE: usize = 1;
/// The unit of CPU time in /proc: USER_HZ is 100 on every Linux that this may run on.
const TICK_MICROSECONDS: f64 = 10_000.0;

/// CPU time that a process has used so far, all its threads, user and system, in microseconds.
pub(crate) fn cpu(pid: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program is in parentheses and may hold anything; utime and stime are fields 14 and 15.
    let ticks = stat.rsplit_once(')').and_then(|(_, fields)| {
        let mut fields = fields.split_ascii_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some(user + system)
    });
    Ok(ticks.ok_or(Failure::Proc("stat"))? * TICK_MICROSECONDS)
}

/// Memory that a process has in RAM, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) rss: f64,
    /// At most so far.
    pub(crate) peak: f64,
}

pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let size = |name: &str| {
        status.lines().find_map(|line| {
            let line = line.strip_prefix(name)?.strip_prefix(':')?;
            line.trim().strip_suffix("kB")?.trim_end().parse().ok()
        })
    };
    match (size("VmRSS"), size("VmHWM")) {
        (Some(rss), Some(peak)) => Ok(Memory { rss, peak }),
        _ => Err(Failure::Proc("status")),
    }
}

/// Ties this process to a core; false if that does not go.
pub(crate) fn pin_this(core: usize) -> bool {
    on_this("taskset", &["-pc", &core.to_string()])
}

/// Lets this process, and those that it starts, open as many files as they may; false if that does not go. Many
/// systems let a process ask for more than it gets at first.
pub(crate) fn raise_open_files() -> bool {
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else {
        return false;
    };
    let most = limits.lines().find_map(|line| {
        let mut numbers = line.strip_prefix("Max open files")?.split_whitespace();
        numbers.nth(1)
    });
    most.is_some_and(|most| on_this("prlimit", &[&format!("--nofile={most}:{most}"), "--pid"]))
}

fn on_this(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .arg(std::process::id().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
