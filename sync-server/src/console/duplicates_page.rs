//! `GET /areas/{code}/duplicates`: who may have been entered twice, what was found to be one, and what undoes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::Count,
};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use rusqlite::Connection;

use super::{
    Console,
    access::Reader,
    answers::Wording,
    error::PageError,
    frame::Frame,
    session::{Button, Sent, SignedIn},
    words,
};
use crate::{
    merge::{self, Merge, MergeError, UNDO_MS},
    read_model::{
        ReadModelError, case,
        list::{Scope, UnitLine},
        merged,
    },
};

mod pair;

pub(super) use pair::{get as pair, merge};

/// Merges that the page lists.
const LISTED: usize = 50;
/// How long a page waits to show what was decided.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// Why a merge was undone on the page.
const BY_MISTAKE: &str = "merged_by_mistake";

#[derive(Template)]
#[template(path = "duplicates.html")]
struct DuplicatesPage {
    frame: Frame,
    csrf: String,
    area: String,
    area_link: String,
    areas: String,
    as_of: String,
    many: String,
    pairs: Vec<Proposal>,
    merges: Vec<Line>,
}

/// Two that may be one.
struct Proposal {
    link: String,
    kind: String,
    titles: [String; 2],
    why: Vec<String>,
}

/// Two that were found to be one.
struct Line {
    kind: String,
    kept: String,
    other: String,
    /// Who decided it and when.
    decided: String,
    /// Who undid it and when; empty where it stands.
    undone: String,
    /// Where the button that undoes it is sent, and until when it may; `None` where that is over.
    undo: Option<(String, String)>,
    /// The units that show both: address and reference.
    units: Vec<(String, String)>,
}

/// `GET /areas/{code}/duplicates`
pub(super) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(area): Path<String>,
) -> Result<Response, PageError> {
    tokio::task::spawn_blocking(move || page(&console, &signed_in, &area)).await?
}

fn page(console: &Console, signed_in: &SignedIn, area: &str) -> Result<Response, PageError> {
    let desk = Desk::new(console, signed_in, area)?;
    let all = merge::list(&console.store)?;
    let now = console.clock.now();
    let (pairs, merges) = console.model.read(|connection| {
        let mut pairs = Vec::new();
        let scope = (desk.reader.principal.partner.0, area);
        for pair in merged::proposed(connection, &console.programme, scope, now)? {
            let titles = [
                desk.title(connection, &pair.kind, pair.groups[0])?,
                desk.title(connection, &pair.kind, pair.groups[1])?,
            ];
            let [one, other] = pair.groups;
            pairs.push(Proposal {
                link: format!("/areas/{area}/duplicates/{one}/{other}"),
                kind: desk.kind_title(&pair.kind),
                titles,
                why: pair.why,
            });
        }
        let mut merges = Vec::new();
        for merge in &all {
            if merges.len() < LISTED {
                merges.extend(desk.line(connection, merge)?);
            }
        }
        Ok((pairs, merges))
    })?;
    let page = DuplicatesPage {
        csrf: signed_in.csrf.clone(),
        frame: signed_in.frame(console),
        area: console.area_label(area),
        area_link: format!("/areas/{area}"),
        areas: console.programme.parts.words.area.1.clone(),
        as_of: words::date(console.today()),
        many: console.programme.parts.unit_words.1.clone(),
        pairs,
        merges,
    };
    Ok(Html(page.render()?).into_response())
}

/// `POST /areas/{code}/duplicates/undo/{merge}`
pub(super) async fn undo(
    State(console): State<Arc<Console>>,
    Path((area, id)): Path<(String, String)>,
    Sent { signed_in, fields: Button {} }: Sent<Button>,
) -> Result<Response, PageError> {
    let id = id.parse::<RecordId>().map_err(|_| PageError::NotFound)?;
    let worker = Arc::clone(&console);
    let code = area.clone();
    let seq = tokio::task::spawn_blocking(move || {
        let desk = Desk::new(&worker, &signed_in, &code)?;
        let merge = merge::list(&worker.store)?.into_iter().find(|merge| merge.id == id);
        let merge = merge.ok_or(PageError::NotFound)?;
        let is_here = worker.model.read(|connection| desk.line(connection, &merge))?.is_some();
        if !is_here {
            return Err(PageError::NotFound);
        }
        let by = signed_in.principal.person;
        merge::undo(&worker.store, &worker.programme, worker.clock.now(), by, id, BY_MISTAKE)
            .map_err(refused)?;
        Ok::<_, PageError>(worker.store.head()?.seq)
    })
    .await??;
    shown(&console, &area, seq).await
}

/// Waits until the pages show what was decided, and leads to them.
async fn shown(console: &Console, area: &str, seq: u64) -> Result<Response, PageError> {
    let mut projected = console.model.projected();
    // A page that is behind is still right for its time.
    let _ = tokio::time::timeout(SHOWN_WITHIN, projected.wait_for(|at| *at >= seq)).await;
    Ok(Redirect::to(&format!("/areas/{area}/duplicates#merged")).into_response())
}

/// What became of a decision that was not taken, for the person who took it.
fn refused(error: MergeError) -> PageError {
    match error {
        MergeError::TooLate => PageError::TooLate,
        MergeError::StoodOn | MergeError::MergedAlready => PageError::MergedOtherwise,
        MergeError::Store(error) => error.into(),
        _ => PageError::NotFound,
    }
}

/// Who looks at an area's duplicates: somebody who sees all of it and may write.
struct Desk<'a> {
    console: &'a Console,
    reader: Reader<'a>,
    area: &'a str,
    scope: Scope<'a>,
}

impl<'a> Desk<'a> {
    fn new(console: &'a Console, signed_in: &'a SignedIn, area: &'a str) -> Result<Self, PageError> {
        let reader = Reader::new(&console.programme, &signed_in.principal);
        let scope = reader
            .scope(area)
            .filter(|scope| scope.granted_to.is_none() && reader.may_write_here())
            .ok_or(PageError::NotFound)?;
        Ok(Self { console, reader, area, scope })
    }

    fn kind_title(&self, kind: &str) -> String {
        self.console.programme.groups.get(kind).map_or_else(|| kind.to_owned(), |kind| kind.title.clone())
    }

    /// The units of this area that hang on a group: without one, it is none of the reader's.
    fn units(&self, connection: &Connection, group: GroupId) -> Result<Vec<UnitLine>, ReadModelError> {
        let mut units = merged::units_of(connection, &self.console.programme, group)?;
        units.retain(|unit| unit.partner == self.scope.partner && unit.area == self.area);
        Ok(units)
    }

    /// What values of these groups are put into words with.
    fn with_wording<T>(
        &self,
        connection: &Connection,
        kind: &str,
        groups: &[GroupId],
        work: impl FnOnce(&Wording<'_>) -> Result<T, ReadModelError>,
    ) -> Result<T, ReadModelError> {
        let programme = &self.console.programme;
        let of_kind = BTreeMap::from([(kind.to_owned(), groups.to_vec())]);
        let restricted = case::restricted(connection, programme, &of_kind, self.reader.person())?;
        let beside = restricted.values().flatten().map(|(group, _)| *group);
        let visible: BTreeSet<GroupId> = groups.iter().copied().chain(beside).collect();
        let people: BTreeMap<PersonId, String> = case::people(connection, self.scope.partner)?;
        let first = groups.first().copied();
        let unit = match first {
            Some(group) => self.units(connection, group)?.into_iter().next(),
            None => None,
        };
        let page =
            unit.map(|unit| format!("{}/{}", self.console.unit_path(), unit.group)).unwrap_or_default();
        work(&Wording {
            programme,
            reader: &self.reader,
            people: &people,
            connection,
            groups: &visible,
            restricted: &restricted,
            page: &page,
            may_affirm: false,
        })
    }

    /// The line that names a group, with the references of its units.
    fn title(&self, connection: &Connection, kind: &str, group: GroupId) -> Result<String, ReadModelError> {
        let title = self
            .with_wording(connection, kind, &[group], |wording| wording.group_title(kind, group))?
            .unwrap_or_else(|| "No name yet".to_owned());
        let units = self.units(connection, group)?;
        let references: Vec<&str> =
            units.iter().map(|unit| unit.reference.as_str()).filter(|text| !text.is_empty()).collect();
        Ok(if references.is_empty() { title } else { format!("{title} ({})", references.join(", ")) })
    }

    /// A merge, where it is about this area.
    fn line(&self, connection: &Connection, merge: &Merge) -> Result<Option<Line>, ReadModelError> {
        let Some((kind, partner)) = merged::group(connection, merge.kept)? else { return Ok(None) };
        let units = self.units(connection, merge.kept)?;
        if partner != self.scope.partner || units.is_empty() {
            return Ok(None);
        }
        let people = case::people(connection, partner)?;
        let name = |person: PersonId| {
            people.get(&person).cloned().unwrap_or_else(|| "Somebody whose name is not known here".to_owned())
        };
        let zone = &self.console.programme.zone;
        let ends = alongside_domain::time::Millis(merge.at.0.saturating_add(UNDO_MS));
        let may_undo = merge.undone.is_none() && self.console.clock.now() <= ends;
        let only = |group| {
            self.with_wording(connection, &kind, &[group], |wording| wording.group_title(&kind, group))
                .map(|title| title.unwrap_or_else(|| "No name yet".to_owned()))
        };
        Ok(Some(Line {
            kept: only(merge.kept)?,
            other: only(merge.other)?,
            kind: self.kind_title(&kind),
            decided: format!("{}, {}", name(merge.by), words::moment_in(merge.at, zone)),
            undone: merge
                .undone
                .as_ref()
                .map(|(by, at, _)| format!("{}, {}", name(*by), words::moment_in(*at, zone)))
                .unwrap_or_default(),
            undo: may_undo.then(|| {
                let address = format!("/areas/{}/duplicates/undo/{}", self.area, merge.id);
                (address, words::date(self.console.programme.day(ends)))
            }),
            units: units
                .into_iter()
                .filter(|_| merge.undone.is_none())
                .map(|unit| {
                    let reference = if unit.reference.is_empty() {
                        "No reference yet".to_owned()
                    } else {
                        unit.reference
                    };
                    (format!("{}/{}", self.console.unit_path(), unit.group), reference)
                })
                .collect(),
        }))
    }
}

impl Wording<'_> {
    /// The line that names a group: that of its first record of a form it holds once.
    pub(super) fn group_title(&self, kind: &str, group: GroupId) -> Result<Option<String>, ReadModelError> {
        for (form, record) in &self.programme.records {
            if record.group == kind && record.count == Count::One {
                for stored in case::records_of_form(self.connection, group, form, 1, false)? {
                    let title = self.title(&stored.view)?;
                    if !title.is_empty() {
                        return Ok(Some(title));
                    }
                }
            }
        }
        Ok(None)
    }
}
