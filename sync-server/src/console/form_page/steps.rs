//! The pages of a form as they are walked through: those of its session, without what is not shown.

use alongside_domain::form::{Form, Item, Question, session::Page};

use super::Visit;
use crate::surveys::answer::{self, Filling};

/// The pages that show something.
pub(super) fn pages(visit: &Visit<'_>, filling: &Filling) -> Vec<Page> {
    let mut pages = filling.session.pages_with_rows(&visit.around);
    for page in &mut pages {
        page.questions.retain(|key| is_asked(visit, key));
    }
    pages.retain(|page| !page.questions.is_empty() || !page.rows.is_empty());
    pages
}

/// The question of a key.
pub(super) fn question<'f>(form: &'f Form, key: &str) -> Option<&'f Question> {
    form.question(key.rsplit('/').next().unwrap_or(key))
}

fn is_asked(visit: &Visit<'_>, key: &str) -> bool {
    question(visit.form, key)
        .is_some_and(|question| answer::is_shown(&question.kind) && !visit.survey.leaves_out(&question.name))
}

/// What names a page: its first question, or `+` and the first repeat that grows on it.
pub(super) fn anchor(page: &Page) -> String {
    match (page.questions.first(), page.rows.first()) {
        (Some(key), _) => key.clone(),
        (None, Some(repeat)) => format!("+{repeat}"),
        (None, None) => String::new(),
    }
}

/// The place of the page that `at` names.
pub(super) fn find(pages: &[Page], at: &str) -> Option<usize> {
    pages.iter().position(|page| match at.strip_prefix('+') {
        Some(repeat) => page.rows.iter().any(|row| row == repeat),
        None => page.questions.iter().any(|key| key == at),
    })
}

/// The sections around a question that its page shows headings of.
pub(super) fn headings(form: &Form, key: &str, language: &str) -> Vec<String> {
    let name = key.rsplit('/').next().unwrap_or(key);
    form.around(name)
        .into_iter()
        .filter_map(|item| match item {
            Item::Group(section) | Item::Repeat(section) => {
                Some(section.label.get(language).unwrap_or_default().to_owned())
            }
            Item::Question(_) => None,
        })
        .filter(|heading| !heading.is_empty())
        .collect()
}

/// The label of a repeat that `rows` names, such as `visit` or `house/a1/visit`.
pub(super) fn repeat_label(form: &Form, repeat: &str, language: &str) -> String {
    let name = repeat.rsplit('/').next().unwrap_or(repeat);
    fn find<'f>(items: &'f [Item], name: &str) -> Option<&'f alongside_domain::form::Section> {
        items.iter().find_map(|item| match item {
            Item::Repeat(section) if section.name == name => Some(section),
            Item::Repeat(section) | Item::Group(section) => find(&section.items, name),
            Item::Question(_) => None,
        })
    }
    let label = find(&form.items, name).and_then(|section| section.label.get(language));
    label.filter(|label| !label.is_empty()).unwrap_or(name).to_owned()
}
