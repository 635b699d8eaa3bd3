//! One record's rows: its view, its place in time, its history.

use std::collections::BTreeMap;

use alongside_domain::{
    form::MergePolicy,
    ids::{ChangeHash, RecordId},
    programme::{Count, Programme},
    record::{Attribution, Disagreement, Document, DocumentError, RecordView, moved},
    time::Millis,
    value::Value,
};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::ReadModelError;

/// A loaded record, with who made its changes.
pub(super) struct Loaded {
    pub(super) document: Document,
    pub(super) who: BTreeMap<ChangeHash, Attribution>,
}

/// Why a record was not written.
pub(super) enum NotWritten {
    Unreadable(DocumentError),
    Failed(ReadModelError),
}

impl<E: Into<ReadModelError>> From<E> for NotWritten {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Writes the rows of one record as it stands now.
pub(super) fn write(tx: &Transaction<'_>, programme: &Programme, loaded: &Loaded) -> Result<(), NotWritten> {
    let root = loaded.document.root().map_err(NotWritten::Unreadable)?;
    let form = programme.forms.get(&root.form);
    let policy = |key: &str| form.map_or_else(MergePolicy::default, |form| form.merge_policy(key));
    let mut view = loaded.document.view(&policy, &loaded.who).map_err(NotWritten::Unreadable)?;
    programme.mark_illegal_transitions(&loaded.document, &mut view).map_err(NotWritten::Unreadable)?;
    let history = loaded.document.history(&loaded.who).map_err(NotWritten::Unreadable)?;

    let kind = programme.records.get(&root.form);
    let at = kind.and_then(|kind| kind.at.as_deref()).and_then(|field| moment(programme, view.value(field)?));
    // What was moved is of no form and no time here, and is decided upon where it went, but for what somebody
    // wrote who did not know of that; of its restricted parts the phones tell
    // that have them.
    let stands = !view.is_moved();
    let at = at.filter(|_| stands);
    let timeline = at.is_some() && kind.is_some_and(|kind| kind.count == Count::Many);
    let is_whole = || {
        let of_group = "SELECT kind FROM group_row WHERE \"group\" = ?1";
        let group_kind: Option<String> =
            tx.prepare_cached(of_group)?.query_row([root.group.0], |row| row.get(0)).optional()?;
        Ok::<_, rusqlite::Error>(group_kind.as_ref() == kind.map(|kind| &kind.group))
    };
    let in_doubt = u64::from(view.is_moved_in_doubt() && is_whole()?);
    let count = |wanted: Disagreement| {
        view.disagreements().filter(|(_, field)| stands && field.disagreement == wanted).count() as u64
    };
    // That it was started more than once is for a person to look at, whether its answers differ or not.
    let twins = u64::from(stands && !view.twins.is_empty());
    tx.prepare_cached(
        "INSERT INTO record_row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (record) DO UPDATE SET form = excluded.form, at = excluded.at, timeline = excluded.timeline,
         title = excluded.title, shown = excluded.shown, decisions = excluded.decisions,
         updated = excluded.updated, body = excluded.body",
    )?
    .execute(params![
        root.id.0,
        root.group.0,
        view.looked_up_as(),
        at,
        timeline,
        title(programme, &view),
        super::signed(count(Disagreement::Shown)),
        super::signed(count(Disagreement::NeedsDecision) + twins + in_doubt),
        view.updated.at.0,
        serde_json::to_string(&view)?,
    ])?;
    // What a change says never alters: those that are here already stay as they are.
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO change_row VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for entry in &history {
        insert.execute(params![
            entry.change.0,
            root.id.0,
            root.group.0,
            entry.at.0,
            serde_json::to_string(entry)?
        ])?;
    }
    tx.prepare_cached("DELETE FROM unreadable WHERE record = ?1")?.execute([&root.id.0[..]])?;
    Ok(())
}

/// The moment that a date or an instant stands for, in milliseconds: a date is the start of that day
/// in the programme's zone.
pub(super) fn moment(programme: &Programme, value: &Value) -> Option<i64> {
    if let Some(Millis(at)) = value.as_instant() {
        return Some(at);
    }
    programme.start_of(value.as_date()?).map(|at| at.0)
}

/// The line that names a record: the answers to its title questions, in the programme's words.
/// Pages make their own, which leaves out what the reader may not see.
fn title(programme: &Programme, view: &RecordView) -> String {
    let (Some(kind), Some(form)) =
        (programme.records.get(&view.root.form), programme.forms.get(&view.root.form))
    else {
        return String::new();
    };
    let mut parts = Vec::new();
    for name in &kind.title {
        let question = form.question(name);
        let codes = view.codes(name);
        match (question, view.value(name)) {
            (Some(question), _) if programme.choices(form, question).is_some() => {
                parts.extend(codes.iter().map(|code| programme.code_label(form, question, code).to_owned()));
            }
            (_, Some(Value::Text(text))) => parts.push(text.clone()),
            (_, Some(Value::Integer(number))) => parts.push(number.to_string()),
            _ => {}
        }
    }
    parts.join(", ")
}

/// The form of a record that has a row, moved or not.
pub(super) fn form_of(tx: &Transaction<'_>, record: RecordId) -> rusqlite::Result<Option<String>> {
    tx.prepare_cached("SELECT form FROM record_row WHERE record = ?1")?
        .query_row([&record.0[..]], |row| {
            let form: String = row.get(0)?;
            Ok(form.strip_prefix(moved::LOOKED_UP_WITH).map_or(form.clone(), str::to_owned))
        })
        .optional()
}
