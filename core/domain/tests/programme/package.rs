//! Packages: what is checked across their files.

use alongside_domain::{
    problem::{Problem, Severity},
    programme::{
        Count,
        package::{self, Files},
    },
};

/// A small programme of quite another field.
fn library() -> Files {
    let form = |id: &str, rows: &str| {
        format!(
            "# survey\n| type | name | label | merge |\n|-|-|-|-|\n{rows}\n\n# settings\n\
             | form_id | version |\n|-|-|\n| {id} | 1 |\n"
        )
    };
    let files = [
        ("programme.toml", PROGRAMME.to_owned()),
        ("model.toml", MODEL.to_owned()),
        ("deadlines.toml", deadlines()),
        ("forms/reader.md", form("reader", "| text | name | Name | |\n| date | born_on | Born on | |")),
        (
            "forms/loan.md",
            form(
                "loan",
                "| text | number | Number | |\n| date | lent_on | Lent on | |\n\
                 | select_one_from_file shelf.csv | shelf | Shelf | protect:RESERVED |\n\
                 | text | reader | Reader | |\n| note | thanks | Thank you | |\n\
                 | begin repeat | books | Books | |\n| text | title | Title | |\n| end repeat | | | |",
            ),
        ),
        (
            "codelists/shelf.csv",
            "name,label,valid_from,valid_to\nOPEN,\"Open, for all\",2014-09-01,\nRESERVED,Reserved,,2016-03-31\n"
                .to_owned(),
        ),
    ];
    files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect()
}

/// The rules of the built-in programme serve here: this test is not about them.
fn deadlines() -> String {
    let files = alongside_domain::programme::builtin::independent_support_files();
    String::from_utf8(files["deadlines.toml"].clone()).unwrap()
}

const PROGRAMME: &str = r#"
[programme]
id = "library"
title = "Library"
version = "1"
languages = ["en"]
zone = "Europe/London"

[roles.LIBRARIAN]
title = "Librarian"
sees = "granted"
reads = "S"
writes = true
"#;

const MODEL: &str = r#"
[groups.reader]
title = "Reader"

[groups.loan]
title = "Loan"
parents = ["reader"]
opened_on_phone = true

[records.reader]
group = "reader"
count = "one"
title = ["name"]

[records.loan]
group = "loan"
count = "many"
at = "lent_on"
title = ["number"]
search = ["number"]
references = { reader = "reader" }

[parts]
unit = "loan"
unit_words = ["loan", "loans"]
reference = "loan.number"
subject_name = ["reader.name"]
subject_birth = "reader.born_on"
"#;

fn with(path: &str, change: impl FnOnce(String) -> String) -> Files {
    let mut files = library();
    let text = String::from_utf8(files.remove(path).unwrap()).unwrap();
    let changed = change(text.clone());
    assert_ne!(changed, text, "the test changes something");
    files.insert(path.to_owned(), changed.into_bytes());
    files
}

fn problems(files: &Files) -> Vec<Problem> {
    match package::read(files) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{} {problem}\n", problem.code)).collect()
}

#[test]
fn a_programme_of_another_field_is_read() {
    let (programme, warnings) =
        package::read(&library()).unwrap_or_else(|problems| panic!("{}", listed(&problems)));
    assert!(warnings.is_empty(), "{}", listed(&warnings));
    assert_eq!(programme.languages, ["en"]);
    assert_eq!(programme.records["loan"].count, Count::Many);
    assert_eq!(programme.records["loan"].references["reader"], "reader");
    assert_eq!(programme.code_lists["shelf"][0].label.text(), "Open, for all");
    let loan = programme.form("loan").unwrap();
    let shelf = loan.question("shelf").unwrap();
    assert_eq!(programme.code_label(loan, shelf, "RESERVED"), "Reserved");
    assert_eq!(programme.code_label(loan, shelf, "NEW"), "NEW", "an unknown code is shown as it is");
}

#[test]
fn each_mistake_between_files_has_its_place() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "model.toml",
            "group = \"loan\"",
            "group = \"laon\"",
            "unknown_group model.toml [records.loan] row 16, column group: There is no group `laon`. Did you mean `loan`?",
        ),
        (
            "model.toml",
            "[records.loan]",
            "[records.laon]",
            "unknown_form model.toml [records.laon] row 15: There is no form `laon`. Did you mean `loan`?",
        ),
        (
            "model.toml",
            "at = \"lent_on\"",
            "at = \"lent_no\"",
            "unknown_question model.toml [records.loan] row 18, column at: The form `loan` has no question `lent_no`. Did you mean `lent_on`?",
        ),
        (
            "model.toml",
            "at = \"lent_on\"",
            "at = \"number\"",
            "wrong_question_type model.toml [records.loan] row 18, column at: `number` is of another type. Name a question of the type a date or a date and time.",
        ),
        (
            "model.toml",
            "search = [\"number\"]",
            "search = [\"title\"]",
            "repeated_question model.toml [records.loan] row 20, column search: `title` of the form `loan` stands in a repeat.",
        ),
        (
            "model.toml",
            "search = [\"number\"]",
            "search = [\"thanks\"]",
            "no_answer model.toml [records.loan] row 20, column search: `thanks` of the form `loan` keeps no answer.",
        ),
        (
            "model.toml",
            "{ reader = \"reader\" }",
            "{ reader = \"raeder\" }",
            "unknown_form model.toml [records.loan.references] row 21, column reader: There is no form `raeder`. Did you mean `reader`?",
        ),
        (
            "model.toml",
            "reference = \"loan.number\"",
            "reference = \"number\"",
            "bad_field model.toml [parts] row 26, column reference: `number` does not name a question. Write `form.question`.",
        ),
        (
            "model.toml",
            "reference = \"loan.number\"",
            "reference = \"reader.name\"",
            "wrong_group model.toml [parts] row 26, column reference: Records of `reader` live in `reader`. Name a form whose records live in `loan`.",
        ),
        (
            "model.toml",
            "title = \"Reader\"\n",
            "title = \"Reader\"\nparents = [\"loan\"]\n",
            "group_cycle model.toml [groups.reader] row 4, column parents: `reader` is its own ancestor through `loan`.",
        ),
        (
            "model.toml",
            "title = \"Reader\"\n",
            "title = \"Reader\"\nopend_on_phone = true\n",
            "unknown_key model.toml [groups.reader] row 4, column opend_on_phone: There is no key `opend_on_phone` here. Did you mean `opened_on_phone`?",
        ),
        (
            "model.toml",
            "count = \"one\"",
            "count = 1",
            "wrong_toml_type model.toml [records.reader] row 12, column count: `count` is a whole number. Write a text in quotes.",
        ),
        (
            "model.toml",
            "unit_words = [\"loan\", \"loans\"]",
            "unit_words = [\"loan\"]",
            "wrong_count model.toml [parts] row 25, column unit_words",
        ),
        (
            "model.toml",
            "unit_words = [\"loan\", \"loans\"]",
            "unit_words = [\"loan\", \"loans\"]\nended = [\"BACK\"]",
            "unknown_code model.toml [parts], column ended: `BACK` is not a code of the status.",
        ),
        (
            "model.toml",
            "subject_birth",
            "[parts.holders.lending]\nperson = \"loan.reader\"\nfrom = \"loan.number\"\nto = \"loan.lent_on\"\n#",
            "wrong_question_type model.toml [parts.holders.lending] row 30, column from: `number` is of another type. Name a question of the type date.",
        ),
        (
            "model.toml",
            "subject_birth",
            "[parts.holders.lending]\nperson = \"loan.reader\"\nfrom = \"loan.lent_on\"\nto = \"reader.born_on\"\n#",
            "wrong_group model.toml [parts.holders.lending] row 31, column to: Records of `reader` live in `reader`.",
        ),
        (
            "model.toml",
            "subject_birth",
            "[parts.holders.lending]\nperson = \"loan.reader\"\nfrom = \"loan.lent_on\"\nto = \"loan.lent_on\"\nreason = \"loan.shelf\"\nbegins = \"OPNE\"\n#",
            "unknown_code model.toml [parts.holders], column begins: `OPNE` is not a code of the reason. Did you mean `OPEN`?",
        ),
        (
            "model.toml",
            "subject_birth",
            "[parts.holders.lending]\nperson = \"loan.reader\"\nfrom = \"loan.lent_on\"\nto = \"loan.lent_on\"\nleads = true\n[parts.holders.once_more]\nperson = \"loan.reader\"\nfrom = \"loan.lent_on\"\nto = \"loan.lent_on\"\nleads = true\n#",
            "one_leads model.toml [parts.holders.once_more] row 33: Two forms say who supports a unit.",
        ),
        (
            "model.toml",
            "subject_name = [\"reader.name\"]\n",
            "",
            "missing_key model.toml [parts] row 23, column subject_name: The key `subject_name` is missing. Add it to the table.",
        ),
        (
            "model.toml",
            "opened_on_phone = true",
            "opened_on_phone = maybe",
            "bad_toml model.toml row 8: This is not TOML",
        ),
        (
            "programme.toml",
            "sees = \"granted\"",
            "sees = \"all\"",
            "unknown_word programme.toml [roles.LIBRARIAN] row 11, column sees: `all` is none of the words for `sees`. Write `granted`, `partner_areas` or `nothing`.",
        ),
        (
            "programme.toml",
            "reads = \"S\"",
            "reads = \"T\"",
            "bad_sensitivity programme.toml [roles.LIBRARIAN] row 12, column reads: `T` is no sensitivity class.",
        ),
        (
            "forms/loan.md",
            "shelf.csv",
            "shlef.csv",
            "unknown_list forms/loan.md [survey] row 4, column type: There is no code list `shlef.csv`. Did you mean `shelf.csv`?",
        ),
        (
            "forms/loan.md",
            "protect:RESERVED",
            "protect:RESREVED",
            "unknown_protected_code forms/loan.md [survey] row 4, column merge: The list `shelf.csv` has no code `RESREVED` to protect. Did you mean `RESERVED`?",
        ),
        (
            "forms/loan.md",
            "| text | reader | Reader",
            "| text | moved_to | Reader",
            "reserved_name forms/loan.md [survey] row 5, column name: The name `moved_to` is kept for records that are moved.",
        ),
        (
            "codelists/shelf.csv",
            "OPEN,\"Open, for all\"",
            "OPEN,Open, for all",
            "too_many_cells codelists/shelf.csv row 2: The row has 5 cells under 4 headings.",
        ),
        (
            "codelists/shelf.csv",
            "RESERVED,Reserved,,",
            "RESERVED,Reserved,",
            "too_few_cells codelists/shelf.csv row 3",
        ),
        (
            "codelists/shelf.csv",
            "2014-09-01",
            "1/9/2014",
            "bad_date codelists/shelf.csv row 2, column valid_from: `1/9/2014` is no date. Write year, month and day, such as 2014-09-01.",
        ),
        (
            "codelists/shelf.csv",
            "RESERVED,",
            "OPEN,",
            "duplicate_choice codelists/shelf.csv row 3, column name: The code `OPEN` stands in row 2 of the list `shelf` already.",
        ),
        (
            "codelists/shelf.csv",
            "name,label",
            "code,label",
            "missing_column codelists/shelf.csv row 1, column name: The sheet has no column `name`.",
        ),
    ];
    for (path, old, new, expected) in cases {
        let problems = problems(&with(path, |text| text.replacen(old, new, 1)));
        let found = listed(&problems);
        assert!(found.lines().any(|line| line.starts_with(expected)), "{expected}\nfound:\n{found}");
    }
}

#[test]
fn every_file_is_checked_although_others_are_broken() {
    let mut files = library();
    files.remove("programme.toml");
    files.insert("forms/loan.md".into(), b"# survey\nnothing".to_vec());
    files.insert("forms/latin.md".into(), b"# survey\n| caf\xe9 |".to_vec());
    files.insert("codelists/shelf.csv".into(), b"name,label\n".to_vec());
    files.insert("codelist/typo.csv".into(), b"name,label\n".to_vec());
    files.insert("forms/reader2.md".into(), files["forms/reader.md"].clone());
    files.insert("deadlines.toml".into(), b"rules = 3".to_vec());
    let problems = problems(&files);
    let codes: std::collections::BTreeSet<(&str, &str)> =
        problems.iter().map(|problem| (problem.file.as_str(), problem.code)).collect();
    for expected in [
        ("programme.toml", "missing_file"),
        ("forms/loan.md", "missing_sheet"),
        ("forms/latin.md", "not_utf8"),
        ("forms/reader2.md", "duplicate_form_id"),
        ("codelists/shelf.csv", "empty_list"),
        ("codelist/typo.csv", "unknown_file"),
        ("model.toml", "unknown_form"),
    ] {
        assert!(codes.contains(&expected), "{expected:?}\n{}", listed(&problems));
    }
    assert!(problems.iter().any(|problem| problem.file == "deadlines.toml"), "{}", listed(&problems));
}

#[test]
fn a_form_without_a_record_entry_is_a_warning() {
    let mut files = library();
    let text = String::from_utf8(files["forms/reader.md"].clone()).unwrap();
    files.insert("forms/visit.md".into(), text.replace("| reader |", "| visit |").into_bytes());
    let (_, warnings) = package::read(&files).unwrap();
    let [warning] = warnings.as_slice() else { panic!("{}", listed(&warnings)) };
    assert_eq!((warning.code, warning.severity), ("form_without_record", Severity::Warning));
}

#[test]
fn a_byte_order_mark_does_no_harm() {
    let mut files = library();
    for bytes in files.values_mut() {
        bytes.splice(0..0, *b"\xef\xbb\xbf");
    }
    assert_eq!(listed(&problems(&files)), "");
}
