//! `alongside forms` as somebody at a terminal, and a program that drives it, meets it.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a test that cannot go on fails")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How a command ended and what it said.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn last(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn forms(arguments: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alongside"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ALONGSIDE_")) {
        command.env_remove(name);
    }
    let mut child = command
        .arg("forms")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read everything.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let ended = Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ended.err.contains("panicked"), "{arguments:?}: {}", ended.err);
    ended
}

/// A folder with files in it.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    (folder, paths)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const VISIT: &str = "\
| survey | | | | | | |
| | type | name | label | relevant | constraint | constraint_message |
| | text | who | Who is there? | | | |
| | integer | minutes | How long? | | . > 0 and . < 600 | Between 1 and 599. |
| | select_one yes_no | again | Again? | ${minutes} > 10 | | |
| | begin repeat | item | Item | | | |
| | text | what | What? | | | |
| | end repeat | | | | | |
| choices | | | |
| | list_name | name | label |
| | yes_no | y | Yes |
| | yes_no | n | No |
";

const BROKEN: &str = "\
| survey | | | | |
| | type | name | label | relevant |
| | txt | who | Who? | |
| | integer | minutes | How long? | ${wo} > 1 |
| | select_one yesno | again | Again? | selected(${who} |
| choices | | | |
| | list_name | name | label |
| | yes_no | y | Yes |
| | yes_no | y | Yes again |
";

#[test]
fn a_form_without_a_mistake_is_said_to_be_one() {
    let (_folder, paths) = folder(&[("visit.md", VISIT.as_bytes())]);
    let ended = forms(&["check", text(&paths[0])], b"");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "nothing is wrong\n"), "{}", ended.err);
    let ended = forms(&["check", text(&paths[0]), "--json"], b"");
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.last(), json!({ "ok": true, "form": "visit", "problems": [] }));
}

#[test]
fn every_mistake_is_said_at_once_with_its_place() {
    let (_folder, paths) = folder(&[("broken.md", BROKEN.as_bytes())]);
    let ended = forms(&["check", text(&paths[0]), "--json"], b"");
    assert_eq!(ended.code, Some(1));
    let said = ended.last();
    assert_eq!(said["ok"], false);
    let all: Vec<_> = said["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            let word = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
            assert!(!word("help").is_empty(), "{problem}");
            format!("{} {} {} {}", word("sheet"), problem["row"], word("column"), word("code"))
        })
        .collect();
    assert_eq!(
        all,
        [
            "survey 2 type unknown_type",
            "survey 3 relevant unknown_reference",
            "survey 4 type unknown_list",
            "survey 4 relevant unbalanced_expression",
            "choices 3 name duplicate_choice",
        ]
    );
    let people = forms(&["check", text(&paths[0])], b"");
    assert_eq!(people.code, Some(1));
    assert_eq!(people.out.lines().count(), all.len());
    assert!(people.out.contains("Did you mean `text`?"), "{}", people.out);
}

#[test]
fn expressions_that_need_each_other_are_a_mistake_of_the_form() {
    let form = "| survey | | | | |\n| | type | name | label | calculation |\n\
                | | calculate | one | | ${other} + 1 |\n| | calculate | other | | ${one} + 1 |\n";
    let (_folder, paths) = folder(&[("circle.md", form.as_bytes())]);
    let ended = forms(&["check", text(&paths[0]), "--json"], b"");
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.last()["problems"][0]["code"], "circular");
    assert_eq!(ended.last()["problems"][0]["row"], 2);
}

#[test]
fn a_folder_of_tables_and_its_long_list_are_checked() {
    let mut choices = String::from("list_name,name,label\n");
    for number in 0..100_000 {
        choices += &format!("long,c{number},Choice {number}\n");
    }
    let (home, _) = folder(&[
        ("visit/survey.csv", b"type,name,label\nselect_one long,pick,Pick\n"),
        ("visit/choices.csv", choices.as_bytes()),
        ("visit/notes.txt", b"not a sheet"),
    ]);
    let ended = forms(&["check", text(&home.path().join("visit"))], b"");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "nothing is wrong\n"), "{}", ended.err);
}

#[test]
fn a_file_that_is_no_form_is_an_error_that_says_what_to_do() {
    let long = vec![b'x'; 9 << 20];
    let wide = format!("| survey |\n| | {} |\n", "type | ".repeat(2_000));
    let deep = format!(
        "| survey | | |\n| | type | name |\n{}",
        (0..5_000).map(|at| format!("| | begin group | g{at} |\n")).collect::<String>()
    );
    let bracket = format!(
        "| survey | | | |\n| | type | name | calculation |\n| | calculate | a | {} |\n",
        "(".repeat(50_000)
    );
    let files: Vec<(&str, &[u8])> = vec![
        ("empty.md", b""),
        ("nul.md", b"\0\0\0\0"),
        ("archive.xlsx", b"PK\x03\x04 but nothing else"),
        ("old.xls", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
        ("latin.csv", b"\xFF\xFEt\0y\0"),
        ("long.md", &long),
        ("wide.md", wide.as_bytes()),
        ("deep.md", deep.as_bytes()),
        ("bracket.md", bracket.as_bytes()),
    ];
    let (home, paths) = folder(&files);
    for path in &paths {
        let ended = forms(&["check", text(path), "--json"], b"");
        assert_eq!(ended.code, Some(1), "{}: {}", path.display(), ended.out);
        let said = ended.last();
        let first = &said["problems"][0];
        assert_eq!(said["ok"], false);
        assert!(first["help"].as_str().is_some_and(|help| !help.is_empty()), "{first}");
    }
    let nowhere = forms(&["check", text(&home.path().join("nowhere.xlsx"))], b"");
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.err.contains("nowhere.xlsx"), "{}", nowhere.err);
    let bare = forms(&["check", text(home.path())], b"");
    assert_eq!(bare.code, Some(1), "a folder without sheets: {}", bare.out);
}

#[test]
fn an_expression_and_its_value() {
    for (arguments, says) in [
        (&["1 + 2"][..], "3"),
        (&["concat('a', ${b})", "--set", "b=c"], "ac"),
        (&["-1 < 0"], "true"),
        (&["today()", "--now", "2015-03-16T23:30:00Z"], "2015-03-16"),
        (&["today()", "--now", "2015-07-16T23:30:00Z"], "2015-07-17"),
        (&["today()", "--now", "2015-07-16T23:30:00Z", "--zone", "UTC"], "2015-07-16"),
        (&["sum(/data/v/n)", "--set", "/data/v[1]/n=2", "--set", "/data/v[2]/n=5"], "7"),
        (&[". * 2", "--set", "/data/v=21", "--here", "/data/v"], "42"),
        (&["1 div 0"], "Infinity"),
    ] {
        let ended = forms(&[&["eval"], arguments].concat(), b"");
        assert_eq!((ended.code, ended.out.trim_end()), (Some(0), says), "{arguments:?}: {}", ended.err);
    }
    let ended = forms(&["eval", "true() and 'x'", "--json"], b"");
    assert_eq!(ended.last(), json!({ "value": true, "type": "boolean" }));
}

#[test]
fn an_expression_that_cannot_be_computed_says_where() {
    let ended = forms(&["eval", "1 + nothing(2)"], b"");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("nothing"), "{}", ended.err);
    let ended = forms(&["eval", "1 + nothing(2)", "--json"], b"");
    assert_eq!(ended.code, Some(1));
    let said = ended.last();
    assert_eq!((&said["code"], &said["from"]), (&json!("unknown_function"), &json!(4)));
    for (arguments, says) in [
        (&["1", "--set", "b"][..], "`b` sets nothing"),
        (&["1", "--zone", "Nowhere/There"], "no time zone `Nowhere/There`"),
        (&["1", "--set", "a[x]=2"], "`a[x]` is no step"),
        (&["1", "--set", "a[99999]=2"], "`a[99999]` is no step"),
    ] {
        let ended = forms(&[&["eval"], arguments].concat(), b"");
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        assert!(ended.err.contains(says), "{arguments:?}: {}", ended.err);
    }
    assert_eq!(forms(&["eval"], b"").code, Some(2), "an expression is needed");
}

#[test]
fn every_line_has_its_answer_in_its_place() {
    let lines = [
        json!({ "expr": "1 + 1" }),
        json!({ "expr": "concat(/data/a, '-', ${b})", "context": { "/data/a": "x", "b": 7 } }),
        json!({ "expr": "/data/v/n", "context": { "/data/v": [{ "n": 1 }, { "n": "two" }] } }),
        json!({ "expr": ". > 3", "context": { ".": 4 } }),
        json!({ "expr": "selected(${s}, 'b')", "context": { "s": ["a", "b"] } }),
        json!({ "expr": "instance('towns')/root/item[name = 'x']/label",
                "instances": { "towns": [{ "name": "x", "label": "Town X" }] } }),
        json!({ "expr": "number('no')" }),
        json!({ "expr": "today()", "now": "2015-07-16T23:30:00Z", "zone": "Europe/London" }),
        json!({ "expr": "(" }),
    ];
    let input: String = lines.iter().map(|line| format!("{line}\r\n\n")).collect();
    let ended = forms(&["eval", "--json-lines"], input.as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let all = ended.objects();
    assert_eq!(
        all[..8],
        [
            json!({ "value": 2, "type": "number" }),
            json!({ "value": "x-7", "type": "string" }),
            json!({ "value": ["1", "two"], "type": "nodeset" }),
            json!({ "value": true, "type": "boolean" }),
            json!({ "value": true, "type": "boolean" }),
            json!({ "value": ["Town X"], "type": "nodeset" }),
            json!({ "value": "NaN", "type": "number" }),
            json!({ "value": "2015-07-17", "type": "string" }),
        ]
    );
    assert!(all[8]["error"].is_string());
    assert_eq!(all.len(), lines.len());
}

#[test]
fn a_hostile_line_is_answered_by_an_error_and_the_next_by_its_value() {
    let after = b"\n{\"expr\": \"2\"}\n";
    let nested = format!("{{\"expr\": \"1\", \"context\": {{\"a\": {}", "[".repeat(100_000));
    let deep = json!({ "expr": "1", "context": { "a/".repeat(5_000): "x" } }).to_string();
    let rows = json!({ "expr": "1", "context": { "a[10000]/".repeat(120): "x" } }).to_string();
    let brackets = json!({ "expr": "(".repeat(200_000) }).to_string();
    let long = json!({ "expr": format!("'{}'", "x".repeat(5 << 20)) }).to_string();
    let cases: Vec<(&str, &[u8])> = vec![
        ("bad_line", b"nothing"),
        ("bad_line", b"{}"),
        ("bad_line", b"[1, 2]"),
        ("bad_line", b"{\"expr\": 1}"),
        ("bad_line", b"{\"expr\": \"1\", \"contxt\": {}}"),
        ("bad_line", b"{\"expr\": \"1\", \"now\": \"yesterday\"}"),
        ("bad_line", b"{\"expr\": \"\xFF\"}"),
        ("bad_line", nested.as_bytes()),
        ("unknown_zone", b"{\"expr\": \"1\", \"zone\": \"../../etc/passwd\"}"),
        ("bad_path", b"{\"expr\": \"1\", \"here\": \"a[0]\"}"),
        ("bad_path", deep.as_bytes()),
        ("bad_path", rows.as_bytes()),
        ("expression_too_long", brackets.as_bytes()),
        ("line_too_long", long.as_bytes()),
    ];
    let mut input = Vec::new();
    for (_, line) in &cases {
        input.extend_from_slice(line);
        input.extend_from_slice(after);
    }
    // The last line has no end.
    input.extend_from_slice(b"{\"expr\": \"'end'\"}");
    let ended = forms(&["eval", "--json-lines"], &input);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let all = ended.objects();
    assert_eq!(all.len(), 2 * cases.len() + 1);
    for (at, (code, _)) in cases.iter().enumerate() {
        assert_eq!(all[2 * at]["code"], *code, "{}", all[2 * at]);
        assert!(all[2 * at]["error"].as_str().is_some_and(|error| error.len() < 1_000));
        assert_eq!(all[2 * at + 1], json!({ "value": 2, "type": "number" }));
    }
    assert_eq!(all.last().unwrap()["value"], "end");
}

#[test]
fn a_form_is_tried_with_its_rules() {
    let (_folder, paths) = folder(&[("visit.md", VISIT.as_bytes())]);
    let script = "Ann\nlong\n700\n30\nmaybe\ny\n";
    let ended = forms(&["try", text(&paths[0])], script.as_bytes());
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    for said in ["Who is there?", "Between 1 and 599.", "`maybe` is none of the choices.", "one of: y n"] {
        assert!(ended.out.contains(said), "{said}: {}", ended.out);
    }
    let (_, record) = ended.out.split_once("The record:").unwrap();
    let record: Vec<&str> = record.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(record, ["again = y", "minutes = 30", "who = Ann"]);
}

#[test]
fn rows_are_added_and_the_way_back_leads_back() {
    let (_folder, paths) = folder(&[("visit.md", VISIT.as_bytes())]);
    let script = "Ann\n<\nBea\n5\n.\n";
    let ended = forms(&["try", text(&paths[0])], script.as_bytes());
    assert!(ended.out.contains("who = Bea") && ended.out.contains("minutes = 5"), "{}", ended.out);
    let script = "+ item\n20\nn\nBread\n";
    let ended = forms(&["try", text(&paths[0])], script.as_bytes());
    let row = ended.out.lines().find(|line| line.trim().starts_with("item/")).unwrap_or_default();
    assert!(row.trim().ends_with("/what = Bread"), "{}", ended.out);
    let ended = forms(&["try", text(&paths[0])], b"+ nothing\n.\n");
    assert!(ended.out.contains("The form does not ask this."), "{}", ended.out);
}

#[test]
fn an_input_that_ends_early_or_is_no_text_ends_the_trial_in_order() {
    let (_folder, paths) = folder(&[("visit.md", VISIT.as_bytes()), ("broken.md", BROKEN.as_bytes())]);
    let ended = forms(&["try", text(&paths[0])], b"");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("The record:"));
    let mut input = vec![b'x'; 3 << 20];
    input.extend_from_slice(b"\n\xFF\xFE\nAnn\n.\n");
    let ended = forms(&["try", text(&paths[0])], &input);
    assert_eq!(ended.out.matches("Write it again.").count(), 2, "{}", ended.out.len());
    assert!(ended.out.contains("who = Ann"));
    let ended = forms(&["try", text(&paths[1])], b"");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("unknown") || ended.err.contains("There is no type"), "{}", ended.err);
}

#[test]
fn a_form_is_converted_and_its_codebook_written() {
    let (home, paths) = folder(&[("visit.md", VISIT.as_bytes()), ("broken.md", BROKEN.as_bytes())]);
    let printed = forms(&["convert", text(&paths[0])], b"");
    assert_eq!(printed.code, Some(0), "{}", printed.err);
    assert!(printed.out.starts_with("<?xml") && printed.out.contains("<bind nodeset=\"/data/minutes\""));
    let out = home.path().join("visit.xml");
    let written = forms(&["convert", text(&paths[0]), "-o", text(&out)], b"");
    assert_eq!((written.code, written.out.as_str()), (Some(0), ""));
    assert_eq!(fs::read_to_string(&out).unwrap(), printed.out);

    let csv = forms(&["codebook", text(&paths[0])], b"");
    assert!(csv.out.starts_with("key,type,label"), "{}", csv.out);
    assert!(csv.out.contains("item/*/what,text"), "{}", csv.out);
    let book = forms(&["codebook", text(&paths[0]), "--format", "json"], b"");
    let book: Value = serde_json::from_str(&book.out).unwrap();
    assert_eq!(book["variables"][2]["codes"][0]["code"], "y");
    let page = forms(&["codebook", text(&paths[0]), "--format", "html"], b"");
    assert!(page.out.starts_with("<!DOCTYPE html>"));
}

#[test]
fn a_form_with_errors_is_not_converted_and_no_file_is_left() {
    let (home, paths) = folder(&[("broken.md", BROKEN.as_bytes())]);
    let out = home.path().join("out.xml");
    for command in ["convert", "codebook"] {
        let ended = forms(&[command, text(&paths[0]), "-o", text(&out)], b"");
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.contains("There is no type") && ended.err.contains("There is no choice list"));
        assert!(!out.exists());
    }
    let nowhere = home.path().join("nowhere").join("out.xml");
    let (_folder, paths) = folder(&[("visit.md", VISIT.as_bytes())]);
    let ended = forms(&["convert", text(&paths[0]), "-o", text(&nowhere)], b"");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("cannot be written"), "{}", ended.err);
}
