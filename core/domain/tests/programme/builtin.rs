//! The package that is compiled in.

use std::fmt::Write as _;

use alongside_domain::{
    form::{ChoiceSource, Form, Item},
    programme::{FieldRef, MomentKind, Programme, builtin, package},
};

fn programme() -> Programme {
    builtin::independent_support().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn it_reads_without_any_problem() {
    let files = builtin::independent_support_files();
    match package::read(&files) {
        Ok((_, warnings)) => assert!(warnings.is_empty(), "{}", listed(&warnings)),
        Err(problems) => panic!("{}", listed(&problems)),
    }
}

fn listed(problems: &[alongside_domain::problem::Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn its_forms_fields_and_lists_are_these() {
    let programme = programme();
    let mut summary = format!("{} {}\n", programme.id, programme.version);
    for (id, form) in &programme.forms {
        let kind = programme.record_kind(id).unwrap();
        writeln!(summary, "\n{id}: {:?} in {}", kind.count, kind.group).unwrap();
        fields(&mut summary, &form.items, "  ");
        for (list, choices) in &form.choices {
            writeln!(summary, "  list {list}: {} choices", choices.len()).unwrap();
        }
    }
    summary.push('\n');
    for (list, choices) in &programme.code_lists {
        writeln!(summary, "{list}.csv: {} codes", choices.len()).unwrap();
    }
    insta::assert_snapshot!(summary);
}

fn fields(summary: &mut String, items: &[Item], indent: &str) {
    for item in items {
        match item {
            Item::Question(question) => {
                let source = match question.kind.choices() {
                    Some(
                        ChoiceSource::List(name)
                        | ChoiceSource::File(name)
                        | ChoiceSource::Answers(name)
                        | ChoiceSource::External(name),
                    ) => format!(" {name}"),
                    None => String::new(),
                };
                let kind = format!("{:?}", question.kind);
                let kind = kind.split(['(', '{']).next().unwrap_or_default();
                writeln!(
                    summary,
                    "{indent}{}: {kind}{source}, {:?}, {:?}",
                    question.name, question.sensitivity, question.merge
                )
                .unwrap();
            }
            Item::Group(section) => {
                writeln!(summary, "{indent}group {}", section.name).unwrap();
                fields(summary, &section.items, &format!("{indent}  "));
            }
            Item::Repeat(section) => {
                writeln!(summary, "{indent}repeat {}", section.name).unwrap();
                fields(summary, &section.items, &format!("{indent}  "));
            }
        }
    }
}

#[test]
fn every_part_names_a_question() {
    let programme = programme();
    let parts = &programme.parts;
    let event = parts.event.as_ref().unwrap();
    for field in [&parts.reference, &event.kind, &event.date].into_iter().chain(&parts.subject_name) {
        assert!(programme.question(field).is_some(), "{field:?}");
    }
    let in_case: Vec<&str> = programme.forms_in(&parts.unit).map(|form: &Form| form.id.as_str()).collect();
    assert!(in_case.contains(&"contact"), "{in_case:?}");
}

#[test]
fn the_clock_and_the_forms_speak_of_the_same_things() {
    let programme = programme();
    let parts = &programme.parts;
    let codes = |field: &FieldRef| -> Vec<String> {
        let form = programme.form(&field.form).unwrap();
        let choices = programme.choices(form, form.question(&field.field).unwrap()).unwrap();
        choices.iter().map(|choice| choice.name.clone()).collect()
    };
    let mut kinds = codes(&parts.event.as_ref().unwrap().kind);
    for moment in &parts.moments {
        match &moment.kind {
            MomentKind::Always(code) => kinds.push(code.clone()),
            MomentKind::Field(field) => kinds.extend(codes(field)),
        }
    }
    for kind in programme.deadlines.event_kinds() {
        assert!(kinds.iter().any(|code| code == kind), "{kind}");
    }
    let rules: Vec<&str> = programme.deadlines.rule_ids().collect();
    for code in codes(&parts.correction.as_ref().unwrap().rule) {
        assert!(rules.contains(&code.as_str()), "{code}");
    }
    let exemption = parts.event.as_ref().unwrap().exemption.as_ref().unwrap();
    let exemptions: Vec<String> = programme.deadlines.exemptions().map(|(code, _)| code.to_owned()).collect();
    assert_eq!(codes(exemption), exemptions);
}

#[test]
fn its_hash_follows_every_byte_and_every_path() {
    let files = builtin::independent_support_files();
    let hash = package::hash(&files);
    assert_eq!(hash, programme().hash);
    let mut changed = files.clone();
    changed.get_mut("programme.toml").unwrap().push(b'\n');
    assert_ne!(package::hash(&changed), hash);
    let mut moved = files;
    let bytes = moved.remove("programme.toml").unwrap();
    moved.insert("programme2.toml".to_owned(), bytes);
    assert_ne!(package::hash(&moved), hash);
}
