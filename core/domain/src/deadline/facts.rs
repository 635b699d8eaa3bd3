//! From records to what the clock runs on. Phone and server read their records with this one function,
//! so that they come to the same dates.

use jiff::civil::Date;

use super::{Correction, Event, Facts, Typed};
use crate::{
    ids::RecordId,
    programme::{FieldRef, MomentKind, Programme},
    record::RecordView,
    value::Value,
};

impl Facts {
    /// What the records of a case, and of the groups it is linked to, tell. Records of forms that play
    /// no part here are passed over, and so is one that lacks its code or its date: it tells nothing yet.
    pub fn read<'v>(programme: &Programme, views: impl IntoIterator<Item = &'v RecordView>) -> Self {
        let mut facts = Self::default();
        for view in views {
            facts.events.extend(event(programme, view));
            facts.events.extend(moments(programme, view));
            facts.corrections.extend(correction(programme, view));
        }
        facts
    }
}

fn event(programme: &Programme, view: &RecordView) -> Option<Event> {
    let event = programme.parts.event.as_ref().filter(|event| event.kind.form == view.root.form)?;
    let typed = |field: &FieldRef| Some((field.field.clone(), typed(programme, view, field)?));
    Some(Event {
        record: view.root.id,
        kind: view.text(&event.kind.field)?.to_owned(),
        date: date(programme, view, &event.date)?,
        outcome: text(view, event.outcome.as_ref()),
        exemption: text(view, event.exemption.as_ref()),
        dates: event.dates.iter().filter_map(typed).collect(),
    })
}

/// What a record that is no event tells all the same: a birth, a route.
fn moments<'a>(programme: &'a Programme, view: &'a RecordView) -> impl Iterator<Item = Event> + 'a {
    let moments = programme.parts.moments.iter();
    moments.filter(|moment| moment.date.form == view.root.form).filter_map(|moment| {
        let kind = match &moment.kind {
            MomentKind::Always(code) => code.clone(),
            MomentKind::Field(field) => text(view, Some(field))?,
        };
        Some(Event {
            record: view.root.id,
            kind,
            date: date(programme, view, &moment.date)?,
            outcome: text(view, moment.outcome.as_ref()),
            exemption: None,
            dates: std::collections::BTreeMap::new(),
        })
    })
}

fn correction(programme: &Programme, view: &RecordView) -> Option<Correction> {
    let part = programme.parts.correction.as_ref().filter(|part| part.rule.form == view.root.form)?;
    let typed = typed(programme, view, &part.date)?;
    Some(Correction {
        at: view.fields.get(&part.date.field)?.shown.at,
        record: view.root.id,
        rule: text(view, Some(&part.rule))?,
        event: match part.event.as_ref().and_then(|field| view.value(&field.field)) {
            None => None,
            // Of an event that nobody can tell it is no correction; a rule of the programme says so.
            Some(value) => Some(reference(value)?),
        },
        date: typed.date,
        reason: text(view, part.reason.as_ref()),
        by: typed.by,
    })
}

fn text(view: &RecordView, field: Option<&FieldRef>) -> Option<String> {
    view.text(&field?.field).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn date(programme: &Programme, view: &RecordView, field: &FieldRef) -> Option<Date> {
    match view.value(&field.field)? {
        Value::Instant(at) => Some(programme.day(*at)),
        value => value.as_date(),
    }
}

fn typed(programme: &Programme, view: &RecordView, field: &FieldRef) -> Option<Typed> {
    Some(Typed { date: date(programme, view, field)?, by: view.fields.get(&field.field)?.shown.author })
}

/// A record named by its id, as a reference or as text.
fn reference(value: &Value) -> Option<RecordId> {
    match value {
        Value::Ref(record) => Some(*record),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}
