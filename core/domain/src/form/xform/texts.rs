//! The texts of a form in its languages (`itext`).

use std::collections::BTreeMap;

use super::{
    element::{Content, Element},
    plan::{Kind, Plan},
};
use crate::form::{Choice, Question, Translated};

/// A text as the sheet has it.
pub(super) enum Spread<'t> {
    /// In one language, which is not named.
    One(&'t str),
    /// In each of these languages.
    Many(Vec<(&'t str, &'t str)>),
}

/// One text of a language: its id, then what of it (`long`, `guidance`, `image`, ...).
type Values = BTreeMap<&'static str, Vec<Content>>;

#[derive(Default)]
struct Texts {
    /// In the order in which they come.
    languages: Vec<String>,
    ids: Vec<String>,
    values: BTreeMap<(String, String), Values>,
}

/// What stands where a language has no text.
const MISSING: &str = "-";

/// The kinds of files, with the folder that the standard keeps them in.
const MEDIA: [(&str, &str); 4] =
    [("image", "images"), ("big-image", "images"), ("audio", "audio"), ("video", "video")];

impl Texts {
    fn add(&mut self, language: &str, id: &str, form: &'static str, content: Vec<Content>) {
        if !self.languages.iter().any(|known| known == language) {
            self.languages.push(language.to_owned());
        }
        if self.ids.last().is_none_or(|last| last != id) && !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.to_owned());
        }
        self.values.entry((language.to_owned(), id.to_owned())).or_default().insert(form, content);
    }
}

impl Plan<'_> {
    /// Tells a text in one language from one in several.
    pub(super) fn spread<'t>(&'t self, text: &'t Translated) -> Option<Spread<'t>> {
        if text.0.is_empty() {
            return None;
        }
        if let (1, Some(one)) = (text.0.len(), text.0.get("")) {
            return Some(Spread::One(one));
        }
        let named = text.0.iter().filter(|(language, _)| !language.is_empty());
        let mut many: Vec<_> = named.map(|(language, text)| (language.as_str(), text.as_str())).collect();
        if let Some(plain) = text.0.get("")
            && !text.0.contains_key(&self.language)
        {
            many.insert(0, (&self.language, plain));
        }
        Some(Spread::Many(many))
    }

    /// Whether the label of a part stands in the texts and not in the body.
    pub(super) fn has_label_text(&self, label: &Translated, media: &BTreeMap<String, Translated>) -> bool {
        !media.is_empty() || matches!(self.spread(label), Some(Spread::Many(_)))
    }

    pub(super) fn has_hint_text(&self, question: &Question) -> bool {
        !question.guidance_hint.0.is_empty() || matches!(self.spread(&question.hint), Some(Spread::Many(_)))
    }

    /// Whether a message stands in the texts and not in the bind.
    pub(super) fn has_message_text(&self, message: &Translated) -> bool {
        match self.spread(message) {
            None => false,
            Some(Spread::One(text)) => text.contains("${"),
            Some(Spread::Many(_)) => true,
        }
    }

    /// Whether the labels of a list stand in the texts and not in its instance.
    pub(super) fn has_list_text(&self, choices: &[Choice]) -> bool {
        choices.iter().any(|choice| {
            !choice.media.is_empty()
                || match self.spread(&choice.label) {
                    None => false,
                    Some(Spread::One(text)) => text.contains("${"),
                    Some(Spread::Many(_)) => true,
                }
        })
    }

    /// `itext`; nothing where no text needs it.
    pub(super) fn itext(&self) -> Option<Element> {
        let mut texts = Texts::default();
        for (list, choices) in &self.form.choices {
            if self.has_list_text(choices) {
                self.list(list, choices, &mut texts);
            }
        }
        for at in self.below(Self::ROOT) {
            let part = &self.parts[at];
            match &part.kind {
                Kind::Group(shown) | Kind::Repeat(shown, _) if !shown.is_bare => {
                    let section = shown.section;
                    if self.has_label_text(&section.label, &section.media) {
                        self.label(&part.path, &section.label, &section.media, Some(at), &mut texts);
                    }
                }
                Kind::Question(question) => self.question_texts(at, question, &mut texts),
                _ => {}
            }
        }
        if texts.languages.is_empty() {
            return None;
        }
        Some(self.written(&texts))
    }

    fn question_texts(&self, at: usize, question: &Question, texts: &mut Texts) {
        let path = &self.parts[at].path;
        for (message, name) in [
            (&question.constraint_message, "jr:constraintMsg"),
            (&question.required_message, "jr:requiredMsg"),
        ] {
            if self.has_message_text(message) {
                self.text(&format!("{path}:{name}"), "long", message, Some(at), texts);
            }
        }
        if self.has_label_text(&question.label, &question.media) {
            self.label(path, &question.label, &question.media, Some(at), texts);
        }
        if self.has_hint_text(question) {
            let id = format!("{path}:hint");
            self.text(&id, "long", &question.hint, Some(at), texts);
            self.text(&id, "guidance", &question.guidance_hint, Some(at), texts);
        }
    }

    fn label(
        &self,
        path: &str,
        label: &Translated,
        media: &BTreeMap<String, Translated>,
        at: Option<usize>,
        texts: &mut Texts,
    ) {
        let id = format!("{path}:label");
        self.text(&id, "long", label, at, texts);
        self.media(&id, media, texts);
    }

    fn media(&self, id: &str, media: &BTreeMap<String, Translated>, texts: &mut Texts) {
        for (kind, folder) in MEDIA {
            let Some(files) = media.get(kind).and_then(|files| self.spread(files)) else { continue };
            let file = |file: &str| vec![Content::Text(format!("jr://{folder}/{file}"))];
            match files {
                Spread::One(one) => texts.add(&self.language, id, kind, file(one)),
                Spread::Many(many) => {
                    for (language, one) in many {
                        texts.add(language, id, kind, file(one));
                    }
                }
            }
        }
    }

    fn text(&self, id: &str, form: &'static str, text: &Translated, at: Option<usize>, texts: &mut Texts) {
        match self.spread(text) {
            None => {}
            Some(Spread::One(text)) => texts.add(&self.language, id, form, self.content(text, at)),
            Some(Spread::Many(many)) => {
                for (language, text) in many {
                    texts.add(language, id, form, self.content(text, at));
                }
            }
        }
    }

    fn list(&self, list: &str, choices: &[Choice], texts: &mut Texts) {
        let languages: Vec<String> = choices
            .iter()
            .filter_map(|choice| match self.spread(&choice.label) {
                Some(Spread::Many(many)) => Some(many.into_iter().map(|(language, _)| language.to_owned())),
                _ => None,
            })
            .flatten()
            .collect();
        for (at, choice) in choices.iter().enumerate() {
            let id = format!("{list}-{at}");
            match self.spread(&choice.label) {
                // The choice that `or_other` adds is the same in every language.
                Some(Spread::One(text)) if choice.name == "other" && !languages.is_empty() => {
                    for language in &languages {
                        texts.add(language, &id, "long", self.content(text, None));
                    }
                }
                _ => self.text(&id, "long", &choice.label, None, texts),
            }
            self.media(&id, &choice.media, texts);
        }
    }

    /// Every text in every language; where one has none, a dash, as other tools write it.
    fn written(&self, texts: &Texts) -> Element {
        let mut itext = Element::new("itext");
        for language in &texts.languages {
            let is_default = *language == self.language;
            let mut translation = Element::new("translation").with("lang", language.clone());
            if is_default {
                translation.set("default", "true()");
            }
            for id in &texts.ids {
                let here = texts.values.get(&(language.clone(), id.clone()));
                let mut text = Element::new("text").with("id", id.clone());
                for form in ["long", "guidance", "image", "big-image", "audio", "video"] {
                    let said = here.and_then(|values| values.get(form));
                    let is_text = matches!(form, "long" | "guidance");
                    let is_elsewhere = texts
                        .languages
                        .iter()
                        .filter_map(|other| texts.values.get(&(other.clone(), id.clone())))
                        .any(|values| values.contains_key(form));
                    let value = Element::new("value").with_some("form", (form != "long").then_some(form));
                    match said {
                        Some(content) => text.push(value.content(content.iter().cloned())),
                        None if is_text && is_elsewhere => text.push(value.text(MISSING)),
                        None => {}
                    }
                }
                translation.push(text);
            }
            itext.push(translation);
        }
        itext
    }
}
