//! Dates that somebody entered: the letter's, and corrections.

use super::*;

const OTHER: PersonId = PersonId([8; 16]);

fn correction(rule: &str, date: &str, at: i64) -> Correction {
    Correction {
        at: Millis(at),
        record: RecordId::new(Millis(1_500_000_000_000 + at), [1; 10]),
        rule: rule.to_owned(),
        event: None,
        date: day(date),
        reason: Some("The court said so".to_owned()),
        by: Some(OTHER),
    }
}

fn corrected(lines: &[&str], corrections: Vec<Correction>) -> Vec<Deadline> {
    deadlines(&real_rules(), &Facts { events: events(lines), corrections })
}

#[test]
fn a_later_date_in_the_letter_wins() {
    let found = run(&["E07 2015-03-02 comments_due_on:2015-03-23"]);
    let comments = only(&found, "D05");
    assert_eq!((comments.due, comments.computed), (date(2015, 3, 23), Some(date(2015, 3, 16))));
    let record = events(&["E07 2015-03-02"])[0].record;
    assert_eq!(comments.set, Some(SetDate { record, reason: None, by: Some(WRITER) }));
    assert_eq!(
        comments.why,
        "Draft plan served on Monday 2 March 2015, the first of at least 15 days. A later date in the letter \
         wins. The date in the letter counts: Monday 23 March 2015."
    );
    let met = run(&["E07 2015-03-02 comments_due_on:2015-03-23", "E08 2015-03-20"]);
    assert_eq!(only(&met, "D05").state(date(2015, 4, 1)), DeadlineState::MetOnTime);
}

#[test]
fn an_earlier_date_in_the_letter_does_not_and_is_told() {
    let found = run(&["E07 2015-03-02 comments_due_on:2015-03-09"]);
    let comments = only(&found, "D05");
    assert_eq!((comments.due, &comments.set), (date(2015, 3, 16), &None));
    assert!(
        comments.why.ends_with("The letter says Monday 9 March 2015, which is earlier than the law allows."),
        "{}",
        comments.why
    );
    // The day that the law gives anyway needs no word.
    let same = run(&["E07 2015-03-02 comments_due_on:2015-03-16"]);
    assert_eq!(only(&same, "D05").why, only(&run(&["E07 2015-03-02"]), "D05").why);
}

#[test]
fn a_correction_holds_over_the_count_and_over_the_letter() {
    let lines = ["E16 2015-07-20 response_due_on:2015-09-25"];
    let found = corrected(&lines, vec![correction("D13", "2015-10-02", 1)]);
    let response = only(&found, "D13");
    assert_eq!((response.due, response.computed), (date(2015, 10, 2), Some(date(2015, 9, 29))));
    let set = response.set.as_ref().unwrap();
    assert_eq!((set.by, set.reason.as_deref()), (Some(OTHER), Some("The court said so")));
    assert_eq!(response.inputs.last(), Some(&set.record));
    assert!(response.why.ends_with("A date that was set by hand counts: Friday 2 October 2015."));
    // What was typed for another rule of the event stays.
    assert_eq!(of(&found, "D14.hearing"), Vec::<&Deadline>::new());
}

#[test]
fn a_correction_can_set_a_date_that_nothing_counts() {
    let found = corrected(&["E16 2015-07-20"], vec![correction("D14.hearing", "2015-10-19", 1)]);
    let hearing = only(&found, "D14.hearing");
    assert_eq!((hearing.due, hearing.computed), (date(2015, 10, 19), None));
}

#[test]
fn the_correction_written_last_holds() {
    let found = corrected(
        &["E01 2014-11-03"],
        vec![correction("D07", "2015-04-20", 2), correction("D07", "2015-04-13", 1)],
    );
    assert_eq!(only(&found, "D07").due, date(2015, 4, 20));
}

#[test]
fn a_correction_is_about_its_event_or_about_the_latest() {
    let lines = ["E01 2014-11-03", "E91 2014-12-01", "E01 2015-06-15"];
    let found = corrected(&lines, vec![correction("D07", "2015-12-01", 1)]);
    let due: Vec<Date> = of(&found, "D07").iter().map(|deadline| deadline.due).collect();
    assert_eq!(due, [date(2015, 3, 23), date(2015, 12, 1)]);

    let first = Correction { event: Some(events(&lines)[0].record), ..correction("D07", "2015-04-01", 1) };
    let found = corrected(&lines, vec![first]);
    let due: Vec<Date> = of(&found, "D07").iter().map(|deadline| deadline.due).collect();
    assert_eq!(due, [date(2015, 4, 1), date(2015, 11, 2)]);

    let stranger = Correction { event: Some(RecordId([9; 16])), ..correction("D07", "2015-04-01", 1) };
    assert_eq!(corrected(&lines, vec![stranger]), run(&lines));
}

#[test]
fn an_exemption_says_when_the_council_expects_to_act() {
    let found = run(&["E01 2015-06-15 !X_SCH exemption_expected_on:2015-09-14"]);
    assert_eq!(
        only(&found, "D01").resolution,
        Resolution::Exempt {
            exemption: "X_SCH".to_owned(),
            met_on: None,
            expected_on: Some(date(2015, 9, 14))
        }
    );
}
