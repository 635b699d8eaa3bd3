//! From a document to the rows that screens read.

use alongside_domain::{
    ids::{GroupId, RecordId},
    programme::{Programme, RecordKind},
    record::{Attributions, Disagreement, Document, RecordView, stored},
    time::Millis,
    value::Value,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    desk::Desk,
    found_by::FoundBy,
    log::{self, Place},
    rows,
};
use crate::{error::ApiError, media, reads::words};

/// Writes the rows of one record as it stands, and gives its view.
pub(crate) fn project(
    tx: &Transaction<'_>,
    programme: &Programme,
    record: RecordId,
    place: &Place,
    document: &Document,
) -> Result<RecordView, ApiError> {
    let mut found_by = FoundBy::default();
    let view = project_one_of_many(tx, programme, record, place, document, &mut found_by)?;
    found_by.write(tx)?;
    Ok(view)
}

/// As [`project`], but the words by which the record is found are gathered, to be written after the rows of
/// all the records.
pub(crate) fn project_one_of_many(
    tx: &Transaction<'_>,
    programme: &Programme,
    record: RecordId,
    place: &Place,
    document: &Document,
    found_by: &mut FoundBy,
) -> Result<RecordView, ApiError> {
    let who = log::attributions(tx, record)?;
    Projected::of(programme, &place.form, document, &who)?.write(tx, programme, record, place, found_by)
}

/// What the rows of a record say: found without looking at the store.
pub(crate) struct Projected {
    view: RecordView,
    at: Millis,
    title: String,
    body: Vec<u8>,
    to_decide: usize,
    /// By which it is found.
    words: String,
}

impl Projected {
    /// What the rows of a record with this form say, as its document stands.
    pub(crate) fn of(
        programme: &Programme,
        form: &str,
        document: &Document,
        who: &dyn Attributions,
    ) -> Result<Self, ApiError> {
        let mut view = document.view(&Desk::policy(programme, form), who)?;
        programme.mark_illegal_transitions(document, &mut view)?;
        let kind = programme.records.get(form);
        // That it was started more than once is for a person to look at, whether its answers differ or not.
        let of_answers = view
            .disagreements()
            .filter(|(_, field)| field.disagreement == Disagreement::NeedsDecision)
            .count()
            + usize::from(!view.twins.is_empty());
        // What was moved is decided upon where it went, but for what somebody wrote who did not know of that.
        let to_decide = if view.is_moved() { usize::from(view.is_moved_in_doubt()) } else { of_answers };
        Ok(Self {
            at: at(programme, kind, &view),
            title: words::title(programme, form, &view),
            body: stored::encode(&view),
            words: searched(programme, kind, form, &view),
            to_decide,
            view,
        })
    }

    /// Writes the rows, and gives the view of the record.
    pub(crate) fn write(
        self,
        tx: &Transaction<'_>,
        programme: &Programme,
        record: RecordId,
        place: &Place,
        found_by: &mut FoundBy,
    ) -> Result<RecordView, ApiError> {
        let Self { view, at, title, body, to_decide, words } = self;
        let row: i64 = tx
            .prepare_cached(
                "INSERT INTO record_row (record, grp, form, at, touched, title, body, to_decide)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (record) DO UPDATE SET form = excluded.form, at = excluded.at,
                     touched = excluded.touched, title = excluded.title, body = excluded.body,
                     to_decide = excluded.to_decide
                 RETURNING id",
            )?
            .query_row(
                params![
                    record.0,
                    place.group.0,
                    view.looked_up_as(),
                    at.0,
                    view.updated.at.0,
                    title,
                    body,
                    u32::try_from(to_decide).unwrap_or(u32::MAX),
                ],
                |row| row.get(0),
            )?;
        found_by.set(row, words);
        media::rows::project(tx, record, place.group, programme.form(&place.form), &view)?;
        Ok(view)
    }
}

/// When a record took place: what its form says, else when it was first written.
fn at(programme: &Programme, kind: Option<&RecordKind>, view: &RecordView) -> Millis {
    kind.and_then(|kind| view.value(kind.at.as_deref()?))
        .and_then(|value| instant(programme, value))
        .unwrap_or(view.created.at)
}

/// A date counts from its midnight in the programme's zone.
fn instant(programme: &Programme, value: &Value) -> Option<Millis> {
    if let Some(at) = value.as_instant() {
        return Some(at);
    }
    programme.start_of(value.as_date()?)
}

/// The words by which a record is found: every live value, so that nobody's entry is out of reach.
fn searched(programme: &Programme, kind: Option<&RecordKind>, form: &str, view: &RecordView) -> String {
    let mut words = Vec::new();
    let kind = kind.filter(|_| !view.is_moved());
    for field in kind.map(|kind| kind.search.as_slice()).unwrap_or_default() {
        if let Some(field_view) = view.fields.get(field) {
            for live in std::iter::once(&field_view.shown).chain(&field_view.others) {
                words.push(words::value(programme, form, field, &live.value));
            }
        }
    }
    words.join("\n")
}

/// Takes a record out of the rows that screens read.
pub(crate) fn remove(tx: &Transaction<'_>, record: RecordId) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM search WHERE rowid IN (SELECT id FROM record_row WHERE record = ?1)")?
        .execute([record.0])?;
    tx.prepare_cached("DELETE FROM record_row WHERE record = ?1")?.execute([record.0])?;
    tx.prepare_cached("DELETE FROM media_use WHERE record = ?1")?.execute([record.0])?;
    Ok(())
}

/// The view of a record as the rows keep it.
pub(crate) fn view(db: &Connection, record: RecordId) -> rusqlite::Result<Option<RecordView>> {
    db.prepare_cached("SELECT body FROM record_row WHERE record = ?1")?
        .query_row([record.0], |row| rows::view(row, 0))
        .optional()
}

/// The records of a form in a group, oldest first. Left alone, the planner walks the group's page, every
/// record of it, to spare the sorting of a form's few.
const OF_FORM: &str = "SELECT body FROM record_row INDEXED BY record_row_form WHERE grp = ?1 AND form = ?2
    ORDER BY at, record";

/// The views of the records of this form in this group, oldest first.
pub(crate) fn views_of(db: &Connection, group: GroupId, form: &str) -> rusqlite::Result<Vec<RecordView>> {
    db.prepare_cached(OF_FORM)?.query_map(params![group.0, form], |row| rows::view(row, 0))?.collect()
}

/// The view of the first record of this form in this group.
pub(crate) fn first_of(db: &Connection, group: GroupId, form: &str) -> rusqlite::Result<Option<RecordView>> {
    db.prepare_cached(&format!("{OF_FORM} LIMIT 1"))?
        .query_row(params![group.0, form], |row| rows::view(row, 0))
        .optional()
}
