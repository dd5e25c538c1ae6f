//! The copy of the workspace that has the bugs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{SWITCH, table::Table};

/// The folder of the crate that has the switch: every other crate knows it.
pub(super) const DOMAIN: &str = "crates/domain/";

/// What a build of the workspace needs beside its crates.
const FILES: [&str; 3] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

/// Where the crates are.
const FOLDERS: [&str; 3] = ["crates", "functions", "hot-path"];

/// By path from the workspace's folder on, with `/`.
type Files = BTreeMap<String, Vec<u8>>;

/// Makes `copy` the workspace `root` with all patches of the table. Files that are right already
/// are not touched, so that cargo builds what changed and no more.
///
/// # Errors
/// When a patch does not fit, or a file cannot be read or written.
pub(super) fn write(root: &Path, copy: &Path, table: &Table) -> anyhow::Result<()> {
    let mut wanted = read(root)?;
    let patched = table.patched(root)?;
    wanted.extend(patched.into_iter().map(|(file, text)| (file, text.into_bytes())));
    add_switch(&mut wanted);
    fs::create_dir_all(copy).with_context(|| format!("{} cannot be made", copy.display()))?;
    let there = read(copy)?;
    for stale in there.keys().filter(|file| !wanted.contains_key(*file)) {
        let path = copy.join(stale);
        fs::remove_file(&path).with_context(|| format!("{stale} cannot be removed"))?;
        // A folder that is left empty would be taken for a crate without a manifest.
        let folders = path.ancestors().skip(1).take_while(|folder| *folder != copy);
        let _emptied = folders.take_while(|folder| fs::remove_dir(folder).is_ok()).count();
    }
    for (file, content) in wanted.iter().filter(|(file, content)| there.get(*file) != Some(content))
    {
        let path = copy.join(file);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        written
            .and_then(|()| fs::write(&path, content))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// The module that says which bug is switched on.
fn add_switch(files: &mut Files) {
    let module = format!(
        "//! Which deliberate bug is switched on.\n\n\
         use std::sync::OnceLock;\n\n\
         /// Whether it is the bug of this name.\n\
         #[must_use]\n\
         pub fn on(name: &str) -> bool {{\n    \
             static ON: OnceLock<Option<String>> = OnceLock::new();\n    \
             ON.get_or_init(|| std::env::var(\"{SWITCH}\").ok()).as_deref() == Some(name)\n\
         }}\n"
    );
    files.insert(format!("{DOMAIN}src/mutants.rs"), module.into_bytes());
    files.entry(format!("{DOMAIN}src/lib.rs")).or_default().extend(b"\npub mod mutants;\n");
}

fn read(root: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for name in FILES {
        let path = root.join(name);
        if path.is_file() {
            files.insert(name.to_owned(), content(&path)?);
        }
    }
    for name in FOLDERS {
        read_folder(&root.join(name), name, &mut files)?;
    }
    Ok(files)
}

fn read_folder(folder: &Path, name: &str, files: &mut Files) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.with_context(|| format!("{} cannot be read", folder.display()))? {
        let Ok(last) = entry.file_name().into_string() else { continue };
        // Not what tools have left there.
        if last == "target" || last.starts_with('.') {
            continue;
        }
        let (path, name) = (entry.path(), format!("{name}/{last}"));
        if path.is_dir() {
            read_folder(&path, &name, files)?;
        } else {
            files.insert(name, content(&path)?);
        }
    }
    Ok(())
}

fn content(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}
