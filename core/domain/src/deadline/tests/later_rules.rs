//! The rest of the statutory table (domain.md 3.4) can be said as data: its vectors, by rules that only
//! this test knows.

use super::*;

const LATER: &str = r#"
version = "later"
disclaimer = "Check."
holidays_unknown = "Unknown."

[events]
E11 = "Final plan issued"
E15 = "Appeal lodged"
E16 = "Appeal sent to the council"
E17 = "Order of the tribunal"
E20 = "Review meeting held"
E22 = "Decision after the review"
E24 = "Amended plan issued"
E30 = "Transfer notice"
E31 = "Transfer review started"

[bank_holidays]
from = 2015
to = 2015
days = [2015-08-31]

[[rule]]
id = "D13"
version = 1
whose = "Council"
label = "Response"
basis = "HESC Rules"
trigger = ["E16"]
count = [{ trib_working_days = 30, why = "w" }]

[[rule]]
id = "D15"
version = 1
whose = "Council"
label = "Notify"
basis = "reg 44(2)(b)"
trigger = ["E17=ALLOWED"]
only_after = ["E15=ASSESS"]
count = [{ weeks = 2, why = "w" }]

[[rule]]
id = "D16"
version = 1
whose = "Council"
label = "Final plan"
basis = "reg 44(2)(c)"
trigger = ["E17=ALLOWED"]
only_after = ["E15=ISSUE"]
count = [{ weeks = 11, why = "w" }]
met_by = ["E11"]

[[rule]]
id = "D18"
version = 1
whose = "Council"
label = "Next review"
basis = "s.44"
trigger = ["E11", "E20"]
count = [{ months = 12, why = "w" }]
met_by = ["E20"]

[[rule]]
id = "D21"
version = 1
whose = "Council"
label = "Amended plan"
basis = "R (L) v Devon"
trigger = ["E22=AMEND"]
count = [
  { weeks = 8, why = "{n} weeks: {due}." },
  { weeks = 12, from_earlier = ["E20"], why = "{event}, {n} weeks: {due}." },
]
pick = "earlier"
pick_why = "The earlier counts."
met_by = ["E24"]

[[rule]]
id = "D23"
version = 1
whose = "Council"
label = "Phase transfer"
basis = "reg 18"
trigger = ["E20=PHASE"]
count = [{ next = "02-15", why = "w" }]

[[rule]]
id = "D25"
version = 1
whose = "Council"
label = "Transfer done"
basis = "Transitional Order"
valid_by = ["E30"]
valid_to = 2015-08-31
trigger = ["E31"]
count = [{ weeks = 14, why = "w" }]

[[rule]]
id = "D25"
version = 2
whose = "Council"
label = "Transfer done"
basis = "Transitional Order as amended"
valid_by = ["E30"]
valid_from = 2015-09-01
trigger = ["E31"]
count = [{ weeks = 18, why = "w" }]

[[rule]]
id = "D26"
version = 1
whose = "Council"
label = "Every statement transferred"
basis = "Transitional Order"
trigger = ["E30"]
count = [{ on = 2018-04-01, why = "w" }]
"#;

#[test]
fn the_vectors_of_the_later_rules() {
    let rules = DeadlineRules::parse("later.toml", LATER).unwrap();
    let table: &[(&[&str], &str, &[&str])] = &[
        (&["E16 2015-07-20"], "D13", &["2015-09-29"]),
        (&["E15=ISSUE 2015-06-01", "E17=ALLOWED 2015-09-14"], "D16", &["2015-11-30"]),
        (&["E15=ISSUE 2015-06-01", "E17=ALLOWED 2015-09-14"], "D15", &[]),
        (&["E20 2024-11-01", "E22=AMEND 2024-11-29"], "D21", &["2025-01-24"]),
        (&["E20 2024-11-01", "E22=AMEND 2024-11-15"], "D21", &["2025-01-10"]),
        (&["E20=PHASE 2014-11-01"], "D23", &["2015-02-15"]),
        (&["E30 2015-01-05", "E31 2015-01-19"], "D25", &["2015-04-27"]),
        (&["E30 2015-10-05", "E31 2015-10-19"], "D25", &["2016-02-22"]),
        // The notice decides, not the start.
        (&["E30 2015-08-25", "E31 2015-09-08"], "D25", &["2015-12-15"]),
        (&["E30 2015-01-05"], "D26", &["2018-04-01"]),
    ];
    for (lines, rule, expected) in table {
        let found = deadlines(&rules, &events(lines));
        let due: Vec<Date> = of(&found, rule).iter().map(|deadline| deadline.due).collect();
        assert_eq!(due, expected.iter().map(|text| day(text)).collect::<Vec<_>>(), "{rule} of {lines:?}");
    }
}

#[test]
fn the_next_review_meets_the_duty_to_hold_one() {
    let rules = DeadlineRules::parse("later.toml", LATER).unwrap();
    let found = deadlines(&rules, &events(&["E11 2015-03-23", "E20 2016-03-01"]));
    let reviews = of(&found, "D18");
    assert_eq!(reviews[0].state(date(2016, 6, 1)), DeadlineState::MetOnTime);
    assert_eq!((reviews[1].due, reviews[1].is_open()), (date(2017, 3, 1), true));
}

#[test]
fn the_same_review_written_down_twice_does_not_meet_itself() {
    let rules = DeadlineRules::parse("later.toml", LATER).unwrap();
    let found = deadlines(&rules, &events(&["E20 2016-03-01", "E20 2016-03-01"]));
    let reviews: Vec<&Resolution> = of(&found, "D18").iter().map(|deadline| &deadline.resolution).collect();
    assert_eq!(reviews, [&Resolution::Superseded, &Resolution::Open]);
}
