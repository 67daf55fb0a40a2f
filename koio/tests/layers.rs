//! The walls of the house, as `ARCHITECTURE.md` draws them: who may import whom, and how big a file may be.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "that is how a test fails"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each room, and the rooms that it may name.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("observe", &["ids"]),
    ("fast_path", &[]),
    ("time", &[]),
    ("wire", &["ids", "fast_path"]),
    ("engine", &["ids", "observe", "fast_path", "time", "wire"]),
    (
        "transport",
        &["ids", "observe", "fast_path", "time", "wire", "engine"],
    ),
    ("adapter", &["ids", "observe", "time", "wire"]),
    ("error", &["wire"]),
    (
        "socket",
        &[
            "ids",
            "observe",
            "fast_path",
            "time",
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
            "observe",
            "fast_path",
            "time",
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
            "observe",
            "fast_path",
            "time",
            "wire",
            "engine",
            "transport",
            "error",
            "socket",
            "router",
        ],
    ),
];

/// The root's names and the rooms that they stand for, as far as rooms below the server use them.
const ROOT_NAMES: &[(&str, &str)] = &[
    ("Error", "error"),
    ("Result", "error"),
    ("BoxError", "error"),
    ("Room", "ids"),
    ("SocketId", "ids"),
    ("Sid", "ids"),
    ("CloseReason", "engine"),
    ("Counts", "observe"),
    ("Socket", "socket"),
    ("SocketConfig", "socket"),
    ("Handshake", "socket"),
    ("IoHandle", "socket"),
    ("Emit", "socket"),
    ("AckFuture", "socket"),
    ("Drained", "socket"),
    ("Bytes", "wire"),
    ("Context", "router"),
    ("Next", "router"),
    ("Reply", "router"),
    ("Answer", "router"),
    ("IntoRoutes", "router"),
    ("Namespace", "router"),
    ("Pipeline", "router"),
    ("Table", "router"),
    ("Handlers", "router"),
    ("Io", "server"),
    ("Config", "server"),
];

/// Crates that only some rooms may name.
const CRATES: &[(&str, &[&str])] = &[
    ("hyper::", &["transport", "server"]),
    ("httparse::", &["transport"]),
    ("httpdate::", &["transport"]),
    ("tokio_tungstenite::", &["transport"]),
    ("tower::", &["transport", "router", "server", "error"]),
    ("inventory::", &["router"]),
];

const LONGEST: usize = 500;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

fn inside(path: &Path) -> PathBuf {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.strip_prefix(src).unwrap().to_owned()
}

fn room(path: &Path) -> String {
    let first = inside(path);
    let first = first.components().next().unwrap();
    first
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

fn is_test(path: &Path) -> bool {
    let path = inside(path);
    let text = path.to_str().unwrap();
    text.contains("/tests/") || text.ends_with("tests.rs")
}

/// The code without comments and without the tests at its end.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first names behind every `crate::`, groups included.
fn named(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (index, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ if start && !character.is_whitespace() => {
                    names.insert(word(&group[index..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    names.remove("");
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

#[test]
fn imports_point_downward() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let room = room(&path);
        if room == "lib" || is_test(&path) {
            continue;
        }
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} is a room that the plan does not know"));
        for name in named(&code(&text)) {
            let target = ROOT_NAMES
                .iter()
                .find(|(root, _)| *root == name)
                .map_or(name.as_str(), |(_, room)| room);
            let is_macro = matches!(
                target,
                "args" | "bail" | "ensure" | "handlers" | "__koio_register"
            );
            if target != room && !allowed.contains(&target) && !is_macro {
                wrong.push(format!("{} names crate::{name}", inside(&path).display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_rooms_that_need_a_crate_name_it() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let (room, code) = (room(&path), code(&text));
        for (name, rooms) in CRATES {
            if code.contains(name) && !rooms.contains(&room.as_str()) && !is_test(&path) {
                wrong.push(format!("{} names {name}", inside(&path).display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_pure_knows_neither_clock_nor_network() {
    for (path, text) in sources() {
        let name = inside(&path);
        if is_test(&path) || !(name.starts_with("wire") || name == Path::new("engine/machine.rs")) {
            continue;
        }
        let code = code(&text);
        for word in ["Instant::now", "SystemTime", "tokio", "async ", "tracing"] {
            assert!(!code.contains(word), "{} uses {word}", name.display());
        }
    }
}

#[test]
fn every_file_is_a_small_room_with_a_name() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        let name = inside(&path);
        assert!(lines <= LONGEST, "{} has {lines} lines", name.display());
        for word in ["utils", "helpers", "common", "misc"] {
            assert!(!name.to_str().unwrap().contains(word), "{}", name.display());
        }
    }
}
