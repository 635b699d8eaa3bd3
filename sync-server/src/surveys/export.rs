//! The answers of a run, as tables and as JSON, in the words of the form.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::{MergePolicy, QuestionKind, codebook::Codebook},
    ids::RecordId,
    programme::{Programme, surveys::Survey},
    record::{Document, RecordView},
    value::Value,
};
use serde::Serialize;

use super::{Link, Run};
use crate::store::{Store, StoreError, TENANT, rows::Sql};

/// One answer to a run: what a record keeps, by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Response {
    /// The record; nobody's link leads to that of an anonymous survey.
    pub record: RecordId,
    /// Whom it was asked of; `None` of an anonymous survey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respondent: Option<String>,
    /// Version of the form.
    pub form_version: String,
    /// Values by key: `question`, or `repeat/row/question`.
    pub values: BTreeMap<String, String>,
}

/// Why the answers of a run are not shown yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Of an anonymous survey, while its run is open: who watched one come would know whose it is.
    UntilClosed,
    /// Fewer have answered than may be shown.
    TooFew(i32),
}

/// Whether the answers of a run may be shown now.
#[must_use]
pub fn withheld(survey: &Survey, run: &Run, links: &[Link]) -> Option<Withheld> {
    if !survey.anonymous {
        return None;
    }
    if run.closed_at.is_none() {
        return Some(Withheld::UntilClosed);
    }
    let answered = links.iter().filter(|link| link.finished).count();
    (answered < usize::try_from(survey.least).unwrap_or_default()).then_some(Withheld::TooFew(survey.least))
}

/// The answers of a run that has a group of its own; in the order of their ids, which tells nothing of an
/// anonymous one.
///
/// # Errors
/// See [`StoreError`].
pub fn responses(
    store: &Store,
    programme: &Programme,
    survey: &Survey,
    run: &Run,
    links: &[Link],
) -> Result<Vec<Response>, StoreError> {
    let Some(group) = run.group else { return Ok(Vec::new()) };
    let records = store.read(|tx| {
        let mut statement = tx.prepare_cached(
            "SELECT DISTINCT record FROM feed WHERE tenant = ?1 AND group_id = ?2 AND kind = 0 ORDER BY record",
        )?;
        let rows = statement
            .query_map(rusqlite::params![TENANT, Sql(group)], |row| Ok(row.get::<_, Sql<RecordId>>(0)?.0))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    })?;
    let mut responses = Vec::new();
    for record in records {
        let Some(view) = view(store, programme, survey, record)? else { continue };
        let link = links.iter().find(|link| link.record == Some(record));
        responses.push(Response {
            record,
            respondent: link.map(|link| link.label.clone()),
            form_version: view.root.form_version.clone(),
            values: values(programme, survey, &view),
        });
    }
    Ok(responses)
}

/// A record of a survey, as it stands.
fn view(
    store: &Store,
    programme: &Programme,
    survey: &Survey,
    record: RecordId,
) -> Result<Option<RecordView>, StoreError> {
    let changes = store.changes_of(record)?;
    if changes.is_empty() {
        return Ok(None);
    }
    let broken = || StoreError::damaged("a record of the feed does not load");
    let document =
        Document::load(changes.iter().map(|change| change.bytes.as_slice())).map_err(|_| broken())?;
    let form = programme.forms.get(&survey.form);
    let policy = |key: &str| form.map_or_else(MergePolicy::default, |form| form.merge_policy(key));
    document.view(&policy, &BTreeMap::new()).map(Some).map_err(|_| broken())
}

fn values(programme: &Programme, survey: &Survey, view: &RecordView) -> BTreeMap<String, String> {
    let form = programme.forms.get(&survey.form);
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (key, field) in view.fields.iter().filter(|(key, _)| !key.starts_with('@')) {
        let text = match &field.shown.value {
            Value::Null | Value::Bool(false) | Value::Other(_) => continue,
            Value::Bool(true) => {
                // A code of a set stands in its key.
                if let Some((set, code)) = key.rsplit_once('/')
                    && form.is_some_and(|form| form.question_of_key(key).is_some())
                {
                    let all = values.entry(set.to_owned()).or_default();
                    *all = if all.is_empty() { code.to_owned() } else { format!("{all} {code}") };
                    continue;
                }
                "true".to_owned()
            }
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Instant(at) => at.timestamp().to_string(),
            Value::Ref(record) => record.to_string(),
        };
        values.insert(key.clone(), text);
    }
    values
}

/// Answers as CSV: one row each; a question of several answers has a column for each code, a question in a
/// repeat one for each row that somebody gave, by its place.
///
/// # Errors
/// None that is known: it is written to memory.
pub fn csv(
    programme: &Programme,
    survey: &Survey,
    responses: &[Response],
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let book = programme
        .forms
        .get(&survey.form)
        .map(|form| Codebook::new(form, &programme.code_lists))
        .ok_or("the programme does not have the form")?;
    let places: Vec<BTreeMap<String, String>> = responses.iter().map(by_place).collect();
    let mut heads = vec!["record".to_owned(), "respondent".to_owned(), "form_version".to_owned()];
    // Column: key by place, and the code for a question of several answers.
    let mut columns: Vec<(String, Option<String>)> = Vec::new();
    for variable in &book.variables {
        for key in keys(&variable.key, &places) {
            if variable.kind == "select_multiple" {
                columns.extend(variable.codes.iter().map(|code| (key.clone(), Some(code.code.clone()))));
            } else {
                columns.push((key, None));
            }
        }
    }
    heads.extend(columns.iter().map(|(key, code)| match code {
        Some(code) => format!("{key}.{code}"),
        None => key.clone(),
    }));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&heads)?;
    for (response, values) in responses.iter().zip(&places) {
        let mut row = vec![
            response.record.to_string(),
            tame(response.respondent.as_deref().unwrap_or_default()),
            response.form_version.clone(),
        ];
        for (key, code) in &columns {
            let value = values.get(key).map(String::as_str);
            row.push(match (value, code) {
                (None, _) => String::new(),
                (Some(value), None) => tame(value),
                (Some(value), Some(code)) => {
                    u8::from(value.split_whitespace().any(|chosen| chosen == code)).to_string()
                }
            });
        }
        writer.write_record(&row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The values with the place of each row instead of its key: `visit.1.minutes`.
fn by_place(response: &Response) -> BTreeMap<String, String> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (key, value) in &response.values {
        let parts: Vec<&str> = key.split('/').collect();
        let mut name = String::new();
        for (at, part) in parts.iter().enumerate() {
            if at % 2 == 1 {
                let known = rows.entry(name.clone()).or_default();
                let place = known.iter().position(|row| row == part).unwrap_or_else(|| {
                    known.push((*part).to_owned());
                    known.len() - 1
                });
                name = format!("{name}.{}", place + 1);
            } else if at == 0 {
                name.push_str(part);
            } else {
                name = format!("{name}.{part}");
            }
        }
        found.insert(name, value.clone());
    }
    found
}

/// The columns of a variable: itself, or for `visit/*/minutes` one for each place that somebody filled.
fn keys(variable: &str, places: &[BTreeMap<String, String>]) -> Vec<String> {
    if !variable.contains('*') {
        return vec![variable.to_owned()];
    }
    let shape: Vec<&str> = variable.split('/').collect();
    let fits = |key: &&String| {
        let parts: Vec<&str> = key.split('.').collect();
        parts.len() == shape.len()
            && parts.iter().zip(&shape).all(|(part, shape)| *shape == "*" || part == shape)
    };
    let all: BTreeSet<String> = places.iter().flat_map(BTreeMap::keys).filter(fits).cloned().collect();
    all.into_iter().collect()
}

/// A cell that no spreadsheet takes for a formula.
fn tame(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// A value in the words of the form.
#[must_use]
pub fn in_words(programme: &Programme, survey: &Survey, key: &str, value: &str) -> String {
    let Some(form) = programme.forms.get(&survey.form) else { return value.to_owned() };
    let Some(question) = form.question_of_key(key) else { return value.to_owned() };
    match &question.kind {
        kind if kind.choices().is_some() => {
            let codes = value.split_whitespace();
            codes.map(|code| programme.code_label(form, question, code)).collect::<Vec<_>>().join(", ")
        }
        QuestionKind::Acknowledge => "Yes".to_owned(),
        QuestionKind::Media(_) => value
            .parse::<alongside_domain::media::MediaRef>()
            .map_or_else(|_| value.to_owned(), |media| media.in_words()),
        _ => value.to_owned(),
    }
}
