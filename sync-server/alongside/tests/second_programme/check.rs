//! `alongside programme`, as the author of a package meets it.

use std::{fs, path::Path};

use crate::{
    package,
    process::{Ran, bare, ran},
};

fn programme(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    ran(&bare().arg("programme").args(arguments).current_dir(folder.path()).output().unwrap())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_good_package_is_said_to_be_good_and_shown() {
    let folder = package();
    let folder = folder.to_str().unwrap();
    let checked = programme(&["check", folder]);
    assert!(checked.ok, "{}", checked.out);
    assert_eq!(checked.out, "befriending 3 can be used: 7 forms, 0 errors, 0 warnings\n");
    let json = programme(&["check", folder, "--json"]).json();
    assert_eq!(
        (&json["ok"], &json["errors"], &json["warnings"], &json["programme"]["id"]),
        (&true.into(), &0.into(), &0.into(), &"befriending".into())
    );
    assert_eq!(json["programme"]["hash"].as_str().unwrap().len(), 64);
    let shown = programme(&["show", folder]);
    for line in [
        "  ORGANISER: Branch organiser",
        "group friendship: Friendship",
        "  visit: Visit, many, 8 rows",
        "  reply: Answer the request by (Organiser)",
        "2 rules",
    ] {
        assert!(shown.out.lines().any(|said| said == line), "{line}\n{}", shown.out);
    }
    // Without a folder: the one that is compiled in.
    let built_in = programme(&["check"]);
    assert!(built_in.ok && built_in.out.starts_with("independent-support "), "{}", built_in.out);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("broken");
    copy(&package(), &folder);
    replace(&folder.join("model.toml"), "friendship.standing", "friendship.standig");
    replace(&folder.join("forms/visit.md"), "| integer | minutes", "| integr | minutes");
    replace(&folder.join("codelists/branch.csv"), "GLAN_MOR", "TREF_UCHAF");
    replace(&folder.join("deadlines.toml"), "working_days = 5", "working_days = \"five\"");
    replace(&folder.join("programme.toml"), "writes = true", "writes = \"yes\"");
    fs::write(folder.join("codelists/step.csv"), b"name,label\nASKED,Caf\xe9\n").unwrap();
    fs::write(folder.join("notes.txt"), "x").unwrap();
    let folder = folder.to_str().unwrap();

    let checked = programme(&["check", folder, "--json"]);
    assert!(!checked.ok, "an error ends with 1");
    let json = checked.json();
    let problems = json["problems"].as_array().unwrap();
    let counted = |severity: &str| problems.iter().filter(|one| one["severity"] == severity).count();
    assert_eq!((&json["ok"], &json["programme"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(json["errors"], counted("error"));
    assert_eq!(json["warnings"], counted("warning"));
    let places: Vec<String> = problems
        .iter()
        .map(|one| {
            for key in ["file", "code", "what", "help"] {
                assert!(!one[key].as_str().unwrap().is_empty(), "{one}");
            }
            format!("{} {} {}", one["file"].as_str().unwrap(), one["row"], one["code"].as_str().unwrap())
        })
        .collect();
    for place in [
        "codelists/branch.csv 3 duplicate_choice",
        "codelists/step.csv 2 not_utf8",
        "deadlines.toml 37 wrong_type",
        "forms/visit.md 4 unknown_type",
        "model.toml 60 unknown_question",
        "notes.txt null unknown_file",
        "programme.toml 15 wrong_toml_type",
    ] {
        assert!(places.iter().any(|said| said == place), "{place}: {places:#?}");
    }

    // For people the same, one a line, and the counts.
    let said = programme(&["check", folder]);
    assert!(!said.ok);
    assert_eq!(said.out.lines().filter(|line| line.starts_with("error: ")).count(), counted("error"));
    assert_eq!(said.out.lines().filter(|line| line.starts_with("warning: ")).count(), counted("warning"));
    assert!(said.out.contains("Did you mean `standing`?"), "{}", said.out);
    let end =
        format!("the programme cannot be used: {} errors, {} warning", counted("error"), counted("warning"));
    assert!(said.out.lines().last().unwrap().starts_with(&end), "{}", said.out);
    let shown = programme(&["show", folder]);
    assert!(!shown.ok && shown.err.contains("the programme has errors"), "{}", shown.err);
}

#[test]
fn a_folder_that_is_none_is_said_to_be_none() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("programme.toml");
    let nothing = scratch.path().join("nothing");
    let empty = scratch.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(&file, "").unwrap();
    for (folder, why) in [
        (&nothing, "there is nothing of that name"),
        (&file, "it is a file"),
        (&empty, "it holds neither `programme.toml` nor `model.toml`"),
    ] {
        let folder = folder.to_str().unwrap();
        let said = programme(&["check", folder]);
        assert!(!said.ok && said.err.contains(why) && said.err.contains(folder), "{}", said.err);
        let json = programme(&["check", folder, "--json"]);
        assert!(!json.ok);
        assert_eq!((&json.json()["ok"], &json.json()["error"]), (&false.into(), &"not_a_package".into()));
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_named() {
    use std::os::unix::fs::symlink;

    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("linked");
    copy(&package(), &folder);
    symlink(scratch.path().join("gone.csv"), folder.join("codelists/gone.csv")).unwrap();
    let said = programme(&["check", folder.to_str().unwrap()]);
    assert!(!said.ok && said.err.contains("gone.csv cannot be read"), "{}", said.err);
    fs::remove_file(folder.join("codelists/gone.csv")).unwrap();
    symlink(&folder, folder.join("round")).unwrap();
    let json = programme(&["check", folder.to_str().unwrap(), "--json"]).json();
    assert_eq!(json["error"], "unreadable", "{json}");
    assert!(json["help"].as_str().unwrap().contains("link to a folder"), "{json}");
}
