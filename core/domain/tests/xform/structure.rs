//! Everything that an XForm names is there.

use std::collections::BTreeSet;

use alongside_domain::form::{expr::Expr, xform::convert};

use super::{
    corpus, form,
    xml::{Node, read},
};

/// The paths of the primary instance.
fn paths(node: &Node, above: &str, found: &mut BTreeSet<String>) {
    let path = format!("{above}/{}", node.name);
    for child in &node.children {
        paths(child, &path, found);
    }
    // An attribute can be bound too.
    found.extend(node.attributes.keys().map(|name| format!("{path}/@{name}")));
    found.insert(path);
}

/// Says what does not hold together.
pub(crate) fn check(name: &str, text: &str) {
    let html = read(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let model = html.child("h:head").child("model");
    let mut known = BTreeSet::new();
    paths(&model.child("instance").children[0], "", &mut known);

    let binds = model.named("bind");
    let bound: BTreeSet<_> = binds.iter().map(|bind| bind.attributes["nodeset"].as_str()).collect();
    assert_eq!(bound.len(), binds.len(), "{name}: a path is bound twice");
    for path in &bound {
        assert!(known.contains(*path), "{name}: {path} is bound and nowhere in the instance");
    }
    for action in ["setvalue", "odk:setgeopoint", "odk:recordaudio"].iter().flat_map(|tag| html.named(tag)) {
        assert!(known.contains(&action.attributes["ref"]), "{name}: {action:?}");
    }

    let body = html.child("h:body");
    let controls =
        ["input", "select", "select1", "odk:rank", "upload", "trigger", "range", "group", "repeat"];
    for control in controls.iter().flat_map(|tag| body.named(tag)) {
        let path = control.attributes.get("ref").or_else(|| control.attributes.get("nodeset"));
        let path = path.unwrap_or_else(|| panic!("{name}: {control:?}"));
        assert!(known.contains(path), "{name}: {path} is shown and nowhere in the instance");
        if !matches!(control.name.as_str(), "group" | "repeat") {
            assert!(bound.contains(path.as_str()), "{name}: {path} is shown and not bound");
        }
    }

    let translations = model.named("translation");
    let ids = |translation: &Node| -> BTreeSet<String> {
        translation.children.iter().map(|text| text.attributes["id"].clone()).collect()
    };
    for translation in &translations {
        assert_eq!(ids(translation), ids(translations[0]), "{name}: languages differ in what they say");
        for text in &translation.children {
            assert!(!text.children.is_empty(), "{name}: {} says nothing", text.attributes["id"]);
        }
    }
    let said = translations.first().map(|first| ids(first)).unwrap_or_default();
    let everything = html.all();
    let values = everything.iter().flat_map(|node| node.attributes.values());
    let instances: BTreeSet<_> =
        model.named("instance").iter().filter_map(|node| node.attributes.get("id").cloned()).collect();
    for value in values {
        assert!(!value.contains("${"), "{name}: {value}");
        for (_, rest) in value.match_indices("jr:itext('").map(|(at, found)| value.split_at(at + found.len()))
        {
            let id = rest.split('\'').next().unwrap_or_default();
            assert!(said.contains(id), "{name}: there is no text {id}");
        }
        for (_, rest) in value.match_indices("instance('").map(|(at, found)| value.split_at(at + found.len()))
        {
            let id = rest.split('\'').next().unwrap_or_default();
            let is_query = value.contains("/root/item")
                && html
                    .all()
                    .iter()
                    .any(|node| node.attributes.get("query").is_some_and(|query| query == value));
            assert!(is_query || instances.contains(id), "{name}: there is no instance {id}");
        }
    }
    // What was an expression of ours is one after its names became paths.
    for bind in binds {
        for rule in ["relevant", "required", "constraint", "calculate", "readonly"] {
            if let Some(text) = bind.attributes.get(rule) {
                let compiled = Expr::compile(text);
                assert!(compiled.is_ok(), "{name}: {text}: {compiled:?}");
            }
        }
    }
}

#[test]
fn every_path_text_and_instance_that_is_named_is_there() {
    for (name, form) in corpus() {
        check(&name, &convert(&form).xml);
    }
}

/// An attribute of the only element of this name and path.
fn attribute(text: &str, tag: &str, path: &str, name: &str) -> String {
    let html = read(text).expect("well-formed XML");
    let found: Vec<_> = html
        .named(tag)
        .into_iter()
        .filter(|node| {
            ["ref", "nodeset"].iter().any(|at| node.attributes.get(*at).is_some_and(|at| at == path))
        })
        .collect();
    assert_eq!(found.len(), 1, "{tag} {path}");
    found[0].attributes.get(name).cloned().unwrap_or_default()
}

#[test]
fn names_become_the_paths_that_mean_them() {
    let opened = form(
        "| survey | | | | |
         | | type | name | label | calculation |
         | | integer | n | N | |
         | | begin repeat | outer | Outer | |
         | | text | a | A | |
         | | begin group | g | G | |
         | | calculate | near | | concat(${a}, ${n}) |
         | | calculate | looked | | instance('town')/root/item[name = ${a}]/label |
         | | calculate | other_row | | indexed-repeat(${a}, ${outer}, ${n}) |
         | | calculate | quoted | | jr:choice-name(${home}, '${home}') |
         | | select_one town | home | Home | |
         | | end group | | | |
         | | end repeat | | | |
         | | calculate | all | | join(' ', ${a}) |
         | choices | | | |
         | | list_name | name | label |
         | | town | st | Stroud |",
    );
    assert!(!opened.has_error, "{:#?}", opened.problems);
    let xml = convert(&opened.form).xml;
    check("names", &xml);
    let calculation = |path: &str| attribute(&xml, "bind", path, "calculate");
    assert_eq!(calculation("/data/outer/g/near"), "concat(../../a, /data/n)");
    assert_eq!(
        calculation("/data/outer/g/looked"),
        "instance('town')/root/item[name = current()/../../a]/label"
    );
    assert_eq!(calculation("/data/outer/g/other_row"), "indexed-repeat(/data/outer/a, /data/outer, /data/n)");
    assert_eq!(calculation("/data/outer/g/quoted"), "jr:choice-name(../home, '../home')");
    assert_eq!(calculation("/data/all"), "join(' ', /data/outer/a)");
}
