//! The dependency rule, and what the pure crates must not say.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What `lmall-domain` may depend on: values and their wire forms.
const DOMAIN: [&str; 6] = ["iso_currency", "jiff", "schemars", "serde", "serde_json", "thiserror"];

/// What `lmall-app` may not depend on: anything that knows a database, a network or a vendor.
const SDKS: [&str; 8] =
    ["axum", "hyper", "rusqlite", "reqwest", "redis", "aws-", "utoipa", "tower"];

/// What only the AWS adapters may depend on.
const AWS_SDKS: [&str; 3] = ["aws-sdk-", "aws-config", "redis"];

/// What the pure crates may not name: time and configuration are arguments, money is integers.
const UNSPEAKABLE: [&str; 4] = ["SystemTime::now", "env::var", "f32", "f64"];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace")
}

/// The packages of the workspace.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("a name")
}

/// What a package needs to run, beside what its tests need.
fn dependencies(package: &Value) -> Vec<&str> {
    let all = package["dependencies"].as_array().expect("dependencies");
    all.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect()
}

fn in_folder(package: &Value, folder: &str) -> bool {
    let manifest = package["manifest_path"].as_str().expect("a path");
    Path::new(manifest).starts_with(root().join(folder))
}

#[test]
fn dependencies_point_inwards() {
    let packages = packages();
    let known = |wanted: &str| packages.iter().any(|package| name(package) == wanted);
    assert!(["lmall-domain", "lmall-app", "lmall-embedded"].into_iter().all(known));
    let services: Vec<_> = packages.iter().filter(|p| in_folder(p, "hot-path")).map(name).collect();
    assert!(services.len() >= 3, "{services:?}");
    for package in &packages {
        let refuse = |dependency: &str| match name(package) {
            "lmall-domain" => !DOMAIN.contains(&dependency),
            "lmall-app" => {
                SDKS.iter().any(|sdk| dependency.starts_with(sdk))
                    || (dependency.starts_with("lmall-") && dependency != "lmall-domain")
            }
            _ if dependency == "lmall-sim" => true,
            "lmall-web" | "lmall-embedded" | "lmall-sim" => {
                dependency.starts_with("lmall-")
                    && !["lmall-app", "lmall-domain"].contains(&dependency)
            }
            service if services.contains(&service) => {
                services.contains(&dependency)
                    || ["lmall-embedded", "rusqlite", "lmall"].contains(&dependency)
            }
            _ => false,
        };
        let aws = |dependency: &str| {
            !in_folder(package, "crates/aws")
                && AWS_SDKS.iter().any(|sdk| dependency.starts_with(sdk))
        };
        let refused: Vec<_> =
            dependencies(package).into_iter().filter(|name| refuse(name) || aws(name)).collect();
        assert!(refused.is_empty(), "{} must not depend on {refused:?}", name(package));
    }
}

#[test]
fn pure_crates_take_time_and_configuration_as_arguments_and_count_money_in_integers() {
    let mut files = Vec::new();
    for folder in ["crates/domain/src", "crates/app/src"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).expect("a file in UTF-8");
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or_default();
            let words: Vec<_> =
                code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').collect();
            for unspeakable in UNSPEAKABLE {
                let said = words.iter().any(|word| {
                    *word == unspeakable || word.ends_with(&format!("::{unspeakable}"))
                });
                assert!(!said, "{}:{number} says {unspeakable}", file.display());
            }
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
