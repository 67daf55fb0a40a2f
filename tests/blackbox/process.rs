//! Servers in a process of their own, which can be told to end.
//!
//! The process is the test's own program, started again.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use koio_tests::within;
use tokio::sync::mpsc;

/// Such a process, from outside.
pub(crate) struct Process {
    child: Child,
    pub(crate) stdin: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Process {
    /// Starts this program again, with this test alone and these variables, by which the test knows that it is the server.
    pub(crate) fn start(test: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let stdin = child.stdin.take().expect("a pipe");
        let (sender, lines) = mpsc::unbounded_channel();
        let stderr = child.stderr.take().expect("a pipe");
        let errors = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("{line}");
                errors.send(line).ok();
            }
        });
        let stdout = child.stdout.take().expect("a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        Self {
            child,
            stdin,
            lines,
        }
    }

    /// The rest of the next line, of its output or its errors, that begins so; others are the test runner's.
    pub(crate) async fn line(&mut self, begin: &str) -> String {
        loop {
            let line = within(begin, self.lines.recv()).await;
            let line = line.unwrap_or_else(|| panic!("it ended before it said {begin}"));
            // The runner writes the name of the test in front of the first one.
            if let Some((_, rest)) = line.split_once(begin) {
                return rest.to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell").success(), "{kill}");
    }

    /// Waits until it is gone, and whether it went in order.
    pub(crate) async fn exit(mut self) -> bool {
        while within("the process to end", self.lines.recv())
            .await
            .is_some()
        {}
        self.child.wait().expect("a process").success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
    }
}
