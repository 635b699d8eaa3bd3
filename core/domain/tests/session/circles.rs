//! Circles of expressions: each is told, at the cell where it can be broken.

use alongside_domain::form::{
    session::CompileError,
    xlsform::{Dialect, Source, open},
};

use super::compile;

/// A form, and what is said of its circles: row, column, sentence.
struct Case {
    what: &'static str,
    rows: &'static str,
    said: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        what: "a question that decides whether itself is asked",
        rows: "| text | own | ${own} = 'a' | | |",
        said: &["2 relevant: These depend on each other in a circle: own."],
    },
    Case {
        what: "two circles that share nothing, one of them of three",
        rows: "| calculate | a | | ${b} | |
               | calculate | b | | ${c} + 1 | |
               | calculate | c | | ${a} | |
               | text | free | | | |
               | text | d | ${e} = 'x' | | |
               | text | e | ${d} = 'x' | | |",
        said: &[
            "2 calculation: These depend on each other in a circle: a, b, c.",
            "6 relevant: These depend on each other in a circle: d, e.",
        ],
    },
    Case {
        what: "circles that share a question are told once",
        rows: "| calculate | a | | ${b} | |
               | calculate | b | | ${a} + ${c} | |
               | calculate | c | | ${d} | |
               | calculate | d | | ${b} | |",
        said: &[
            "2 calculation: These depend on each other in a circle: a, b. Other circles of theirs lead through c, d.",
        ],
    },
    Case {
        what: "a group that what is in it decides of: the group has the expression",
        rows: "| begin group | g | ${inner} = 1 | | |
               | integer | inner | | | |
               | end group | | | | |",
        said: &["2 relevant: These depend on each other in a circle: g, inner."],
    },
    Case {
        what: "a calculation in a group that it decides of by way of another",
        rows: "| calculate | sum | | ${inner} + 1 | |
               | begin group | g | ${sum} > 1 | | |
               | integer | inner | | | |
               | end group | | | | |",
        said: &["2 calculation: These depend on each other in a circle: sum, inner, g."],
    },
    Case {
        what: "a repeat whose rows say how many there are, and one that counts itself",
        rows: "| begin repeat | r | | | ${in_r} |
               | integer | in_r | | | |
               | end repeat | | | | |
               | begin repeat | s | | | count(${s}) |
               | integer | in_s | | | |
               | end repeat | | | | |",
        said: &[
            "2 repeat_count: These depend on each other in a circle: r, in_r.",
            "5 repeat_count: These depend on each other in a circle: s.",
        ],
    },
    Case {
        what: "what only reads a circle, and what a circle reads, are not in it",
        rows: "| integer | before | | | |
               | calculate | a | | ${b} + ${before} | |
               | calculate | b | | ${a} | |
               | calculate | behind | | ${b} | |
               | text | last | ${behind} = 1 | | |",
        said: &["3 calculation: These depend on each other in a circle: a, b."],
    },
    Case {
        what: "what is asked of an answer, and not of its being there, makes no circle",
        rows: "| integer | a | | | | . < ${c} | ${b} = 1 | |
               | integer | b | ${a} > 1 | | | . > ${a} | ${c} = 2 | ${a} + 1 |
               | calculate | c | | ${b} | | | | |",
        said: &[],
    },
];

fn form(rows: &str) -> String {
    let rows: String =
        rows.lines().map(|row| format!("{}\n", row.trim().replacen("| ", "| | ", 1))).collect();
    // A label for whatever shows one.
    let rows = rows.lines().map(|row| {
        let mut cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let label = if cells[1].starts_with("end") { "" } else { cells[2] };
        cells.insert(3, label);
        format!("|{}|\n", cells.join(" | "))
    });
    format!(
        "| survey |\n| | type | name | label | relevant | calculation | repeat_count | constraint | required | default |\n{}",
        rows.collect::<String>()
    )
}

#[test]
fn every_circle_is_told_where_it_is() {
    for case in CASES {
        let opened = open("data.md", Source::File(form(case.rows).as_bytes()), Dialect::Standard);
        let said: Vec<String> = opened
            .problems
            .iter()
            .map(|problem| {
                assert_eq!(
                    (problem.code, problem.sheet.as_deref()),
                    ("circular", Some("survey")),
                    "{problem}"
                );
                let (row, column) = (problem.row.unwrap_or(0), problem.column.as_deref().unwrap_or("-"));
                format!("{row} {column}: {}", problem.what)
            })
            .collect();
        assert_eq!(said, case.said, "{}", case.what);
        assert_eq!(opened.has_error, !case.said.is_empty(), "{}", case.what);
    }
}

#[test]
fn a_long_circle_names_some_of_its_questions_and_counts_the_others() {
    let rows: String =
        (0..500).map(|at| format!("| calculate | q{at} | | ${{q{}}} | |\n", (at + 1) % 500)).collect();
    let opened = open("data.md", Source::File(form(&rows).as_bytes()), Dialect::Standard);
    let [problem] = opened.problems.as_slice() else { panic!("{:?}", opened.problems) };
    assert!(problem.what.ends_with("q18, q19 and 480 more."), "{}", problem.what);
    assert_eq!(problem.row, Some(2));
}

#[test]
fn a_form_that_is_not_read_from_a_sheet_is_told_the_same() {
    let errors = compile(
        "relevant | calculation",
        "calculate | a | | ${b}
         calculate | b | | ${a}
         text | c | ${c} = 'x'",
        "",
    );
    let errors = errors.unwrap_err();
    let [CompileError::Cycle { names, others, row, .. }, CompileError::Cycle { names: own, .. }] =
        errors.as_slice()
    else {
        panic!("{errors:?}")
    };
    assert_eq!((names.join(" "), others.len(), *row), ("a b".to_owned(), 0, 2));
    assert_eq!(own, &["c"]);
    assert!(errors.iter().all(|error| error.to_string().ends_with("Take one of the references out.")));
}
