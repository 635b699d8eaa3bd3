//! `GET /cases/{group}`: one unit, all that is known of it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alongside_domain::{
    deadline::Nature,
    ids::GroupId,
    programme::{Count, Programme},
    record::{FieldView, RecordView},
    rules::Finding,
};
use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{Html, IntoResponse, Response},
};
use jiff::{ToSpan as _, civil::Date};
use rusqlite::Connection;
use serde::Deserialize;

use super::{
    Console,
    access::Reader,
    answers::{Section, Wording},
    conflicts::Dispute,
    error::PageError,
    frame::Frame,
    history::{self, ChangeLine},
    list_page::Pages,
    people_page, record_page,
    session::SignedIn,
    words::{self, Tag},
};
use crate::read_model::{
    ReadModelError,
    case::{self, StoredRecord},
    findings,
    list::UnitLine,
};

/// Records of one form that are shown in full at once.
const RECORDS_SHOWN: u32 = 50;
/// Changes of one record, and of the whole unit, that are listed.
const CHANGES_SHOWN: u32 = 30;

mod disagreements;
mod figures;
mod groups;
mod moving;
mod timeline;

pub(super) use disagreements::{affirm, decide, shown_at, write_all};
pub(super) use moving::{get as move_page, post as move_it};

/// The parameters of the page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawQuery {
    kind: String,
    page: String,
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    frame: Frame,
    csrf: String,
    one: String,
    area_link: String,
    area: String,
    as_of: String,
    areas: String,
    relatives_label: String,
    disclaimer: String,
    reference: String,
    name: String,
    facts: Vec<(String, String)>,
    relatives: Vec<String>,
    /// Where somebody is given it; empty where the reader does not decide that.
    people_link: String,
    fault: bool,
    unreadable: u64,
    checks: Vec<CheckLine>,
    deadlines: Vec<DeadlineLine>,
    past_deadlines: Vec<DeadlineLine>,
    disputes: Vec<Dispute>,
    decisions: usize,
    kinds: Vec<Kind>,
    timeline: Vec<Entry>,
    timeline_summary: String,
    pages: Option<Pages>,
    figures: figures::Figures,
    groups: Vec<groups::Group>,
    changes: Vec<ChangeLine>,
}

/// What a rule found.
struct CheckLine {
    tag: Tag,
    message: String,
    help: String,
    /// The form and the question, in their words.
    place: String,
    rule: String,
}

/// One deadline.
struct DeadlineLine {
    tag: Tag,
    date: String,
    label: String,
    whose: String,
    why: String,
    /// Who set the date by hand, and why; empty where nobody did.
    set: String,
    basis: String,
    rule: String,
}

/// A choice of the timeline's filter.
struct Kind {
    link: String,
    label: String,
    current: bool,
}

/// A record of the timeline.
struct Entry {
    when: String,
    record: Record,
}

/// One record with its answers and its history.
struct Record {
    id: String,
    form: String,
    title: String,
    disputed: bool,
    /// Address of the page that changes it; empty where the reader may not.
    edit: String,
    sections: Vec<Section>,
    history: Vec<ChangeLine>,
    /// Where it is moved to another unit; empty where the reader may not, or it cannot be.
    move_link: String,
}

/// `GET /cases/{group}`
pub(super) async fn get(
    State(console): State<Arc<Console>>,
    signed_in: SignedIn,
    Path(group): Path<String>,
    query: Result<Query<RawQuery>, QueryRejection>,
) -> Result<Response, PageError> {
    let group = group.parse::<GroupId>().map_err(|_| PageError::NotFound)?;
    let Ok(Query(raw)) = query else { return Err(PageError::BadRequest) };
    tokio::task::spawn_blocking(move || page(&console, &signed_in, group, &raw)).await?
}

fn page(
    console: &Console,
    signed_in: &SignedIn,
    group: GroupId,
    raw: &RawQuery,
) -> Result<Response, PageError> {
    let reader = Reader::new(&console.programme, &signed_in.principal);
    let as_of = console.today();
    let page = console.model.read(|connection| {
        let Some(unit) = case::unit(connection, group)? else { return Ok(None) };
        let Some(reader) = reader.at(connection, &unit)? else { return Ok(None) };
        Builder { console, reader: &reader, connection, as_of, raw, around: RefCell::default() }
            .build(&unit, signed_in.frame(console))
            .map(Some)
    })?;
    let page = page.ok_or(PageError::NotFound)?;
    Ok(Html(page.render()?).into_response())
}

/// What the page is built with.
struct Builder<'a> {
    console: &'a Console,
    reader: &'a Reader<'a>,
    connection: &'a Connection,
    as_of: Date,
    raw: &'a RawQuery,
    /// The records that values of single records are worked out from, by group and form: read once.
    around: RefCell<BTreeMap<(GroupId, String), Vec<RecordView>>>,
}

impl Builder<'_> {
    fn programme(&self) -> &Programme {
        &self.console.programme
    }

    fn build(&self, unit: &UnitLine, frame: Frame) -> Result<CasePage, ReadModelError> {
        let connection = self.connection;
        let parts = &self.programme().parts;
        let groups = case::groups(connection, unit.group)?;
        let restricted = case::restricted(connection, self.programme(), &groups, self.reader.person())?;
        let beside = restricted.values().flatten().map(|(group, _)| *group);
        let visible: BTreeSet<GroupId> = groups.values().flatten().copied().chain(beside).collect();
        let people = case::people(connection, unit.partner)?;
        let page = format!("{}/{}", self.console.unit_path(), unit.group);
        let wording = Wording {
            programme: self.programme(),
            reader: self.reader,
            people: &people,
            connection,
            groups: &visible,
            restricted: &restricted,
            page: &page,
            may_affirm: self.console.ingest.is_some() && self.reader.may_write_here(),
        };

        let disputes = self.disputes(&wording, &groups)?;
        let mut unreadable = 0;
        for group in &visible {
            unreadable += case::unreadable(connection, *group)?;
        }

        let (mut open, mut past) = (Vec::new(), Vec::new());
        for deadline in case::deadlines(connection, self.programme(), &groups)? {
            // What comes about by itself is of interest once it comes near.
            let far =
                deadline.nature == Nature::Happens && deadline.due > self.as_of.saturating_add(1.year());
            let is_ahead = (deadline.is_ahead(self.as_of) && !far) || deadline.is_awaited();
            let line = DeadlineLine {
                set: words::set_by(&deadline, &people),
                tag: words::deadline_tag(&deadline, self.as_of),
                date: words::date(deadline.due),
                label: deadline.label,
                whose: deadline.whose,
                why: deadline.why,
                basis: deadline.basis,
                rule: deadline.rule,
            };
            if is_ahead { open.push(line) } else { past.push(line) }
        }

        let timeline = self.timeline(&wording, unit.group)?;
        let name = self.console.name_label(self.reader, unit.name.clone());
        let area_link = self
            .reader
            .scope(&unit.area)
            .filter(|_| !unit.area.is_empty())
            .map_or_else(|| "/".to_owned(), |_| format!("/areas/{}", unit.area));
        Ok(CasePage {
            csrf: frame.reader.as_ref().map(|reader| reader.csrf.clone()).unwrap_or_default(),
            frame,
            one: words::capital(&parts.unit_words.0),
            area_link,
            area: self.console.area_label(&unit.area),
            as_of: words::date(self.as_of),
            areas: parts.words.area.1.clone(),
            relatives_label: parts.words.relatives.clone(),
            disclaimer: self.programme().deadlines.disclaimer().to_owned(),
            reference: match unit.reference.as_str() {
                "" => "No reference yet".to_owned(),
                reference => reference.to_owned(),
            },
            facts: self.facts(&wording, unit, &groups)?,
            name,
            relatives: self.relatives(&groups)?,
            people_link: match people_page::decides(self.console, self.reader) {
                true => format!("{page}/people"),
                false => String::new(),
            },
            fault: timeline.fault,
            unreadable,
            checks: self.checks(unit.group)?,
            deadlines: open,
            past_deadlines: past,
            decisions: disputes.iter().filter(|dispute| dispute.needs_decision).count(),
            disputes,
            kinds: timeline.kinds,
            timeline: timeline.entries,
            timeline_summary: timeline.summary,
            pages: timeline.pages,
            figures: self.figures(&wording, &groups)?,
            groups: self.groups(&wording, &groups, &unit.area)?,
            changes: self.changes(&wording, &visible)?,
        })
    }

    /// What the programme's rules found, as far as the reader may read the answers that it is about. A check
    /// says what is wrong in the rule's own words: no answer of a record stands in it.
    fn checks(&self, unit: GroupId) -> Result<Vec<CheckLine>, ReadModelError> {
        let programme = self.programme();
        let (found, _) = findings::of_unit(self.connection, unit)?;
        let may_read = |finding: &Finding| {
            let form = finding.form.as_ref().and_then(|form| programme.forms.get(form));
            let question = form.and_then(|form| form.question_of_key(finding.field.as_deref()?));
            question.is_none_or(|question| self.reader.may_read_answer(question))
        };
        let lines = found.into_iter().filter(may_read).map(|finding| {
            let form = finding.form.as_ref().and_then(|form| programme.forms.get(form));
            let question = form.and_then(|form| form.question_of_key(finding.field.as_deref()?));
            let place =
                [form.map(|form| form.title.as_str()), question.map(|question| question.label.text())];
            CheckLine {
                tag: words::check_tag(finding.severity, finding.explained),
                message: finding.message,
                help: finding.help,
                place: place.into_iter().flatten().collect::<Vec<_>>().join(": "),
                rule: finding.rule,
            }
        });
        Ok(lines.collect())
    }

    /// The facts at the head of the page.
    fn facts(
        &self,
        wording: &Wording<'_>,
        unit: &UnitLine,
        groups: &BTreeMap<String, Vec<GroupId>>,
    ) -> Result<Vec<(String, String)>, ReadModelError> {
        let parts = &self.programme().parts;
        let label = |part, code: &Option<String>| self.console.part_label(self.reader, part, code.as_deref());
        let words = &parts.words;
        let mut facts = Vec::new();
        let mut fact = |name: &str, value: String| {
            if !value.is_empty() {
                facts.push((name.to_owned(), value));
            }
        };
        if let Some(birth) = unit.birth {
            let may_read = self.console.may_read_part(self.reader, parts.subject_birth.as_ref());
            fact("Age", if may_read { words::age(birth, self.as_of) } else { super::RESTRICTED.to_owned() });
        }
        fact(&words.status, label(parts.status.as_ref(), &unit.status));
        fact(&words.stage, label(parts.stage.as_ref(), &unit.stage));
        fact(&words::capital(&words.area.0), self.console.area_label(&unit.area));
        fact(
            &words.supporter,
            match (&unit.supporter_name, unit.supporter) {
                (Some(name), _) => name.clone(),
                (None, Some(_)) => "Name not known".to_owned(),
                (None, None) if parts.supporter.is_none() => String::new(),
                (None, None) => "Nobody allocated".to_owned(),
            },
        );
        fact(
            &words.contact,
            unit.last_contact.map_or_else(
                || if parts.contact_at.is_none() { String::new() } else { "None yet".to_owned() },
                |at| {
                    let day = self.programme().day(at);
                    format!("{} ({})", words::date(day), words::relative(day, self.as_of))
                },
            ),
        );
        for kind in self.linked_kinds() {
            let Some(title) = self.programme().groups.get(&kind).map(|kind| kind.title.clone()) else {
                continue;
            };
            let mut names = Vec::new();
            // Of those that were found to be one, the one that stands in front.
            for (_, group, _) in self.fronts(&kind, groups)? {
                names.extend(wording.group_title(&kind, group)?);
            }
            fact(&title, names.join("; "));
        }
        Ok(facts)
    }

    /// The kinds of groups that a unit is linked to, in the programme's order.
    fn linked_kinds(&self) -> Vec<String> {
        let programme = self.programme();
        programme.groups.get(&programme.parts.unit).map(|kind| kind.parents.clone()).unwrap_or_default()
    }

    fn relatives(&self, groups: &BTreeMap<String, Vec<GroupId>>) -> Result<Vec<String>, ReadModelError> {
        let relatives = case::relatives(self.connection, self.programme(), groups)?;
        Ok(relatives
            .into_iter()
            .map(|relative| {
                let name = self.console.name_label(self.reader, relative.known_as);
                match relative.birth.map(|birth| words::age(birth, self.as_of)) {
                    Some(age) if !age.is_empty() => format!("{name}, {age}"),
                    _ => name,
                }
            })
            .collect())
    }

    fn record(&self, wording: &Wording<'_>, stored: &StoredRecord) -> Result<Record, ReadModelError> {
        let (view, parts) = &wording.joined(&stored.view)?;
        let mut entries = Vec::new();
        for record in parts.iter().chain([&view.root.id]) {
            entries.extend(case::history(self.connection, *record, CHANGES_SHOWN)?);
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        let mut history = Vec::new();
        for entry in &entries {
            history.extend(history::line(wording, view, entry, String::new())?);
        }
        let form = wording.form(view);
        let is_told = |(key, field): (&str, &FieldView)| {
            super::answers::is_open(field.disagreement) && wording.may_read(form, &wording.key(form, key))
        };
        Ok(Record {
            id: view.root.id.to_string(),
            form: wording.form_title(&view.root.form),
            title: wording.title(view)?,
            disputed: view.disagreements().any(is_told) || !view.twins.is_empty(),
            edit: match self.console.ingest.is_some() && record_page::may_change(wording, view) {
                true => format!("{}/records/{}/edit", wording.page, view.root.id),
                false => String::new(),
            },
            sections: {
                let mut sections = wording.sections(view)?;
                sections.extend(self.worked_out(wording, view)?);
                sections
            },
            history,
            move_link: if self.may_move(wording, view) {
                format!("{}/records/{}/move", wording.page, view.root.id)
            } else {
                String::new()
            },
        })
    }

    /// Whether the reader may move a record to another unit.
    fn may_move(&self, wording: &Wording<'_>, view: &RecordView) -> bool {
        let kind = self.programme().records.get(&view.root.form);
        let can_be = kind.is_some_and(|kind| {
            kind.count == Count::Many && !kind.immutable && !self.programme().is_restricted(&kind.group)
        });
        can_be && wording.may_affirm && wording.may_write(view) && !view.is_moved()
    }

    /// The latest changes of the whole page.
    fn changes(
        &self,
        wording: &Wording<'_>,
        groups: &BTreeSet<GroupId>,
    ) -> Result<Vec<ChangeLine>, ReadModelError> {
        let mut changes = Vec::new();
        for group in groups {
            changes.extend(case::latest_changes(self.connection, *group, CHANGES_SHOWN)?);
        }
        changes.sort_by_key(|change| std::cmp::Reverse(change.entry.at));
        changes.truncate(CHANGES_SHOWN as usize);
        let mut lines = Vec::new();
        for change in &changes {
            let form = wording.form_title(&change.view.root.form);
            let title = wording.title(&change.view)?;
            let record = if title.is_empty() { form } else { format!("{form}: {title}") };
            lines.extend(history::line(wording, &change.view, &change.entry, record)?);
        }
        Ok(lines)
    }
}
