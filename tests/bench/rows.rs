//! What is measured.

pub(crate) mod cast;
mod compressed;
mod connect;
pub(crate) mod echo;
pub(crate) mod idle;
mod list;
mod overlap;
pub(crate) mod pace;
mod polling;
pub(crate) mod rooms;
mod upgrade;

pub(crate) use list::ROWS;
pub(crate) use pace::Pace;

use crate::{
    failure::Failure,
    servers::{Kind, Server},
    table::Measured,
};

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) goal: Goal,
    work: Work,
}

/// What koio shall not cost more than.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// A share of what socketioxide costs.
    Ratio { must: f64, aim: f64 },
    /// A share of what Socket.IO on Node costs, where socketioxide does not do the same.
    OfNode { must: f64, aim: f64 },
    /// A figure of its own, memory or time, whatever others need.
    Figure {
        must: f64,
        aim: f64,
        unit: &'static str,
    },
}

#[derive(Debug, Clone, Copy)]
enum Work {
    /// Connections that keep a window of acks outstanding.
    Echo {
        kind: echo::Kind,
        window: u64,
        size: usize,
    },
    /// Texts of 32 bytes, 16 in flight, to a koio server that is started with these arguments.
    Around {
        arguments: &'static [&'static str],
    },
    /// Events at once whose handlers wait a little.
    Overlap,
    /// One that broadcasts to all.
    Cast {
        recipients: usize,
        size: usize,
    },
    /// The same to clients that take compressed messages.
    Compressed {
        recipients: usize,
        size: usize,
    },
    /// Rooms in each of which one member broadcasts.
    Rooms {
        rooms: usize,
        members: usize,
    },
    Connect,
    Upgrade,
    Polling,
    Idle {
        connections: usize,
    },
}

impl Row {
    /// Measures a fresh server.
    pub(crate) fn run(&self, server: &Server, pace: &Pace) -> Result<Measured, Failure> {
        match self.work {
            Work::Echo { kind, window, size } => echo::run(server, kind, window, size, pace),
            Work::Around { .. } => echo::run(server, echo::Kind::Text, 16, 32, pace),
            Work::Overlap => overlap::run(server),
            Work::Cast { recipients, size } => cast::run(server, recipients, size, pace),
            Work::Compressed { recipients, size } => {
                compressed::run(server, recipients, size, pace)
            }
            Work::Rooms { rooms, members } => rooms::run(server, rooms, members, pace),
            Work::Connect => connect::run(server, pace),
            Work::Upgrade => upgrade::run(server, pace),
            Work::Polling => polling::run(server, pace),
            Work::Idle { connections } => idle::run(server, connections),
        }
    }

    /// Whether this kind of server does that at all.
    pub(crate) fn applies(&self, kind: Kind) -> bool {
        if matches!(self.work, Work::Compressed { .. }) {
            return matches!(kind, Kind::Koio | Kind::Node);
        }
        let is_http = matches!(self.work, Work::Upgrade | Work::Polling);
        let of_handlers = match self.work {
            Work::Around { .. } | Work::Overlap => true,
            Work::Echo { kind, .. } => kind.is_about_handlers(),
            _ => false,
        };
        !kind.is_floor() || !(is_http || of_handlers)
    }

    /// What a server is started with.
    pub(crate) fn arguments(&self, kind: Kind) -> Vec<String> {
        let arguments = match (kind, self.work) {
            (Kind::Koio, Work::Around { arguments }) => arguments,
            (_, Work::Compressed { .. }) => &["--deflate", "1"],
            _ => &[],
        };
        arguments.iter().copied().map(str::to_owned).collect()
    }

    /// What a cost is counted in.
    pub(crate) fn unit(&self) -> &'static str {
        match self.goal {
            Goal::Ratio { .. } | Goal::OfNode { .. } => "µs CPU",
            Goal::Figure { unit, .. } => unit,
        }
    }
}
