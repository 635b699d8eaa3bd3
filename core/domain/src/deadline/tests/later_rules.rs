//! What becomes of the dates of appeals, reviews and transfers.

use super::*;

#[test]
fn what_meets_and_what_closes_them() {
    use DeadlineState::{MetLate, MetOnTime, NotApplicable, Overdue, Superseded, Upcoming};
    let table: &[(&[&str], &str, DeadlineState)] = &[
        (&["E12=Y 2015-03-02", "E14=AGREED 2015-03-20"], "D11", MetOnTime),
        (&["E12=Y 2015-03-02", "E14=AGREED 2015-03-20"], "D11.certificate", NotApplicable),
        (&["E12=Y 2015-03-02", "E13 2015-04-08"], "D11.certificate", MetOnTime),
        (&["E12=Y 2015-03-02", "E12=N 2015-03-09"], "D11", Superseded),
        (&["E15=ISSUE 2015-06-01", "E16 2015-06-08", "E17=ALLOWED 2015-09-14"], "D13", NotApplicable),
        (&["E16 2015-06-08 hearing_on:2015-09-14", "E17=ALLOWED 2015-09-14"], "D14.hearing", MetOnTime),
        (&["E15=ASSESS 2015-06-01", "E17=ALLOWED 2015-09-14", "E02=Y 2015-09-29"], "D15.start", MetLate),
        (&["E15=ASSESS 2015-06-01", "E17=ALLOWED 2015-09-14", "E06=N 2015-11-20"], "D15.refuse", MetOnTime),
        (
            &["E15=ASSESS 2015-06-01", "E17=ALLOWED 2015-09-14", "E06=N 2015-11-20"],
            "D15.final",
            NotApplicable,
        ),
        (&["E15=ASSESS 2015-06-01", "E17=ALLOWED 2015-09-14", "E07 2015-11-20"], "D15.refuse", NotApplicable),
        (&["E15=ISSUE 2015-06-01", "E17=ALLOWED 2015-09-14", "E11 2015-12-01"], "D16.final", MetLate),
        (&["E15=ISSUE 2015-06-01", "E17=ALLOWED 2015-09-14", "E11 2015-10-12"], "D16.draft", NotApplicable),
        (&["E15=CEASE 2015-06-01", "E17=DISMISSED 2015-09-14"], "D17", MetOnTime),
        (&["E20 2015-11-02", "E21 2015-11-20"], "D19", MetLate),
        (&["E20 2015-11-02", "E22=MAINTAIN 2015-11-20"], "D20", MetOnTime),
        (&["E20 2024-11-01", "E22=MAINTAIN 2024-11-20"], "D20.amendments", NotApplicable),
        (&["E20 2024-11-01", "E22=MAINTAIN 2024-11-20"], "D21", NotApplicable),
        (&["E20 2024-11-01", "E22=AMEND 2024-11-20", "E24 2025-01-20"], "D21", MetLate),
        (&["E23 2015-11-30", "E24 2016-01-04"], "D22", NotApplicable),
        (&["E30 2015-01-05", "E31 2015-01-19"], "D24", MetOnTime),
        (&["E30 2015-01-05", "E31 2015-01-12"], "D24", NotApplicable),
        (&["E30 2015-01-05", "E31 2015-01-19", "E11 2015-04-27"], "D25", MetOnTime),
        (&["TRANSFER_STATEMENT 2015-01-05"], "D26.statement", Upcoming),
        (&["E11 2014-12-01", "E90 2015-06-01", "E22=MAINTAIN 2015-11-02"], "D27.review", MetOnTime),
        (&["E11 2014-12-01", "E90 2015-06-01"], "D27.say", Overdue),
        // A plan that was amended long before the move to the next phase is amended for another reason.
        (&["PHASE_TRANSFER=PRIMARY 2016-09-01", "E24 2015-06-01"], "D23", Overdue),
    ];
    for (lines, rule, state) in table {
        assert_eq!(only(&run(lines), rule).state(date(2017, 1, 1)), *state, "{rule} of {lines:?}");
    }
}

#[test]
fn the_decision_after_the_next_review_meets_the_duty_to_hold_one() {
    let found = run(&["E11 2015-03-23", "E20 2016-02-22", "E22=MAINTAIN 2016-03-01"]);
    let reviews = of(&found, "D18");
    assert_eq!(reviews[0].state(date(2016, 6, 1)), DeadlineState::MetOnTime);
    assert_eq!((reviews[1].due, reviews[1].is_open()), (date(2017, 3, 1), true));
}

#[test]
fn the_same_decision_written_down_twice_does_not_meet_itself() {
    let found = run(&["E22=MAINTAIN 2016-03-01", "E22=MAINTAIN 2016-03-01"]);
    let reviews: Vec<&Resolution> = of(&found, "D18").iter().map(|deadline| &deadline.resolution).collect();
    assert_eq!(reviews, [&Resolution::Superseded, &Resolution::Open]);
}

#[test]
fn the_clock_of_a_transfer_can_run_from_the_notice() {
    let text = REAL.replace("value = \"start\"", "value = \"notice\"");
    let rules = DeadlineRules::parse("deadlines.toml", &text).unwrap();
    for (notice, due) in [("E30 2015-01-05", "2015-04-13"), ("E30 2015-10-05", "2016-02-08")] {
        let found = deadlines(&rules, &facts(&[notice, "E31 2015-10-19"]));
        assert_eq!(only(&found, "D25").due, day(due), "{notice}");
    }
}

#[test]
fn what_comes_about_by_itself_is_nobodys_task() {
    let found = run(&["BIRTH 1999-01-15"]);
    let rights = only(&found, "RIGHTS");
    assert_eq!((rights.is_open(), next_open(&found)), (false, None));
    for (as_of, ahead, state) in [
        (date(2015, 6, 1), true, DeadlineState::Upcoming),
        (date(2015, 6, 20), true, DeadlineState::Due7),
        (date(2015, 6, 26), false, DeadlineState::MetOnTime),
        (date(2016, 1, 1), false, DeadlineState::MetOnTime),
    ] {
        assert_eq!((rights.is_ahead(as_of), rights.state(as_of)), (ahead, state), "{as_of}");
    }
}

#[test]
fn the_relaxation_of_2020_excuses_every_part_of_a_rule() {
    let found = run(&["E15=ISSUE 2020-01-06", "E17=ALLOWED 2020-04-01 !X_COVID"]);
    for rule in ["D16.draft", "D16.final"] {
        assert_eq!(only(&found, rule).state(date(2021, 1, 1)), DeadlineState::Exempt, "{rule}");
    }
}
