//! Where the binary is.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The binary named by `WEIR_BIN`; else that of the workspace, built first if its sources are newer. In the same profile as
/// the test, so that nothing is built twice.
pub fn weir() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(find).clone()
}

fn find() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("WEIR_BIN").map(PathBuf::from) {
        return match path.is_file() {
            true => Ok(path),
            false => Err(format!("WEIR_BIN names {}, which is not there", path.display())),
        };
    }
    // target/PROFILE/deps/TEST
    let test = std::env::current_exe().map_err(|problem| format!("this test does not know its own path: {problem}"))?;
    let profile = test
        .ancestors()
        .nth(2)
        .ok_or("this test does not lie in a target directory")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "weir-broker",
        "--bin",
        "weir",
        "--manifest-path",
    ]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().unwrap_or(profile));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo
        .status()
        .map_err(|problem| format!("cannot run cargo to build the broker: {problem}"))?;
    let path = profile.join("weir");
    match status.success() && path.is_file() {
        true => Ok(path),
        false => Err(format!("cargo did not build {}", path.display())),
    }
}
