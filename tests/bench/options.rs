//! The command line.

use crate::rows::{ROWS, Row};
use crate::servers::Kind;

/// What `--help` says.
pub(crate) const USAGE: &str = "\
cargo run -p koio-tests --release --bin bench -- [OPTIONS]

  --vs socketioxide    measure this server too, and the ratio to it (comma separated)
  --rows echo1,cast    only these rows; default all:
                       echo1 echo16 echo16-1k binary16-1k cast connect idle
  --reps 5             repetitions of each row
  --seconds 2          time of each measurement; a row adds half a second to warm up
  --spin               the load generator never sleeps, so that no server pays for waking it
  --under 'perf stat'  start the servers under a tool, to look into one rather than to measure";

/// What to measure, and how long.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) versus: Vec<Kind>,
    pub(crate) repetitions: usize,
    pub(crate) seconds: f64,
    pub(crate) spin: bool,
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
            seconds: 2.0,
            spin: false,
            under: Vec::new(),
            only: Vec::new(),
        };
        while let Some(flag) = args.next() {
            if flag == "--help" {
                return Ok(None);
            }
            if flag == "--spin" {
                options.spin = true;
                continue;
            }
            let value = args.next().ok_or_else(|| Wrong(flag.clone()))?;
            let wrong = || Wrong(format!("{flag} {value}"));
            match flag.as_str() {
                "--vs" => {
                    for name in value.split(',') {
                        options.versus.push(Kind::peer(name).ok_or_else(wrong)?);
                    }
                }
                "--rows" => {
                    let known = |name: &str| ROWS.iter().any(|row| row.name == name);
                    options.only = value.split(',').map(str::to_owned).collect();
                    if !options.only.iter().all(|name| known(name)) {
                        return Err(wrong());
                    }
                }
                "--reps" => options.repetitions = value.parse().map_err(|_| wrong())?,
                "--seconds" => options.seconds = value.parse().map_err(|_| wrong())?,
                "--under" => options.under = value.split_whitespace().map(str::to_owned).collect(),
                _ => return Err(wrong()),
            }
        }
        let sensible = 0.1..=60.0;
        if options.repetitions == 0 || !sensible.contains(&options.seconds) {
            return Err(Wrong("--reps 0 or --seconds outside 0.1 to 60".to_owned()));
        }
        Ok(Some(options))
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
