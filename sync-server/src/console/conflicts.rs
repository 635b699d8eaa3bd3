//! Disagreements: both values of a field, who wrote each, when and how.

use alongside_domain::record::{Disagreement, LiveValue, RecordView};

use super::{
    RESTRICTED,
    answers::{Wording, dispute_id, is_open},
    words,
};
use crate::read_model::{ReadModelError, case};

/// One field on which people disagree.
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) record: String,
    pub(super) label: String,
    /// Whether a person has to decide; else both are shown for information.
    pub(super) needs_decision: bool,
    pub(super) sides: Vec<Side>,
}

/// One of the values.
pub(super) struct Side {
    pub(super) value: String,
    /// Whether this is the value that pages and lists show now.
    pub(super) shown: bool,
    pub(super) who: String,
    pub(super) when: String,
    pub(super) device: String,
    pub(super) offline: bool,
    pub(super) clock_ahead: bool,
    pub(super) reason: String,
}

/// The disagreements of a record, those that need a decision first.
pub(super) fn disputes(wording: &Wording<'_>, view: &RecordView) -> Result<Vec<Dispute>, ReadModelError> {
    let form = wording.form(view);
    let title = wording.title(view)?;
    let form_title = wording.form_title(&view.root.form);
    let record = if title.is_empty() { form_title } else { format!("{form_title}: {title}") };
    let mut disputes = Vec::new();
    for (key, field) in view.disagreements().filter(|(_, field)| is_open(field.disagreement)) {
        let meaning = wording.key(form, key);
        let may_read = wording.may_read(form, &meaning);
        let mut sides = Vec::new();
        for (place, live) in std::iter::once(&field.shown).chain(&field.others).enumerate() {
            let value = match may_read {
                true => wording.value(form, &meaning, &live.value)?,
                false => RESTRICTED.to_owned(),
            };
            sides.push(side(wording, live, value, place == 0)?);
        }
        disputes.push(Dispute {
            id: dispute_id(view, key),
            record: record.clone(),
            label: if may_read { meaning.label } else { "A restricted answer".to_owned() },
            needs_decision: field.disagreement == Disagreement::NeedsDecision,
            sides,
        });
    }
    disputes.sort_by_key(|dispute| !dispute.needs_decision);
    Ok(disputes)
}

fn side(wording: &Wording<'_>, live: &LiveValue, value: String, shown: bool) -> Result<Side, ReadModelError> {
    let change = case::change(wording.connection, live.change)?;
    Ok(Side {
        value,
        shown,
        who: wording.person(live.author),
        when: match &change {
            Some(change) => words::moment_in(live.at, &change.zone),
            None => words::moment_in(live.at, &wording.programme.zone),
        },
        device: super::history::device(live.device),
        offline: change.as_ref().is_some_and(|change| change.offline),
        clock_ahead: live.clock_ahead,
        reason: change.and_then(|change| change.reason).unwrap_or_default(),
    })
}
