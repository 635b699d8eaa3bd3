//! What expressions read, found without evaluating them.

use alongside_domain::form::expr::{Expr, PathStart, PathStep, Reads, is_dynamic};

fn reads(expression: &str) -> Reads {
    Expr::compile(expression).unwrap_or_else(|errors| panic!("{expression}: {errors:?}")).reads().clone()
}

fn child(name: &str) -> PathStep {
    PathStep::Child(name.to_owned())
}

#[test]
fn what_an_expression_names_is_found() {
    let reads = reads(
        "if(${age} > 5 and selected(${topics}, 'home'), ${last-saved#name}, jr:choice-name(${mode}, '${mode}')) \
         + pulldata('towns.csv', 'name', 'code', ${code}) + instance('areas')/root/item[code = current()/../area]/name",
    );
    assert_eq!(reads.names.iter().map(String::as_str).collect::<Vec<_>>(), ["age", "code", "mode", "topics"]);
    assert_eq!(reads.last_saved.iter().map(String::as_str).collect::<Vec<_>>(), ["name"]);
    assert_eq!(reads.instances.iter().map(String::as_str).collect::<Vec<_>>(), ["areas", "towns"]);
    assert_eq!(reads.labels_of.iter().map(String::as_str).collect::<Vec<_>>(), ["mode"]);
    assert!(reads.functions.contains(&"selected") && reads.functions.contains(&"pulldata"));
    assert!(reads.volatile.is_empty() && !reads.is_open);
    let from_instance =
        reads.paths.iter().find(|path| path.from == PathStart::Instance("areas".into())).unwrap();
    assert_eq!(from_instance.steps, [child("root"), child("item"), child("name")]);
    assert!(
        reads
            .paths
            .iter()
            .any(|path| path.from == PathStart::Here && path.steps == [PathStep::Up, child("area")])
    );
    assert!(reads.paths.iter().any(|path| path.from == PathStart::Inside && path.steps == [child("code")]));
}

#[test]
fn what_changes_by_itself_is_told_apart() {
    for (expression, volatile) in [
        ("today()", &["today"][..]),
        ("now() > today()", &["now", "today"]),
        ("once(random())", &["random"]),
        ("uuid()", &["uuid"]),
        ("randomize(${a})", &["randomize"]),
        ("randomize(${a}, 5)", &[]),
        ("date('2015-01-01')", &[]),
    ] {
        assert_eq!(reads(expression).volatile.into_iter().collect::<Vec<_>>(), volatile, "{expression}");
    }
}

#[test]
fn an_expression_that_reads_its_own_node_says_so() {
    for (expression, is) in [
        (". > 5", true),
        ("current() = 'a'", true),
        ("once(5)", true),
        ("position() = 1", true),
        ("string-length(.) < 5", true),
        ("../a", false),
        ("/data/a[. > 5]", false),
        ("/data/a[position() = 1]", false),
        ("${a} + 1", false),
    ] {
        assert_eq!(reads(expression).reads_itself, is, "{expression}");
    }
}

#[test]
fn a_name_that_is_computed_leaves_what_is_read_open() {
    assert!(reads("instance(${file})/root/item").is_open);
    assert!(reads("jr:choice-name('a', ${question})").is_open);
    assert!(!reads("instance('file')/root/item").is_open);
}

#[test]
fn paths_are_steps() {
    let paths = reads("/data/child[age > 3]//note | ../*").paths;
    let steps: Vec<_> = paths.iter().map(|path| (path.from.clone(), path.steps.clone())).collect();
    assert_eq!(
        steps,
        [
            (PathStart::Root, vec![child("data"), child("child"), PathStep::Below, child("note")]),
            (PathStart::Here, vec![PathStep::Up, PathStep::AnyChild]),
            (PathStart::Inside, vec![child("age")]),
        ]
    );
}

#[test]
fn a_default_is_a_value_unless_it_computes() {
    for (default, is) in [
        ("", false),
        ("5", false),
        ("-5", false),
        ("2015-03-16", false),
        ("yes", false),
        ("some words", false),
        ("a-b", false),
        ("51.5 -0.1 0 0", false),
        ("N/A", false),
        ("today()", true),
        ("once(uuid())", true),
        ("${name}", true),
        ("concat('a', ${b})", true),
        ("tday()", true),
        ("/data/a", true),
        ("(optional)", false),
    ] {
        assert_eq!(is_dynamic(default), is, "{default}");
    }
}
