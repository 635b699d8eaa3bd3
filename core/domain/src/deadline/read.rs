//! Reads `deadlines.toml`: every problem at once, each with its line.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use toml::de::DeTable;

use super::{
    Nature,
    calendar::Calendar,
    rules::{
        Count, CountFrom, DeadlineRules, EventPattern, Exclusion, Exemption, Pick, Repeats, Rule, Step,
        Validity,
    },
};
use crate::problem::Problem;
use section::{Events, Place, Section, Source};

mod section;

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
    let names = top.section("events").map(|section| event_names(&section)).unwrap_or_default();
    let kinds = names.keys().map(|key| key.split_once('=').map_or(key.as_str(), |(kind, _)| kind).to_owned());
    let events = Events(kinds.collect());
    let calendar = top.section("bank_holidays").and_then(|section| bank_holidays(&section));

    let mut sections = top.sections("rule", "rule");
    let rules: Vec<Rule> = sections.iter_mut().map(|section| rule(section, &events)).collect();
    for (nth, (later, section)) in rules.iter().zip(&sections).enumerate() {
        let named = !later.id.is_empty();
        if named && rules[..nth].iter().any(|r| r.id == later.id && r.valid.overlaps(later.valid)) {
            let what = format!("The rule {} is there twice for the same dates.", later.id);
            section.wrong(
                Some("id"),
                "duplicate_rule",
                what,
                "Give one another id, or part them by valid_from.",
            );
        }
    }
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let exemptions = if top.get("exemption").is_some() { exemptions(top, &ids) } else { Vec::new() };

    Some(DeadlineRules {
        version: version?,
        disclaimer: disclaimer?,
        holidays_unknown: holidays_unknown?,
        events: names,
        calendar: calendar?,
        exemptions,
        rules,
    })
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
            if !ids.contains(id.as_str()) {
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
fn rule(section: &mut Section<'_, '_>, events: &Events) -> Rule {
    let id = section.text("id");
    if let Some(id) = &id {
        section.call(format!("rule {id}"));
    }
    let version = section.number("version", 1, i32::MAX).and_then(|version| u32::try_from(version).ok());
    let nature = section.choice(
        "nature",
        &[("due", Nature::Due), ("expected", Nature::Expected), ("not_before", Nature::NotBefore)],
    );
    let whose = section.text("whose");
    let label = section.text("label");
    let basis = section.text("basis");
    section.filled_array("trigger");
    let triggers = section.patterns("trigger", events);
    let repeats = section.choice("repeats", &[("replace", Repeats::Replace), ("each", Repeats::Each)]);
    let sections = section.sections("count", &section.name());
    let counts = sections.iter().filter_map(|section| count(section, events)).collect();
    if sections.len() > 1 && section.get("pick").is_none() {
        let what = "Several dates are counted and nothing says which holds.".to_owned();
        section.wrong(Some("pick"), "missing_key", what, "Add `pick`: \"later\" or \"earlier\".");
    }
    let pick = section.choice("pick", &[("later", Pick::Later), ("earlier", Pick::Earlier)]);
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
    let read = Rule {
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
    section.finish();
    read
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
    let unless: Vec<EventPattern> = section.patterns("unless", events);
    let why = section.template("why");
    section.finish();
    Some(Count { step: step?, from, unless, why: why? })
}

type MakeStep = fn(i32) -> Step;

fn step(section: &Section<'_, '_>) -> Option<Step> {
    const NUMBERED: [(&str, i32, MakeStep); 6] = [
        ("weeks", 1, Step::Weeks),
        ("months", 1, Step::Months),
        // A day before an event is a date too: a bundle 10 days before a hearing.
        ("days", -MOST, Step::Days),
        ("incl_days", 1, Step::InclDays),
        ("working_days", 1, Step::WorkingDays),
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
    if section.get("next").is_some() {
        named += 1;
        read = section.optional_text("next").and_then(|text| month_and_day(section, &text));
    }
    if named != 1 {
        let what = format!("A count needs one function; this one names {named}.");
        let help = "Name one of: weeks, months, days, incl_days, working_days, trib_working_days, next, on.";
        section.wrong(None, "one_function", what, help);
        return None;
    }
    read
}

/// `02-15`, in the form of a date without its year.
fn month_and_day(section: &Section<'_, '_>, text: &str) -> Option<Step> {
    // A leap year, so that 29 February is a day.
    let day = format!("2016-{text}").parse::<Date>().ok().filter(|_| text.len() == 5);
    if day.is_none() {
        let what = format!("`next` is \"{text}\", which is no day of the year.");
        section.wrong(Some("next"), "no_such_day", what, "Write month and day, such as \"02-15\".");
    }
    day.map(|day| Step::Next(day.month(), day.day()))
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
