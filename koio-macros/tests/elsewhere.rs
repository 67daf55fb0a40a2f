//! A crate outside the workspace that knows koio under another name and depends on nothing else:
//! what the macros write must not need serde_json, bytes or the name `koio`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const MANIFEST: &str = r#"
[package]
name = "elsewhere-NAME"
version = "0.0.0"
edition = "2024"

[dependencies]
sockets = { package = "koio", path = "KOIO", default-features = false, features = [FEATURES] }

# A workspace of its own, although it lies in the directory of another.
[workspace]
"#;

const PROGRAM: &str = r#"
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]
//! A program elsewhere.

use ::sockets::{Context, Handlers, Next, Reply, Result, describe::IntoRoutes as _, handlers, on};
use ::std::string::String;
use ::std::vec::Vec;

async fn pass(_ctx: Context, next: Next) -> Result<Reply> {
    next.run().await
}

#[on("send", crate = ::sockets, wrap = [pass], timeout = "5s", also, ns = "/chat")]
async fn send(_ctx: Context, text: String, _more: Vec<u8>) -> Result<String> {
    Result::Ok(text)
}

mod chat {
    #[::sockets::on("bare", crate = ::sockets)]
    pub(crate) async fn bare() {}
}

struct Chat;

#[on(crate = ::sockets)]
impl Chat {
    #[on("join")]
    async fn join(&self, name: String) -> usize {
        name.len()
    }
}

fn all() -> Handlers {
    handlers![crate = ::sockets; send, chat::bare, (Chat)]
}

fn main() {
    ::std::assert_eq!(all().into_routes().len(), 3);
}
"#;

#[test]
fn a_crate_elsewhere_may_rename_koio_and_need_nothing_else() -> Result<(), Box<dyn Error>> {
    let (compiles, told) = check("discover", r#""discover""#, PROGRAM)?;
    assert!(compiles, "{told}");
    Ok(())
}

#[test]
fn a_crate_elsewhere_may_go_without_the_link_time_list() -> Result<(), Box<dyn Error>> {
    let (compiles, told) = check("listed", "", PROGRAM)?;
    assert!(compiles, "{told}");
    Ok(())
}

#[test]
fn a_crate_that_renames_koio_must_say_so() -> Result<(), Box<dyn Error>> {
    let program = r#"#[sockets::on("ping")] async fn ping() {} fn main() {}"#;
    let (compiles, told) = check("unsaid", "", program)?;
    assert!(!compiles);
    let words = "could not find `koio` in the list of imported crates";
    assert!(told.contains(words), "{told}");
    Ok(())
}

/// Whether a program compiles, and what cargo tells about it.
fn check(name: &str, features: &str, program: &str) -> Result<(bool, String), Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("the workspace is above")?;
    let build = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let root = build.join("elsewhere").join(name);
    fs::create_dir_all(root.join("src"))?;
    let koio = workspace.join("koio");
    let manifest = MANIFEST
        // Or cargo would take one for the other in the directory that they share.
        .replace("NAME", name)
        .replace("KOIO", &koio.display().to_string().replace('\\', "/"))
        .replace("FEATURES", features);
    fs::write(root.join("Cargo.toml"), manifest)?;
    fs::write(root.join("src/main.rs"), program)?;
    // The workspace's versions, which are here already: nothing is fetched.
    fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock"))?;

    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["check", "--offline", "--quiet"])
        .current_dir(&root)
        // Both crates share what they build. The flags of a surrounding `cargo clippy` or coverage
        // run are not theirs.
        .env("CARGO_TARGET_DIR", build.join("elsewhere").join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.success(), told))
}
