//! `lmall keys`: the keys of the user service, where they are a parameter that operators set.

use std::{
    fs,
    io::{Read, stdin},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result};
use lmall_app::{customer::Keys, ports::Clock};
use lmall_runtime::{SystemChance, SystemClock};

use crate::{cli::KeysArgs, output};

/// Runs `lmall keys`. Keys that cannot be read are not shown again.
pub(crate) fn run(args: &KeysArgs) -> Result<ExitCode> {
    let now = SystemClock::default().now();
    let keys = match &args.next_of {
        None => Keys::made(&SystemChance, now),
        Some(file) => {
            let before = read(file).with_context(|| file.display().to_string())?;
            let before = Keys::parse(&before).with_context(|| file.display().to_string())?;
            before.rotated(&SystemChance, now).unwrap_or(before)
        }
    };
    output::say(keys.to_json());
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    if file != Path::new("-") {
        return Ok(fs::read_to_string(file)?);
    }
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    Ok(text)
}
