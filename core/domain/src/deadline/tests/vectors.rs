//! The vectors of the specification (domain.md 3.2 and 3.7, annex A2) and one at least for every rule, as
//! data: `vectors.toml`.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vector: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    /// Where it is from, or what it shows.
    from: String,
    events: Vec<String>,
    #[serde(default)]
    as_of: Option<String>,
    /// The dates of each rule, in order.
    #[serde(default)]
    dates: BTreeMap<String, Vec<String>>,
    /// The state of each rule's last deadline, as of `as_of`.
    #[serde(default)]
    states: BTreeMap<String, String>,
    /// Rules that give no date.
    #[serde(default)]
    none: Vec<String>,
}

fn vectors() -> Vec<Vector> {
    toml::from_str::<File>(include_str!("vectors.toml")).unwrap().vector
}

#[test]
fn every_vector_comes_out() {
    for vector in vectors() {
        let lines: Vec<&str> = vector.events.iter().map(String::as_str).collect();
        let found = run(&lines);
        for (rule, expected) in &vector.dates {
            let due: Vec<String> = of(&found, rule).iter().map(|deadline| deadline.due.to_string()).collect();
            assert_eq!(due, *expected, "{}: {rule} of {lines:?}", vector.from);
        }
        for (rule, expected) in &vector.states {
            let as_of = day(vector.as_of.as_ref().unwrap());
            let last = *of(&found, rule).last().unwrap_or_else(|| panic!("{}: no {rule}", vector.from));
            let state = serde_json::to_value(last.state(as_of)).unwrap();
            assert_eq!(state, **expected, "{}: {rule} of {lines:?}", vector.from);
        }
        for rule in &vector.none {
            assert_eq!(of(&found, rule), Vec::<&Deadline>::new(), "{}: {rule} of {lines:?}", vector.from);
        }
    }
}

#[test]
fn every_rule_has_a_vector() {
    let vectors = vectors();
    for rule in real_rules().rule_ids() {
        assert!(vectors.iter().any(|vector| vector.dates.contains_key(rule)), "{rule}");
    }
}

#[test]
fn the_table_of_the_law_is_whole() {
    let rules = real_rules();
    for number in 1..=27 {
        let id = format!("D{number:02}");
        assert!(rules.rule_ids().any(|rule| covers(&id, rule)), "{id}");
    }
}

/// Every reason there is, to be read through.
#[test]
fn the_reason_of_every_rule_can_be_read_out() {
    let mut said = BTreeMap::new();
    for vector in vectors() {
        let lines: Vec<&str> = vector.events.iter().map(String::as_str).collect();
        for deadline in run(&lines) {
            said.entry((deadline.rule, deadline.rule_version)).or_insert((deadline.label, deadline.why));
        }
    }
    let text: Vec<String> = said
        .into_iter()
        .map(|((rule, version), (label, why))| format!("{rule} v{version}  {label}\n    {why}\n"))
        .collect();
    insta::assert_snapshot!(text.concat());
}
