//! Building the copy.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use indicatif::ProgressBar;

const PACKAGE: &str = "lmall-sim";

/// Builds the simulation in the workspace `copy`, and gives its program.
///
/// # Errors
/// When cargo fails: with what it said.
pub(super) fn build(copy: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let spinner =
        ProgressBar::new_spinner().with_message("building the workspace with all mutants");
    spinner.enable_steady_tick(Duration::from_millis(120));
    let output = Command::new(cargo())
        .args(["build", "--release", "--locked", "--package", PACKAGE, "--bin", PACKAGE])
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target)
        .output();
    spinner.finish_and_clear();
    let output = output.context("cargo does not start")?;
    ensure!(
        output.status.success(),
        "the workspace with all mutants does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(target.join("release").join(format!("{PACKAGE}{}", std::env::consts::EXE_SUFFIX)))
}

/// Cargo says which one it is to what it runs.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
