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
const SDKS: [&str; 9] =
    ["axum", "hyper", "rusqlite", "reqwest", "redis", "aws-", "utoipa", "tower", "tonic"];

/// What only the AWS adapters may depend on.
const AWS_SDKS: [&str; 3] = ["aws-sdk-", "aws-config", "redis"];

/// What only `lmall-rpc` may depend on: the wire form of gRPC is known in one place.
const GRPC: [&str; 3] = ["prost", "protox", "tonic"];

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

/// What is for tests alone: nothing that runs in production may need it.
const FOR_TESTS: [&str; 3] = ["lmall-contract", "lmall-servers", "lmall-sim"];

/// What a package of ours may depend on, of ours. `None` is everything but what is for tests.
fn allowed(package: &Value) -> Option<&'static [&'static str]> {
    let folder = |folder| in_folder(package, folder);
    match name(package) {
        "lmall-domain" => Some(&[]),
        "lmall-app" => Some(&["lmall-domain"]),
        "lmall-aws" | "lmall-embedded" | "lmall-runtime" | "lmall-web" | "lmall-sim" => {
            Some(&["lmall-app", "lmall-domain"])
        }
        "lmall-rpc" => Some(&["lmall-app", "lmall-domain", "lmall-web"]),
        "lmall-contract" => Some(&["lmall-app", "lmall-domain"]),
        "lmall-servers" => Some(&[]),
        "lmall-service" => {
            Some(&["lmall-app", "lmall-aws", "lmall-domain", "lmall-runtime", "lmall-web"])
        }
        "lmall-lambda" => Some(&["lmall-app", "lmall-aws", "lmall-domain", "lmall-runtime"]),
        "lmall-product" => Some(&["lmall-app", "lmall-product-api", "lmall-service", "lmall-web"]),
        _ if folder("hot-path") => Some(&[
            "lmall-app",
            "lmall-aws",
            "lmall-domain",
            "lmall-rpc",
            "lmall-runtime",
            "lmall-service",
            "lmall-web",
        ]),
        _ if folder("functions") => Some(&[
            "lmall-app",
            "lmall-aws",
            "lmall-domain",
            "lmall-lambda",
            "lmall-runtime",
            "lmall-web",
        ]),
        _ => None,
    }
}

#[test]
fn dependencies_point_inwards() {
    let packages = packages();
    let known = |wanted: &str| packages.iter().any(|package| name(package) == wanted);
    assert!(["lmall-domain", "lmall-app", "lmall-embedded", "lmall-aws"].into_iter().all(known));
    let in_folder = |folder| packages.iter().filter(move |p| in_folder(p, folder)).count();
    assert!(in_folder("hot-path") >= 5 && in_folder("functions") >= 4, "services and functions");
    assert!(
        packages.iter().filter(|package| allowed(package).is_none()).map(name).eq(["lmall"]),
        "a new crate needs its place in the rule"
    );
    for package in &packages {
        let refuse = |dependency: &str| {
            let ours = known(dependency);
            FOR_TESTS.contains(&dependency)
                || (ours && allowed(package).is_some_and(|allowed| !allowed.contains(&dependency)))
        };
        let refused: Vec<_> = dependencies(package).into_iter().filter(|d| refuse(d)).collect();
        assert!(refused.is_empty(), "{} must not depend on {refused:?}", name(package));
    }
}

#[test]
fn what_knows_a_vendor_is_in_one_crate() {
    for package in &packages() {
        let refuse = |dependency: &str| {
            let begins = |with: &[&str]| with.iter().any(|sdk| dependency.starts_with(sdk));
            match name(package) {
                "lmall-domain" => !DOMAIN.contains(&dependency),
                "lmall-app" => begins(&SDKS),
                "lmall-aws" => begins(&["axum", "hyper", "rusqlite", "utoipa"]) || begins(&GRPC),
                "lmall-rpc" => begins(&AWS_SDKS) || (dependency == "rusqlite"),
                "lmall-embedded" => begins(&AWS_SDKS) || begins(&GRPC),
                _ => begins(&AWS_SDKS) || begins(&GRPC) || (dependency == "rusqlite"),
            }
        };
        let refused: Vec<_> = dependencies(package).into_iter().filter(|d| refuse(d)).collect();
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

#[test]
fn images_are_built_with_the_toolchain_of_developers() {
    let read = |path| fs::read_to_string(root().join(path)).expect("a file");
    let toolchain: String = read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
    let version = channel.expect("a channel").trim_matches('"');
    let base = format!("FROM rust:{version}-slim-bookworm");
    assert!(read("hot-path/Dockerfile").contains(&base), "no `{base}` in hot-path/Dockerfile");
}
