//! What koio pulls in: from where, under which licences, and no crate twice.
//!
//! `cargo metadata` knows all of it without the network once the crates are there, and without a tool to install.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "that is how a test fails"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "BSL-1.0",
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().expect(name)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The packages that a user of koio builds, by id: everything that is reached without a dev-dependency.
fn packages(metadata: &Value) -> Vec<&Value> {
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"], "nodes")
        .iter()
        .map(|node| (text(node, "id"), node))
        .collect();
    let all = list(metadata, "packages");
    let root = all
        .iter()
        .find(|package| text(package, "name") == "koio")
        .expect("koio is in its own workspace");
    let mut open = vec![text(root, "id")];
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        for dependency in list(nodes[id], "deps") {
            let is_used = list(dependency, "dep_kinds")
                .iter()
                .any(|kind| kind["kind"] != "dev");
            if is_used {
                open.push(text(dependency, "pkg"));
            }
        }
    }
    all.iter()
        .filter(|package| found.contains(text(package, "id")))
        .collect()
}

/// Whether one of the licences that a crate offers is one of ours to take. `AND` asks for all of its parts.
fn is_allowed(expression: &str) -> bool {
    let bare = expression.replace(['(', ')'], "").replace('/', " OR ");
    bare.split(" AND ").all(|part| {
        part.split(" OR ").any(|licence| {
            LICENCES.contains(&licence.trim().trim_end_matches(" WITH LLVM-exception"))
        })
    })
}

#[test]
fn every_dependency_is_free_to_use_and_comes_from_the_registry() {
    let metadata = metadata();
    for package in packages(&metadata) {
        let name = text(package, "name");
        let licence = text(package, "license");
        assert!(is_allowed(licence), "{name} is under `{licence}`");
        // koio's own crates have none.
        let source = text(package, "source");
        assert!(
            source.is_empty() || source.starts_with("registry+"),
            "{name} comes from {source}"
        );
    }
}

#[test]
fn no_crate_is_built_in_two_versions() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages(&metadata) {
        let version = text(package, "version");
        versions
            .entry(text(package, "name"))
            .or_default()
            .insert(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(versions.is_empty(), "{versions:?}");
}
