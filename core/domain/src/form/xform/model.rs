//! The model: the primary instance, the data that the form looks things up in, binds and actions.

use std::collections::BTreeSet;

use super::{
    element::Element,
    entities::Attribute,
    kinds::{Bound, bound},
    plan::{Kind, Part, Plan, says_yes},
    refer::From,
};
use crate::form::{Choice, ChoiceSource, Question, QuestionKind, Translated, expr::is_dynamic};

impl Plan<'_> {
    pub(super) fn model(&self, notes: &mut Vec<String>) -> Element {
        let mut model = Element::new("model")
            .with("odk:xforms-version", "1.0.0")
            .with_some("entities:entities-version", self.entities.version());
        model.extend(self.submission());
        model.extend(self.itext());
        model.push(Element::new("instance").child(self.primary()));
        model.extend(self.secondary(notes));
        for at in self.below(Self::ROOT) {
            model.extend(self.bind(at));
            model.extend(self.actions(at));
        }
        model
    }

    /// How records are sent, where the settings say it.
    fn submission(&self) -> Option<Element> {
        let setting = |name: &str| self.form.setting(name).filter(|text| !text.is_empty());
        let address = setting("submission_url");
        let submission = Element::new("submission")
            .with_some("action", address)
            .with_some("method", address.map(|_| "post"))
            .with_some("base64RsaPublicKey", setting("public_key"))
            .with_some("orx:auto-send", setting("auto_send"))
            .with_some("orx:auto-delete", setting("auto_delete"))
            .with_some(
                "odk:client-editable",
                setting("client_editable").filter(|is| says_yes(is)).map(|_| "true"),
            );
        submission.has_attributes().then_some(submission)
    }

    fn primary(&self) -> Element {
        let mut root = self.instance(Self::ROOT, Rows::First);
        root.set("id", self.form.id.clone());
        if let Some(namespace) = self.form.setting("instance_xmlns").filter(|text| !text.is_empty()) {
            root.set("xmlns", namespace);
        }
        if !self.form.version.is_empty() {
            root.set("version", self.form.version.clone());
        }
        for (setting, attribute) in [("prefix", "odk:prefix"), ("delimiter", "odk:delimiter")] {
            if let Some(text) = self.form.setting(setting).filter(|text| !text.is_empty()) {
                root.set(attribute, text);
            }
        }
        for (heading, text) in &self.form.settings {
            if let Some(name) = heading.strip_prefix("attribute::") {
                root.set(name.trim().to_owned(), text.clone());
            }
        }
        root
    }

    /// An element of the primary instance with all below it. A repeat stands there as the template of a
    /// new row, and as its first row.
    fn instance(&self, at: usize, rows: Rows) -> Element {
        let part = &self.parts[at];
        let mut element = Element::new(part.name.clone());
        if let Kind::Question(question) = &part.kind {
            for (heading, text) in &question.extra {
                if let Some(name) = heading.strip_prefix("instance::") {
                    element.set(name.trim().to_owned(), self.paths(text, at, From::Node));
                }
            }
            if let Some(value) = question.default.as_deref().filter(|text| !is_dynamic(text)) {
                return element.text(default_value(question, value));
            }
        }
        for child in &part.children {
            if let Kind::Attribute(attribute) = &self.parts[*child].kind {
                let name = self.parts[*child].name.trim_start_matches('@').to_owned();
                element.set(name, attribute.value.clone());
                continue;
            }
            if !self.is_repeat(*child) {
                element.push(self.instance(*child, rows));
                continue;
            }
            if rows != Rows::OfFirst {
                element.push(self.instance(*child, Rows::OfTemplate).with("jr:template", ""));
            }
            if rows != Rows::OfTemplate {
                element.push(self.instance(*child, Rows::OfFirst));
            }
        }
        element
    }

    /// Lists of choices and files of data.
    fn secondary(&self, notes: &mut Vec<String>) -> Vec<Element> {
        let mut instances = Vec::new();
        let mut ids = BTreeSet::new();
        let mut file = |id: &str, address: String| {
            if ids.insert(id.to_owned()) {
                instances.push(Element::new("instance").with("id", id).with("src", address));
            }
        };
        let mut reads_last_saved = false;
        for question in self.form.questions() {
            if let QuestionKind::Standard(kind) = &question.kind {
                match kind.as_str() {
                    "csv-external" => {
                        file(&question.name, format!("jr://file-csv/{}.csv", question.name));
                    }
                    "xml-external" => file(&question.name, format!("jr://file/{}.xml", question.name)),
                    _ => {}
                }
            }
            if let Some(ChoiceSource::File(name)) = question.kind.choices() {
                let (id, ending) = name.rsplit_once('.').unwrap_or((name, "csv"));
                let folder = if ending.eq_ignore_ascii_case("csv") { "file-csv" } else { "file" };
                file(id, format!("jr://{folder}/{name}"));
            }
            for text in expressions(question) {
                for name in pulled(text) {
                    file(name, format!("jr://file-csv/{name}.csv"));
                }
                reads_last_saved |= text.contains("${last-saved#");
            }
        }
        if reads_last_saved {
            file("__last-saved", "jr://instance/last-saved".to_owned());
        }
        let searched = self.searched_lists();
        for (list, choices) in &self.form.choices {
            if !searched.contains(list.as_str()) && ids.insert(list.clone()) {
                instances.push(self.list_instance(list, choices, notes));
            }
        }
        instances
    }

    fn list_instance(&self, list: &str, choices: &[Choice], notes: &mut Vec<String>) -> Element {
        let has_text = self.has_list_text(choices);
        let mut root = Element::new("root");
        let mut left_out = BTreeSet::new();
        for (number, choice) in choices.iter().enumerate() {
            let mut item = Element::new("item");
            if has_text {
                item.push(Element::new("itextId").text(format!("{list}-{number}")));
            }
            item.push(Element::new("name").text(choice.name.clone()));
            if !has_text && !choice.label.0.is_empty() {
                item.push(Element::new("label").text(choice.label.text()));
            }
            for (name, text) in &choice.extra {
                if crate::form::xlsform::is_xml_name(name) {
                    item.push(Element::new(name.clone()).text(text.clone()));
                } else {
                    left_out.insert(name.as_str());
                }
            }
            for (name, day) in [("valid_from", choice.valid_from), ("valid_to", choice.valid_to)] {
                item.extend(day.map(|day| Element::new(name).text(day.to_string())));
            }
            root.push(item);
        }
        for name in left_out {
            notes.push(format!(
                "The column `{name}` of the list `{list}` cannot be the name of an element, and is left out. Rename it without blanks."
            ));
        }
        Element::new("instance").with("id", list).child(root)
    }

    fn bind(&self, at: usize) -> Option<Element> {
        let part = &self.parts[at];
        let paths = |text: &str| self.paths(text, at, From::Node);
        let bind = Element::new("bind").with("nodeset", part.path.clone());
        match &part.kind {
            Kind::Root | Kind::Meta => None,
            Kind::Attribute(Attribute { bind: attributes, .. }) if attributes.is_empty() => None,
            Kind::Kept(attributes) | Kind::Attribute(Attribute { bind: attributes, .. }) => {
                Some(attributes.iter().fold(bind, |bind, (name, text)| bind.with(*name, paths(text))))
            }
            Kind::Group(shown) | Kind::Repeat(shown, _) => {
                let relevant = shown.section.relevant.as_deref().map(paths);
                relevant.map(|relevant| bind.with("relevant", relevant))
            }
            Kind::Question(question) => Some(self.question_bind(bind, part, question, &paths)),
        }
    }

    fn question_bind(
        &self,
        bind: Element,
        part: &Part<'_>,
        question: &Question,
        paths: &dyn Fn(&str) -> String,
    ) -> Element {
        let Bound { value, preload, .. } = bound(question);
        let mut bind = bind.with("type", value);
        if let Some((way, what)) = preload {
            bind.set("jr:preload", way);
            bind.set("jr:preloadParams", what);
        }
        let is_note = question.kind == QuestionKind::Note;
        match &question.read_only_when {
            Some(when) => bind.set("readonly", paths(when)),
            None if question.read_only || is_note => bind.set("readonly", "true()"),
            None => {}
        }
        match question.required.as_deref() {
            Some("yes") => bind.set("required", "true()"),
            Some(when) => bind.set("required", paths(when)),
            None => {}
        }
        for (name, text) in [("relevant", &question.relevant), ("constraint", &question.constraint)] {
            if let Some(text) = text {
                bind.set(name, paths(text));
            }
        }
        for (name, message) in [
            ("jr:constraintMsg", &question.constraint_message),
            ("jr:requiredMsg", &question.required_message),
        ] {
            if let Some(message) = self.message(part, name, message) {
                bind.set(name, message);
            }
        }
        // What a trigger computes is an action of that question.
        if let (Some(calculation), None) = (&question.calculation, &question.trigger) {
            bind.set("calculate", paths(calculation));
        }
        for (parameter, attribute) in [
            ("max-pixels", "orx:max-pixels"),
            ("quality", "odk:quality"),
            ("allow-mock-accuracy", "odk:allow-mock-accuracy"),
        ] {
            let is_of_action = super::kinds::is_recorded(&question.kind);
            if let Some(text) = question.parameters.get(parameter).filter(|_| !is_of_action) {
                bind.set(attribute, text.clone());
            }
        }
        for (heading, text) in &question.extra {
            if let Some(name) = heading.strip_prefix("bind::") {
                bind.set(name.trim().to_owned(), paths(text));
            } else if heading == "save_to" {
                let property = text.rsplit_once('#').map_or(text.as_str(), |(_, property)| property);
                bind.set("entities:saveto", property);
            }
        }
        bind
    }

    fn message(&self, part: &Part<'_>, name: &str, message: &Translated) -> Option<String> {
        if self.has_message_text(message) {
            return Some(format!("jr:itext('{}:{name}')", part.path));
        }
        Some(message.text().to_owned()).filter(|text| !text.is_empty())
    }

    /// What is done when a record is opened.
    fn actions(&self, at: usize) -> Vec<Element> {
        let part = &self.parts[at];
        let mut actions: Vec<Element> =
            self.dynamic_default(at, "odk-instance-first-load").into_iter().collect();
        let Kind::Question(question) = &part.kind else { return actions };
        if let QuestionKind::Standard(kind) = &question.kind {
            match kind.as_str() {
                "start-geopoint" => actions.push(
                    Element::new("odk:setgeopoint")
                        .with("ref", part.path.clone())
                        .with("event", "odk-instance-first-load"),
                ),
                "background-audio" => actions.push(
                    Element::new("odk:recordaudio")
                        .with("ref", part.path.clone())
                        .with("event", "odk-instance-load")
                        .with_some("odk:quality", question.parameters.get("quality").cloned()),
                ),
                _ => {}
            }
        }
        actions
    }

    /// The action that gives a question its value at an event, where the value is computed, or a new entity
    /// its id.
    pub(super) fn dynamic_default(&self, at: usize, event: &'static str) -> Option<Element> {
        let part = &self.parts[at];
        let value = match &part.kind {
            Kind::Question(question) => {
                let default = question.default.as_deref().filter(|text| is_dynamic(text))?;
                self.paths(default, at, From::Node)
            }
            Kind::Attribute(attribute) if attribute.is_fresh => "uuid()".to_owned(),
            _ => return None,
        };
        Some(
            Element::new("setvalue").with("ref", part.path.clone()).with("event", event).with("value", value),
        )
    }
}

/// Which rows of a repeat an element stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// None yet.
    First,
    OfTemplate,
    OfFirst,
}

/// Files that a question shows at the start are named as the standard keeps them.
fn default_value(question: &Question, value: &str) -> String {
    let is_image = matches!(&question.kind, QuestionKind::Media(kind) if kind == "image");
    if is_image && !value.contains("://") { format!("jr://images/{value}") } else { value.to_owned() }
}

/// Everything of a question that can read files of data.
fn expressions(question: &Question) -> impl Iterator<Item = &str> {
    [
        &question.calculation,
        &question.constraint,
        &question.read_only_when,
        &question.required,
        &question.relevant,
        &question.choice_filter,
        &question.default,
    ]
    .into_iter()
    .filter_map(Option::as_deref)
}

/// The files that `pulldata` reads.
fn pulled(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("pulldata").filter_map(|(at, word)| {
        let argument = text[at + word.len()..].trim_start().strip_prefix('(')?.split(',').next()?.trim();
        let name = argument.trim_matches(['\'', '"']).trim();
        (!name.is_empty()).then_some(name)
    })
}
