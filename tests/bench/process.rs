//! What Linux says about a process, and which core it runs on.

use std::process::{Command, Stdio};

use crate::failure::Failure;

/// The core of the servers.
pub(crate) const SERVER_CORE: &str = "0";
/// The core of the load generator.
pub(crate) const LOAD_CORE: &str = "1";
/// Those of both.
pub(crate) const BOTH_CORES: &str = "0,1";

/// CPU time that the threads of a process have used so far, user and system, in microseconds. No server of the bench
/// ends threads while it is measured.
pub(crate) fn cpu(pid: u32) -> Result<f64, Failure> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // /proc/PID/stat has it in units of 10 ms, a good part of some measurements.
        let used = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let used = used.split_ascii_whitespace().next();
        let used: Option<f64> = used.and_then(|used| used.parse().ok());
        nanoseconds += used.ok_or(Failure::Proc("schedstat"))?;
    }
    Ok(nanoseconds / 1000.0)
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

/// How many files a process has open.
pub(crate) fn open_files(pid: u32) -> Result<usize, Failure> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Lets every other thread go before this one.
pub(crate) fn give_way() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    let id = thread.file_name().unwrap_or_default();
    let renice = Command::new("renice")
        .args(["-n", "19", "-p"])
        .arg(id)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !renice.is_ok_and(|status| status.success()) {
        eprintln!("renice: a thread that floods does not give way");
    }
}

/// Ties this process to some cores; false if that does not go.
pub(crate) fn pin_this(cores: &str) -> bool {
    let status = Command::new("taskset")
        .args(["-pc", cores])
        .arg(std::process::id().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
