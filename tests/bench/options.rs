//! The command line.

use std::{path::PathBuf, time::Duration};

use crate::{
    rows::{Pace, ROWS, Row},
    servers::Kind,
};

/// What `--help` says.
pub(crate) const USAGE: &str = "\
cargo run -p koio-tests --release --bin bench -- [OPTIONS]

  --vs socketioxide,node,floor-ws,floor-tokio,floor-epoll
                       measure these servers too, and the ratio to socketioxide; `--vs all` for all
  --rows echo1,cast    only these rows; default all:
                       echo1 echo16 echo16-1k echo16-16k json16-1k binary16-1k cast cast-1k
                       cast-9500 rooms connect upgrade polling idle
  --reps 5             repetitions of each row
  --runs 1             repeat all of it, and say whether every run reached what it must
  --seconds 2          time of each measurement; a row adds half a second to warm up
                       all six servers take about 20 minutes with these defaults
  --svg FILE           draw the ratios to socketioxide
  --spin               the load generator never sleeps, so that no server pays for waking it
  --under 'perf stat'  start the servers under a tool, to look into one rather than to measure
  --short              each row for a moment, on servers built for debugging: are all messages
                       answered, once and in order? Its figures say nothing
  --scale              instead of the rows: does a message cost the same with many connections, rooms,
                       namespaces and two threads? On koio and floor-tokio, about 5 minutes
  --calls              instead of the rows: how often does koio ask the system to write? Needs strace";

/// What to measure, and how long.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) versus: Vec<Kind>,
    pub(crate) repetitions: usize,
    pub(crate) runs: usize,
    pub(crate) pace: Pace,
    pub(crate) spin: bool,
    pub(crate) short: bool,
    pub(crate) scale: bool,
    pub(crate) calls: bool,
    /// Where the picture goes.
    pub(crate) picture: Option<PathBuf>,
    /// A command that the servers are arguments of.
    pub(crate) under: Vec<String>,
    only: Vec<String>,
}

impl Options {
    /// `None` if help is asked for.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, Wrong> {
        let mut options = Self {
            versus: Vec::new(),
            repetitions: 5,
            runs: 1,
            pace: Pace {
                warm_up: Duration::from_millis(500),
                seconds: 2.0,
            },
            spin: false,
            short: false,
            scale: false,
            calls: false,
            picture: None,
            under: Vec::new(),
            only: Vec::new(),
        };
        while let Some(flag) = args.next() {
            match flag.as_str() {
                "--help" => return Ok(None),
                "--spin" => options.spin = true,
                "--scale" => {
                    options.scale = true;
                    options.repetitions = 3;
                    options.pace.seconds = 1.0;
                }
                "--calls" => options.calls = true,
                "--short" => options.short = true,
                _ => {
                    let value = args.next().ok_or_else(|| Wrong(flag.clone()))?;
                    options.set(&flag, &value)?;
                }
            }
        }
        if options.short {
            options.repetitions = 1;
            options.pace = Pace {
                warm_up: Duration::from_millis(50),
                seconds: if options.scale { 0.1 } else { 0.2 },
            };
        }
        let sensible = 0.1..=60.0;
        let none = options.repetitions == 0 || options.runs == 0;
        if none || !sensible.contains(&options.pace.seconds) {
            return Err(Wrong(
                "--reps 0, --runs 0 or --seconds outside 0.1 to 60".to_owned(),
            ));
        }
        Ok(Some(options))
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), Wrong> {
        let wrong = || Wrong(format!("{flag} {value}"));
        match flag {
            "--vs" if value == "all" => self.versus = Kind::PEERS.to_vec(),
            "--vs" => {
                let kinds = value
                    .split(',')
                    .map(|name| Kind::peer(name).ok_or_else(wrong));
                self.versus = kinds.collect::<Result<_, _>>()?;
            }
            "--rows" => {
                let known = |name: &str| ROWS.iter().any(|row| row.name == name);
                self.only = value.split(',').map(str::to_owned).collect();
                if !self.only.iter().all(|name| known(name)) {
                    return Err(wrong());
                }
            }
            "--reps" => self.repetitions = value.parse().map_err(|_| wrong())?,
            "--runs" => self.runs = value.parse().map_err(|_| wrong())?,
            "--seconds" => self.pace.seconds = value.parse().map_err(|_| wrong())?,
            "--svg" => self.picture = Some(value.into()),
            "--under" => self.under = value.split_whitespace().map(str::to_owned).collect(),
            _ => return Err(wrong()),
        }
        Ok(())
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter()
            .filter(|row| self.only.is_empty() || self.only.iter().any(|name| name == row.name))
    }
}

/// Options that nobody understands.
#[derive(Debug)]
pub(crate) struct Wrong(String);

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "what does `{}` mean?", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, Wrong> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn help_names_every_row_and_every_server() {
        let names = ROWS.iter().map(|row| row.name);
        for name in names.chain(Kind::PEERS.map(Kind::name)) {
            assert!(USAGE.contains(name), "{name}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(matches!(parse("--help"), Ok(None)));
        assert!(parse("--vs node,floor-ws --rows rooms --short").is_ok());
        for wrong in [
            "--vs bun",
            "--rows echo2",
            "--reps 0",
            "--runs 0",
            "--seconds",
            "--fast 1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
