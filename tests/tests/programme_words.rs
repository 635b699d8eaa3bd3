//! Programme knowledge is data: no name or code of a programme stands in Rust or in a page.
//!
//! Both programmes are read, so that a name that one of them happens to lack is found by the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use alongside_domain::programme::{Programme, builtin};
use alongside_server::config;

/// Words that programmes use as names and that the software means otherwise. Each list says what they are
/// here; a word belongs here only if the software would hold it had there never been that programme.
const OUR_OWN: [(&str, &[&str]); 9] = [
    (
        "keys and words of the package's files",
        &[
            "about",
            "action",
            "area",
            "at",
            "birthday",
            "code",
            "contact",
            "date",
            "day",
            "event",
            "exemption",
            "exemption_expected_on",
            "from",
            "hours",
            "kind",
            "languages",
            "minutes",
            "month",
            "next",
            "option",
            "outcome",
            "person",
            "phone",
            "reason",
            "round",
            "rule",
            "scope",
            "stage",
            "status",
            "step",
            "supporter",
            "target",
            "title",
            "to",
            "unit",
            "valid_from",
            "valid_to",
            "severity",
            "hold",
            "closed",
            "whose",
            "help",
            "review",
            "caseload",
            "nothing",
            "when",
        ],
    ),
    (
        "columns, types and words of XLSForm, and functions of its expressions",
        &[
            "body", "child", "comment", "email", "end", "name", "note", "now", "parent", "photo", "start",
            "sum", "survey", "text", "type", "video", "yes", "no", "image", "file", "disabled", "yes_no",
        ],
    ),
    (
        "classes of sensitivity, letters of use, figures",
        &["0", "1", "2", "3", "7", "10", "I", "P", "S", "C", "X", "R", "D", "E", "L"],
    ),
    ("attributes of an XForm", &["action", "method"]),
    ("keys of a map for importing", &["partner", "postcode", "author", "key"]),
    (
        "keys that commands, exports and the read model print",
        &["entries", "entry", "seq", "device", "changes", "answers", "ready", "respondent"],
    ),
    (
        "tables and columns of the stores, and words of SQL",
        &["group_id", "access", "started_at", "GROUP", "NONE"],
    ),
    ("what pages and modules are called", &["model", "other", "home", "lang"]),
    (
        "a function of expressions, an attribute of an XForm and prefixes of its names, states of work, endings, \
         a refusal of the protocol",
        &["distance", "src", "ev", "draft", "network", "new", "none", "request", "st", "not_covered"],
    ),
];

/// Every name and code of a programme.
fn words(programme: &Programme) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    words.extend(programme.roles.keys().cloned());
    words.extend(programme.groups.keys().cloned());
    for (id, form) in &programme.forms {
        words.insert(id.clone());
        words.extend(form.questions().map(|question| question.name.clone()));
        for (list, choices) in &form.choices {
            words.insert(list.clone());
            words.extend(choices.iter().map(|choice| choice.name.clone()));
        }
    }
    for (list, choices) in &programme.code_lists {
        words.insert(list.clone());
        words.extend(choices.iter().map(|choice| choice.name.clone()));
    }
    words.extend(programme.deadlines.glance().map(|(id, ..)| id.to_owned()));
    words.extend(programme.rules.ids().map(str::to_owned));
    words
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn befriending() -> Programme {
    config::read_programme(Some(&root().join("tests/programmes/befriending"))).expect("it can be used").0
}

/// Files with one of these endings, without tests and without the demo, which plays one programme.
fn sources(folder: &Path, endings: &[&str], out: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let stem = name.split('.').next().unwrap_or_default();
        if matches!(stem, "tests" | "demo") {
            continue;
        }
        if path.is_dir() {
            sources(&path, endings, out);
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let text = fs::read_to_string(&path).expect("a source is text");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            out.push((path, code));
        }
    }
}

/// The texts in double quotes of a line of Rust.
fn literals(line: &str) -> Vec<String> {
    let (mut found, mut text, mut inside, mut escaped) = (Vec::new(), String::new(), false, false);
    for letter in line.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' if inside => {
                found.push(std::mem::take(&mut text));
                inside = false;
            }
            '"' => inside = true,
            _ if inside => text.push(letter),
            _ => {}
        }
    }
    found
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
}

/// Whether a piece of a longer text can only be meant as a name: English has no `_` and no capitals throughout.
fn is_a_name(piece: &str) -> bool {
    piece.len() > 3 && (piece.contains('_') || !piece.chars().any(|letter| letter.is_ascii_lowercase()))
}

/// What of the words stands in this line.
fn found<'w>(line: &str, words: &'w BTreeSet<String>) -> BTreeSet<&'w str> {
    let mut found = BTreeSet::new();
    for literal in literals(line) {
        found.extend(words.get(&literal).map(String::as_str));
        found.extend(
            pieces(&literal)
                .filter(|piece| is_a_name(piece))
                .filter_map(|piece| words.get(piece))
                .map(String::as_str),
        );
        // `form.question`
        for (form, question) in literal.split_whitespace().filter_map(|word| word.split_once('.')) {
            if words.contains(form) && words.contains(question) {
                found.extend(words.get(question).map(String::as_str));
            }
        }
    }
    found
}

#[test]
fn no_name_or_code_of_a_programme_stands_in_rust_or_in_a_page() {
    let built_in = builtin::independent_support().expect("it can be used");
    let mut words = words(&built_in);
    words.append(&mut self::words(&befriending()));
    assert!(words.len() > 500, "{}", words.len());
    let ours: BTreeSet<&str> = OUR_OWN.iter().flat_map(|(_, words)| words.iter().copied()).collect();

    let mut bad = BTreeMap::new();
    let mut files = Vec::new();
    for folder in
        ["core/src", "core/domain/src", "sync-server/src", "sync-server/alongside/src", "bindings/src"]
    {
        sources(&root().join(folder), &[".rs", ".sql"], &mut files);
    }
    assert!(files.len() > 150, "{}", files.len());
    for (path, code) in &files {
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for word in found(line, &words).into_iter().filter(|word| !ours.contains(word)) {
                bad.insert(format!("{}:{}", path.display(), number + 1), word.to_owned());
            }
        }
    }
    let mut pages = Vec::new();
    sources(&root().join("sync-server/templates"), &[".html"], &mut pages);
    for (path, page) in &pages {
        for piece in pieces(page).filter(|piece| is_a_name(piece) && !ours.contains(piece)) {
            if words.contains(piece) {
                bad.insert(path.display().to_string(), piece.to_owned());
            }
        }
    }
    assert!(bad.is_empty(), "these belong in a package: read them through `programme::Parts`\n{bad:#?}");
}

#[test]
fn no_page_speaks_the_words_of_one_field() {
    let mut texts = Vec::new();
    sources(&root().join("sync-server/templates"), &[".html"], &mut texts);
    sources(&root().join("sync-server/src/console"), &[".rs"], &mut texts);
    for (path, text) in &texts {
        for line in text.lines().map(|line| line.split("///").next().unwrap_or_default()) {
            for word in
                ["EHC", "Independent Support", "Brothers", "SEND", "legal advice", "Council", "letter."]
            {
                assert!(!line.contains(word), "{}: {word}: {line}", path.display());
            }
        }
    }
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    let words = words(&befriending());
    for line in [
        "let at = view.value(\"began\");",
        "execute(\"SELECT body FROM record WHERE key = 'friendship_no'\")",
        "if role == \"ORGANISER\" {",
        "const PART: &str = \"visit.began\";",
        "let rule = rule_by(\"home_visit\");",
    ] {
        assert!(!found(line, &words).is_empty(), "{line}");
    }
    assert!(found("let text = \"They began to visit\";", &words).is_empty());
}
