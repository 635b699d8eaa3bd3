//! The rules of Independent Support, as they are shipped: an example of a fault and of a right record at
//! least for each, as data (`examples.toml`); what is said about a file that cannot be used; and that the
//! order of records does not matter.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::civil::DateTime;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::{
    deadline::{Facts, deadlines},
    form::{MergePolicy, QuestionKind},
    ids::{ActorId, ChangeHash, PersonId},
    programme::{builtin as programmes, live::OWN_FORM},
    record::{Disagreement, FieldView, LiveValue, OpId, RecordView, Root, Stamp},
    value::Value,
};

mod faults;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    example: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    rule: String,
    #[serde(default)]
    place: Option<String>,
    #[serde(default)]
    now: Option<String>,
    /// Records for which the rule finds something.
    #[serde(default)]
    bad: Vec<BTreeMap<String, toml::Value>>,
    /// Records for which it does not.
    #[serde(default)]
    good: Vec<BTreeMap<String, toml::Value>>,
    /// Where it points.
    #[serde(default)]
    field: Option<String>,
}

fn programme() -> Programme {
    programmes::independent_support().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn examples() -> Vec<Example> {
    toml::from_str::<File>(include_str!("tests/examples.toml")).unwrap().example
}

/// Noon of 16 March 2015.
const NOW: &str = "2015-03-16T12:00:00";

fn instant(text: &str) -> Millis {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T12:00:00") };
    let at: DateTime = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    Millis(at.in_tz("Europe/London").unwrap().timestamp().as_millisecond())
}

/// An id of 16 bytes that can be read: `1` is `...01`.
fn record_id(text: &str, nth: usize) -> RecordId {
    match text.parse::<u8>() {
        Ok(number) => RecordId([number; 16]),
        Err(_) => RecordId([100 + u8::try_from(nth).unwrap(); 16]),
    }
}

fn live(value: Value, at: Millis, clock_ahead: bool) -> LiveValue {
    LiveValue {
        value,
        op: OpId { counter: 1, actor: ActorId([0; 16]) },
        change: ChangeHash([0; 32]),
        at,
        author: None,
        device: None,
        clock_ahead,
    }
}

/// A record as an example writes it: `_form`, `_id`, `_author`, `_created`, `_unit` and its answers. An
/// answer `a || b` is one on which two people disagree, `a ^` one of a clock that is ahead.
fn view(programme: &Programme, nth: usize, record: &BTreeMap<String, toml::Value>) -> (u8, RecordView) {
    let own = |key: &str| record.get(key).map(|value| value.as_str().unwrap().to_owned());
    let form_id = own("_form").unwrap();
    let form_id = form_id.strip_prefix("other_").unwrap_or(&form_id);
    let form = programme.form(form_id).unwrap_or_else(|| panic!("no form {form_id}"));
    let created = instant(&own("_created").unwrap_or_else(|| NOW.to_owned()));
    let author = own("_author").map(|author| PersonId([author.parse().unwrap(); 16]));
    let mut fields = BTreeMap::new();
    for (key, value) in record.iter().filter(|(key, _)| !key.starts_with('_')) {
        let question = form
            .question_of_key(key)
            .or_else(|| form.question(key.rsplit('/').next().unwrap()))
            .unwrap_or_else(|| panic!("{form_id} has no {key}"));
        let text = match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (text, ahead) = match text.strip_suffix(" ^") {
            Some(text) => (text.to_owned(), true),
            None => (text, false),
        };
        let typed = |text: &str| match question.kind {
            QuestionKind::Integer => Value::Integer(text.parse().unwrap()),
            QuestionKind::DateTime => Value::Instant(instant(text)),
            _ => Value::Text(mention(text)),
        };
        let codes: Vec<&str> = text.split(' ').collect();
        // A set cannot hold a code twice; what an import wrote as one text can.
        let is_set = question.merge == MergePolicy::Set && !builtin::has_doubles(&codes);
        if is_set && matches!(question.kind, QuestionKind::SelectMultiple(_)) {
            for code in text.split(' ') {
                let shown = live(Value::Bool(true), created, ahead);
                let view = FieldView { shown, others: Vec::new(), disagreement: Disagreement::None };
                fields.insert(format!("{key}/{code}"), view);
            }
            continue;
        }
        let (shown, others, disagreement) = match text.split_once(" || ") {
            Some((one, other)) => {
                (typed(one), vec![live(typed(other), created, false)], Disagreement::NeedsDecision)
            }
            None => (typed(&text), Vec::new(), Disagreement::None),
        };
        fields.insert(key.clone(), FieldView { shown: live(shown, created, ahead), others, disagreement });
    }
    let view = RecordView {
        root: Root {
            id: record_id(&own("_id").unwrap_or_default(), nth),
            form: form_id.to_owned(),
            form_version: "1".to_owned(),
            group: GroupId([1; 16]),
        },
        fields,
        heads: Vec::new(),
        created: Stamp { at: created, author },
        updated: Stamp { at: created, author },
        twins: Vec::new(),
    };
    (own("_unit").map_or(1, |unit| unit.parse().unwrap()), view)
}

/// `#1` names the record with the id 1, `@1` the person.
fn mention(text: &str) -> String {
    match (text.strip_prefix('#'), text.strip_prefix('@')) {
        (Some(number), _) => RecordId([number.parse().unwrap(); 16]).to_string(),
        (_, Some(number)) => PersonId([number.parse().unwrap(); 16]).to_string(),
        _ => text.to_owned(),
    }
}

fn at(programme: &Programme, view: &RecordView) -> Option<Millis> {
    let kind = programme.record_kind(&view.root.form)?;
    let value = view.value(kind.at.as_deref()?)?;
    value.as_instant().or_else(|| Some(instant(&value.as_date()?.to_string())))
}

fn hold(programme: &Programme, records: &[BTreeMap<String, toml::Value>]) -> BTreeMap<u8, Held> {
    let mut units: BTreeMap<u8, Held> = BTreeMap::new();
    for (nth, record) in records.iter().enumerate() {
        let (unit, view) = view(programme, nth, record);
        let held = units.entry(unit).or_default();
        if let Some(at) = at(programme, &view) {
            held.at.insert(view.root.id, at);
        }
        let form = record["_form"].as_str().unwrap();
        let records = match form.strip_prefix("other_") {
            Some(_) => &mut held.others,
            None => &mut held.unit.records,
        };
        records.entry(view.root.form.clone()).or_default().push(view);
    }
    for held in units.values_mut() {
        finish(programme, held);
    }
    units
}

fn finish(programme: &Programme, held: &mut Held) {
    let facts = Facts::read(programme, held.unit.records.values().flatten());
    held.unit.deadlines = deadlines(&programme.deadlines, &facts);
    held.day = Some(held.unit.records.get("contact").cloned().unwrap_or_default());
}

fn judge(programme: &Programme, example: &Example, records: &[BTreeMap<String, toml::Value>]) -> Outcome {
    let place = match example.place.as_deref() {
        None => Place::Server,
        Some("phone") => Place::Phone,
        Some("round") => Place::Round,
        Some("extract") => Place::Extract,
        Some(other) => panic!("{other}"),
    };
    let asked = Asked { place, now: instant(example.now.as_deref().unwrap_or(NOW)) };
    let units = hold(programme, records);
    let scope = programme.rules.rules.iter().find(|rule| rule.id == example.rule).map(|rule| rule.scope);
    // What a form says of its own record is judged with the unit.
    let of_form = programme.severity_of(&example.rule).map(|_| Scope::Record);
    match scope.or(of_form).unwrap_or_else(|| panic!("no rule {}", example.rule)) {
        scope @ (Scope::Area | Scope::Caseload) => {
            let units: Vec<(GroupId, UnitRecords)> =
                units.into_iter().map(|(unit, held)| (GroupId([unit; 16]), held.unit)).collect();
            programme.rules.units(programme, scope, &units, asked)
        }
        _ => programme.rules.unit(programme, units.values().next().unwrap(), asked, None).unwrap(),
    }
}

#[test]
fn every_example_comes_out() {
    let programme = programme();
    for (nth, example) in examples().iter().enumerate() {
        for (records, expected) in [(&example.bad, true), (&example.good, false)] {
            if records.is_empty() {
                continue;
            }
            let outcome = judge(&programme, example, records);
            let of_rule: Vec<&Finding> =
                outcome.findings.iter().filter(|finding| finding.rule == example.rule).collect();
            assert_eq!(!of_rule.is_empty(), expected, "{nth}: {} of {records:?}", example.rule);
            for finding in &outcome.findings {
                assert!(!finding.not_made, "{nth}: {}: {finding:?}", example.rule);
            }
            if let (true, Some(field)) = (expected, &example.field) {
                assert_eq!(of_rule[0].field.as_ref(), Some(field), "{nth}: {}", example.rule);
            }
            for finding in of_rule {
                assert_eq!(Some(finding.severity), programme.severity_of(&finding.rule));
            }
        }
    }
}

#[test]
fn every_rule_has_a_bad_and_a_good_example() {
    let (programme, examples) = (programme(), examples());
    for rule in programme.rules.ids() {
        let of_rule = || examples.iter().filter(|example| example.rule == rule);
        assert!(of_rule().any(|example| !example.bad.is_empty()), "{rule} has no bad example");
        assert!(of_rule().any(|example| !example.good.is_empty()), "{rule} has no good example");
    }
}

#[test]
fn the_table_of_the_specification_is_whole() {
    let programme = programme();
    for number in 1..=32 {
        let id = format!("V{number:02}");
        let covers =
            |rule: &str| rule == id || rule.strip_prefix(&id).is_some_and(|rest| rest.starts_with('.'));
        assert!(programme.rules.ids().any(covers) || programme.severity_of(&id).is_some(), "{id}");
    }
}

#[test]
fn a_phone_says_what_it_cannot_compute() {
    let programme = programme();
    let example = Example {
        rule: "V11".to_owned(),
        place: Some("phone".to_owned()),
        now: None,
        bad: Vec::new(),
        good: Vec::new(),
        field: None,
    };
    let record = BTreeMap::from([("_form".to_owned(), toml::Value::from("contact"))]);
    let outcome = judge(&programme, &example, &[record]);
    assert!(outcome.not_here.contains("M05") && outcome.not_here.contains("V15.60"), "{outcome:?}");
    assert!(!outcome.judged.iter().any(|(rule, _)| outcome.not_here.contains(rule)));
}

#[test]
fn an_answered_query_explains_a_finding_and_no_error() {
    let programme = programme();
    let examples = examples();
    let example = examples.iter().find(|example| example.rule == "V17").unwrap();
    let explained = |status: &str, target: &str, rule: &str| -> Vec<bool> {
        let mut records = example.bad.clone();
        records[0].insert("_id".to_owned(), "7".into());
        records.push(
            [("_form", "data_query"), ("rule_id", rule), ("status", status), ("target", target)]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), toml::Value::from(value)))
                .collect(),
        );
        let outcome = judge(&programme, example, &records);
        outcome.findings.iter().filter(|f| f.rule == "V17").map(|finding| finding.explained).collect()
    };
    assert_eq!(explained("WAIVED", "#7", "V17"), [true]);
    assert_eq!(explained("WAIVED", "", "V17"), [true]);
    assert_eq!(explained("OPEN", "#7", "V17"), [false]);
    assert_eq!(explained("WAIVED", "#8", "V17"), [false]);
    assert_eq!(explained("WAIVED", "#7", "V16"), [false]);
}

/// Every finding and what the rules are worded as, to be read through.
#[test]
fn the_words_of_the_rules() {
    let programme = programme();
    let mut text = String::new();
    for rule in &programme.rules.rules {
        text.push_str(&format!(
            "{} {:?} {:?}\n    {}\n    {}\n",
            rule.id, rule.severity, rule.places, rule.message, rule.help
        ));
    }
    insta::assert_snapshot!(text);
}

/// All bad examples of rules of a unit in one unit: much is wrong with it.
fn a_bad_unit(programme: &Programme) -> Held {
    let mut held = Held::default();
    for (nth, record) in examples()
        .iter()
        .filter(|example| example.place.is_none())
        .flat_map(|example| example.bad.clone())
        .filter(|record| !record.contains_key("_unit"))
        .enumerate()
    {
        let (_, mut view) = view(programme, 0, &record);
        view.root.id = RecordId::new(Millis(i64::try_from(nth).unwrap()), [3; 10]);
        if let Some(at) = at(programme, &view) {
            held.at.insert(view.root.id, at);
        }
        held.unit.records.entry(view.root.form.clone()).or_default().push(view);
    }
    finish(programme, &mut held);
    held
}

/// A store of findings, as phone and server keep one.
#[derive(Default)]
struct Kept(BTreeSet<Finding>);

impl Kept {
    fn take(&mut self, outcome: Outcome) {
        self.0.retain(|finding| {
            !outcome.judged.iter().any(|(rule, record)| {
                let is_of = if finding.own_form { rule == OWN_FORM } else { *rule == finding.rule };
                is_of && (record.is_none() || *record == finding.record)
            })
        });
        self.0.extend(outcome.findings);
    }
}

/// The unit with the findings that are kept for it.
struct Growing<'a> {
    held: Held,
    kept: &'a Kept,
}

impl Source for Growing<'_> {
    type Error = std::convert::Infallible;

    fn records(&self, form: &str, take: Take) -> Result<Vec<Arc<RecordView>>, Self::Error> {
        self.held.records(form, take)
    }

    fn record(&self, record: RecordId) -> Result<Option<Arc<RecordView>>, Self::Error> {
        self.held.record(record)
    }

    fn deadlines(&self) -> Result<Vec<crate::deadline::Deadline>, Self::Error> {
        self.held.deadlines()
    }

    fn day(
        &self,
        form: &str,
        person: PersonId,
        day: Date,
    ) -> Result<Option<Vec<Arc<RecordView>>>, Self::Error> {
        self.held.day(form, person, day)
    }

    fn found_before(&self, rule: &str) -> Result<Vec<RecordId>, Self::Error> {
        Ok(self.kept.0.iter().filter(|found| found.rule == rule).filter_map(|found| found.record).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// One record after another, in any order, judged each time for what it touches (a phone), comes to
    /// the same as the whole judged at once (a server that rebuilds).
    #[test]
    fn judged_bit_by_bit_in_any_order_is_judged_at_once(order in any::<u64>()) {
        let programme = programme();
        let whole = a_bad_unit(&programme);
        let asked = Asked { place: Place::Server, now: instant(NOW) };
        let at_once = programme.rules.unit(&programme, &whole, asked, None).unwrap();
        prop_assert!(at_once.findings.len() > 20);

        let mut all: Vec<RecordView> = whole.unit.records.values().flatten().cloned().collect();
        let mut seed = order;
        all.sort_by_cached_key(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 20
        });
        let mut kept = Kept::default();
        let mut held = Held::default();
        for view in all {
            if let Some(at) = at(&programme, &view) {
                held.at.insert(view.root.id, at);
            }
            let (form, record) = (view.root.form.clone(), view.root.id);
            held.unit.records.entry(form.clone()).or_default().push(view);
            finish(&programme, &mut held);
            let source = Growing { held: held.clone(), kept: &kept };
            let touched = [Touched { form: &form, record, is_new: true }];
            let outcome = programme.rules.unit(&programme, &source, asked, Some(&touched)).unwrap();
            kept.take(outcome);
        }
        let kept: Vec<Finding> = kept.0.into_iter().collect();
        for finding in &kept {
            prop_assert!(at_once.findings.contains(finding), "only bit by bit: {finding:?}");
        }
        for finding in &at_once.findings {
            prop_assert!(kept.contains(finding), "only at once: {finding:?}");
        }
    }
}
