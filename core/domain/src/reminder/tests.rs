//! The reminders of Independent Support, as they are shipped.

use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;
use crate::{
    deadline::{Event, Facts, deadlines},
    ids::RecordId,
    programme::{Programme, builtin},
};

fn programme() -> Programme {
    builtin::independent_support().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn zone() -> TimeZone {
    programme().time_zone()
}

fn at(text: &str) -> Millis {
    let at: DateTime = text.parse().unwrap();
    Millis(at.to_zoned_datetime(zone()).unwrap().timestamp().as_millisecond())
}

/// The dates of units with these events, each as `kind=outcome date !exemption`.
fn known(units: &[&[&str]]) -> Known {
    let programme = programme();
    let mut known = Known::default();
    for (nth, lines) in units.iter().enumerate() {
        let events = lines.iter().enumerate().map(|(place, line)| {
            let mut words = line.split(' ');
            let what = words.next().unwrap();
            let (kind, outcome) = what.split_once('=').map_or((what, None), |(kind, out)| (kind, Some(out)));
            Event {
                record: RecordId([u8::try_from(place).unwrap(); 16]),
                kind: kind.to_owned(),
                date: words.next().unwrap().parse().unwrap(),
                outcome: outcome.map(str::to_owned),
                exemption: words.next().map(|word| word.trim_start_matches('!').to_owned()),
                dates: BTreeMap::new(),
            }
        });
        let facts = Facts { events: events.collect(), corrections: Vec::new() };
        let unit = GroupId([u8::try_from(nth).unwrap(); 16]);
        known.dates.extend(deadlines(&programme.deadlines, &facts).into_iter().map(|date| (unit, date)));
    }
    known
}

/// The reminders of one day, as `time id: text`.
fn on(known: &Known, day: &str) -> Vec<String> {
    let day: Date = day.parse().unwrap();
    let start = instant(day, Time::midnight(), &zone());
    let end = Millis(instant(day.tomorrow().unwrap(), Time::midnight(), &zone()).0 - 1);
    let due = programme().reminders.due(known, &zone(), Millis(start.0 - 1), end);
    due.iter()
        .map(|due| {
            let time = due.at.timestamp().to_zoned_datetime(zone()).strftime("%H:%M").to_string();
            format!("{time} {}: {}", due.id, due.text)
        })
        .collect()
}

#[test]
fn comments_on_a_draft() {
    let one = known(&[&["E07 2015-03-02"]]);
    for (day, words) in [
        ("2015-03-06", "in 10 days"),
        ("2015-03-11", "in 5 days"),
        ("2015-03-14", "in 2 days"),
        ("2015-03-16", "today"),
    ] {
        assert_eq!(on(&one, day), [format!("08:00 comments: 1 family: comments due {words}")], "{day}");
    }
    for day in ["2015-03-05", "2015-03-12", "2015-03-17"] {
        assert_eq!(on(&one, day), [] as [&str; 0], "{day}");
    }
    let three = known(&[&["E07 2015-03-02"], &["E07 2015-03-02"], &["E07 2015-03-02", "E08 2015-03-09"]]);
    assert_eq!(on(&three, "2015-03-11"), ["08:00 comments: 2 families: comments due in 5 days"]);
}

#[test]
fn a_decision_is_chased_every_week() {
    let one = known(&[&["E01 2014-11-03"]]);
    let chased = |day: &str| on(&one, day).iter().any(|text| text.contains("council_decision"));
    for day in ["2014-12-15", "2014-12-16", "2014-12-23", "2014-12-30"] {
        assert!(chased(day), "{day}");
    }
    for day in ["2014-12-14", "2014-12-17", "2014-12-24"] {
        assert!(!chased(day), "{day}");
    }
    assert_eq!(
        on(&one, "2014-12-16"),
        ["08:00 council_decision: 1 family: council decision was due yesterday"]
    );
}

#[test]
fn an_exemption_is_asked_about_every_two_weeks() {
    let one = known(&[&["E01 2015-06-15 !X_SCH"]]);
    assert_eq!(
        on(&one, "2015-08-10"),
        ["08:00 exemption: 1 family: the council claims an exemption, ask when it expects to act"]
    );
    assert_eq!(on(&one, "2015-08-11"), [] as [&str; 0]);
}

#[test]
fn the_window_to_appeal_and_the_hearing() {
    let one = known(&[&["E02=N 2015-10-01"]]);
    assert!(
        on(&one, "2015-11-24")
            .contains(&"08:00 window: 1 family: mediation and appeal window closes in 7 days".to_owned())
    );
    let mut hearing = known(&[&["E16 2015-07-20"]]);
    hearing.dates[0].1.rule = "D14.hearing".to_owned();
    hearing.dates[0].1.due = "2015-10-19".parse().unwrap();
    assert_eq!(
        on(&hearing, "2015-10-18"),
        ["17:00 meeting: 1 family: hearing tomorrow, take the checklist and the papers with you"]
    );
}

#[test]
fn a_birthday_and_a_move_to_the_next_phase() {
    let one = known(&[&["BIRTH 1999-01-15"]]);
    assert_eq!(
        on(&one, "2015-04-27"),
        [
            "08:00 rights: 1 family: the rights pass to the young person in 60 days, talk about capacity, consent and the new privacy notice"
        ]
    );
    let phase = known(&[&["PHASE_TRANSFER=PRIMARY 2016-09-01"]]);
    for day in ["2015-10-01", "2016-01-15", "2016-03-01"] {
        assert_eq!(on(&phase, day).len(), 1, "{day}: {:?}", on(&phase, day));
    }
}

#[test]
fn what_the_programme_promises() {
    let referral = known(&[&["REFERRAL=ACCEPTED 2015-03-02"]]);
    assert_eq!(on(&referral, "2015-03-09"), ["08:00 first_contact: 1 family: first contact due today"]);
    let opened = known(&[&["CASE_OPENED 2015-03-02"]]);
    assert_eq!(
        on(&opened, "2015-03-16"),
        ["08:00 baseline: 1 family: the first outcome wheel is due in 7 days"]
    );
    assert_eq!(
        on(&opened, "2015-03-22"),
        ["08:00 baseline: 1 family: the first outcome wheel is due tomorrow"]
    );
    assert_eq!(
        on(&opened, "2015-05-01"),
        [
            "08:00 midpoint: 1 family: time for the outcome wheel in the middle",
            "08:00 voice: 1 family: the child's own words are not recorded yet"
        ]
    );
    let events =
        ["CASE_OPENED 2015-03-02", "BASELINE 2015-03-10", "CHILD_VOICE 2015-03-20", "MID 2015-04-20"];
    let done = known(&[&events]);
    assert_eq!(on(&done, "2015-03-16"), [] as [&str; 0]);
    assert_eq!(on(&done, "2015-05-01"), [] as [&str; 0]);
    let consent = known(&[&["CONSENT=GIVEN 2015-06-30"]]);
    assert_eq!(on(&consent, "2015-05-31"), ["08:00 consent: 1 family: a consent expires in 30 days"]);
}

#[test]
fn safety_does_not_wait_for_the_morning() {
    let moment = Moment {
        unit: GroupId([1; 16]),
        source: ("visit_session".to_owned(), "expected_end_at".to_owned()),
        at: at("2015-03-02T21:00:00"),
    };
    let known = Known { moments: vec![moment], ..Known::default() };
    assert_eq!(on(&known, "2015-03-02"), ["21:15 lone_visit: Are you safe? Tap to check out"]);
}

#[test]
fn what_falls_into_quiet_hours_waits_for_their_end() {
    let known = Known { unsynced_since: Some(at("2015-02-28T20:00:00")), ..Known::default() };
    assert_eq!(on(&known, "2015-03-02"), [] as [&str; 0]);
    assert_eq!(
        on(&known, "2015-03-03"),
        ["08:00 not_synced: Not sent for 48 hours: connect to send your work"]
    );
    let early = Known { unsynced_since: Some(at("2015-02-28T07:59:00")), ..Known::default() };
    assert_eq!(
        on(&early, "2015-03-02"),
        ["08:00 not_synced: Not sent for 48 hours: connect to send your work"]
    );
    let day = Known { unsynced_since: Some(at("2015-02-28T08:01:00")), ..Known::default() };
    assert_eq!(
        on(&day, "2015-03-02"),
        ["08:01 not_synced: Not sent for 48 hours: connect to send your work"]
    );
}

#[test]
fn a_round_closes_and_a_case_is_silent() {
    let listed = vec![(("round".to_owned(), "window_close".to_owned()), "2015-01-31".parse().unwrap())];
    let known = Known {
        listed,
        errors: 6,
        findings: vec![(GroupId([1; 16]), "M11".to_owned()), (GroupId([2; 16]), "V11".to_owned())],
        ..Known::default()
    };
    assert_eq!(
        on(&known, "2015-01-24"),
        [
            "08:00 round: The round closes in 7 days: 6 records need fixing",
            "08:00 silent: 1 family: no contact for 21 days"
        ]
    );
}

#[test]
fn every_reminder_is_about_something_that_there_is() {
    let programme = programme();
    let (dates, checks) = programme.reminders.rules();
    for rule in dates {
        assert!(programme.deadlines.rule_ids().any(|id| covers(rule, id)), "{rule}");
    }
    for rule in checks {
        assert!(programme.rules.ids().any(|id| id == rule), "{rule}");
    }
    for (form, field, unless) in programme.reminders.moments() {
        let form = programme.form(form).unwrap();
        assert!(form.question(field).is_some() && unless.is_none_or(|name| form.question(name).is_some()));
    }
    for (list, column) in programme.reminders.listed() {
        let choices = &programme.code_lists[list];
        assert!(choices.iter().all(|choice| choice.extra[column].parse::<Date>().is_ok()), "{list}");
    }
}

#[test]
fn every_fault_is_told() {
    let good = "version = \"1\"\nat = \"08:00\"\n[[reminder]]\nid = \"a\"\nabout = \"deadline\"\nrules = [\"D01\"]\ndays = [0]\nmany = \"{count}\"\n";
    assert!(Reminders::parse("reminders.toml", good).is_ok());
    for (right, wrong, code) in [
        ("\"08:00\"", "\"8 am\"", "no_such_time"),
        ("\"deadline\"", "\"birthday\"", "unknown_word"),
        ("days = [0]", "days = [\"0\"]", "wrong_type"),
        ("days = [0]\n", "", "missing_key"),
        ("days = [0]", "on = [\"02-30\"]", "no_such_day"),
        ("{count}", "{name}", "unknown_placeholder"),
        ("id = \"a\"", "ids = \"a\"", "unknown_key"),
        ("version", "version version", "toml_syntax"),
    ] {
        let told = Reminders::parse("reminders.toml", &good.replacen(right, wrong, 1)).unwrap_err();
        assert!(told.iter().any(|problem| problem.code == code), "{wrong}: {told:?}");
    }
    let twice = format!(
        "{good}{}",
        good.split_once("[[reminder]]").map(|(_, rest)| format!("[[reminder]]{rest}")).unwrap()
    );
    assert_eq!(Reminders::parse("reminders.toml", &twice).unwrap_err()[0].code, "duplicate_reminder");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A span cut in two tells the same as the whole, and never in quiet hours.
    #[test]
    fn no_reminder_is_lost_or_told_twice(cut in 0_i64..90) {
        let known = known(&[&["E01 2014-11-03"], &["E07 2015-03-02"], &["E02=N 2014-12-12"], &["BIRTH 1999-01-15"]]);
        let reminders = programme().reminders;
        let (from, to) = (at("2014-12-20T00:00:00"), at("2015-03-20T00:00:00"));
        let middle = Millis(from.0 + cut * 86_400_000 + 12_345_678);
        let whole = reminders.due(&known, &zone(), from, to);
        let mut parts = reminders.due(&known, &zone(), from, middle);
        parts.extend(reminders.due(&known, &zone(), middle, to));
        prop_assert_eq!(&parts, &whole);
        prop_assert!(whole.len() > 10);
        for due in whole {
            let hour = due.at.timestamp().to_zoned_datetime(zone()).hour();
            prop_assert!((8..19).contains(&hour), "{due:?}");
        }
    }
}
