//! Reads `deadlines.toml`: every problem at once, each with its line.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use toml::de::DeTable;

use super::{
    Nature,
    calendar::{Calendar, YearDay},
    rules::{
        Count, CountDate, CountFrom, DeadlineRules, Entered, EnteredHolds, EventPattern, Exclusion,
        Exemption, OnlyUnder, Pick, Repeats, Rule, Step, Validity, covers,
    },
};
use crate::problem::Problem;
use section::{Events, Place, Section, Source};

pub(crate) mod section;

/// The largest number in a count: no step of the law is longer, and it bounds the work.
const MOST: i32 = 1000;

pub(super) fn read(file: &str, text: &str) -> Result<DeadlineRules, Vec<Problem>> {
    let source = Source::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let place = Place { section: None, key: None, code: "toml_syntax" };
        for error in errors {
            let what = format!("This is not TOML: {}.", error.message().replace('\n', "; "));
            source.report(error.span(), place, what, "Correct the text at this line.");
        }
        return Err(source.into_problems());
    }
    let top = Section::new(&source, None, document.get_ref(), 0..0);
    let rules = rules(&top);
    top.finish();
    let problems = source.into_problems();
    match rules {
        Some(rules) if problems.is_empty() => Ok(rules),
        _ => Err(problems),
    }
}

/// Reads every part before it gives up, so that all problems are found.
fn rules(top: &Section<'_, '_>) -> Option<DeadlineRules> {
    let version = top.text("version");
    let disclaimer = top.text("disclaimer");
    let holidays_unknown = top.text("holidays_unknown");
    let entered_why = top.optional_template("entered_why");
    let corrected_why = top.optional_template("corrected_why");
    let options = if top.get("options").is_some() {
        top.section("options").map(|section| options(&section)).unwrap_or_default()
    } else {
        BTreeMap::new()
    };
    let names = top.section("events").map(|section| event_names(&section)).unwrap_or_default();
    let kinds = names.keys().map(|key| key.split_once('=').map_or(key.as_str(), |(kind, _)| kind).to_owned());
    let events = Events(kinds.collect());
    let calendar = top.section("bank_holidays").and_then(|section| bank_holidays(&section));

    let mut sections = top.sections("rule", "rule");
    let read: Vec<(Rule, bool)> =
        sections.iter_mut().map(|section| rule(section, &events, &options)).collect();
    for (nth, ((later, on), section)) in read.iter().zip(&sections).enumerate() {
        let named = *on && !later.id.is_empty();
        let clashes = |(r, on): &(Rule, bool)| *on && r.id == later.id && r.valid.overlaps(later.valid);
        if named && read[..nth].iter().any(clashes) {
            let what = format!("The rule {} is there twice for the same dates.", later.id);
            section.wrong(
                Some("id"),
                "duplicate_rule",
                what,
                "Give one another id, or part them by valid_from.",
            );
        }
    }
    let ids: BTreeSet<&str> = read.iter().map(|(rule, _)| rule.id.as_str()).collect();
    let exemptions = if top.get("exemption").is_some() { exemptions(top, &ids) } else { Vec::new() };
    let expected_field = top.optional_text("exemption_expected_on");
    let rules = read.into_iter().filter(|(_, on)| *on).map(|(rule, _)| rule).collect();

    Some(DeadlineRules {
        version: version?,
        disclaimer: disclaimer?,
        holidays_unknown: holidays_unknown?,
        entered_why,
        corrected_why,
        expected_field,
        events: names,
        calendar: calendar?,
        exemptions,
        rules,
    })
}

/// What a programme can set, and what it is set to.
fn options(section: &Section<'_, '_>) -> BTreeMap<String, (String, Vec<String>)> {
    let mut read = BTreeMap::new();
    for section in section.children() {
        let value = section.text("value");
        let values: Vec<String> = section
            .filled_array("values")
            .iter()
            .filter_map(|value| section.text_of("values", value))
            .collect();
        if let Some(value) = value {
            if !values.contains(&value) {
                let what = format!("`value` cannot be \"{value}\".");
                section.wrong(Some("value"), "unknown_word", what, "Write one of `values`.");
            }
            read.insert(section.name(), (value, values));
        }
        section.finish();
    }
    read
}

/// Whether the option that a rule asks for is set so; `true` where it asks for none.
fn is_on(section: &Section<'_, '_>, options: &BTreeMap<String, (String, Vec<String>)>) -> bool {
    let Some(text) = section.optional_text("option") else { return true };
    let known = text.split_once('=').and_then(|(name, wanted)| {
        let (value, values) = options.get(name)?;
        values.iter().any(|value| value == wanted).then(|| value == wanted)
    });
    if known.is_none() {
        let what = format!("No option can be set to `{text}`.");
        section.wrong(
            Some("option"),
            "unknown_option",
            what,
            "Write `name=value` with a name of [options] and one of its `values`.",
        );
    }
    known.unwrap_or(true)
}

fn event_names(section: &Section<'_, '_>) -> BTreeMap<String, String> {
    let names = section.table().iter().filter_map(|(key, value)| {
        Some((key.get_ref().clone().into_owned(), section.text_of(key.get_ref(), value)?))
    });
    names.collect()
}

fn bank_holidays(section: &Section<'_, '_>) -> Option<Calendar> {
    let from = section.number("from", 1900, 2200);
    let to = section.number("to", 1900, 2200);
    let mut days = BTreeSet::new();
    for value in section.filled_array("days") {
        let Some(day) = section.date_of("days", value) else { continue };
        let fault = if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            Some(("weekend_holiday", "is on a weekend", "List the weekday that stands in for it."))
        } else if !days.insert(day) {
            Some(("duplicate_holiday", "is listed twice", "Remove one."))
        } else if from.is_some_and(|from| i32::from(day.year()) < from)
            || to.is_some_and(|to| i32::from(day.year()) > to)
        {
            Some(("holiday_out_of_range", "is outside `from` and `to`", "Correct the years or the day."))
        } else {
            None
        };
        if let Some((code, what, help)) = fault {
            section.wrong_at(value.span(), Some("days"), code, format!("{day} {what}."), help);
        }
    }
    let (from, to) = (from?, to?);
    for year in (from..=to).filter(|year| !days.iter().any(|day: &Date| i32::from(day.year()) == *year)) {
        let what = format!("No bank holiday of {year} is listed.");
        section.wrong(Some("days"), "holidays_missing", what, "List them, or correct `from` and `to`.");
    }
    section.finish();
    // Both are within 1900 to 2200.
    Some(Calendar::new(days, i16::try_from(from).ok()?, i16::try_from(to).ok()?))
}

fn exemptions(top: &Section<'_, '_>, ids: &BTreeSet<&str>) -> Vec<Exemption> {
    let mut seen = BTreeSet::new();
    let mut read = Vec::new();
    for mut section in top.sections("exemption", "exemption") {
        let code = section.text("code");
        if let Some(code) = &code {
            section.call(format!("exemption {code}"));
            if !seen.insert(code.clone()) {
                let what = format!("The exemption {code} is there twice.");
                section.wrong(Some("code"), "duplicate_exemption", what, "Remove one.");
            }
        }
        let label = section.text("label");
        let mut rules = Vec::new();
        for value in section.filled_array("rules") {
            let Some(id) = section.text_of("rules", value) else { continue };
            if !ids.iter().any(|rule| covers(&id, rule)) {
                let what = format!("There is no rule {id}.");
                section.wrong_at(
                    value.span(),
                    Some("rules"),
                    "unknown_rule",
                    what,
                    "Name a rule of this file.",
                );
            }
            rules.push(id);
        }
        let valid = validity(&section);
        section.finish();
        if let (Some(code), Some(label)) = (code, label) {
            read.push(Exemption { code, label, rules, valid });
        }
    }
    read
}

/// A rule with blanks where something is wrong: it is looked at no further than for its id and dates.
fn rule(
    section: &mut Section<'_, '_>,
    events: &Events,
    options: &BTreeMap<String, (String, Vec<String>)>,
) -> (Rule, bool) {
    let id = section.text("id");
    if let Some(id) = &id {
        section.call(format!("rule {id}"));
    }
    let version = section.number("version", 1, i32::MAX).and_then(|version| u32::try_from(version).ok());
    let nature = section.choice(
        "nature",
        &[
            ("due", Nature::Due),
            ("expected", Nature::Expected),
            ("not_before", Nature::NotBefore),
            ("happens", Nature::Happens),
        ],
    );
    let whose = section.text("whose");
    let label = section.text("label");
    let basis = section.text("basis");
    section.filled_array("trigger");
    let triggers = section.patterns("trigger", events);
    let repeats = section.choice("repeats", &[("replace", Repeats::Replace), ("each", Repeats::Each)]);
    let entered = entered(section);
    // A date that is only ever typed from a letter is not counted.
    let sections = match (section.get("count"), &entered) {
        (None, Some(entered)) if entered.holds == EnteredHolds::Always => Vec::new(),
        _ => section.sections("count", &section.name()),
    };
    let counts = sections.iter().filter_map(|section| count(section, events)).collect();
    if sections.len() > 1 && section.get("pick").is_none() {
        let what = "Several dates are counted and nothing says which holds.".to_owned();
        section.wrong(Some("pick"), "missing_key", what, "Add `pick`: \"later\", \"earlier\" or \"first\".");
    }
    let pick =
        section.choice("pick", &[("later", Pick::Later), ("earlier", Pick::Earlier), ("first", Pick::First)]);
    let pick_why = section.optional_template("pick_why");
    let rolls = section.get("roll").is_some();
    section.choice("roll", &[("tribunal", ())]);
    let tribunal_roll = if rolls { section.template("roll_why") } else { None };
    let met_by = section.patterns("met_by", events);
    let claims_on = match section.get("claims_on") {
        Some(_) => section.patterns("claims_on", events),
        None => [triggers.clone(), met_by.clone()].concat(),
    };
    let too_early = match nature {
        Some(Nature::NotBefore) => section.template("too_early"),
        _ => None,
    };
    let not_applicable = exclusions(section, events);
    let looks_back =
        section.get("looks_back").is_some().then(|| section.number("looks_back", 1, 120)).flatten();
    let read = Rule {
        or_triggers: section.patterns("or_trigger", events),
        looks_back,
        only_under: only_under(section, events),
        entered,
        only_after: section.patterns("only_after", events),
        valid: validity(section),
        valid_by: section.patterns("valid_by", events),
        superseded_by: section.patterns("superseded_by", events),
        id: id.unwrap_or_default(),
        version: version.unwrap_or_default(),
        nature: nature.unwrap_or(Nature::Due),
        whose: whose.unwrap_or_default(),
        label: label.unwrap_or_default(),
        basis: basis.unwrap_or_default(),
        triggers,
        repeats: repeats.unwrap_or(Repeats::Replace),
        counts,
        pick: pick.unwrap_or(Pick::Later),
        pick_why,
        tribunal_roll,
        met_by,
        not_applicable,
        claims_on,
        too_early,
    };
    let on = is_on(section, options);
    section.finish();
    (read, on)
}

/// `entered = { field = "comments_due_on", holds = "if_later", too_early = "..." }`
fn entered(section: &Section<'_, '_>) -> Option<Entered> {
    section.get("entered")?;
    let inner = section.section("entered")?;
    let field = inner.text("field");
    let holds =
        inner.choice("holds", &[("always", EnteredHolds::Always), ("if_later", EnteredHolds::IfLater)]);
    let too_early = match holds {
        Some(EnteredHolds::IfLater) => inner.template("too_early"),
        _ => None,
    };
    inner.finish();
    Some(Entered { field: field?, holds: holds?, too_early })
}

/// `only_under = { years = 5, birth = ["BIRTH"] }`
fn only_under(section: &Section<'_, '_>, events: &Events) -> Option<OnlyUnder> {
    section.get("only_under")?;
    let inner = section.section("only_under")?;
    let years = inner.number("years", 1, 120);
    inner.filled_array("birth");
    let birth = inner.patterns("birth", events);
    inner.finish();
    Some(OnlyUnder { years: years?, birth })
}

fn exclusions(section: &Section<'_, '_>, events: &Events) -> Vec<Exclusion> {
    if section.get("not_applicable").is_none() {
        return Vec::new();
    }
    let read = section.sections("not_applicable", &section.name());
    let read = read.iter().filter_map(|section| {
        let event = match section.get("event") {
            Some(value) => section.pattern_of("event", value, events),
            None => section.missing("event"),
        };
        let why = section.template("why");
        let unless_met = section.flag("unless_met");
        section.finish();
        Some(Exclusion { event: event?, why: why?, unless_met })
    });
    read.collect()
}

fn count(section: &Section<'_, '_>, events: &Events) -> Option<Count> {
    let step = step(section);
    let then = section.get("then").is_some().then(|| {
        let inner = section.section("then")?;
        let then = self::step(&inner);
        inner.finish();
        then
    });
    let run = section.patterns("from", events);
    let earlier = section.patterns("from_earlier", events);
    if !run.is_empty() && !earlier.is_empty() {
        let what = "`from` and `from_earlier` exclude each other.".to_owned();
        section.wrong(Some("from_earlier"), "excluded_key", what, "Remove one of them.");
    }
    let from = match (run.is_empty(), earlier.is_empty()) {
        (true, true) => CountFrom::Trigger,
        (false, _) => CountFrom::Run(run),
        (true, false) => CountFrom::Earlier(earlier),
    };
    let dates = match section.get("date") {
        None => vec![CountDate::Event],
        Some(_) => section
            .filled_array("date")
            .iter()
            .filter_map(|value| section.text_of("date", value))
            .map(|name| if name == "event" { CountDate::Event } else { CountDate::Field(name) })
            .collect(),
    };
    let at: Vec<EventPattern> = section.patterns("at", events);
    let unless: Vec<EventPattern> = section.patterns("unless", events);
    let why = section.template("why");
    section.finish();
    Some(Count { step: step?, then: then.flatten(), from, dates, at, unless, why: why? })
}

type MakeStep = fn(i32) -> Step;

fn step(section: &Section<'_, '_>) -> Option<Step> {
    const NUMBERED: [(&str, i32, MakeStep); 6] = [
        ("weeks", 1, Step::Weeks),
        // A day before an event is a date too: a bundle 10 working days before a hearing.
        ("months", -MOST, Step::Months),
        ("days", -MOST, Step::Days),
        ("incl_days", 1, Step::InclDays),
        ("working_days", -MOST, Step::WorkingDays),
        ("trib_working_days", 1, Step::TribWorkingDays),
    ];
    let mut named = 0_usize;
    let mut read = None;
    for (key, least, make) in NUMBERED {
        if section.get(key).is_some() {
            named += 1;
            read = section.number(key, least, MOST).map(make);
        }
    }
    if section.get("on").is_some() {
        named += 1;
        read = section.optional_date("on").map(Step::On);
    }
    for (key, make) in [("next", Step::Next as fn(i8, i8) -> Step), ("in_year", Step::InYear)] {
        if section.get(key).is_some() {
            named += 1;
            read = section.optional_text(key).and_then(|text| {
                let (month, day) = month_and_day(section, key, &text)?;
                Some(make(month, day))
            });
        }
    }
    if section.get("school_year").is_some() {
        named += 1;
        read = section.section("school_year").and_then(|inner| {
            let birthday = inner.number("birthday", 1, 120);
            let day = inner.text("day").and_then(|text| year_day(&inner, &text));
            inner.finish();
            Some(Step::SchoolYear(birthday?, day?))
        });
    }
    if named != 1 {
        let what = format!("A count needs one function; this one names {named}.");
        let help = "Name one of: weeks, months, days, incl_days, working_days, trib_working_days, next, on, \
                    in_year, school_year.";
        section.wrong(None, "one_function", what, help);
        return None;
    }
    read
}

/// `02-15`, in the form of a date without its year.
fn month_and_day(section: &Section<'_, '_>, key: &str, text: &str) -> Option<(i8, i8)> {
    // A leap year, so that 29 February is a day.
    let day = format!("2016-{text}").parse::<Date>().ok().filter(|_| text.len() == 5);
    if day.is_none() {
        let what = format!("`{key}` is \"{text}\", which is no day of the year.");
        section.wrong(Some(key), "no_such_day", what, "Write month and day, such as \"02-15\".");
    }
    day.map(|day| (day.month(), day.day()))
}

/// `08-31`, or `last friday in 06`.
fn year_day(section: &Section<'_, '_>, text: &str) -> Option<YearDay> {
    const WEEKDAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let Some(rest) = text.strip_prefix("last ") else {
        return month_and_day(section, "day", text).map(|(month, day)| YearDay::Day(month, day));
    };
    let read = rest.split_once(" in ").and_then(|(weekday, month)| {
        let (_, weekday) = WEEKDAYS.iter().find(|(name, _)| *name == weekday)?;
        let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
        Some(YearDay::LastWeekday(*weekday, month))
    });
    if read.is_none() {
        let what = format!("`day` is \"{text}\", which is no day of the year.");
        section.wrong(Some("day"), "no_such_day", what, "Write such as \"08-31\" or \"last friday in 06\".");
    }
    read
}

fn validity(section: &Section<'_, '_>) -> Validity {
    let valid = Validity { from: section.optional_date("valid_from"), to: section.optional_date("valid_to") };
    if let (Some(from), Some(to)) = (valid.from, valid.to)
        && from > to
    {
        let what = format!("It ends on {to}, before it begins on {from}.");
        section.wrong(Some("valid_to"), "ends_before_it_begins", what, "Correct one of the dates.");
    }
    valid
}
