//! The table of bugs, and applying its patches.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path},
};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

const COMMITTED: &str = include_str!("../../mutants.toml");

/// What stands in a replacement for the condition that the bug is switched on.
const CONDITION: &str = "MUTANT";

/// A deliberate bug.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// In kebab case.
    pub name: String,
    /// The promise that should break first.
    pub breaks: String,
    /// What is wrong.
    pub what: String,
    /// The faults that should show it.
    pub how: String,
    /// What it changes, in this order.
    #[serde(rename = "edit")]
    pub edits: Vec<Edit>,
}

/// A change of one place in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// From the workspace's folder on, with `/`.
    pub file: String,
    /// What stands there, exactly once after the edits before this one.
    pub find: String,
    /// What shall stand there instead.
    pub replace: String,
}

/// All deliberate bugs, in the order in which their patches are applied.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Each name once.
    #[serde(rename = "mutant")]
    pub mutants: Vec<Mutant>,
}

impl Table {
    /// The table that belongs to this program.
    ///
    /// # Errors
    /// As for [`Table::parse`].
    pub fn committed() -> anyhow::Result<Self> {
        Self::parse(COMMITTED).context("mutants.toml")
    }

    /// The table in a TOML document.
    ///
    /// # Errors
    /// When it is not one, a name is doubled or not in kebab case, or a bug has no switch.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let table: Self = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for mutant in &table.mutants {
            let name = mutant.name.as_str();
            let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            ensure!(!name.is_empty() && name.chars().all(known), "`{name}` is not in kebab case");
            ensure!(names.insert(name), "two mutants are named `{name}`");
            let switched = mutant.edits.iter().any(|edit| edit.replace.contains(CONDITION));
            ensure!(switched, "mutant `{name}` has no {CONDITION} in any replacement");
        }
        Ok(table)
    }

    /// The bugs of these names; all when there are none.
    ///
    /// # Errors
    /// When there is no bug of a name.
    pub fn chosen(&self, names: &[String]) -> anyhow::Result<Vec<&Mutant>> {
        if let Some(unknown) =
            names.iter().find(|name| self.mutants.iter().all(|m| m.name != **name))
        {
            bail!("there is no mutant named `{unknown}`");
        }
        let wanted = |mutant: &&Mutant| names.is_empty() || names.contains(&mutant.name);
        Ok(self.mutants.iter().filter(wanted).collect())
    }

    /// The files of the workspace `root` that the patches change, as they are with all of them.
    ///
    /// # Errors
    /// When a file cannot be read, or a patch does not fit it: names the bug and the file.
    pub fn patched(&self, root: &Path) -> anyhow::Result<BTreeMap<String, String>> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for mutant in &self.mutants {
            for edit in &mutant.edits {
                let text = match files.remove(&edit.file) {
                    Some(text) => text,
                    None => read(root, &edit.file)
                        .with_context(|| format!("mutant `{}`", mutant.name))?,
                };
                files.insert(edit.file.clone(), patch(&text, mutant, edit)?);
            }
        }
        Ok(files)
    }
}

fn read(root: &Path, file: &str) -> anyhow::Result<String> {
    let path = Path::new(file);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(inside, "`{file}` is no file of the workspace");
    fs::read_to_string(root.join(path)).with_context(|| format!("{file} cannot be read"))
}

fn patch(text: &str, mutant: &Mutant, edit: &Edit) -> anyhow::Result<String> {
    let found = text.matches(&edit.find).count();
    ensure!(
        found == 1,
        "mutant `{}` is stale: {} has this text {found} times instead of once:\n{}",
        mutant.name,
        edit.file,
        edit.find
    );
    let domain =
        if edit.file.starts_with(super::workspace::DOMAIN) { "crate" } else { "lmall_domain" };
    let condition = format!("{domain}::mutants::on(\"{}\")", mutant.name);
    Ok(text.replacen(&edit.find, &edit.replace.replace(CONDITION, &condition), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, find: &str, replace: &str) -> anyhow::Result<Table> {
        Table::parse(&format!(
            "[[mutant]]\nname = '{name}'\nbreaks = 'I1'\nwhat = 'w'\nhow = 'h'\n\
             [[mutant.edit]]\nfile = 'crates/domain/src/a.rs'\nfind = '{find}'\n\
             replace = '{replace}'\n"
        ))
    }

    #[test]
    fn a_patch_fits_when_its_text_stands_there_once() {
        for (find, patched) in [
            ("x > 1", Ok("if x > 1 || crate::mutants::on(\"a-bug\") { x }")),
            ("x", Err("mutant `a-bug` is stale: crates/domain/src/a.rs has this text 2 times")),
            ("y", Err("mutant `a-bug` is stale: crates/domain/src/a.rs has this text 0 times")),
        ] {
            let mutant = table("a-bug", find, "x > 1 || MUTANT").unwrap().mutants.remove(0);
            match (patch("if x > 1 { x }", &mutant, &mutant.edits[0]), patched) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().starts_with(expected), "{error}");
                }
                (result, _) => panic!("{find}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_table_with_a_wrong_name_or_without_a_switch_is_refused() {
        assert!(table("a-bug", "x", "MUTANT").is_ok());
        assert!(table("a bug", "x", "MUTANT").is_err());
        assert!(table("a-bug", "x", "y").is_err());
        let chosen = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            table("a-bug", "x", "MUTANT").unwrap().chosen(&names).map(|chosen| chosen.len())
        };
        assert_eq!(chosen(&[]).unwrap(), 1);
        assert_eq!(chosen(&["a-bug"]).unwrap(), 1);
        assert!(chosen(&["b-bug"]).is_err());
    }
}
