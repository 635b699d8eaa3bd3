//! The timeline of a unit: its dated records, the latest first, by page.

use alongside_domain::{ids::GroupId, programme::Count, time::Millis, value::Value};

use super::{Builder, Entry, Kind};
use crate::{
    console::{answers::Wording, list_page::Pages, words},
    read_model::{
        ReadModelError,
        case::{self, StoredRecord},
    },
};

/// Entries of the timeline on a page.
const TIMELINE_PAGE: u32 = 20;

/// The timeline's part of the page.
pub(super) struct Timeline {
    pub(super) fault: bool,
    pub(super) kinds: Vec<Kind>,
    pub(super) entries: Vec<Entry>,
    pub(super) summary: String,
    pub(super) pages: Option<Pages>,
}

impl Builder<'_> {
    /// The page of the timeline that the address asks for.
    pub(super) fn timeline(&self, wording: &Wording<'_>, group: GroupId) -> Result<Timeline, ReadModelError> {
        let connection = self.connection;
        let dated: Vec<String> = case::form_counts(connection, group)?
            .into_keys()
            .filter(|form| {
                self.is_many(form) && self.programme().records.get(form).is_some_and(|kind| kind.at.is_some())
            })
            .collect();
        let kind = Some(self.raw.kind.as_str()).filter(|kind| dated.iter().any(|form| form == kind));
        let asked = self.raw.page.parse::<u64>().ok().filter(|page| (1..=1_000_000).contains(page));
        let fault =
            (!self.raw.kind.is_empty() && kind.is_none()) || (!self.raw.page.is_empty() && asked.is_none());
        let total = case::timeline_count(connection, group, kind)?;
        let last_page = total.div_ceil(u64::from(TIMELINE_PAGE)).max(1);
        let page = asked.unwrap_or(1).min(last_page);
        let offset = (page - 1) * u64::from(TIMELINE_PAGE);
        let stored = case::timeline(connection, group, kind, (TIMELINE_PAGE, offset))?;
        let entries = stored
            .iter()
            .map(|stored| Ok(Entry { when: self.when(stored), record: self.record(wording, stored)? }))
            .collect::<Result<Vec<_>, ReadModelError>>()?;
        let link = |kind: Option<&str>, page: u64| {
            let mut out = form_urlencoded::Serializer::new(String::new());
            if let Some(kind) = kind {
                out.append_pair("kind", kind);
            }
            if page > 1 {
                out.append_pair("page", &page.to_string());
            }
            format!("?{}#timeline", out.finish())
        };
        let mut kinds =
            vec![Kind { link: link(None, 1), label: "Everything".to_owned(), current: kind.is_none() }];
        kinds.extend(dated.iter().map(|form| Kind {
            link: link(Some(form), 1),
            label: wording.form_title(form),
            current: kind == Some(form.as_str()),
        }));
        Ok(Timeline {
            fault,
            kinds: if dated.len() > 1 { kinds } else { Vec::new() },
            summary: match total {
                0 => String::new(),
                _ => format!(
                    "Showing {} to {} of {}",
                    words::thousands(offset + 1),
                    words::thousands(offset + entries.len() as u64),
                    words::count(total, "entry", "entries")
                ),
            },
            pages: Pages::new(page, last_page, |page| link(kind, page)),
            entries,
        })
    }

    /// Whether a group holds many records of the form.
    pub(super) fn is_many(&self, form: &str) -> bool {
        self.programme().records.get(form).is_some_and(|kind| kind.count == Count::Many)
    }

    /// When a record took place: a date where the programme asks for a date.
    fn when(&self, stored: &StoredRecord) -> String {
        let view = &stored.view;
        let field = self.programme().records.get(&view.root.form).and_then(|kind| kind.at.as_deref());
        let value = field.and_then(|field| view.value(field));
        match value.and_then(Value::as_date) {
            Some(date) => words::date(date),
            None => words::moment_in(stored.at.unwrap_or(Millis(0)), &self.programme().zone),
        }
    }
}
