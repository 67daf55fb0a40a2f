//! What the documents point to is there, and what they show is what runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use koio::config::Config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

/// Every page that a reader may come to.
fn documents() -> Vec<PathBuf> {
    let root = root();
    let mut all: Vec<_> = [
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "koio/ARCHITECTURE.md",
        "tests/README.md",
    ]
    .map(|page| root.join(page))
    .into();
    let guides = files("koio/docs").into_iter();
    all.extend(guides.filter(|file| file.extension().is_some_and(|kind| kind == "md")));
    assert!(all.len() > 5, "{all:?}");
    all
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    let parts = page.split("\n```").step_by(2);
    parts.collect::<Vec<_>>().join("\n")
}

/// Where the links and pictures of a page lead.
fn links(page: &str) -> Vec<String> {
    let page = prose(page);
    let behind = |mark: &str, end: char| -> Vec<String> {
        let found = page.split(mark).skip(1);
        let targets = found.filter_map(|rest| rest.split(end).next());
        targets.map(str::to_owned).collect()
    };
    let mut all = behind("](", ')');
    all.extend(behind("src=\"", '"'));
    all
}

/// The name that a heading has in links, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter),
        _ => None,
    });
    kept.collect()
}

/// The Rust blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let starts = page.split("\n```rust").skip(1);
    let bodies = starts.filter_map(|rest| rest.split_once('\n')?.1.split("\n```").next());
    bodies.map(str::to_owned).collect()
}

/// Code without what may differ where it stands: imports, comments, blanks, commas at the end, visibility.
fn bare(code: &str) -> String {
    let mut kept = String::new();
    let mut importing = false;
    for line in code.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        importing |= line.starts_with("use ");
        if !importing {
            kept += line;
        }
        importing &= !line.ends_with(';');
    }
    kept.retain(|letter| !letter.is_whitespace() && letter != ',');
    kept.replace("pub(crate)", "")
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut count = 0;
    for document in documents() {
        let page = read(&document);
        for link in links(&page) {
            if link.starts_with("https://") {
                continue;
            }
            count += 1;
            let (path, part) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => document.clone(),
                path => document.parent().expect("a folder").join(path),
            };
            let is_there = match part {
                "" => target.exists(),
                part => {
                    target.is_file() && {
                        let page = prose(&read(&target));
                        let mut headings = page.lines().filter(|line| line.starts_with('#'));
                        headings.any(|heading| anchor(heading) == part)
                    }
                }
            };
            if !is_there {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(count > 20, "{count} links");
    assert_eq!(broken, [""; 0]);
}

#[test]
fn every_example_is_named_and_every_named_one_exists() {
    let readme = read(&root().join("README.md"));
    for example in files("examples") {
        let name = example.file_name().expect("a name").to_string_lossy();
        assert!(
            readme.contains(&format!("](examples/{name})")),
            "{name} is not in the README"
        );
    }
    let manifests = files("examples").into_iter().chain([root().join("koio")]);
    let packages: Vec<_> = manifests
        .map(|folder| {
            let manifest = read(&folder.join("Cargo.toml"));
            let name = manifest
                .lines()
                .find_map(|line| line.strip_prefix("name = \""));
            name.expect("a name").trim_end_matches('"').to_owned()
        })
        .chain(["koio-tests", "koio-bench"].map(str::to_owned))
        .collect();
    for document in documents() {
        let page = read(&document);
        for rest in page
            .split("cargo ")
            .flat_map(|command| command.split(" -p ").skip(1))
        {
            let ends = |letter: char| !letter.is_alphanumeric() && letter != '-';
            let package = rest.trim_start().split(ends).next().unwrap_or_default();
            let known = packages.iter().any(|name| name == package);
            assert!(known, "{}: -p {package}", document.display());
        }
    }
}

#[test]
fn the_guide_is_the_server_that_its_javascript_is_run_against() {
    let guide = read(&root().join("koio/docs/guide.md"));
    let sources: Vec<_> = files("tests/src/bin/koio-guide");
    let sources: String = sources.iter().map(|file| bare(&read(file))).collect();
    // Run by this crate: in a doc test what is under `#[tokio::test]` is not even compiled.
    let tests: Vec<_> = files("tests/blackbox/documents/guide");
    let tests: String = tests.iter().map(|file| bare(&read(file))).collect();
    let all = blocks(&guide);
    assert!(all.len() > 15, "{} blocks", all.len());
    for block in all {
        if block.contains("#[tokio::test]") {
            assert!(tests.contains(&bare(&block)), "not in a test:\n{block}");
        } else if !block.contains("async fn main") {
            assert!(sources.contains(&bare(&block)), "not in it:\n{block}");
        }
    }
}

/// A number as people read it.
fn grouped(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

#[test]
fn the_limits_of_the_guides_are_the_defaults() {
    let Config {
        engine,
        socket,
        header_timeout,
        keep_alive_timeout,
        attached_write_timeout,
        shutdown_timeout,
        ..
    } = Config::default();
    let mib = |bytes: usize| {
        assert_eq!(bytes % (1 << 20), 0);
        format!("{} MiB", bytes >> 20)
    };
    let seconds = |time: Duration| format!("{} s", time.as_secs());
    let guide = read(&root().join("koio/docs/guide.md"));
    let (queue, bytes) = (socket.event_queue, socket.event_queue_bytes);
    assert_eq!(
        (engine.max_sessions, engine.max_unconnected_per_address),
        (None, None)
    );
    for (limits, default) in [
        ("`max_payload`", grouped(engine.max_payload)),
        ("`message_timeout`", seconds(engine.message_timeout)),
        (
            "`min_rate`",
            format!("{} bytes/s", grouped(engine.min_rate)),
        ),
        (
            "`ping_interval`, `ping_timeout`",
            format!(
                "{}, {}",
                seconds(engine.ping_interval),
                seconds(engine.ping_timeout)
            ),
        ),
        (
            "`event_queue`, `event_queue_bytes`",
            format!("{queue}, {}", mib(bytes)),
        ),
        ("`read_ahead`", mib(socket.read_ahead)),
        ("`handler_grace`", seconds(socket.handler_grace)),
        (
            "`pending_acks`, `ack_timeout`",
            format!(
                "{}, {}",
                grouped(socket.pending_acks),
                seconds(socket.ack_timeout)
            ),
        ),
        ("`send_queue_bytes`", mib(engine.send_queue_bytes)),
        ("`send_queue_hard`", mib(engine.send_queue_hard)),
        ("`write_timeout`", seconds(engine.write_timeout)),
        ("`close_timeout`", seconds(engine.close_timeout)),
        ("`poll_again_timeout`", seconds(engine.poll_again_timeout)),
        ("`max_sessions`", "none".to_owned()),
        (
            "`max_unconnected`, `max_unconnected_per_address`",
            format!("{}, none", grouped(engine.max_unconnected)),
        ),
        (
            "`max_unconnected_head_bytes`",
            mib(engine.max_unconnected_head_bytes),
        ),
        (
            "`handshakes_per_second`",
            engine.handshakes_per_second.to_string(),
        ),
        ("`connect_timeout`", seconds(socket.connect_timeout)),
        ("`upgrade_timeout`", seconds(engine.upgrade_timeout)),
        ("`namespaces`", socket.namespaces.to_string()),
        (
            "`rooms`, `room_name`",
            format!("{}, {}", grouped(socket.rooms), socket.room_name),
        ),
        (
            "`header_timeout`; length of a head",
            format!("{}; 64 KiB", seconds(header_timeout)),
        ),
        ("`keep_alive_timeout`", seconds(keep_alive_timeout)),
        ("`attached_write_timeout`", seconds(attached_write_timeout)),
        ("`shutdown_timeout`", seconds(shutdown_timeout)),
    ] {
        let row = format!("\n| {limits} | {default}");
        assert!(guide.contains(&row), "{row}");
    }
    let porting = read(&root().join("koio/docs/from-socket-io.md"));
    for (option, default) in [
        ("`.ping_interval(time)`", seconds(engine.ping_interval)),
        ("`.ping_timeout(time)`", seconds(engine.ping_timeout)),
        (
            "`config.engine.upgrade_timeout`",
            seconds(engine.upgrade_timeout),
        ),
        ("`.connect_timeout(time)`", seconds(socket.connect_timeout)),
        ("`.max_payload(bytes)`", grouped(engine.max_payload)),
    ] {
        let cells = format!(" | {option} | {default} |\n");
        assert!(porting.contains(&cells), "{cells}");
    }
}
