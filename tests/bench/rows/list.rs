//! The rows of the table, and what koio has to reach in each.

use super::{
    Goal, Row, Work,
    echo::Kind::{Awaiting, Binary, Json, Overlapping, Struct, Text, Value},
};

const fn ratio(must: f64, aim: f64) -> Goal {
    Goal::Ratio { must, aim }
}

const fn echo(kind: super::echo::Kind, window: u64, size: usize) -> Work {
    Work::Echo { kind, window, size }
}

/// koio with middleware or layers, the others without: they have no such thing around an event.
const fn around(arguments: &'static [&'static str]) -> Work {
    Work::Around { arguments }
}

const fn cast(recipients: usize, size: usize) -> Work {
    Work::Cast { recipients, size }
}

/// All rows.
pub(crate) const ROWS: [Row; 23] = [
    Row {
        name: "echo1",
        title: "echo with ack, 1 in flight, 32 B",
        goal: ratio(0.80, 0.70),
        work: echo(Text, 1, 32),
    },
    Row {
        name: "echo16",
        title: "echo with ack, 16 in flight, 32 B",
        goal: ratio(0.45, 0.30),
        work: echo(Text, 16, 32),
    },
    Row {
        name: "echo16-1k",
        title: "echo with ack, 16 in flight, 1 KiB",
        goal: ratio(0.40, 0.24),
        work: echo(Text, 16, 1024),
    },
    Row {
        name: "echo16-16k",
        title: "echo with ack, 16 in flight, 16 KiB",
        goal: ratio(0.40, 0.25),
        work: echo(Text, 16, 16 * 1024),
    },
    Row {
        name: "json16-1k",
        title: "echo, 16 in flight, 1 KiB of JSON passed on as received",
        goal: ratio(0.30, 0.14),
        work: echo(Json, 16, 1024),
    },
    Row {
        name: "binary16-1k",
        title: "binary echo, 16 in flight, 1 KiB",
        goal: ratio(0.40, 0.24),
        work: echo(Binary, 16, 1024),
    },
    Row {
        name: "value",
        title: "echo, 16 in flight, a message of 200 B as a `serde_json::Value`",
        goal: ratio(0.50, 0.40),
        work: echo(Value, 16, 200),
    },
    Row {
        name: "struct",
        title: "echo, 16 in flight, a message of 200 B as a struct",
        goal: ratio(0.50, 0.40),
        work: echo(Struct, 16, 200),
    },
    Row {
        name: "wrap",
        title: "echo, 16 in flight, 32 B, a middleware around it",
        goal: ratio(0.50, 0.40),
        work: around(&["--wraps", "1"]),
    },
    Row {
        name: "wrap3",
        title: "echo, 16 in flight, 32 B, three middlewares around it",
        goal: ratio(0.50, 0.45),
        work: around(&["--wraps", "3"]),
    },
    Row {
        name: "layer",
        title: "echo, 16 in flight, 32 B, a tower layer around it",
        goal: ratio(0.50, 0.45),
        work: around(&["--layers", "1"]),
    },
    Row {
        name: "await1",
        title: "echo that awaits once, 1 in flight, one at a time, 32 B",
        goal: ratio(0.80, 0.70),
        work: echo(Awaiting, 1, 32),
    },
    Row {
        name: "await16",
        title: "echo that awaits once, 16 in flight and at once, 32 B",
        goal: ratio(0.60, 0.50),
        work: echo(Overlapping, 16, 32),
    },
    Row {
        name: "overlap",
        title: "100 events of 20 ms at once",
        goal: Goal::Figure {
            must: 60.0,
            aim: 30.0,
            unit: "ms",
        },
        work: Work::Overlap,
    },
    Row {
        name: "cast",
        title: "broadcast to 1,000, 32 B, per delivery",
        goal: ratio(0.70, 0.60),
        work: cast(1_000, 32),
    },
    Row {
        name: "cast-1k",
        title: "broadcast to 1,000, 1 KiB, per delivery",
        goal: ratio(0.78, 0.70),
        work: cast(1_000, 1024),
    },
    Row {
        name: "cast-deflate",
        title: "broadcast to 1,000 that take it compressed, 4 KiB of JSON, per delivery",
        goal: Goal::OfNode {
            must: 0.10,
            aim: 0.05,
        },
        work: Work::Compressed {
            recipients: 1_000,
            size: 4 * 1024,
        },
    },
    Row {
        name: "cast-9500",
        title: "broadcast to 9,500, 32 B, per delivery",
        goal: ratio(0.70, 0.57),
        work: cast(9_500, 32),
    },
    Row {
        name: "rooms",
        title: "100 rooms of 10, 32 B, per delivery",
        goal: ratio(0.70, 0.58),
        work: Work::Rooms {
            rooms: 100,
            members: 10,
        },
    },
    Row {
        name: "connect",
        title: "connect (WebSocket + CONNECT)",
        goal: ratio(0.95, 0.80),
        work: Work::Connect,
    },
    Row {
        name: "upgrade",
        title: "connect over polling, then upgrade",
        goal: ratio(0.90, 0.65),
        work: Work::Upgrade,
    },
    Row {
        name: "polling",
        title: "echo over polling",
        goal: ratio(0.80, 0.55),
        work: Work::Polling,
    },
    Row {
        name: "idle",
        title: "memory per idle WebSocket connection",
        goal: Goal::Figure {
            must: 4.0,
            aim: 2.5,
            unit: "KiB",
        },
        work: Work::Idle { connections: 1_000 },
    },
];
