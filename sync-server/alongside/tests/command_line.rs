//! The binary as somebody at a terminal meets it.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a test that cannot go on fails")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

fn alongside(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alongside"));
    // Nothing of the machine it is tested on.
    command.current_dir(folder).env("TMPDIR", folder);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ALONGSIDE_")) {
        command.env_remove(name);
    }
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    alongside(folder).args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_demo_ends_with_a_summary_that_holds_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["demo", "--no-serve", "--json", "--scale", "0.04", "--seed", "7"]);
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), told(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(summary["seed"], 7);
    assert_eq!(summary["every_check_holds"], true);
    assert!(summary["checks"].as_array().unwrap().len() >= 8);
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
}

/// Stops the demo once it has said a line that begins like this, and tells how it ended.
#[cfg(unix)]
fn stopped_at(line: &str, signal: &str, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = alongside(folder.path())
        .arg("demo")
        .args(arguments)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stderr.take().unwrap()).lines();
    assert!(lines.any(|said| said.unwrap().starts_with(line)), "the demo never said {line:?}");
    let kill = Command::new("kill").args([signal, &demo.id().to_string()]).status().unwrap();
    assert!(kill.success());
    // Its words are read to the end, so that it never waits for a reader.
    lines.for_each(drop);
    let code = demo.wait().unwrap().code();
    (code, files(folder.path()))
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_stopped_before_its_checks_does_not_count_as_one_that_holds() {
    for line in ["Generating", "Enrolling", "Monday", "Checking"] {
        let arguments = ["--no-serve", "--scale", "0.04"];
        assert_eq!(stopped_at(line, "-INT", &arguments), (Some(130), Vec::new()), "stopped at {line}");
    }
}

#[cfg(unix)]
#[test]
fn the_demo_serves_its_pages_until_it_is_stopped() {
    let arguments = ["--listen", "127.0.0.1:0", "--scale", "0.04"];
    for signal in ["-INT", "-TERM"] {
        assert_eq!(stopped_at("Press Ctrl-C", signal, &arguments), (Some(0), Vec::new()));
    }
}

#[test]
fn what_means_nothing_to_the_demo_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, says) in [
        (&["demo", "--scale", "0"][..], "give a number above 0 and up to 20"),
        (&["demo", "--scale", "-1"], "give a number above 0 and up to 20"),
        (&["demo", "--scale", "nan"], "give a number above 0 and up to 20"),
        (&["demo", "--scale", "3x"], "give a number above 0 and up to 20"),
        (&["demo", "--store", "mine.db"], "leave `--store` out"),
        (&["demo", "--programme", "mine"], "leave `--programme` out"),
    ] {
        let output = run(folder.path(), arguments);
        assert!(!output.status.success());
        assert!(told(&output).contains(says), "{arguments:?}: {}", told(&output));
    }
}
