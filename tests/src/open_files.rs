//! How many files this process may have open.

use std::process::{Command, Stdio};

/// Lets this process, and those that it starts, open as many files as they may; false if that does not go. Many
/// systems let a process ask for more than it gets at first.
pub fn raise_open_files() -> bool {
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else {
        return false;
    };
    let most = limits.lines().find_map(|line| {
        let mut numbers = line.strip_prefix("Max open files")?.split_whitespace();
        numbers.nth(1)
    });
    let Some(most) = most else {
        return false;
    };
    let status = Command::new("prlimit")
        .arg(format!("--nofile={most}:{most}"))
        .arg("--pid")
        .arg(std::process::id().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
