//! What is said about a file that cannot be used.

use super::*;

/// A file that is right, with one rule.
const GOOD: &str = r#"version = "1"
disclaimer = "Check."
holidays_unknown = "Unknown."

[events]
E01 = "Asked"
E02 = "Answered"

[bank_holidays]
from = 2015
to = 2015
days = [2015-01-01, 2015-04-03]

[[rule]]
id = "R1"
version = 1
whose = "Them"
label = "Answer by"
basis = "Law"
trigger = ["E01"]
count = [{ weeks = 6, why = "{event} on {date}." }]
met_by = ["E02"]
"#;

fn problems(text: &str) -> Vec<String> {
    match DeadlineRules::parse("deadlines.toml", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| format!("{} | {problem}", problem.code)).collect(),
    }
}

#[test]
fn the_smallest_file_is_right() {
    assert_eq!(problems(GOOD), [] as [String; 0]);
    assert_eq!(problems(REAL), [] as [String; 0]);
}

#[test]
fn every_fault_is_told_with_its_line() {
    let table: &[(&str, &str, &[&str])] = &[
        (
            "id = \"R1\"\n",
            "",
            &[
                "missing_key | deadlines.toml [rule] row 14, column id: `id` is missing. Add it to this table.",
            ],
        ),
        (
            "whose = \"Them\"",
            "whose = \" \"",
            &["blank | deadlines.toml [rule R1] row 17, column whose: `whose` is blank. Write a text."],
        ),
        (
            "label = \"Answer by\"",
            "label = 5",
            &[
                "wrong_type | deadlines.toml [rule R1] row 18, column label: `label` is a whole number, not a text in quotes. Write a text in quotes.",
            ],
        ),
        (
            "met_by",
            "met",
            &[
                "unknown_key | deadlines.toml [rule R1] row 22, column met: `met` is not a key of this table. Correct its spelling or remove it.",
            ],
        ),
        (
            "[\"E02\"]",
            "[\"E77\", \"=N\", \"E02=\"]",
            &[
                "bad_event | deadlines.toml [rule R1] row 22, column met_by: `=N` does not name an event. Write `E02`, or `E02=N` for one outcome.",
                "bad_event | deadlines.toml [rule R1] row 22, column met_by: `E02=` does not name an event. Write `E02`, or `E02=N` for one outcome.",
                "unknown_event | deadlines.toml [rule R1] row 22, column met_by: The event `E77` is not known. Name it in [events].",
            ],
        ),
        (
            "trigger = [\"E01\"]",
            "trigger = []",
            &[
                "blank | deadlines.toml [rule R1] row 20, column trigger: `trigger` is empty. Name at least one.",
            ],
        ),
        (
            "trigger = [\"E01\"]",
            "trigger = \"E01\"",
            &[
                "wrong_type | deadlines.toml [rule R1] row 20, column trigger: `trigger` is a text, not a list in [ ]. Write a list in [ ].",
            ],
        ),
        (
            "weeks = 6",
            "weeks = 0",
            &[
                "number_out_of_range | deadlines.toml [rule R1] row 21, column weeks: `weeks` is 0, out of range. Write a number from 1 to 1000.",
            ],
        ),
        (
            "weeks = 6",
            "weeks = 99999999999",
            &[
                "number_out_of_range | deadlines.toml [rule R1] row 21, column weeks: `weeks` is 99999999999, out of range. Write a number from 1 to 1000.",
            ],
        ),
        (
            "weeks = 6",
            "weeks = 6, months = 1",
            &[
                "one_function | deadlines.toml [rule R1] row 21: A count needs one function; this one names 2. Name one of: weeks, months, days, incl_days, working_days, trib_working_days, next, on, in_year, school_year.",
            ],
        ),
        (
            "weeks = 6",
            "fortnights = 3",
            &[
                "one_function | deadlines.toml [rule R1] row 21: A count needs one function; this one names 0. Name one of: weeks, months, days, incl_days, working_days, trib_working_days, next, on, in_year, school_year.",
                "unknown_key | deadlines.toml [rule R1] row 21, column fortnights: `fortnights` is not a key of this table. Correct its spelling or remove it.",
            ],
        ),
        (
            "weeks = 6",
            "next = \"02-30\"",
            &[
                "no_such_day | deadlines.toml [rule R1] row 21, column next: `next` is \"02-30\", which is no day of the year. Write month and day, such as \"02-15\".",
            ],
        ),
        (
            "{event} on",
            "{name} on",
            &[
                "unknown_placeholder | deadlines.toml [rule R1] row 21, column why: `why` has `{name}`, which nothing can fill. Use {event}, {date}, {n} or {due}.",
            ],
        ),
        (
            "{date}.",
            "{date",
            &[
                "unknown_placeholder | deadlines.toml [rule R1] row 21, column why: `why` has `{date`, which nothing can fill. Use {event}, {date}, {n} or {due}.",
            ],
        ),
        (
            "met_by",
            "roll = \"court\"\nmet_by",
            &[
                "missing_key | deadlines.toml [rule R1] row 14, column roll_why: `roll_why` is missing. Add it to this table.",
                "unknown_word | deadlines.toml [rule R1] row 22, column roll: `roll` cannot be \"court\". Write one of: \"tribunal\".",
            ],
        ),
        (
            "why = \"{event} on {date}.\" }]",
            "why = \"x\" }, { days = 1, from = [\"E02\"], why = \"y\" }]",
            &[
                "missing_key | deadlines.toml [rule R1] row 14, column pick: Several dates are counted and nothing says which holds. Add `pick`: \"later\", \"earlier\" or \"first\".",
            ],
        ),
        (
            "met_by",
            "nature = \"not_before\"\nmet_by",
            &[
                "missing_key | deadlines.toml [rule R1] row 14, column too_early: `too_early` is missing. Add it to this table.",
            ],
        ),
        (
            "met_by",
            "valid_from = 2015-02-01\nvalid_to = 2015-01-01\nmet_by",
            &[
                "ends_before_it_begins | deadlines.toml [rule R1] row 23, column valid_to: It ends on 2015-01-01, before it begins on 2015-02-01. Correct one of the dates.",
            ],
        ),
        (
            "weeks = 6",
            "school_year = { birthday = 16, day = \"last friday in 13\" }",
            &[
                "no_such_day | deadlines.toml [school_year] row 21, column day: `day` is \"last friday in 13\", which is no day of the year. Write such as \"08-31\" or \"last friday in 06\".",
            ],
        ),
        (
            "weeks = 6",
            "weeks = 6, then = { weeks = 1, days = 2 }",
            &[
                "one_function | deadlines.toml [then] row 21: A count needs one function; this one names 2. Name one of: weeks, months, days, incl_days, working_days, trib_working_days, next, on, in_year, school_year.",
            ],
        ),
        (
            "met_by",
            "option = \"clock=start\"\nmet_by",
            &[
                "unknown_option | deadlines.toml [rule R1] row 22, column option: No option can be set to `clock=start`. Write `name=value` with a name of [options] and one of its `values`.",
            ],
        ),
        (
            "[events]",
            "[options.clock]\nvalue = \"end\"\nvalues = [\"start\"]\n[events]",
            &[
                "unknown_word | deadlines.toml [clock] row 6, column value: `value` cannot be \"end\". Write one of `values`.",
            ],
        ),
        (
            "met_by",
            "entered = { field = \"due_on\", holds = \"if_later\" }\nmet_by",
            &[
                "missing_key | deadlines.toml [entered] row 22, column too_early: `too_early` is missing. Add it to this table.",
            ],
        ),
        (
            "met_by",
            "only_under = { years = 0, birth = [\"E09\"] }\nmet_by",
            &[
                "number_out_of_range | deadlines.toml [only_under] row 22, column years: `years` is 0, out of range. Write a number from 1 to 120.",
                "unknown_event | deadlines.toml [only_under] row 22, column birth: The event `E09` is not known. Name it in [events].",
            ],
        ),
        (
            "2015-04-03",
            "2015-04-04, 2015-01-01, 2016-01-01",
            &[
                "weekend_holiday | deadlines.toml [bank_holidays] row 12, column days: 2015-04-04 is on a weekend. List the weekday that stands in for it.",
                "duplicate_holiday | deadlines.toml [bank_holidays] row 12, column days: 2015-01-01 is listed twice. Remove one.",
                "holiday_out_of_range | deadlines.toml [bank_holidays] row 12, column days: 2016-01-01 is outside `from` and `to`. Correct the years or the day.",
            ],
        ),
        (
            "to = 2015",
            "to = 2016",
            &[
                "holidays_missing | deadlines.toml [bank_holidays] row 12, column days: No bank holiday of 2016 is listed. List them, or correct `from` and `to`.",
            ],
        ),
        (
            "2015-04-03",
            "\"2015-04-03\"",
            &[
                "wrong_type | deadlines.toml [bank_holidays] row 12, column days: `days` is a text, not a date such as 2014-09-01. Write a date such as 2014-09-01.",
            ],
        ),
    ];
    for (right, wrong, expected) in table {
        assert!(GOOD.contains(right), "{right}");
        let mut told = problems(&GOOD.replacen(right, wrong, 1));
        let mut expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "{wrong}");
    }
}

#[test]
fn the_parts_around_the_rules_are_looked_at_too() {
    let empty = [
        "missing_key | deadlines.toml row 1, column bank_holidays: `bank_holidays` is missing. Add it to this table.",
        "missing_key | deadlines.toml row 1, column disclaimer: `disclaimer` is missing. Add it to this table.",
        "missing_key | deadlines.toml row 1, column events: `events` is missing. Add it to this table.",
        "missing_key | deadlines.toml row 1, column holidays_unknown: `holidays_unknown` is missing. Add it to this table.",
        "missing_key | deadlines.toml row 1, column rule: `rule` is missing. Add it to this table.",
        "missing_key | deadlines.toml row 1, column version: `version` is missing. Add it to this table.",
    ];
    assert_eq!(problems(""), empty);

    let exemptions = r#"
[[exemption]]
code = "X1"
label = "Ground"
rules = ["R1", "R9"]

[[exemption]]
code = "X1"
rules = []
valid_to = 2015-01-01T10:00:00
"#;
    assert_eq!(
        problems(&format!("{GOOD}{exemptions}")),
        [
            "unknown_rule | deadlines.toml [exemption X1] row 27, column rules: There is no rule R9. Name a rule of this file.",
            "missing_key | deadlines.toml [exemption X1] row 29, column label: `label` is missing. Add it to this table.",
            "duplicate_exemption | deadlines.toml [exemption X1] row 30, column code: The exemption X1 is there twice. Remove one.",
            "blank | deadlines.toml [exemption X1] row 31, column rules: `rules` is empty. Name at least one.",
            "wrong_type | deadlines.toml [exemption X1] row 32, column valid_to: `valid_to` is a date or time, not a date such as 2014-09-01. Write a date such as 2014-09-01.",
        ]
    );
}

#[test]
fn a_rule_may_be_there_twice_for_different_dates_only() {
    let rule = &GOOD[GOOD.find("[[rule]]").unwrap()..];
    let twice = format!("{GOOD}valid_to = 2015-08-31\n\n{rule}");
    assert_eq!(problems(&format!("{twice}valid_from = 2015-09-01\n")), [] as [String; 0]);
    let overlapping = problems(&format!("{twice}valid_from = 2015-08-31\n"));
    assert_eq!(
        overlapping,
        [
            "duplicate_rule | deadlines.toml [rule R1] row 26, column id: The rule R1 is there twice for the same dates. \
          Give one another id, or part them by valid_from."
        ]
    );
}

#[test]
fn text_that_is_not_toml_is_told_line_by_line() {
    let text = GOOD.replacen("disclaimer = \"Check.\"", "disclaimer =", 1).replacen("E02 = ", "E01 = ", 1);
    insta::assert_snapshot!(problems(&text).join("\n"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = DeadlineRules::parse("deadlines.toml", &text);
    }

    #[test]
    fn a_file_cut_anywhere_is_told_or_read(at in 0..GOOD.len()) {
        let found = problems(&GOOD[..at]);
        prop_assert!(!found.is_empty() || DeadlineRules::parse("deadlines.toml", &GOOD[..at]).is_ok());
    }
}
