//! Text that nobody wrote in good faith: an error, soon, and never a panic.

use std::time::{Duration, Instant};

use alongside_domain::{
    form::xlsform,
    problem::Problem,
    programme::{builtin, package},
};
use proptest::prelude::*;

const HEAD: &str =
    "# settings\n| form_id | version |\n|-|-|\n| f | 1 |\n\n# survey\n| type | name | label |\n|-|-|-|\n";

/// Reads a form that has to be refused, within a time that even a busy machine keeps.
fn refused(text: &str) -> Vec<Problem> {
    let begin = Instant::now();
    let problems = xlsform::read("forms/f.md", text).expect_err("the form is refused");
    assert!(begin.elapsed() < Duration::from_secs(20), "took {:?}", begin.elapsed());
    assert!(problems.len() <= 1_001);
    problems
}

fn has(problems: &[Problem], code: &str) -> bool {
    problems.iter().any(|problem| problem.code == code)
}

#[test]
fn a_hundred_thousand_rows() {
    let rows: String = (0..100_000).map(|n| format!("| text | q{n} | Question {n} |\n")).collect();
    assert!(has(&refused(&format!("{HEAD}{rows}")), "too_many_rows"));
}

#[test]
fn twenty_thousand_wrong_rows_with_twenty_thousand_names_to_suggest() {
    let rows: String =
        (0..19_000).map(|n| format!("| select_one list{n} | q{n} | ${{q{}}} |\n", n + 50_000)).collect();
    let problems = refused(&format!("{HEAD}{rows}"));
    assert!(has(&problems, "more_problems"), "the rest is counted");
    assert!(has(&problems, "unknown_list"));
}

#[test]
fn groups_in_groups_nine_thousand_deep() {
    let rows: String = (0..9_000).map(|n| format!("| begin group | g{n} | G |\n")).collect();
    let problems = refused(&format!("{HEAD}{rows}"));
    assert_eq!(problems.iter().filter(|problem| problem.code == "too_deep").count(), 1, "said once");
    let closed: String = "| end group | | |\n".repeat(9_000);
    let problems = refused(&format!("{HEAD}{rows}| text | a | A |\n{closed}"));
    assert!(!has(&problems, "unbalanced"), "what is closed is not called open");
}

#[test]
fn a_very_long_cell_a_very_wide_row_a_very_big_file() {
    let long = "x".repeat(1 << 20);
    assert!(has(&refused(&format!("{HEAD}| text | a | {long} |\n")), "cell_too_long"));
    assert!(has(&refused(&format!("{HEAD}{}\n", "|".repeat(1 << 20))), "too_many_cells"));
    assert!(has(&refused(&"|\n".repeat(5 << 20)), "file_too_big"));
    let brackets = "(".repeat(30_000);
    let text = HEAD.replace("label |\n|-|-|-|", "label | relevant |\n|-|-|-|-|");
    assert!(has(&refused(&format!("{text}| text | a | A | {brackets} |\n")), "expression_too_deep"));
}

#[test]
fn deeply_nested_toml() {
    let mut files = builtin::independent_support_files();
    files.insert("model.toml".into(), format!("x = {}", "[".repeat(100_000)).into_bytes());
    files.insert("programme.toml".into(), format!("[{}]", "a.".repeat(50_000)).into_bytes());
    let problems = package::read(&files).unwrap_err();
    assert!(has(&problems, "bad_toml"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|[|\\n#$\\{\\}()'\\-: ]){0,400}") {
        let _ = xlsform::read("f.md", &text);
    }

    /// Cells and lines of a real form in any order.
    #[test]
    fn any_mixture_of_a_forms_pieces_is_read_or_refused(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "# survey\n", "# choices\n", "# settings\n", "# entities\n", "# notes\n", "\n", "|", "| ", " |\n",
            "|-|-|-|-|\n", "| type | name | label | relevant |\n", "| list_name | name | label |\n",
            "| form_id | version |\n", "| f | 1 |\n", "| survey | | |\n", "begin group", "end group",
            "begin repeat", "end repeat", "select_one a or_other", "select_multiple a", "rank b", "text", "range",
            "| a | b | c |\n", "${", "}", "${a}", "('", "label::", "::", "\\|", "protect:", "start=1 end=x",
        ]), 0..120)
    ) {
        let _ = xlsform::read("f.md", &pieces.concat());
    }
}

proptest! {
    // Each case reads the whole package.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// A real package with bytes changed, cut out or put in.
    #[test]
    fn a_damaged_package_is_read_or_refused(
        file in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..12),
    ) {
        let mut files = builtin::independent_support_files();
        let path = file.get(&files.keys().cloned().collect::<Vec<_>>()).clone();
        if let Some(bytes) = files.get_mut(&path) {
            for (at, byte, how) in damage {
                if bytes.is_empty() { break }
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => { bytes.remove(at); }
                    _ => bytes.insert(at, byte),
                }
            }
        }
        let _ = package::read(&files);
    }
}
