//! `parity.md` names tests and koio's names: all of them are there, and the page counts its rows right.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../../koio/docs/parity.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The text of the files of these paths that are there, one behind the other.
fn texts(paths: &[String]) -> String {
    paths.iter().map(|path| read(&root().join(path))).collect()
}

/// A row of a table: Socket.IO's name, koio's, the tests.
struct Row<'a> {
    line: &'a str,
    koio: &'a str,
    tests: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let mut rows = Vec::new();
    let mut counted = false;
    for line in PAGE.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        match cells[..] {
            [_, _, "test |"] => counted = true,
            [_, koio, tests] if counted && line.starts_with("| ") => rows.push(Row {
                line,
                koio,
                tests: tests.trim_end_matches(" |"),
            }),
            _ => assert!(
                !counted || !line.starts_with('|') || line == "|---|---|---|",
                "{line}"
            ),
        }
        counted &= line.starts_with('|');
    }
    rows
}

/// What stands in backquotes.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The titles of a file of JavaScript. Of one that is put together, what stands in front of its first variable.
fn titles(script: &str) -> Vec<String> {
    let calls = ["it(", "test(", "describe("].into_iter();
    let found = calls.flat_map(|call| script.split(call).skip(1));
    let titles = found.filter_map(|rest| {
        let quote = rest.chars().next().filter(|quote| "\"`".contains(*quote))?;
        let title = rest[1..].split(quote).next()?;
        let title = title.split("${").next()?.trim_end();
        Some(title.trim_end_matches(", over").to_owned())
    });
    titles.filter(|title| title.len() > 5).collect()
}

/// Whether a file has a function of that name, with a test's attribute over it.
fn has_test(source: &str, name: &str) -> bool {
    source
        .split_once(&format!("fn {name}("))
        .is_some_and(|(before, _)| {
            let above = before.rsplit("\n\n").next().unwrap_or_default();
            above.contains("test]") || above.contains("test(")
        })
}

fn exists(test: &str) -> bool {
    if let Some((file, title)) = test.split_once(" \"") {
        let Some((folder, name)) = file.split_once('/') else {
            return false;
        };
        let path = format!("tests/{folder}/{name}");
        let scripts = texts(&[".test.js", ".test.mjs", ".mjs"].map(|kind| path.clone() + kind));
        let title = title.trim_end_matches('"');
        return titles(&scripts).iter().any(|other| other == title);
    }
    if let Some(name) = test.strip_prefix("python ") {
        let script = read(&root().join("tests/python/test_clients.py"));
        return script.contains(&format!("def {name}(self)"));
    }
    if let Some(name) = test.strip_prefix("rust-client ") {
        let path = "tests/rust-client/tests/clients/conversations.rs";
        return read(&root().join(path)).contains(&format!("fn {name}<"));
    }
    if let Some(name) = test.strip_prefix("ui ") {
        let path = format!("koio-macros/tests/ui/fail/{name}.stderr");
        return !read(&root().join(path)).is_empty();
    }
    let (folder, path) = match test.strip_prefix("lib ") {
        Some(path) => ("koio/src", path),
        None => ("tests/blackbox", test),
    };
    let Some((file, name)) = path.rsplit_once("::") else {
        return false;
    };
    let file = format!("{folder}/{}", file.replace("::", "/"));
    let source = texts(&[format!("{file}.rs"), format!("{file}/mod.rs")]);
    has_test(&source, name)
}

#[test]
fn each_test_that_the_page_names_is_there() {
    let mut missing = Vec::new();
    let mut named = BTreeSet::new();
    for row in rows() {
        if row.tests == "–" || row.tests == "*no test*" {
            continue;
        }
        assert!(row.tests.starts_with('`'), "{}", row.line);
        for test in code(row.tests) {
            named.insert(test);
            if !exists(test) {
                missing.push(test);
            }
        }
    }
    assert!(named.len() > 200, "{} tests", named.len());
    assert_eq!(missing, [""; 0]);
}

/// Adds the sources in the folder to `all`, but for tests.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "tests" {
            sources(&path, all);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            *all += &read(&path);
        }
    }
}

/// The words of a text of Rust, each with what stands in front of it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(letter)?;
        let length = text[start..].find(|other| !letter(other));
        at = length.map_or(text.len(), |length| start + length);
        Some((&text[..start], &text[start..at], &text[at..]))
    })
}

/// What a program can call or name: public items and fields, variants, methods of traits, macros.
fn public() -> BTreeSet<String> {
    let mut all = String::new();
    sources(&root().join("koio/src"), &mut all);
    sources(&root().join("koio-macros/src"), &mut all);
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in all.lines() {
        let text = line.trim_start();
        inside = match line {
            "}" => false,
            line => inside || line.starts_with("pub enum ") || line.starts_with("pub trait "),
        };
        let item = text.strip_prefix("pub ");
        let member = text.starts_with("fn ") || text.starts_with("async fn ");
        let variant = text.starts_with(|first: char| first.is_ascii_uppercase());
        let item = item.or((inside && (member || variant)).then_some(text));
        let item = item.or(text.strip_prefix("macro_rules! "));
        let Some(item) = item else { continue };
        const KEYWORDS: [&str; 8] = [
            "async", "const", "fn", "struct", "enum", "trait", "type", "mod",
        ];
        let name = words(item).map(|(_, word, _)| word);
        names.extend(
            name.filter(|word| !KEYWORDS.contains(word))
                .take(1)
                .map(str::to_owned),
        );
    }
    names
}

/// The names in koio's column that are to be koio's: what is called, and what begins with a capital letter.
fn called(code: &str) -> Vec<&str> {
    // Texts are the program's.
    let parts: Vec<_> = code.split('"').step_by(2).collect();
    let mut names = Vec::new();
    for part in parts {
        for (before, word, behind) in words(part) {
            let is_method = before.ends_with('.') || before.ends_with("::");
            let is_call = behind.starts_with('(') || behind.starts_with('!');
            let is_type = word.len() > 1 && word.starts_with(|first: char| first.is_uppercase());
            let is_alone = before.is_empty() && behind.is_empty() && word.contains('_');
            if (is_method || is_call || is_type || is_alone)
                && !before.ends_with('/')
                && word.starts_with(|first: char| !first.is_numeric())
            {
                names.push(word);
            }
        }
    }
    names
}

#[test]
fn each_name_of_koios_on_the_page_is_there() {
    let public = public();
    assert!(public.len() > 500, "{} names", public.len());
    // Rust's, a header, a code, and what is planned.
    let others = ["Clone", "Result", "Origin", "no_handler", "once_by"];
    let mut missing = Vec::new();
    let mut found = 0;
    for row in rows() {
        for code in code(row.koio) {
            for name in called(code) {
                found += 1;
                if !public.contains(name) && !others.contains(&name) {
                    missing.push((name, code));
                }
            }
        }
    }
    assert!(found > 100, "{found} names");
    assert_eq!(missing, []);
}

#[test]
fn the_page_counts_its_rows() {
    let rows = rows();
    for row in rows.iter().filter(|row| row.tests == "–") {
        assert!(row.koio.starts_with("not there"), "{}", row.line);
    }
    let absent: Vec<_> = rows
        .iter()
        .filter(|row| row.koio.starts_with("not there"))
        .collect();
    let there = rows.iter().filter(|row| !row.koio.starts_with("not there"));
    let tested: Vec<_> = there.filter(|row| row.tests.starts_with('`')).collect();
    let official = ["`node/", "`cluster/", "`browser/"];
    let by_node = |row: &&&Row<'_>| official.iter().any(|kind| row.tests.contains(kind));
    let counts = [
        format!("{} rows.", rows.len()),
        format!(
            "{} have a test, {} of them one with the official client or a server of Node;",
            tested.len(),
            tested.iter().filter(by_node).count()
        ),
        format!(
            "{} have none;",
            rows.iter().filter(|row| row.tests == "*no test*").count()
        ),
        format!(
            "{} say that something is not there, {} that it is planned.",
            absent.len(),
            absent
                .iter()
                .filter(|row| row.koio.contains("planned"))
                .count()
        ),
    ];
    let page = PAGE.replace('\n', " ");
    let wrong = counts.iter().filter(|count| !page.contains(*count));
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}
