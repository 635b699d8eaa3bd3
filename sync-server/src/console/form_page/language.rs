//! The languages of a form: which there are, and how pages say which one they speak.

use std::collections::BTreeMap;

use alongside_domain::form::{Choice, Form, codebook::Codebook};

/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 10] = ["ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"];

/// A language that can be chosen.
pub(super) struct Offered {
    /// As the form names it.
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) is_spoken: bool,
}

/// What a page says of its language: `lang` and `dir`.
pub(super) struct Speech {
    pub(super) tag: String,
    pub(super) direction: &'static str,
}

/// The languages to choose from; none where there is one only.
pub(super) fn offered(form: &Form, lists: &BTreeMap<String, Vec<Choice>>, spoken: &str) -> Vec<Offered> {
    let names = Codebook::new(form, lists).languages;
    if names.len() < 2 {
        return Vec::new();
    }
    let spoken = if spoken.is_empty() { form.default_language.as_str() } else { spoken };
    names.into_iter().map(|name| Offered { tag: tag(&name), is_spoken: name == spoken, name }).collect()
}

pub(super) fn speech(form: &Form, spoken: &str) -> Speech {
    let spoken = if spoken.is_empty() { form.default_language.as_str() } else { spoken };
    let tag = tag(spoken);
    let first = tag.split('-').next().unwrap_or_default();
    let direction = if RIGHT_TO_LEFT.contains(&first) { "rtl" } else { "ltr" };
    Speech { tag, direction }
}

/// `en` of `English (en)`; English where the form does not say.
fn tag(name: &str) -> String {
    let inside = name.rsplit_once('(').and_then(|(_, rest)| rest.trim_end().strip_suffix(')'));
    let tag = inside.unwrap_or(name).trim();
    let is_tag = (2..=35).contains(&tag.len())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && tag.split('-').next().is_some_and(|first| (2..=3).contains(&first.len()));
    if is_tag { tag.to_ascii_lowercase() } else { "en".to_owned() }
}
