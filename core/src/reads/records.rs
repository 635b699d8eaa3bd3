//! One record; its history; the records to decide.

use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    programme::Programme,
    record::{Disagreement, RecordView},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, Row};

use super::words::{self, Names};
use crate::{
    error::{ApiError, Thing},
    store::{
        beside, groups, log, projection,
        rows::{self, found, id},
    },
    views::{ConflictLine, FigureLine, HistoryView, RecordCard},
};

/// Columns that [`Stored::read`] reads.
pub(crate) const STORED: &str = "SELECT record, grp, at, title, body FROM record_row";

/// A row of the read model.
pub(crate) struct Stored {
    record: RecordId,
    group: GroupId,
    form: String,
    at: Millis,
    title: String,
    view: RecordView,
}

impl Stored {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let view = rows::view(row, 4)?;
        Ok(Self {
            record: id(row, 0)?,
            group: id(row, 1)?,
            form: view.root.form.clone(),
            at: Millis(row.get(2)?),
            title: row.get(3)?,
            view,
        })
    }

    /// The record, ready to be shown.
    pub(crate) fn card(self, db: &Connection, programme: &Programme) -> Result<RecordCard, ApiError> {
        let view = beside::joined(db, programme, self.view)?;
        let mut started_by = Vec::with_capacity(view.twins.len());
        for twin in &view.twins {
            started_by.push(match twin.author {
                Some(person) => groups::name(db, person)?,
                None => None,
            });
        }
        Ok(RecordCard {
            started_by,
            figures: Vec::new(),
            fields: words::fields(programme, &self.form, &view, &Stock(db)),
            form_title: form_title(programme, &self.form),
            waiting: log::is_waiting(db, self.record)?,
            record: self.record,
            group: self.group,
            form: self.form,
            title: self.title,
            at: self.at,
            view,
        })
    }
}

/// Title of a form; its id where the programme does not know it.
pub(crate) fn form_title(programme: &Programme, form: &str) -> String {
    programme.forms.get(form).map_or_else(|| form.to_owned(), |form| form.title.clone())
}

/// Names from the store. What cannot be read is shown as its id.
pub(crate) struct Stock<'a>(pub(crate) &'a Connection);

impl Names for Stock<'_> {
    fn person(&self, person: PersonId) -> Option<String> {
        groups::name(self.0, person).ok().flatten()
    }

    fn record(&self, record: RecordId) -> Option<String> {
        self.0
            .prepare_cached("SELECT title FROM record_row WHERE record = ?1")
            .and_then(|mut statement| statement.query_row([record.0], |row| row.get(0)))
            .ok()
    }
}

/// One record.
pub(crate) fn record(
    db: &Connection,
    programme: &Programme,
    record: RecordId,
) -> Result<RecordCard, ApiError> {
    let stored = db
        .prepare_cached(&format!("{STORED} WHERE record = ?1"))?
        .query_row([record.0], Stored::read)
        .optional()?;
    let mut card = found(stored, Thing::Record)?.card(db, programme)?;
    card.figures = worked_out(db, programme, &card)?;
    Ok(card)
}

/// What is worked out with this record from those around it: for one record that is looked at, not for lists.
fn worked_out(
    db: &Connection,
    programme: &Programme,
    card: &RecordCard,
) -> Result<Vec<FigureLine>, ApiError> {
    let mut records = Vec::new();
    for form in programme.figures_of_record_read(&card.form) {
        records.extend(projection::views_of(db, card.group, form)?);
    }
    // Nothing of it follows the day.
    let as_of = programme.day(card.at);
    let figures = programme.figures_of_record(&card.view, &records, as_of).into_iter();
    let line = |figure: alongside_domain::programme::derived::Figure<'_>| FigureLine {
        id: figure.derived.id.clone(),
        label: figure.derived.label.clone(),
        text: figure.text,
    };
    Ok(figures.map(line).collect())
}

/// History of a record.
pub(crate) fn history(
    db: &Connection,
    programme: &Programme,
    record: RecordId,
) -> Result<HistoryView, ApiError> {
    let document = found(log::load(db, record)?, Thing::Record)?;
    let mut entries = document.history(&log::attributions(db, record)?)?;
    for part in beside::parts_of(db, programme, record)? {
        let document = found(log::load(db, part)?, Thing::Record)?;
        entries.extend(document.history(&log::attributions(db, part)?)?);
        entries.sort_by_key(|entry| entry.at);
    }
    let mut people: Vec<PersonId> = entries.iter().filter_map(|entry| entry.author).collect();
    people.sort_unstable();
    people.dedup();
    let mut names = Vec::new();
    for person in people {
        if let Some(name) = groups::name(db, person)? {
            names.push((person, name));
        }
    }
    Ok(HistoryView { entries, names })
}

/// The records on which somebody has to decide, latest touched first.
pub(crate) fn conflicts(
    db: &Connection,
    programme: &Programme,
    limit: u32,
) -> Result<Vec<ConflictLine>, ApiError> {
    let stored: Vec<Stored> = db
        .prepare_cached(&format!("{STORED} WHERE to_decide > 0 ORDER BY touched DESC, record LIMIT ?1"))?
        .query_map([limit], Stored::read)?
        .collect::<Result<_, _>>()?;
    stored
        .into_iter()
        .map(|stored| {
            let card = stored.card(db, programme)?;
            let fields = card
                .view
                .disagreements()
                .filter(|(_, field)| field.disagreement == Disagreement::NeedsDecision)
                .map(|(key, _)| key.to_owned())
                .collect();
            Ok(ConflictLine { card, fields })
        })
        .collect()
}
