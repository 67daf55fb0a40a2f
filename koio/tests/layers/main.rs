//! The walls of the house, as `ARCHITECTURE.md` draws them: who may import whom, that no files import each other in a
//! circle, which rooms may name which crates, that each type has a name of its own, and how big a file may be.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "that is how a test fails"
)]

mod graph;
mod source;

use std::collections::BTreeMap;

use self::{graph::Graph, source::sources};

/// Each room, and the rooms that it may import. The ground floor first.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("time", &[]),
    ("fast_path", &[]),
    ("js", &[]),
    ("close_reason", &[]),
    ("observe", &["ids", "time", "close_reason"]),
    ("wire", &["ids", "fast_path"]),
    (
        "engine",
        &[
            "ids",
            "time",
            "fast_path",
            "close_reason",
            "observe",
            "wire",
        ],
    ),
    (
        "transport",
        &[
            "ids",
            "time",
            "fast_path",
            "close_reason",
            "observe",
            "wire",
            "engine",
        ],
    ),
    ("error", &["wire"]),
    ("adapter", &["ids", "time", "observe", "wire", "error"]),
    (
        "socket",
        &[
            "ids",
            "time",
            "fast_path",
            "close_reason",
            "observe",
            "wire",
            "engine",
            "adapter",
            "error",
        ],
    ),
    (
        "router",
        &[
            "ids",
            "time",
            "fast_path",
            "close_reason",
            "observe",
            "wire",
            "engine",
            "error",
            "socket",
        ],
    ),
    (
        "server",
        &[
            "ids",
            "time",
            "fast_path",
            "close_reason",
            "observe",
            "wire",
            "engine",
            "transport",
            "adapter",
            "error",
            "socket",
            "router",
        ],
    ),
    (
        "testing",
        &[
            "ids",
            "time",
            "close_reason",
            "observe",
            "wire",
            "engine",
            "adapter",
            "error",
            "socket",
            "router",
            "server",
        ],
    ),
    // The root hands names on and has no code.
    ("lib", &[]),
];

/// Crates that only some files may name, by the beginning of the file's name. `http` is also the vocabulary of the
/// handshake, which users read; the engine carries it and looks at none of it.
const CRATES: &[(&str, &[&str])] = &[
    (
        "http",
        &[
            "transport/",
            "server/",
            "engine/request_head.rs",
            "engine/upstream.rs",
            "socket/handshake.rs",
            "testing/",
        ],
    ),
    ("http_body", &["transport/", "server/", "testing/"]),
    ("http_body_util", &["transport/", "server/", "testing/"]),
    ("hyper", &["transport/", "server/", "testing/"]),
    ("hyper_util", &["transport/", "server/", "testing/"]),
    ("httparse", &["transport/http1/"]),
    ("httpdate", &["transport/http1/"]),
    ("tokio_rustls", &["server/"]),
    ("tokio_tungstenite", &["transport/", "testing/"]),
    (
        "tower",
        &["transport/", "router/", "server/", "testing/", "error.rs"],
    ),
    ("inventory", &["router/"]),
];

/// The longest file, in lines.
const LONGEST: usize = 500;

#[test]
fn imports_point_downward() {
    let sources = sources();
    let graph = Graph::new(&sources);
    let mut wrong = Vec::new();
    for (source, imports) in sources.iter().zip(&graph.imports) {
        let room = source.room();
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} is a room that the plan does not know"));
        for target in imports.iter().map(|&target| &sources[target]) {
            if target.room() != room && !allowed.contains(&target.room()) {
                wrong.push(format!("{} imports {}", source.name, target.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = sources();
    let graph = Graph::new(&sources);
    let circles = graph.circles();
    let circles: Vec<_> = circles.iter().map(|circle| circle.join(", ")).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn only_the_rooms_that_need_a_crate_name_it() {
    let sources = sources();
    let graph = Graph::new(&sources);
    let mut wrong = Vec::new();
    for (source, crates) in sources.iter().zip(&graph.crates) {
        for (name, files) in CRATES {
            let may = files.iter().any(|start| source.name.starts_with(start));
            if crates.contains(*name) && !may {
                wrong.push(format!("{} names {name}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_type_has_a_name_of_its_own() {
    let sources = sources();
    let mut homes = BTreeMap::<&str, Vec<&str>>::new();
    for source in &sources {
        for name in &source.types {
            homes.entry(name).or_default().push(&source.name);
        }
    }
    let twice: Vec<_> = homes
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

#[test]
fn what_is_pure_knows_neither_clock_nor_network() {
    for source in sources() {
        let name = &source.name;
        if !(name.starts_with("wire/") || name == "engine/machine.rs") {
            continue;
        }
        for word in [
            "Instant::now",
            "SystemTime",
            "tokio::",
            "async ",
            "tracing::",
        ] {
            let code = source.text.lines().map(|line| line.split("//").next());
            let used = code.flatten().any(|line| line.contains(word));
            assert!(!used, "{name} uses {word}");
        }
    }
}

#[test]
fn every_file_is_a_small_room_with_a_name() {
    for source in sources() {
        let (name, lines) = (&source.name, source.text.lines().count());
        assert!(lines <= LONGEST, "{name} has {lines} lines");
        for word in ["utils", "helpers", "common", "misc"] {
            assert!(!name.contains(word), "{name}");
        }
    }
}
