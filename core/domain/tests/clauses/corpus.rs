//! The clauses and their cases, as the files hold them, and what is not in order with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// A specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Specification {
    /// The folder of its chapters and the name of the list of its headings.
    pub(crate) folder: &'static str,
    pub(crate) title: &'static str,
    pub(crate) address: &'static str,
}

pub(crate) const SPECIFICATIONS: [Specification; 2] = [
    Specification { folder: "xlsform", title: "XLSForm", address: "https://xlsform.org/en/" },
    Specification { folder: "xforms", title: "ODK XForms", address: "https://getodk.github.io/xforms-spec/" },
];

/// A heading of a specification. Those of the second depth are chapters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) depth: usize,
    /// Its anchor; with the page before it where that is not the first (`/entities#versions`).
    pub(crate) id: String,
    pub(crate) title: String,
}

impl Heading {
    pub(crate) fn address(&self, of: Specification) -> String {
        match self.id.strip_prefix('/') {
            Some(page) => format!("{}{page}", of.address),
            None => format!("{}#{}", of.address, self.id),
        }
    }

    /// The file of a chapter.
    fn stem(&self) -> String {
        self.id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chapter {
    clause: Vec<Clause>,
}

/// What is shown of one heading.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clause {
    pub(crate) id: String,
    /// Why it asks nothing of what reads and runs forms.
    #[serde(default)]
    pub(crate) not_applicable: String,
    /// What of it is not done.
    #[serde(default)]
    pub(crate) hole: String,
    #[serde(default)]
    pub(crate) case: Vec<Case>,
}

/// A form and what is expected of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What it shows.
    pub(crate) what: String,
    pub(crate) form: String,
    /// Files of data, by the name that the form gives them: CSV.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Severity, sheet, row, column and code of every problem. Where it is left out, there is none.
    #[serde(default)]
    pub(crate) problems: Vec<String>,
    /// Pieces of the XForm.
    #[serde(default)]
    pub(crate) structure: Vec<String>,
    /// Pieces that the XForm does not have.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    /// A part of each note that the conversion gives; where it is left out, there is none.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// The language in which the form is filled in.
    #[serde(default)]
    pub(crate) language: String,
    /// Answers of the record saved before.
    #[serde(default)]
    pub(crate) saved: BTreeMap<String, String>,
    /// What is answered, and how the form stands then: see `script.rs`.
    #[serde(default)]
    pub(crate) script: String,
}

impl Case {
    /// What is compared, in words.
    pub(crate) fn shows(&self) -> Vec<&'static str> {
        let all = [
            ("problems", !self.problems.is_empty()),
            ("structure", !(self.structure.is_empty() && self.absent.is_empty() && self.notes.is_empty())),
            ("answers", super::script::checks(&self.script) > 0),
        ];
        all.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect()
    }
}

/// A specification with what is shown of it.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) specification: Specification,
    pub(crate) headings: Vec<Heading>,
    /// By heading.
    pub(crate) clauses: BTreeMap<String, Clause>,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clauses")
}

/// Everything that the files hold. Panics with all that is wrong with them.
pub(crate) fn corpora() -> Vec<Corpus> {
    let mut wrong = Vec::new();
    let read = SPECIFICATIONS.map(|specification| {
        let list = fs::read_to_string(folder().join(format!("{}.txt", specification.folder)));
        let headings = headings(&list.expect("the headings"));
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder().join(specification.folder)).expect("the chapters") {
            let path = entry.expect("a chapter").path();
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            files.insert(stem, fs::read_to_string(path).expect("a chapter"));
        }
        let (clauses, faults) = gather(&headings, &files);
        wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}", specification.folder)));
        Corpus { specification, headings, clauses }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    read.into()
}

/// Reads a list of headings: `## anchor | Heading`.
pub(crate) fn headings(list: &str) -> Vec<Heading> {
    let lines = list.lines().filter(|line| line.starts_with("##"));
    lines
        .map(|line| {
            let (depth, rest) = line.split_once(' ').expect("a depth");
            let (id, title) = rest.split_once(" | ").expect("an anchor and a heading");
            Heading { depth: depth.len(), id: id.to_owned(), title: title.to_owned() }
        })
        .collect()
}

/// The clauses of all chapters, and everything that is not in order with them.
pub(crate) fn gather(
    headings: &[Heading],
    files: &BTreeMap<String, String>,
) -> (BTreeMap<String, Clause>, Vec<String>) {
    let mut faults = Vec::new();
    // Every heading with the file of its chapter.
    let mut places = BTreeMap::new();
    let mut chapter = String::new();
    for heading in headings {
        if heading.depth == 2 {
            chapter = heading.stem();
        }
        if places.insert(heading.id.as_str(), chapter.clone()).is_some() {
            faults.push(format!("two headings have the anchor {}", heading.id));
        }
    }
    let mut clauses: BTreeMap<String, Clause> = BTreeMap::new();
    for (file, text) in files {
        let read: Chapter = match toml::from_str(text) {
            Ok(read) => read,
            Err(error) => {
                faults.push(format!("{file}: {error}"));
                continue;
            }
        };
        let order = |id: &str| headings.iter().position(|heading| heading.id == id);
        if !read.clause.iter().map(|clause| order(&clause.id)).is_sorted() {
            faults.push(format!("{file}: the clauses are not in the order of the headings"));
        }
        for clause in read.clause {
            let id = clause.id.clone();
            match places.get(id.as_str()) {
                None => faults.push(format!("{file}: there is no clause {id}")),
                Some(place) if place != file => faults.push(format!("{file}: {id} belongs to {place}")),
                Some(_) => {}
            }
            faults.extend(amiss(&clause).into_iter().map(|fault| format!("{file}: {id}: {fault}")));
            if clauses.insert(id.clone(), clause).is_some() {
                faults.push(format!("{file}: {id} stands twice"));
            }
        }
    }
    let missing = places.keys().filter(|id| !clauses.contains_key(**id));
    faults.extend(missing.map(|id| format!("nothing is said of {id}")));
    (clauses, faults)
}

/// What is not in order with one clause.
fn amiss(clause: &Clause) -> Vec<String> {
    let mut faults = Vec::new();
    let has_case = !clause.case.is_empty();
    match (clause.not_applicable.as_str(), clause.hole.as_str(), has_case) {
        ("", "", false) => faults.push("it has no case, no hole and no reason not to apply".to_owned()),
        ("", ..) => {}
        (_, "", false) => {}
        _ => faults.push("what does not apply has neither cases nor holes".to_owned()),
    }
    let mut seen = BTreeSet::new();
    for case in &clause.case {
        if case.shows().is_empty() {
            faults.push(format!("nothing is expected of `{}`", case.what));
        }
        if case.what.is_empty() || !seen.insert(&case.what) {
            faults.push(format!("`{}` does not say what it shows, or another says the same", case.what));
        }
    }
    faults
}
