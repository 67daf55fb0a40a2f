//! How the servers are built.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use super::Kind;
use crate::failure::Failure;

/// How a server is started, once it is built.
///
/// All that are written in Rust have the same profile: as one would deploy it. In the short form nothing is
/// measured, and what `cargo build` has made anyway will do.
pub(super) fn command(kind: Kind, short: bool) -> Result<Vec<OsString>, Failure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = here.join("Cargo.toml");
    match kind {
        Kind::Koio => cargo(kind, own, "bench-server", short),
        Kind::FloorWs => cargo(kind, own, "bench-floor-ws", short),
        Kind::FloorTokio => cargo(kind, own, "bench-floor-tokio", short),
        Kind::FloorEpoll => cargo(kind, own, "bench-floor-epoll", short),
        Kind::Socketioxide => {
            let manifest = here.join("peers/socketioxide/Cargo.toml");
            cargo(kind, manifest, "peer-socketioxide", short)
        }
        Kind::Node => node(kind, &here.join("peers/node")),
    }
}

fn cargo(
    kind: Kind,
    manifest: PathBuf,
    binary: &str,
    short: bool,
) -> Result<Vec<OsString>, Failure> {
    if let (true, Some(folder)) = (short, std::env::var_os("KOIO_BINARIES")) {
        // Whoever says where they are has built them.
        return Ok(vec![Path::new(&folder).join(binary).into()]);
    }
    let target = target_directory()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--bin", binary]);
    command.arg("--target-dir").arg(&target);
    command.arg("--manifest-path").arg(manifest);
    if !short {
        command
            .args(["--profile", "served"])
            .args(["--config", "profile.served.inherits='release'"])
            .args(["--config", "profile.served.lto='fat'"])
            .args(["--config", "profile.served.codegen-units=1"])
            .args(["--config", "profile.served.debug='line-tables-only'"]);
    }
    if !command.status()?.success() {
        return Err(Failure::Build(kind));
    }
    let profile = if short { "debug" } else { "served" };
    Ok(vec![target.join(profile).join(binary).into()])
}

fn node(kind: Kind, folder: &Path) -> Result<Vec<OsString>, Failure> {
    // npm leaves this file behind when it has installed something: it is older than the lock file if that changed.
    let changed = |path: PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    let installed = changed(folder.join("node_modules/.package-lock.json"));
    if installed < changed(folder.join("package-lock.json")) {
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund"]);
        // What it says does not belong to the result.
        install.stdout(std::io::stderr());
        if !install.current_dir(folder).status()?.success() {
            return Err(Failure::Build(kind));
        }
    }
    Ok(vec!["node".into(), folder.join("server.js").into()])
}

/// The directory that this program itself was built into: TARGET/release/bench.
fn target_directory() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    Ok(target.unwrap_or(Path::new("target")).to_owned())
}
