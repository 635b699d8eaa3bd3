//! `GET /areas/{code}`: the units of one area.

use std::sync::Arc;

use alongside_domain::programme::PartWords;
use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use jiff::civil::Date;

use super::{
    Console,
    access::Reader,
    error::PageError,
    frame::Frame,
    list_query::{Fault, ListQuery, RawQuery, SORTS, WINDOWS, choices},
    session::SignedIn,
    words::{self, Tag},
};
use crate::read_model::{
    ReadModelError,
    list::{self, Scope, Sort, Supporter, UnitLine},
};

/// Lines on a page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    frame: Frame,
    area: String,
    one: String,
    many: String,
    words: PartWords,
    shows: Shows,
    disclaimer: String,
    as_of: String,
    faults: Vec<Fault>,
    narrowed: bool,
    q: String,
    supporters: Vec<Choice>,
    statuses: Vec<Choice>,
    stages: Vec<Choice>,
    windows: Vec<Choice>,
    conflicts: bool,
    problems: bool,
    /// Empty for who does not see the whole area.
    checks_link: String,
    /// Empty for who may not say that two are one.
    duplicates_link: String,
    /// Empty for who does not say who has units.
    people_link: String,
    sort: &'static str,
    order: &'static str,
    summary: String,
    columns: Vec<Column>,
    lines: Vec<Line>,
    pages: Option<Pages>,
}

/// Which columns there are: those whose part the programme has.
#[derive(Clone, Copy)]
struct Shows {
    supporter: bool,
    stage: bool,
    status: bool,
    contact: bool,
}

/// A choice of a filter.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// A column's heading: a link that sorts by it.
struct Column {
    label: String,
    link: String,
    /// Value of `aria-sort`; empty where the list is not sorted by it.
    sorted: &'static str,
    /// What the link does, for those who do not see the arrow.
    action: &'static str,
}

/// One unit.
struct Line {
    link: String,
    reference: String,
    name: String,
    supporter: String,
    stage: String,
    status: String,
    contact: Option<(String, String)>,
    due: Option<Due>,
    decisions: u32,
    shown: u32,
    errors: u32,
    queries: u32,
}

/// The next deadline of a unit.
struct Due {
    tag: Tag,
    date: String,
    label: String,
    why: String,
}

/// Where one is among the pages.
pub(super) struct Pages {
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
    pub(super) links: Vec<PageLink>,
}

/// A link to a page; `None` as its number is a gap.
pub(super) struct PageLink {
    pub(super) number: Option<u64>,
    pub(super) link: String,
    pub(super) current: bool,
}

impl Pages {
    /// The links of `current` among `last` pages; `None` where there is one page only.
    pub(super) fn new(current: u64, last: u64, link: impl Fn(u64) -> String) -> Option<Self> {
        if last <= 1 {
            return None;
        }
        let mut links: Vec<PageLink> = Vec::new();
        let mut before = 0;
        for number in 1..=last {
            if number != 1 && number != last && number.abs_diff(current) > 1 {
                continue;
            }
            if number > before + 1 {
                links.push(PageLink { number: None, link: String::new(), current: false });
            }
            links.push(PageLink { number: Some(number), link: link(number), current: number == current });
            before = number;
        }
        Some(Self {
            previous: (current > 1).then(|| link(current - 1)),
            next: (current < last).then(|| link(current + 1)),
            links,
        })
    }
}

/// What the database gives for the page.
struct Found {
    total: u64,
    page: u64,
    lines: Vec<UnitLine>,
    supporters: Vec<Choice>,
}

/// `GET /areas/{code}`
pub(super) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(area): Path<String>,
    query: Result<Query<RawQuery>, QueryRejection>,
) -> Result<Response, PageError> {
    let Ok(Query(raw)) = query else { return Err(PageError::BadRequest) };
    tokio::task::spawn_blocking(move || page(&console, &signed_in, &area, &raw)).await?
}

fn page(console: &Console, signed_in: &SignedIn, area: &str, raw: &RawQuery) -> Result<Response, PageError> {
    let programme = &console.programme;
    let reader = Reader::new(programme, &signed_in.principal);
    let scope = reader.scope(area).ok_or(PageError::NotFound)?;
    let as_of = console.today();
    let query = ListQuery::check(raw, programme);
    let found = console.model.read(|connection| find(connection, scope, &query, as_of))?;
    // A supporter's list has the areas of their own cases only.
    if scope.granted_to.is_some() && found.total == 0 && !query.is_narrowed() && query.faults.is_empty() {
        return Err(PageError::NotFound);
    }

    let parts = &programme.parts;
    let words = &parts.unit_words;
    let shows = Shows {
        supporter: parts.supporter.is_some(),
        stage: parts.stage.is_some(),
        status: parts.status.is_some(),
        contact: parts.contact_at.is_some(),
    };
    let choice = |(value, label): (String, String), chosen: Option<&String>| {
        let chosen = Some(&value) == chosen;
        Choice { value, label, chosen }
    };
    let coded = |part, chosen: &Option<String>| -> Vec<Choice> {
        choices(programme, part).into_iter().map(|pair| choice(pair, chosen.as_ref())).collect()
    };
    let windows = WINDOWS
        .iter()
        .map(|(value, window, label)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: query.filter.due == Some(*window),
        })
        .collect();
    let first = (found.page - 1) * u64::from(PAGE) + 1;
    let last = first + found.lines.len() as u64 - u64::from(!found.lines.is_empty());
    let summary = if found.total == 0 {
        format!("No {} to show", words.1)
    } else {
        format!(
            "Showing {} to {} of {}",
            words::thousands(first),
            words::thousands(last),
            words::count(found.total, &words.0, &words.1)
        )
    };
    let last_page = found.total.div_ceil(u64::from(PAGE)).max(1);
    let narrowed = query.is_narrowed();
    let view = Lines { console, reader: &reader, as_of };
    let page = ListPage {
        frame: signed_in.frame(console),
        area: console.area_label(area),
        one: words.0.clone(),
        many: words.1.clone(),
        as_of: words::date(as_of),
        narrowed,
        q: query.filter.text.clone().unwrap_or_default(),
        statuses: coded(programme.parts.status.as_ref(), &query.filter.status),
        stages: coded(programme.parts.stage.as_ref(), &query.filter.stage),
        supporters: found.supporters,
        windows,
        conflicts: query.filter.conflicts,
        problems: query.filter.problems,
        checks_link: match scope.granted_to {
            None => format!("/areas/{area}/checks"),
            Some(_) => String::new(),
        },
        duplicates_link: match scope.granted_to {
            None if reader.may_write_here() => format!("/areas/{area}/duplicates"),
            _ => String::new(),
        },
        people_link: match scope.granted_to {
            None if super::people_page::decides(console, &reader) => format!("/areas/{area}/people"),
            _ => String::new(),
        },
        sort: SORTS.iter().find(|(_, sort)| *sort == query.sort).map_or("", |(name, _)| name),
        order: if query.descending { "desc" } else { "asc" },
        summary,
        columns: columns(&query, &parts.words, shows),
        words: parts.words.clone(),
        shows,
        disclaimer: programme.deadlines.disclaimer().to_owned(),
        lines: found.lines.into_iter().map(|line| view.line(line)).collect(),
        pages: Pages::new(found.page, last_page, |page| query.link(query.sort, query.descending, page)),
        faults: query.faults.clone(),
    };
    let status = if page.faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok((status, Html(page.render()?)).into_response())
}

fn find(
    connection: &rusqlite::Connection,
    scope: Scope<'_>,
    query: &ListQuery,
    as_of: Date,
) -> Result<Found, ReadModelError> {
    let total = list::count(connection, scope, &query.filter, as_of)?;
    // A page that is no longer there (units were filtered away) is the last one.
    let page = query.page.min(total.div_ceil(u64::from(PAGE)).max(1));
    let offset = (page - 1) * u64::from(PAGE);
    let lines =
        list::page(connection, scope, &query.filter, (query.sort, query.descending), as_of, (PAGE, offset))?;
    let chosen = query.filter.supporter;
    let mut supporters: Vec<Choice> = list::supporters(connection, scope)?
        .into_iter()
        .map(|(person, name)| Choice {
            value: person.to_string(),
            label: name.unwrap_or_else(|| "Name not known".to_owned()),
            chosen: chosen == Some(Supporter::Person(person)),
        })
        .collect();
    supporters.push(Choice {
        value: "none".to_owned(),
        label: "Nobody allocated".to_owned(),
        chosen: chosen == Some(Supporter::Nobody),
    });
    Ok(Found { total, page, lines, supporters })
}

fn columns(query: &ListQuery, words: &PartWords, shows: Shows) -> Vec<Column> {
    let labels: [(&str, Sort, bool); 8] = [
        ("Reference", Sort::Reference, true),
        ("Known as", Sort::Name, true),
        (&words.supporter, Sort::Supporter, shows.supporter),
        (&words.stage, Sort::Stage, shows.stage),
        (&words.status, Sort::Status, shows.status),
        (&words.contact, Sort::Contact, shows.contact),
        ("Next deadline", Sort::Deadline, true),
        ("Disagreements", Sort::Conflicts, true),
    ];
    labels
        .into_iter()
        .filter(|(.., shown)| *shown)
        .map(|(label, sort, _)| {
            let current = query.sort == sort;
            // The most disagreements and the latest contact are what people look for first.
            let starts_descending = matches!(sort, Sort::Conflicts | Sort::Contact);
            let descending = if current { !query.descending } else { starts_descending };
            Column {
                label: label.to_owned(),
                link: query.link(sort, descending, 1),
                sorted: match (current, query.descending) {
                    (false, _) => "",
                    (true, false) => "ascending",
                    (true, true) => "descending",
                },
                action: if descending { "sort from high to low" } else { "sort from low to high" },
            }
        })
        .collect()
}

/// What lines are shown with.
struct Lines<'a> {
    console: &'a Console,
    reader: &'a Reader<'a>,
    as_of: Date,
}

impl Lines<'_> {
    fn line(&self, unit: UnitLine) -> Line {
        let parts = &self.console.programme.parts;
        let code = |part, code: &Option<String>| self.console.part_label(self.reader, part, code.as_deref());
        let contact = unit.last_contact.map(|at| {
            let day = self.console.programme.day(at);
            (words::relative(day, self.as_of), words::date(day))
        });
        Line {
            link: format!("{}/{}", self.console.unit_path(), unit.group),
            stage: code(parts.stage.as_ref(), &unit.stage),
            status: code(parts.status.as_ref(), &unit.status),
            reference: if unit.reference.is_empty() { "No reference yet".to_owned() } else { unit.reference },
            name: self.console.name_label(self.reader, unit.name),
            supporter: match (unit.supporter_name, unit.supporter) {
                (Some(name), _) => name,
                (None, Some(_)) => "Name not known".to_owned(),
                (None, None) => "Nobody allocated".to_owned(),
            },
            contact,
            due: unit.due.map(|next| Due {
                tag: words::due_tag(next.due, self.as_of),
                date: words::date(next.due),
                label: next.label,
                why: next.why,
            }),
            decisions: unit.decisions,
            errors: unit.errors,
            queries: unit.queries,
            shown: unit.shown,
        }
    }
}
