//! Types of other crates in koio's public API: a new major version of one of them is a new major version of koio.
//!
//! rustdoc writes the API as JSON. That is an option of the nightly toolchain, which `RUSTC_BOOTSTRAP` turns on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Where the reasons are.
const LIST: &str = include_str!("../koio/external-types.txt");

fn rustdoc_json() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let made = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args(["doc", "-q", "-p", "koio", "--no-deps", "--all-features"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json")
        .env_remove("RUSTFLAGS")
        .status();
    assert!(made.expect("cargo runs").success());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), Into::into);
    let json = std::fs::read(target.join("doc/koio.json")).expect("rustdoc's JSON");
    serde_json::from_slice(&json).expect("JSON")
}

/// The types and traits of other crates that an item names: their path's crate, and the path.
fn named<'a>(item: &Value, api: &'a Value, found: &mut BTreeMap<&'a str, BTreeSet<String>>) {
    match item {
        Value::Object(fields) => {
            let is_path = fields.contains_key("path") || fields.contains_key("args");
            let id = fields.get("id").filter(|_| is_path);
            let path = id.map(|id| &api["paths"][id.to_string()]);
            if let Some(path) = path.filter(|path| path["crate_id"].as_u64() > Some(0)) {
                let of = &api["external_crates"][path["crate_id"].to_string()]["name"];
                let parts = path["path"].as_array().expect("a path");
                let parts: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
                let types = found.entry(of.as_str().expect("a name")).or_default();
                types.insert(parts.join("::"));
            }
            for field in fields.values() {
                named(field, api, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| named(value, api, found)),
        _ => {}
    }
}

#[test]
fn the_public_api_names_no_types_of_other_crates_but_those_in_the_list() {
    let api = rustdoc_json();
    let mut found = BTreeMap::new();
    let items = api["index"].as_object().expect("an index");
    assert!(items.len() > 500, "{} items", items.len());
    for item in items.values().filter(|item| item["crate_id"] == 0) {
        let made = &item["inner"]["impl"];
        // What the compiler writes, or another crate for all types, is not koio's to choose.
        if made["is_synthetic"] == true || made["blanket_impl"].is_object() {
            continue;
        }
        named(&item["inner"], &api, &mut found);
    }
    for std in ["alloc", "core", "std"] {
        assert!(found.remove(std).is_some(), "{std}");
    }
    let found: BTreeSet<_> = found.into_values().flatten().collect();
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let listed: BTreeSet<_> = lines
        .flat_map(|line| line.split_whitespace().next())
        .collect();
    let unlisted: Vec<_> = found
        .iter()
        .filter(|path| !listed.contains(&***path))
        .collect();
    assert!(
        unlisted.is_empty(),
        "not in koio/external-types.txt: {unlisted:#?}"
    );
    let gone: Vec<_> = listed
        .iter()
        .filter(|path| !found.contains(**path))
        .collect();
    assert!(
        gone.is_empty(),
        "in koio/external-types.txt and not in the API: {gone:#?}"
    );
}
