//! The address of a list: its parameters, checked, and the links that change one of them.

use alongside_domain::programme::{FieldRef, Programme};
use serde::Deserialize;

use crate::read_model::list::{DueWindow, Filter, Sort, Supporter};

/// Longest text that is searched for.
const LONGEST_TEXT: usize = 100;

/// The parameters as they stand in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawQuery {
    pub(super) q: String,
    pub(super) supporter: String,
    pub(super) status: String,
    pub(super) stage: String,
    pub(super) due: String,
    pub(super) conflicts: String,
    pub(super) problems: String,
    pub(super) sort: String,
    pub(super) order: String,
    pub(super) page: String,
}

/// A parameter that is not as it should be: at which field, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Id of the field on the page.
    pub(super) field: &'static str,
    /// What to do.
    pub(super) text: String,
}

/// The parameters, checked. A faulty one is left out and told.
#[derive(Debug, Clone)]
pub(super) struct ListQuery {
    pub(super) filter: Filter,
    pub(super) sort: Sort,
    pub(super) descending: bool,
    /// Counted from 1.
    pub(super) page: u64,
    pub(super) faults: Vec<Fault>,
}

/// The sorts by their names in the address.
pub(super) const SORTS: [(&str, Sort); 8] = [
    ("reference", Sort::Reference),
    ("name", Sort::Name),
    ("supporter", Sort::Supporter),
    ("stage", Sort::Stage),
    ("status", Sort::Status),
    ("contact", Sort::Contact),
    ("deadline", Sort::Deadline),
    ("conflicts", Sort::Conflicts),
];

/// The deadline windows by their names in the address, with their labels.
pub(super) const WINDOWS: [(&str, DueWindow, &str); 3] = [
    ("overdue", DueWindow::Overdue, "Overdue"),
    ("7", DueWindow::Within(7), "In the next 7 days"),
    ("30", DueWindow::Within(30), "In the next 30 days"),
];

impl ListQuery {
    /// Checks the parameters against the programme's lists.
    pub(super) fn check(raw: &RawQuery, programme: &Programme) -> Self {
        let mut faults = Vec::new();
        let mut fault = |field, text: &str| faults.push(Fault { field, text: text.to_owned() });

        let text = match raw.q.trim() {
            "" => None,
            long if long.chars().count() > LONGEST_TEXT => {
                fault("q", "The reference or name to look for must be 100 characters or fewer");
                None
            }
            text => Some(text.to_owned()),
        };
        let supporter = match raw.supporter.as_str() {
            "" => None,
            "none" => Some(Supporter::Nobody),
            id => {
                let person = id.parse().ok().map(Supporter::Person);
                if person.is_none() {
                    fault("supporter", "Choose a supporter from the list");
                }
                person
            }
        };
        let mut code = |value: &str, part: Option<&FieldRef>, field, text: &str| match value {
            "" => None,
            code if knows(programme, part, code) => Some(code.to_owned()),
            _ => {
                fault(field, text);
                None
            }
        };
        let status =
            code(&raw.status, programme.parts.status.as_ref(), "status", "Choose a status from the list");
        let stage = code(&raw.stage, programme.parts.stage.as_ref(), "stage", "Choose a stage from the list");
        let due = match WINDOWS.iter().find(|(name, ..)| *name == raw.due) {
            Some((_, window, _)) => Some(*window),
            None if raw.due.is_empty() => None,
            None => {
                fault("due", "Choose a deadline from the list");
                None
            }
        };
        let conflicts = match raw.conflicts.as_str() {
            "" => false,
            "yes" => true,
            _ => {
                fault("conflicts", "Tick or untick the box for records that people disagree on");
                false
            }
        };
        let problems = match raw.problems.as_str() {
            "" => false,
            "yes" => true,
            _ => {
                fault("problems", "Tick or untick the box for what has to be put right or explained");
                false
            }
        };
        let sort = match SORTS.iter().find(|(name, _)| *name == raw.sort) {
            Some((_, sort)) => *sort,
            None => {
                if !raw.sort.is_empty() {
                    fault("list", "Choose one of the column headings to sort by");
                }
                Sort::Deadline
            }
        };
        let descending = match raw.order.as_str() {
            "" | "asc" => false,
            "desc" => true,
            _ => {
                fault("list", "Choose one of the column headings to sort by");
                false
            }
        };
        let page = match raw.page.as_str() {
            "" => 1,
            page => match page.parse::<u64>() {
                Ok(page @ 1..=1_000_000) => page,
                _ => {
                    fault("list", "Choose a page from the links below the list");
                    1
                }
            },
        };
        let filter = Filter { supporter, status, stage, due, conflicts, problems, text };
        Self { filter, sort, descending, page, faults }
    }

    /// Whether the list is narrowed at all.
    pub(super) fn is_narrowed(&self) -> bool {
        self.filter != Filter::default()
    }

    /// The address of this list (from `?` on) with another sort or page.
    pub(super) fn link(&self, sort: Sort, descending: bool, page: u64) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        let filter = &self.filter;
        if let Some(text) = &filter.text {
            out.append_pair("q", text);
        }
        match filter.supporter {
            Some(Supporter::Nobody) => {
                out.append_pair("supporter", "none");
            }
            Some(Supporter::Person(person)) => {
                out.append_pair("supporter", &person.to_string());
            }
            None => {}
        }
        for (name, code) in [("status", &filter.status), ("stage", &filter.stage)] {
            if let Some(code) = code {
                out.append_pair(name, code);
            }
        }
        if let Some((name, ..)) = WINDOWS.iter().find(|(_, window, _)| Some(*window) == filter.due) {
            out.append_pair("due", name);
        }
        if filter.conflicts {
            out.append_pair("conflicts", "yes");
        }
        if filter.problems {
            out.append_pair("problems", "yes");
        }
        if let Some((name, _)) = SORTS.iter().find(|(_, known)| *known == sort) {
            out.append_pair("sort", name);
        }
        if descending {
            out.append_pair("order", "desc");
        }
        if page > 1 {
            out.append_pair("page", &page.to_string());
        }
        format!("?{}", out.finish())
    }
}

/// Whether the list of a question has this code.
fn knows(programme: &Programme, part: Option<&FieldRef>, code: &str) -> bool {
    choices(programme, part).iter().any(|(known, _)| known == code)
}

/// The codes of a part's list with their labels, in the programme's order.
pub(super) fn choices(programme: &Programme, part: Option<&FieldRef>) -> Vec<(String, String)> {
    let Some((form, question)) = part
        .and_then(|part| Some((programme.forms.get(&part.form)?, part)))
        .and_then(|(form, part)| Some((form, form.question(&part.field)?)))
    else {
        return Vec::new();
    };
    programme
        .choices(form, question)
        .unwrap_or_default()
        .iter()
        .map(|choice| (choice.name.clone(), choice.label.text().to_owned()))
        .collect()
}
