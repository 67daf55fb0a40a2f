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
pub(crate) fn rss(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let size = status.lines().find_map(|line| {
        let line = line.strip_prefix("VmRSS:")?;
        line.trim().strip_suffix("kB")?.trim_end().parse().ok()
    });
    size.ok_or(Failure::Proc("status"))
}

/// Ties this process to a core; false if that does not go.
pub(crate) fn pin_this(core: usize) -> bool {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["-pc", &core.to_string(), &pid])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
