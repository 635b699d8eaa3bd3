//! The workspace keeps its own rules: who may depend on whom, and what the pure domain must not know.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .expect("cargo metadata of this workspace")
}

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the workspace's folder")
}

/// Names of the packages that each workspace member uses at run time, directly.
fn direct_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let used =
                package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
            (package.name.to_string(), used.map(|dependency| dependency.name.clone()).collect())
        })
        .collect()
}

/// Everything that a package uses at run time, at any depth.
fn all_dependencies(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves");
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == name)
        .expect("a member of the workspace");
    let (mut seen, mut next) = (BTreeSet::new(), vec![&start.id]);
    while let Some(id) = next.pop() {
        for dependency in &nodes[id].deps {
            let normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if normal && seen.insert(names[&dependency.pkg].clone()) {
                next.push(&dependency.pkg);
            }
        }
    }
    seen
}

/// Files that git keeps, with this ending.
fn sources(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, ending: &str, out: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | ".git" | "node_modules") {
                    walk(&path, ending, out);
                }
            } else if name.ends_with(ending) {
                out.push((path.clone(), fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    let mut out = Vec::new();
    walk(&root().join(folder), ending, &mut out);
    out
}

#[test]
fn phone_and_server_never_depend_on_each_other() {
    let metadata = metadata();
    assert!(!all_dependencies(&metadata, "alongside-core").contains("alongside-server"));
    assert!(!all_dependencies(&metadata, "alongside-server").contains("alongside-core"));
    for side in ["alongside-core", "alongside-server"] {
        assert!(
            all_dependencies(&metadata, side).contains("alongside-domain"),
            "{side} builds on the domain"
        );
    }
}

#[test]
fn only_the_binary_and_the_tests_know_both_sides() {
    let both: BTreeSet<_> = direct_dependencies(&metadata())
        .into_iter()
        .filter(|(_, used)| used.contains("alongside-core") && used.contains("alongside-server"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(both, BTreeSet::from(["alongside".to_owned(), "alongside-tests".to_owned()]));
}

#[test]
fn the_domain_uses_nothing_that_does_io() {
    let metadata = metadata();
    let used = all_dependencies(&metadata, "alongside-domain");
    for banned in ["tokio", "rusqlite", "reqwest", "axum", "hyper", "uniffi", "ureq", "mio", "socket2"] {
        assert!(!used.contains(banned), "alongside-domain must not use {banned}");
    }
    // automerge brings these for its own use; the domain asks for neither.
    for banned in ["rand", "tracing"] {
        assert!(!direct_dependencies(&metadata)["alongside-domain"].contains(banned));
    }
}

#[test]
fn the_domain_reads_no_file_clock_or_randomness() {
    let words = [
        "std::fs",
        "std::net",
        "std::thread",
        "std::env",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "ZonedDateTime::now",
        "rand::",
        "getrandom",
        "println!",
        "eprintln!",
        "AutoCommit::new()",
        "TimeZone::system",
        "ActorId::random",
    ];
    let mut found = Vec::new();
    for (path, text) in sources("core/domain/src", ".rs") {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in words {
            for (number, line) in code.lines().enumerate() {
                let line = line.split("//").next().unwrap_or_default();
                if line.contains(word) {
                    found.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "the domain takes these as arguments:\n{}", found.join("\n"));
}

#[test]
fn nothing_depends_on_the_bindings_and_only_they_know_uniffi() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        // For tests and at build time neither.
        let used: BTreeSet<_> = package.dependencies.iter().map(|used| used.name.as_str()).collect();
        let name = package.name.as_str();
        assert!(!used.contains("alongside-ffi"), "{name} must not depend on the bindings");
        let knows = used.iter().any(|used| used.starts_with("uniffi"));
        assert_eq!(knows, name == "alongside-ffi", "{name}: the bindings, and only they, know uniffi");
    }
    let bindings = &direct_dependencies(&metadata)["alongside-ffi"];
    assert!(bindings.contains("alongside-core") && !bindings.contains("alongside-server"));
    // Both sides of the border must come from the same version.
    for name in ["uniffi_core", "uniffi_bindgen"] {
        let versions: BTreeSet<_> = metadata
            .packages
            .iter()
            .filter(|package| package.name.as_str() == name)
            .map(|package| package.version.to_string())
            .collect();
        assert_eq!(versions, BTreeSet::from(["0.32.2".to_owned()]), "{name}");
    }
}

#[test]
fn the_bindings_decide_nothing() {
    let mut found = Vec::new();
    for (path, text) in sources("bindings/src", ".rs") {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let words: Vec<&str> = code.split(|letter: char| !letter.is_alphanumeric()).collect();
            if words.iter().any(|word| matches!(*word, "if" | "match" | "while" | "loop")) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "what is decided belongs in the core:\n{}", found.join("\n"));
}

#[test]
fn generated_bindings_are_not_kept() {
    let generated = [".py", ".kt", ".swift", ".h", ".modulemap"]
        .iter()
        .flat_map(|ending| sources("bindings", ending))
        .filter(|(_, text)| text.contains("generated by UniFFI") || text.contains("uniffi_rustbuffer"));
    let generated: Vec<_> = generated.map(|(path, _)| path.display().to_string()).collect();
    assert!(generated.is_empty(), "`cargo xtask bindings` writes these: {generated:?}");
}

#[test]
fn there_is_one_sqlite() {
    let metadata = metadata();
    let count = |name: &str| metadata.packages.iter().filter(|package| package.name.as_str() == name).count();
    assert_eq!(count("libsqlite3-sys"), 1);
    assert_eq!(count("rusqlite"), 1);
}

#[test]
fn files_are_named_for_what_is_in_them() {
    let mut bad = Vec::new();
    for (path, _) in sources(".", ".rs") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if matches!(name.as_str(), "mod" | "utils" | "util" | "helpers" | "helper" | "common" | "misc") {
            bad.push(path.display().to_string());
        }
    }
    assert!(bad.is_empty(), "give these a name that says what is inside:\n{}", bad.join("\n"));
}

#[test]
fn files_stay_small_enough_to_read() {
    let mut long: Vec<_> = sources(".", ".rs")
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path.display().to_string()))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    long.sort();
    assert!(long.is_empty(), "about 400 lines is a good upper size; split these: {long:?}");
}
