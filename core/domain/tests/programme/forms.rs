//! Forms: what is read, and what is said of malformed ones.

use std::fmt::Write as _;

use alongside_domain::{
    form::{ChoiceSource, Form, Item, MergePolicy, QuestionKind, Sensitivity, xlsform},
    problem::{Problem, Severity},
};

fn problems(text: &str) -> Vec<Problem> {
    match xlsform::read("forms/visit.md", text) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}

fn form(text: &str) -> Form {
    match xlsform::read("forms/visit.md", text) {
        Ok((form, warnings)) if warnings.is_empty() => form,
        Ok((_, problems)) | Err(problems) => panic!("{problems:#?}"),
    }
}

fn listed(problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        let mark = if problem.severity == Severity::Error { "" } else { "(warning) " };
        writeln!(out, "{mark}{} {problem}", problem.code).unwrap();
    }
    out
}

const GOOD: &str = r"
A visit, in the words of a made-up programme.

# survey

| type | name | label::English (en) | label::Cymraeg (cy) | required | relevant | constraint | appearance | sensitivity | use | merge | colour |
|------|------|------|------|------|------|------|------|------|------|------|------|
| date | visited_on | Day of the visit | Dyddiad | yes | | . <= today() | | P | RE | | green |
| select_one_from_file area.csv | area | Area | Ardal | | | | minimal | | R,E | review | |
| begin group | about | About | Am | | ${visited_on} != '' | | | | | | |
| select_multiple topic or_other | topics | Topics | Pynciau | | | | | S | E | | |
| text | note | Note | Nodyn | | | regex(., '^(a\|b)$') | multiline | X | L | text | |
| end group | | | | | | | | | | | |

Prose between parts of a table is welcome.

| begin_repeat | actions | Actions | Camau | | | | | | | | |
| range | effort | Effort | Ymdrech | | | | | | | | |
| rank topic | order | Order | Trefn | | | | | | | | |
| end_repeat | | | | | | | | | | | |

# choices

| list_name | name | label::English (en) | label::Cymraeg (cy) | sensitivity | valid_from | valid_to | group |
|---|---|---|---|---|---|---|---|
| topic | SCHOOL | School | Ysgol | | 2014-09-01 | | place |
| topic | SAFETY | Safety | Diogelwch | X | | 2016-03-31 | |

# settings

| form_title | form_id | version | style |
|---|---|---|---|
| Visit | visit | 1 | pages |

# Notes

Text below is not read.
";

#[test]
fn a_form_in_two_languages_is_read_whole() {
    let form = form(GOOD);
    assert_eq!((form.id.as_str(), form.title.as_str(), form.version.as_str()), ("visit", "Visit", "1"));
    assert_eq!(form.default_language, "English (en)");
    assert_eq!(form.settings["style"], "pages");
    insta::assert_snapshot!("good_form", serde_json::to_string_pretty(&form).unwrap());

    let note = form.question("note").unwrap();
    assert_eq!(note.constraint.as_deref(), Some("regex(., '^(a|b)$')"), "an escaped pipe is a pipe");
    assert_eq!((note.label.text(), note.label.get("Cymraeg (cy)")), ("Note", Some("Nodyn")));
    assert_eq!((note.sensitivity, &note.merge), (Sensitivity::X, &MergePolicy::Text));
    assert_eq!(form.question("visited_on").unwrap().extra["colour"], "green");
    assert_eq!(form.question("area").unwrap().uses, "RE");
    assert_eq!(form.question("area").unwrap().sensitivity, Sensitivity::P, "what is not said is personal");
    assert_eq!(form.choices["topic"][0].extra["group"], "place");
}

#[test]
fn another_answer_than_those_of_the_list_has_a_question_of_its_own() {
    let form = form(GOOD);
    let topics = form.question("topics").unwrap();
    assert_eq!(topics.kind, QuestionKind::SelectMultiple(ChoiceSource::List("topic".into())));
    assert_eq!(topics.merge, MergePolicy::Set, "a select_multiple unites codes unless it says otherwise");
    assert!(form.choices["topic"].iter().any(|choice| choice.name == "other"));
    let other = form.question("topics_other").unwrap();
    assert_eq!(other.relevant.as_deref(), Some("selected(${topics}, 'other')"));
    assert_eq!(other.sensitivity, topics.sensitivity, "what is written there is as sensitive");
}

#[test]
fn keys_of_documents_lead_to_their_questions() {
    let form = form(GOOD);
    for (key, name) in [
        ("note", "note"),
        ("topics/SCHOOL", "topics"),
        ("actions/r1/effort", "effort"),
        ("actions/r1/order", "order"),
    ] {
        assert_eq!(form.question_of_key(key).map(|question| question.name.as_str()), Some(name), "{key}");
    }
    assert!(form.question_of_key("nobody/knows/this").is_none());
    assert_eq!(form.merge_policy("topics/SCHOOL"), MergePolicy::Set);
    assert_eq!(form.merge_policy("actions/r1/order"), MergePolicy::Ordered);
    assert_eq!(form.repeats_around("effort").collect::<Vec<_>>(), ["actions"]);
    assert!(matches!(form.around("note").as_slice(), [Item::Group(section)] if section.name == "about"));
    assert!(form.around("visited_on").is_empty());
}

#[test]
fn the_style_of_pyxform_is_read_too() {
    let form = form(
        "
        | survey   |                   |          |         |
        |          | type              | name     | label   |
        |          | select_one yes_no | attended | Came?   |
        | choices  |                   |          |         |
        |          | list_name         | name     | label   |
        |          | yes_no            | yes      | Yes     |
        | settings |                   |          |
        |          | form_id           | version  |
        |          | attendance        | 2       |
        ",
    );
    assert_eq!((form.id.as_str(), form.title.as_str()), ("attendance", "attendance"));
    assert_eq!(form.question("attended").unwrap().row, 2);
    assert_eq!(form.choices["yes_no"].len(), 1);
}

/// More than thirty mistakes, no two alike.
const BAD: &str = r#"
# survey

| type | name | label | lable | relevent | relevant | constraint | calculation | choice_filter | required | parameters | repeat_count | sensitivity | use | merge | label | | hint:en |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
| intger | age | Age | | | | | | | | | | | | | | | |
| | nothing | No type | | | | | | | | | | | | | | | |
| text | | No name | | | | | | | | | | | | | | | |
| text | 2fast | Starts with a digit | | | | | | | | | | | | | | | |
| text | a/b | Has a slash | | | | | | | | | | | | | | | |
| text | no_label | | | | | | | | | | | | | | | | |
| text | age | Taken | | | | | | | | | | | | | | | |
| select_one yesno | sure | Sure? | | | | | | | | | | | | | | | |
| select_one | which | Which? | | | | | | | | | | | | | | | |
| select_one yes_no extra | more | More | | | | | | | | | | | | | | | |
| select_one_from_file lists/area.txt | area | Area | | | | | | | | | | | | | | | |
| text | refers | Refers | | | ${aeg} > 3 | (. > 1 | | | | | | | | | | | |
| text | quotes | Quotes | | | ${age} = 'x | ${age | | | | | | | | | | | |
| text | curly | Curly | | | ${age} = “x” | | | | | | | | | | | | |
| calculate | sum | | | | | | | | | | | | | | | | |
| text | filter | Filter | | | | | | . = 1 | | | | | | | | | |
| text | must | Must | | | | | | | mandatory | | | | | | | | |
| range | scale | Scale | | | | | | | | start=5 end=1 setp=0 | | | | | | | |
| text | odd | Odd | | | | | | | | rows 3 | | | | | | | |
| text | counted | Counted | | | | | | | | | 3 | | | | | | |
| text | secret | Secret | | | | | | | | | | Q | | | | | |
| text | used | Used | | | | | | | | | | | RZ | | | | |
| text | twice | Twice | | | | | | | | | | | RR | | | | |
| text | merged | Merged | | | | | | | | | | | | reveiw | | | |
| text | united | United | | | | | | | | | | | | set | | | |
| integer | lettered | Lettered | | | | | | | | | | | | text | | | |
| select_one yes_no | guarded | Guarded | | | | | | | | | | | | protect:yse | | | |
| select_one yes_no | unguarded | Unguarded | | | | | | | | | | | | protect: | | | |
| note | shown | Shown | | | | | | | | | | | | | | stray | |
| text | wide | Wide | | | | a|b | | | | | | | | | | | |
| begin group | outer | Outer | | | | | | | yes | | | | | | | | |
| begin repeat | inner | Inner | | | | | | | | | | | | | | | |
| end group | | | | | | | | | | | | | | | | | |
| end repeat | | | | | | | | | | | | | | | | | |
| begin group | open | Open | | | | | | | | | | | | | | | |
| text | lost | Lost | | | | | | | | | | | | | | | |
text | unseen | A row without its first pipe |

# choices

| list_name | name | label | valid_from | valid_to | sensitivity |
|---|---|---|---|---|---|
| yes_no | yes | Yes | | | |
| yes_no | no | | | | |
| yes_no | yes | Yes again | | | |
| yes_no | may be | Maybe | | | |
| yes_no | late | Late | 2015-13-01 | | |
| yes_no | back | Back | 2015-02-01 | 2015-01-01 | |
| yes_no | marked | Marked | | | Z |
| | stray | Stray | | | |
| hollow | | Hollow | | | |

# chioces

| list_name | name | label |
|---|---|---|
| a | b | C |

# settings

| form_id | version | default_language |
|---|---|---|
| my form | | Klingon |
| second | 1 | |
"#;

#[test]
fn every_mistake_of_a_broken_form_is_said_at_once() {
    let problems = problems(BAD);
    let codes: std::collections::BTreeSet<&str> = problems.iter().map(|problem| problem.code).collect();
    assert!(problems.len() >= 40, "{}", problems.len());
    assert!(codes.len() >= 30, "{} kinds: {codes:?}", codes.len());
    insta::assert_snapshot!(listed(&problems));
}

/// A form around one row of the survey sheet.
fn with_row(row: &str) -> String {
    format!(
        "# survey\n| type | name | label | relevant |\n|-|-|-|-|\n{row}\n\n# choices\n\
         | list_name | name | label |\n|-|-|-|\n| yes_no | yes | Yes |\n\n\
         # settings\n| form_id | version |\n|-|-|\n| visit | 1 |\n"
    )
}

#[test]
fn each_mistake_has_its_code_place_and_suggestion() {
    let cases: &[(&str, &str, u32, &str, &str)] = &[
        ("| txt | a | A | |", "unknown_type", 2, "type", "Did you mean `text`?"),
        ("| text yes_no | a | A | |", "unknown_type", 2, "type", "`text` takes nothing behind it."),
        ("| select_one yes_on | a | A | |", "unknown_list", 2, "type", "Did you mean `yes_no`?"),
        ("| select_one | a | A | |", "missing_list", 2, "type", "Write the list behind the type"),
        ("| text | a | A | |\n| text | a | B | |", "duplicate_name", 3, "name", "choose another name"),
        (
            "| begin group | g | G | |\n| text | a | A | |\n| end group | | | |\n| text | a | B | |",
            "duplicate_name",
            5,
            "name",
            "whatever group they stand in",
        ),
        ("| text | @id | A | |", "bad_name", 2, "name", "A name is a letter"),
        ("| begin group | g | G | |\n| text | a | A | |", "unbalanced", 2, "type", "Add `end group`"),
        ("| text | a | A | |\n| end repeat | | | |", "unbalanced", 3, "type", "Remove the row"),
        (
            "| text | alpha | A | |\n| text | b | B | ${alhpa} |",
            "unknown_reference",
            3,
            "relevant",
            "`alpha`",
        ),
        ("| text | a | Dear ${b} | |", "unknown_reference", 2, "label", "Write the name"),
        ("| text | a | A | | stray |", "too_many_cells", 2, "", "Write a `|` inside a cell as `\\|`"),
        (
            "| text | a | A | |\n\n| other | table |\n|-|-|\n| 1 | 2 |",
            "second_table",
            2,
            "",
            "A sheet is one table",
        ),
        ("| text | a | A | |\n|-|-|-|-|", "misplaced_rule", 3, "", "right below the heading"),
    ];
    for (row, code, at, column, help) in cases {
        let problems = problems(&with_row(row));
        let [problem] = problems.as_slice() else { panic!("{row}\n{}", listed(&problems)) };
        assert_eq!(problem.code, *code, "{row}");
        assert_eq!(problem.row, Some(*at), "{row}");
        assert_eq!(problem.column.as_deref().unwrap_or_default(), *column, "{row}");
        assert_eq!(problem.sheet.as_deref(), Some("survey"), "{row}");
        assert!(problem.help.contains(help), "{row}\n{problem}");
    }
}

#[test]
fn an_unbalanced_group_names_both_rows() {
    let problems = problems(&with_row(
        "| begin group | g | G | |\n| begin repeat | r | R | |\n| text | a | A | |\n| end group | | | |",
    ));
    insta::assert_snapshot!(listed(&problems), @"unbalanced forms/visit.md [survey] row 3, column type: `begin repeat` `r` is still open where row 5 says `end group`. Add `end repeat` before row 5.");
}

#[test]
fn an_empty_file_says_which_sheets_it_lacks() {
    insta::assert_snapshot!(listed(&problems("")), @r"
    missing_sheet forms/visit.md [survey]: There is no table under a heading `# survey`. Add it, with the columns `type`, `name` and `label`.
    missing_sheet forms/visit.md [settings]: There is no table under a heading `# settings`. Add it, with the columns `form_title`, `form_id` and `version`.
    ");
}

#[test]
fn a_reference_to_the_last_saved_record_and_to_a_group_are_known() {
    let good = with_row(
        "| text | a | A | ${last-saved#a} = '' or ${g} != '' |\n| begin group | g | G | |\n| text | b | B | |\n| end group | | | |",
    );
    assert!(problems(&good).is_empty(), "{}", listed(&problems(&good)));
}
