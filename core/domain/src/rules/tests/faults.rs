//! What is said about a file that cannot be used.

use super::*;

const GOOD: &str = r#"version = "1"

[[rule]]
id = "R1"
severity = "QUERY"
scope = "record"
form = "contact"
field = "note"
runs = ["phone"]
problem_if = "note = ''"
message = "No note."
help = "Write one."
"#;

fn problems(text: &str) -> Vec<String> {
    let forms = programme().forms;
    let read = Rules::parse("rules.toml", text)
        .and_then(|mut rules| rules.bind("rules.toml", &forms, &BTreeSet::new()).map(|()| rules));
    match read {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| format!("{} | {problem}", problem.code)).collect(),
    }
}

#[test]
fn the_smallest_file_is_right() {
    assert_eq!(problems(GOOD), [] as [String; 0]);
}

#[test]
fn every_fault_is_told() {
    let table: &[(&str, &str, &str)] = &[
        ("severity = \"QUERY\"\n", "", "missing_key"),
        ("\"QUERY\"", "\"FATAL\"", "unknown_word"),
        ("[\"phone\"]", "[\"watch\"]", "unknown_word"),
        ("problem_if = \"note = ''\"\n", "", "missing_key"),
        ("note = ''", "note == ''", "foreign_operator"),
        ("note = ''", "len(note) = 0", "unknown_function"),
        ("note = ''", "${note} = ''", "form_reference"),
        ("note = ''", "random() > 0.5", "left_to_chance"),
        ("note = ''", "nota = ''", "unknown_name"),
        ("note = ''", "instance(note)/root/item = ''", "open_expression"),
        ("form = \"contact\"", "form = \"contacts\"", "unknown_form"),
        ("field = \"note\"", "field = \"nota\"", "unknown_question"),
        ("field = \"note\"", "field = \"case.nota\"", "unknown_question"),
        ("field = \"note\"", "feld = \"note\"", "unknown_key"),
        ("runs", "takes = { contact = \"some\" }\nruns", "unknown_word"),
        ("runs", "alike = [[\"note\"]]\nruns", "excluded_key"),
        (
            "version",
            "[[derived]]\nform = \"child\"\nname = \"x\"\nfrom = \"upn\"\nfunction = \"magic\"\n#",
            "unknown_word",
        ),
        (
            "version = \"1\"",
            "version = \"1\"\n[explained]\nform = \"data_query\"\nrule = \"rule_id\"\ntarget = \"target\"\nstatus = \"stat\"\ncodes = [\"X\"]",
            "unknown_question",
        ),
        ("id = \"R1\"", "id = \"R1\"\nvalid_from = 2015-01-01\nvalid_to = \"x\"", "wrong_type"),
    ];
    for (right, wrong, code) in table {
        assert!(GOOD.contains(right), "{right}");
        let told = problems(&GOOD.replacen(right, wrong, 1));
        assert!(told.iter().any(|problem| problem.starts_with(&format!("{code} | "))), "{wrong}: {told:?}");
    }
    let twice = format!("{GOOD}{}", GOOD.replace("version = \"1\"", ""));
    assert!(
        problems(&twice)[0].starts_with("duplicate_rule | rules.toml [rule R1] row "),
        "{:?}",
        problems(&twice)
    );
    assert!(problems("rules")[0].starts_with("toml_syntax"));
}

/// What rules found, and not the form of the record by itself.
fn of_rules(outcome: &Outcome) -> impl Iterator<Item = &Finding> {
    outcome.findings.iter().filter(|finding| !finding.own_form)
}

#[test]
fn a_rule_holds_between_its_dates() {
    let text = GOOD.replace("runs", "valid_from = 2015-03-16\nvalid_to = 2015-03-16\nruns");
    let programme = programme();
    let mut rules = Rules::parse("rules.toml", &text).unwrap();
    rules.bind("rules.toml", &programme.forms, &BTreeSet::new()).unwrap();
    let record = BTreeMap::from([("_form".to_owned(), toml::Value::from("contact"))]);
    let held = hold(&programme, &[record]).remove(&1).unwrap();
    for (now, found) in [("2015-03-15", 0), ("2015-03-16", 1), ("2015-03-17", 0)] {
        let asked = Asked { place: Place::Phone, now: instant(now) };
        let outcome = rules.unit(&programme, &held, asked, None).unwrap();
        assert_eq!(of_rules(&outcome).count(), found, "{now}");
    }
}

#[test]
fn a_check_that_cannot_be_made_holds_up_no_other() {
    let text = format!(
        "{GOOD}{}",
        GOOD.replace("version = \"1\"", "").replace("R1", "R0").replace("note = ''", "date(note) > today()")
    );
    let programme = programme();
    let mut rules = Rules::parse("rules.toml", &text).unwrap();
    rules.bind("rules.toml", &programme.forms, &BTreeSet::new()).unwrap();
    let record = BTreeMap::from([
        ("_form".to_owned(), toml::Value::from("contact")),
        ("note".to_owned(), toml::Value::from("no date, Mrs Okafor")),
    ]);
    let held = hold(&programme, &[record]).remove(&1).unwrap();
    let asked = Asked { place: Place::Phone, now: instant(NOW) };
    let outcome = rules.unit(&programme, &held, asked, None).unwrap();
    let found: Vec<(&str, bool, Severity)> =
        of_rules(&outcome).map(|f| (f.rule.as_str(), f.not_made, f.severity)).collect();
    assert_eq!(found, [("R0", true, Severity::Info)]);
    assert!(outcome.findings.iter().all(|finding| !finding.message.contains("Okafor")));
}
