//! The body: what is asked, in order.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    element::Element,
    kinds::{bound, is_shown},
    plan::{Kind, Plan, Shown},
    refer::From,
};
use crate::form::{Choice, ChoiceSource, Question, QuestionKind, session::trigger_names};

/// What the answers of a question set off, by its name: the parts that are computed then.
type Triggers<'p> = BTreeMap<&'p str, Vec<usize>>;

impl Plan<'_> {
    pub(super) fn body(&self) -> Element {
        let style = self.form.setting("style").filter(|style| !style.is_empty());
        let mut body = Element::new("h:body").with_some("class", style);
        let triggers = self.triggers();
        body.extend(self.controls(Self::ROOT, &triggers));
        body
    }

    fn triggers(&self) -> Triggers<'_> {
        let mut triggers = Triggers::new();
        for at in self.below(Self::ROOT) {
            if let Kind::Question(question) = &self.parts[at].kind {
                for name in question.trigger.as_deref().map(trigger_names).unwrap_or_default() {
                    triggers.entry(name).or_default().push(at);
                }
            }
        }
        triggers
    }

    fn controls(&self, above: usize, triggers: &Triggers<'_>) -> Vec<Element> {
        let children = self.parts[above].children.iter();
        children.filter_map(|at| self.control(*at, triggers)).collect()
    }

    fn control(&self, at: usize, triggers: &Triggers<'_>) -> Option<Element> {
        let part = &self.parts[at];
        match &part.kind {
            Kind::Root | Kind::Meta | Kind::Kept(_) | Kind::Attribute(_) => None,
            Kind::Question(question) => self.question_control(at, question, triggers),
            Kind::Group(shown) => {
                let mut group = Element::new("group")
                    .with("ref", part.path.clone())
                    .with_some("appearance", shown.appearance.clone());
                if !shown.is_bare && !shown.section.label.0.is_empty() {
                    group.push(self.heading(at, shown));
                }
                group.extend(self.controls(at, triggers));
                Some(group)
            }
            Kind::Repeat(shown, count) => {
                let mut repeat = Element::new("repeat")
                    .with("nodeset", part.path.clone())
                    .with_some("appearance", shown.appearance.clone())
                    .with_some("jr:count", count.as_deref().map(|count| self.paths(count, at, From::Node)));
                repeat.extend(self.controls(at, triggers));
                repeat.extend(
                    self.below(at)
                        .into_iter()
                        // Those of a repeat inside are given when a row of that is made.
                        .filter(|below| self.above(*below).find(|up| self.is_repeat(*up)) == Some(at))
                        .filter_map(|below| self.dynamic_default(below, "odk-new-repeat")),
                );
                let group = Element::new("group").with("ref", part.path.clone());
                Some(group.child(self.heading(at, shown)).child(repeat))
            }
        }
    }

    fn heading(&self, at: usize, shown: &Shown<'_>) -> Element {
        let label = Element::new("label");
        let section = shown.section;
        if shown.is_bare {
            label
        } else if self.has_label_text(&section.label, &section.media) {
            label.with("ref", format!("jr:itext('{}:label')", self.parts[at].path))
        } else {
            label.content(self.content(section.label.text(), Some(at)))
        }
    }

    fn question_control(&self, at: usize, question: &Question, triggers: &Triggers<'_>) -> Option<Element> {
        if !is_shown(question) {
            return None;
        }
        let bound = bound(question);
        let path = &self.parts[at].path;
        let mut control = Element::new(bound.control?)
            .with("ref", path.clone())
            .with_some("mediatype", bound.files)
            .with_some("appearance", question.appearance.clone());
        self.parameters(question, &mut control);
        for (heading, text) in &question.extra {
            let named = heading.strip_prefix("body::").or_else(|| heading.strip_prefix("control::"));
            let plain = matches!(heading.as_str(), "autoplay" | "intent").then_some(heading.as_str());
            if let Some(name) = named.or(plain) {
                control.set(name.trim().to_owned(), self.paths(text, at, From::Node));
            }
        }
        if let QuestionKind::SelectOne(ChoiceSource::External(list)) = &question.kind {
            let filter = question.choice_filter.as_deref();
            let filter = filter.map(|text| format!("[{}]", self.paths(text, at, From::Choice)));
            let query = format!("instance('{list}')/root/item{}", filter.unwrap_or_default());
            control.set("query", query);
        }
        let has_label = !question.label.0.is_empty() || !question.media.is_empty();
        let has_hint = !question.hint.0.is_empty() || !question.guidance_hint.0.is_empty();
        if has_label || has_hint {
            let label = Element::new("label");
            control.push(if self.has_label_text(&question.label, &question.media) {
                label.with("ref", format!("jr:itext('{path}:label')"))
            } else {
                label.content(self.content(question.label.text(), Some(at)))
            });
        }
        if has_hint {
            let hint = Element::new("hint");
            control.push(if self.has_hint_text(question) {
                hint.with("ref", format!("jr:itext('{path}:hint')"))
            } else {
                hint.content(self.content(question.hint.text(), Some(at)))
            });
        }
        if let Some(source) = question.kind.choices() {
            control.extend(self.offer(at, question, source));
        } else if let Some(list) = question.parameters.get("tick_labelset") {
            control.push(itemset(format!("instance('{list}')/root/item"), "name", self.label_of(list)));
        }
        for target in triggers.get(question.name.as_str()).into_iter().flatten() {
            control.push(self.triggered(at, *target));
        }
        Some(control)
    }

    fn parameters(&self, question: &Question, control: &mut Element) {
        let all = &question.parameters;
        if question.kind == QuestionKind::Range {
            for (name, otherwise) in [("start", "1"), ("end", "10"), ("step", "1")] {
                control.set(name, all.get(name).map_or(otherwise, String::as_str));
            }
        }
        for (parameter, attribute) in [
            ("tick_interval", "odk:tick-interval"),
            ("placeholder", "odk:placeholder"),
            ("rows", "rows"),
            ("capture-accuracy", "accuracyThreshold"),
            ("warning-accuracy", "unacceptableAccuracyThreshold"),
            ("incremental", "incremental"),
            ("app", "intent"),
        ] {
            if let Some(text) = all.get(parameter) {
                control.set(attribute, text.clone());
            }
        }
    }

    /// What an answer computes of another question.
    fn triggered(&self, at: usize, target: usize) -> Element {
        let part = &self.parts[target];
        let Kind::Question(question) = &part.kind else { return Element::new("setvalue") };
        let is_place =
            matches!(&question.kind, QuestionKind::Standard(kind) if kind == "background-geopoint");
        let action = Element::new(if is_place { "odk:setgeopoint" } else { "setvalue" })
            .with("ref", part.path.clone())
            .with("event", "xforms-value-changed");
        if is_place {
            return action;
        }
        let value = question.calculation.as_deref().map(|text| self.paths(text, at, From::Node));
        action.with_some("value", value)
    }

    /// Lists of selects that the app searches itself: their choices stand in the body.
    pub(super) fn searched_lists(&self) -> BTreeSet<&str> {
        let selects = self.form.questions().filter(|question| searches(question));
        selects
            .filter_map(|question| match question.kind.choices() {
                Some(ChoiceSource::List(list)) => Some(list.as_str()),
                _ => None,
            })
            .collect()
    }

    fn offer(&self, at: usize, question: &Question, source: &ChoiceSource) -> Vec<Element> {
        let filter = question.choice_filter.as_deref();
        let filtered = |from: String| match filter {
            Some(filter) => format!("{from}[{}]", self.paths(filter, at, From::Choice)),
            None => from,
        };
        let parameter = |name: &str, otherwise: &str| {
            question.parameters.get(name).map_or(otherwise, String::as_str).to_owned()
        };
        let (nodes, value, label) = match source {
            ChoiceSource::External(_) => return Vec::new(),
            ChoiceSource::List(list) if searches(question) => {
                let choices = self.form.choices.get(list).map(Vec::as_slice).unwrap_or_default();
                return self.inline(list, choices);
            }
            ChoiceSource::List(list) => {
                (filtered(format!("instance('{list}')/root/item")), "name".to_owned(), self.label_of(list))
            }
            ChoiceSource::File(name) => {
                let (id, ending) = name.rsplit_once('.').unwrap_or((name, ""));
                let is_map = ending.eq_ignore_ascii_case("geojson");
                let (value, label) = if is_map { ("id", "title") } else { ("name", "label") };
                (
                    filtered(format!("instance('{id}')/root/item")),
                    parameter("value", value),
                    parameter("label", label),
                )
            }
            ChoiceSource::Answers(name) => {
                let Some(target) = self.named(name) else { return Vec::new() };
                let Some(repeat) = self.above(target).find(|up| self.is_repeat(*up)) else {
                    return Vec::new();
                };
                let Some(value) = self.in_row(name, repeat) else { return Vec::new() };
                let test = match filter {
                    Some(filter) => self.paths(filter, at, From::Row(repeat)),
                    None => format!("{value} != ''"),
                };
                let value = value.trim_start_matches("./").to_owned();
                (format!("{}[{test}]", self.rows_of(repeat, at)), value.clone(), value)
            }
        };
        let nodes = match question.parameters.get("randomize").map(String::as_str) {
            Some("true") => match question.parameters.get("seed") {
                Some(seed) => format!("randomize({nodes}, {})", self.paths(seed, at, From::Node)),
                None => format!("randomize({nodes})"),
            },
            _ => nodes,
        };
        vec![itemset(nodes, value, label)]
    }

    fn label_of(&self, list: &str) -> String {
        let has_text = self.form.choices.get(list).is_some_and(|choices| self.has_list_text(choices));
        if has_text { "jr:itext(itextId)" } else { "label" }.to_owned()
    }

    fn inline(&self, list: &str, choices: &[Choice]) -> Vec<Element> {
        let has_text = self.has_list_text(choices);
        choices
            .iter()
            .enumerate()
            .map(|(number, choice)| {
                let label = Element::new("label");
                let label = if has_text {
                    label.with("ref", format!("jr:itext('{list}-{number}')"))
                } else {
                    label.text(choice.label.text())
                };
                Element::new("item").child(label).child(Element::new("value").text(choice.name.clone()))
            })
            .collect()
    }
}

fn itemset(nodes: String, value: impl Into<String>, label: impl Into<String>) -> Element {
    Element::new("itemset")
        .with("nodeset", nodes)
        .child(Element::new("value").with("ref", value))
        .child(Element::new("label").with("ref", label))
}

fn searches(question: &Question) -> bool {
    question.appearance.as_deref().is_some_and(|appearance| appearance.contains("search("))
}
