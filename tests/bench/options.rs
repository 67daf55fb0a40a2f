//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    rows::{Pace, ROWS, Row},
    servers::Kind,
};

/// Measures what koio's server costs beside other servers, in the same run on the same machine.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Options {
    /// Measure these servers too, and the ratio to socketioxide; `all` for all of them.
    #[arg(long = "vs", value_delimiter = ',', value_parser = [
        "all", "socketioxide", "node", "floor-ws", "floor-tokio", "floor-epoll",
    ])]
    versus: Vec<String>,
    /// Only these rows [default: all]
    #[arg(long = "rows", value_delimiter = ',', value_parser = ROWS.map(|row| row.name))]
    only: Vec<String>,
    /// Repetitions of each row [default: 5, with --scale and --cluster 3]
    #[arg(long = "reps", value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: Option<u16>,
    /// Repeat all of it, and say whether every run reached what it must.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Time of each measurement, 0.1 to 60; a row adds half a second to warm up [default: 2, with --scale 1,
    /// with --fairness 10]
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Draw the ratios to socketioxide into this file.
    #[arg(long = "svg", value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// The load generator never sleeps, so that no server pays for waking it.
    #[arg(long)]
    pub(crate) spin: bool,
    /// Start the servers under a tool, `perf stat` say, to look into one rather than to measure.
    #[arg(long, default_value = "", hide_default_value = true)]
    under: String,
    /// Each row for a moment, on servers built for debugging: are all messages answered, once and in order? Its
    /// figures say nothing.
    #[arg(long)]
    pub(crate) short: bool,
    /// Instead of the rows: does a message cost the same with many connections, rooms, namespaces and two threads?
    /// On koio and floor-tokio, about 5 minutes.
    #[arg(long)]
    pub(crate) scale: bool,
    /// Instead of the rows: does a client that floods the server delay the others? About 3 minutes.
    #[arg(long, conflicts_with = "spin")]
    pub(crate) fairness: bool,
    /// Instead of the rows: what becomes of clients that never read, and of the others? About a minute.
    #[arg(long, conflicts_with = "spin")]
    pub(crate) slow: bool,
    /// Instead of the rows: how long does a broadcast take to the clients of another node, over one Redis or NATS, and what
    /// does it cost? Beside Socket.IO on Node. Needs redis-server and nats-server; about a minute.
    #[arg(long, conflicts_with = "spin")]
    pub(crate) cluster: bool,
    /// Instead of the rows: what do recovery and a cluster add to a broadcast and to an idle connection, and how long do
    /// missed events hold up others? Needs redis-server and nats-server; about 2 minutes.
    #[arg(long)]
    pub(crate) added: bool,
    /// Instead of the rows: how often does koio ask the system to write? Needs strace.
    #[arg(long)]
    pub(crate) calls: bool,
}

fn seconds(value: &str) -> Result<f64, String> {
    let seconds: f64 = value.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=60.0).contains(&seconds) {
        return Ok(seconds);
    }
    Err("outside 0.1 to 60".to_owned())
}

impl Options {
    /// The servers to compare with.
    pub(crate) fn versus(&self) -> Vec<Kind> {
        if self.versus.iter().any(|name| name == "all") {
            return Kind::PEERS.to_vec();
        }
        let kinds = self.versus.iter();
        kinds.filter_map(|name| Kind::peer(name)).collect()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter()
            .filter(|row| self.only.is_empty() || self.only.iter().any(|name| name == row.name))
    }

    pub(crate) fn repetitions(&self) -> usize {
        match self.repetitions {
            _ if self.short => 1,
            Some(repetitions) => repetitions.into(),
            None if self.scale || self.cluster => 3,
            None => 5,
        }
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.into()
    }

    pub(crate) fn pace(&self) -> Pace {
        let seconds = match self.seconds {
            _ if self.short && self.scale => 0.1,
            _ if self.short => 0.2,
            Some(seconds) => seconds,
            None if self.scale => 1.0,
            None => 2.0,
        };
        let warm_up = Duration::from_millis(if self.short { 50 } else { 500 });
        Pace { warm_up, seconds }
    }

    /// How long a flood takes.
    pub(crate) fn flood_time(&self) -> Duration {
        let seconds = if self.short { 1.0 } else { 10.0 };
        Duration::from_secs_f64(self.seconds.unwrap_or(seconds))
    }

    /// A command that the servers are arguments of.
    pub(crate) fn under(&self) -> impl Iterator<Item = &str> {
        self.under.split_whitespace()
    }

    /// The same, with the servers under this tool.
    pub(crate) fn with_tool(&self, tool: String) -> Self {
        Self {
            under: tool,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("bench").chain(line.split_whitespace()))
    }

    #[test]
    fn help_names_every_row_and_every_server() {
        let usage = Options::command().render_long_help().to_string();
        let names = ROWS.iter().map(|row| row.name);
        for name in names.chain(Kind::PEERS.map(Kind::name)) {
            assert!(usage.contains(name), "{name}");
        }
    }

    #[test]
    fn unknown_options_and_values_are_refused() {
        let help = parse("--help").err().map(|error| error.kind());
        assert_eq!(help, Some(clap::error::ErrorKind::DisplayHelp));
        assert!(parse("--vs node,floor-ws --rows rooms --short").is_ok());
        for wrong in [
            "--vs bun",
            "--rows echo2",
            "--reps 0",
            "--runs 0",
            "--seconds",
            "--seconds 0",
            "--fast 1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
