//! The elements of the primary instance: those of the form, and those that the standard adds.

use std::{borrow::Cow, collections::HashMap};

use super::entities::{Attribute, Places};
use crate::form::{ChoiceSource, Form, Item, Question, QuestionKind, Section, Translated};

/// One element of the primary instance.
pub(super) struct Part<'f> {
    pub(super) name: String,
    /// The way from the top, `/data/child/age`.
    pub(super) path: String,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
    pub(super) kind: Kind<'f>,
}

#[expect(clippy::large_enum_variant, reason = "questions are by far the most frequent")]
pub(super) enum Kind<'f> {
    Root,
    /// What every record has, and no page shows.
    Meta,
    Group(Shown<'f>),
    Repeat(Shown<'f>, Option<String>),
    Question(Cow<'f, Question>),
    /// Kept below [`Kind::Meta`], with the attributes of its bind.
    Kept(Vec<(&'static str, String)>),
    /// An attribute of the part above, whose name begins with `@`.
    Attribute(Attribute),
}

/// A section as the body shows it.
pub(super) struct Shown<'f> {
    pub(super) section: &'f Section,
    pub(super) appearance: Option<String>,
    /// Whether its heading stands in a note of its own (`table-list`).
    pub(super) is_bare: bool,
}

pub(super) struct Plan<'f> {
    pub(super) form: &'f Form,
    pub(super) parts: Vec<Part<'f>>,
    by_name: HashMap<String, usize>,
    /// The language of texts without one.
    pub(super) language: String,
    /// Where entities are declared.
    pub(super) entities: Places,
}

/// The select that the questions of a `table-list` share.
enum Table {
    None,
    Waiting,
    Headed,
}

impl<'f> Plan<'f> {
    pub(super) const ROOT: usize = 0;

    pub(super) fn new(form: &'f Form) -> Self {
        let root = form.setting("name").filter(|name| !name.is_empty()).unwrap_or("data");
        let language =
            if form.default_language.is_empty() { "default" } else { form.default_language.as_str() };
        let mut plan = Self {
            form,
            parts: Vec::new(),
            by_name: HashMap::new(),
            language: language.to_owned(),
            entities: Places::default(),
        };
        plan.parts.push(Part {
            name: root.to_owned(),
            path: format!("/{root}"),
            parent: None,
            children: Vec::new(),
            kind: Kind::Root,
        });
        plan.items(&form.items, Self::ROOT, Table::None);
        plan.entities = plan.entity_places();
        for (at, entity) in plan.entities.below() {
            let meta = plan.add("meta", at, Kind::Meta);
            plan.entity(meta, entity);
        }
        plan.meta();
        plan
    }

    pub(super) fn add(&mut self, name: &str, parent: usize, kind: Kind<'f>) -> usize {
        let at = self.parts.len();
        let path = format!("{}/{name}", self.parts[parent].path);
        self.parts.push(Part {
            name: name.to_owned(),
            path,
            parent: Some(parent),
            children: Vec::new(),
            kind,
        });
        self.parts[parent].children.push(at);
        self.by_name.entry(name.to_owned()).or_insert(at);
        at
    }

    fn items(&mut self, items: &'f [Item], parent: usize, mut table: Table) {
        for item in items {
            match item {
                Item::Question(question) => {
                    if !is_kept_apart(&question.kind) {
                        self.question(question, parent, &mut table);
                    }
                }
                Item::Group(section) => {
                    let at = self.add(&section.name, parent, Kind::Group(shown(section)));
                    self.section(section, at);
                }
                Item::Repeat(section) => {
                    let count = section.repeat_count.as_deref().map(|count| match reference(count) {
                        Some(_) => count.to_owned(),
                        // The standard's `jr:count` is a path: an expression has an element of its own.
                        None => {
                            let name = format!("{}_count", section.name);
                            let counted = Question {
                                name: name.clone(),
                                kind: QuestionKind::Calculate,
                                calculation: Some(count.to_owned()),
                                read_only: true,
                                row: section.row,
                                ..Question::default()
                            };
                            self.add(&name, parent, Kind::Question(Cow::Owned(counted)));
                            format!("${{{name}}}")
                        }
                    });
                    let at = self.add(&section.name, parent, Kind::Repeat(shown(section), count));
                    self.section(section, at);
                }
            }
        }
    }

    fn section(&mut self, section: &'f Section, at: usize) {
        let is_table = words(section.appearance.as_deref()).any(|word| word == "table-list");
        if is_table && !section.label.0.is_empty() {
            let heading = Question {
                name: format!("generated_table_list_label_{}", section.row),
                kind: QuestionKind::Note,
                label: section.label.clone(),
                row: section.row,
                ..Question::default()
            };
            let name = heading.name.clone();
            self.add(&name, at, Kind::Question(Cow::Owned(heading)));
        }
        self.items(&section.items, at, if is_table { Table::Waiting } else { Table::None });
    }

    /// In a table, the first select is headed by its choices, and none shows them itself.
    fn question(&mut self, question: &'f Question, parent: usize, table: &mut Table) {
        let is_select = matches!(question.kind.choices(), Some(ChoiceSource::List(_)));
        if !is_select || matches!(table, Table::None) {
            self.add(&question.name, parent, Kind::Question(Cow::Borrowed(question)));
            return;
        }
        if matches!(table, Table::Waiting) {
            let header = Question {
                name: format!("reserved_name_for_field_list_labels_{}", question.row),
                kind: question.kind.clone(),
                label: Translated([(String::new(), " ".to_owned())].into()),
                appearance: Some("label".to_owned()),
                row: question.row,
                ..Question::default()
            };
            let name = header.name.clone();
            self.add(&name, parent, Kind::Question(Cow::Owned(header)));
            *table = Table::Headed;
        }
        let cell = Question { appearance: Some("list-nolabel".to_owned()), ..question.clone() };
        self.add(&question.name, parent, Kind::Question(Cow::Owned(cell)));
    }

    /// `meta`: the entity of the form, its audit, the id and the name of the record.
    fn meta(&mut self) {
        let form = self.form;
        let audit = form.questions().find(|question| is_audit(&question.kind));
        let omits = form.setting("omit_instanceid").is_some_and(says_yes);
        let name = form.setting("instance_name").filter(|name| !name.is_empty());
        let entity = self.entities.in_form();
        if entity.is_none() && audit.is_none() && omits && name.is_none() {
            return;
        }
        let meta = self.add("meta", Self::ROOT, Kind::Meta);
        if let Some(entity) = entity {
            self.entity(meta, entity);
        }
        if let Some(audit) = audit {
            let mut bind = vec![("type", "binary".to_owned())];
            for (parameter, attribute) in [
                ("track-changes", "odk:track-changes"),
                ("track-changes-reasons", "odk:track-changes-reasons"),
                ("identify-user", "odk:identify-user"),
                ("location-max-age", "odk:location-max-age"),
                ("location-min-interval", "odk:location-min-interval"),
                ("location-priority", "odk:location-priority"),
            ] {
                bind.extend(audit.parameters.get(parameter).map(|value| (attribute, value.clone())));
            }
            self.add("audit", meta, Kind::Kept(bind));
        }
        if !omits {
            let preload = form.setting("instance_id").filter(|way| !way.is_empty()).unwrap_or("uid");
            let bind = vec![
                ("type", "string".to_owned()),
                ("readonly", "true()".to_owned()),
                ("jr:preload", preload.to_owned()),
            ];
            self.add("instanceID", meta, Kind::Kept(bind));
        }
        if let Some(name) = name {
            let bind = vec![("type", "string".to_owned()), ("calculate", name.to_owned())];
            self.add("instanceName", meta, Kind::Kept(bind));
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The parts at and below one, in the order of the document.
    pub(super) fn below(&self, from: usize) -> Vec<usize> {
        let (mut found, mut open) = (Vec::new(), vec![from]);
        while let Some(at) = open.pop() {
            found.push(at);
            open.extend(self.parts[at].children.iter().rev());
        }
        found
    }

    /// The parts above one, the nearest first.
    pub(super) fn above(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.parts[at].parent, |up| self.parts[*up].parent)
    }

    pub(super) fn is_repeat(&self, at: usize) -> bool {
        matches!(self.parts[at].kind, Kind::Repeat(..))
    }
}

/// A section as it is shown; as a table it is a field list whose heading is a note.
fn shown(section: &Section) -> Shown<'_> {
    let written = section.appearance.as_deref();
    if words(written).all(|word| word != "table-list") {
        return Shown { section, appearance: written.map(str::to_owned), is_bare: false };
    }
    let rest = words(written).filter(|word| *word != "table-list");
    let appearance = std::iter::once("field-list").chain(rest).collect::<Vec<_>>().join(" ");
    Shown { section, appearance: Some(appearance), is_bare: true }
}

fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split_whitespace()
}

/// The name of a text that is `${name}` and nothing else.
pub(super) fn reference(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("${")?.strip_suffix('}')?.trim();
    (!name.contains(['$', '{', '}']) && !name.is_empty()).then_some(name)
}

pub(super) fn says_yes(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "yes" | "true" | "true()")
}

fn is_audit(kind: &QuestionKind) -> bool {
    matches!(kind, QuestionKind::Standard(name) if name == "audit")
}

/// Whether a row is no element of its own: an audit is kept in `meta`, a file of data is an instance.
fn is_kept_apart(kind: &QuestionKind) -> bool {
    matches!(kind, QuestionKind::Standard(name)
        if matches!(name.as_str(), "audit" | "xml-external" | "csv-external"))
}

#[cfg(test)]
mod tests {
    use super::reference;

    #[test]
    fn one_name_and_nothing_else_is_a_reference() {
        assert_eq!(reference(" ${ a } "), Some("a"));
        for text in ["${a} + 1", "${a}${b}", "${}", "a", "${a"] {
            assert_eq!(reference(text), None, "{text}");
        }
    }
}
