//! Disagreements: both values of a field, who wrote each, when and how.

use alongside_domain::{
    record::{Disagreement, LiveValue, RecordView, moved},
    value::Value,
};

use super::{
    answers::{Wording, dispute_id, is_open},
    words,
};
use crate::read_model::{ReadModelError, case, merged};

/// One field on which people disagree.
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) record: String,
    pub(super) label: String,
    /// Whether a person has to decide; else both are shown for information.
    pub(super) needs_decision: bool,
    /// What there is to say about it; empty where the sides say all.
    pub(super) note: &'static str,
    pub(super) sides: Vec<Side>,
    /// The button with which the reader says that it is right.
    pub(super) affirm: Option<Affirm>,
}

/// A button with which somebody says that what stands is right.
pub(super) struct Affirm {
    /// Where it is sent.
    pub(super) address: String,
    /// Key of the field; empty: the record as a whole.
    pub(super) key: String,
    pub(super) label: &'static str,
}

impl Affirm {
    /// `None` where the reader may not write this record.
    fn of(wording: &Wording<'_>, view: &RecordView, key: &str, label: &'static str) -> Option<Self> {
        let address = format!("{}/records/{}/affirm", wording.page, view.root.id);
        wording.may_affirm.then(|| Self { address, key: key.to_owned(), label })
    }
}

/// A button with which somebody decides that a value holds.
pub(super) struct Choose {
    /// Where it is sent.
    pub(super) address: String,
    /// Key of the field.
    pub(super) key: String,
    /// The change that wrote the value.
    pub(super) change: String,
    /// The changes that wrote the values on the page, with blanks between them.
    pub(super) seen: String,
}

/// Stands for the starts of a record in the ids of disagreements.
const TWINS: &str = "@twins";

/// Of a state that was reached by a step which the programme does not have.
const NO_SUCH_STEP: &str = "The programme does not have this step. Look whether it is meant; if it is not, have \
                            it put right on a phone.";

/// Of a record that was moved while somebody went on with it.
const MOVED_IN_DOUBT: &str = "Somebody wrote to this record, or moved it elsewhere, who did not know that it had been \
                              moved. Look at the latest changes below, write there what is missing, then say so.";

/// One of the values.
#[derive(Default)]
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
    /// The button with which the reader decides that it holds.
    pub(super) choose: Option<Choose>,
}

/// The disagreements of a record, those that need a decision first.
pub(super) fn disputes(wording: &Wording<'_>, view: &RecordView) -> Result<Vec<Dispute>, ReadModelError> {
    let form = wording.form(view);
    let title = wording.title(view)?;
    let form_title = wording.form_title(&view.root.form);
    let record = if title.is_empty() { form_title } else { format!("{form_title}: {title}") };
    let mut disputes = Vec::new();
    if view.is_moved() {
        if view.is_moved_in_doubt() {
            disputes.push(moved_in_doubt(wording, view, record)?);
        }
        return Ok(disputes);
    }
    // Of the record itself: what stands in several restricted parts is in no one document.
    let own = case::record(wording.connection, view.root.id)?.map(|stored| stored.view);
    for (key, field) in view.disagreements().filter(|(_, field)| is_open(field.disagreement)) {
        let meaning = wording.key(form, key);
        // That there is such an answer is already something to know.
        let live = || std::iter::once(&field.shown).chain(&field.others);
        if !wording.may_read(form, &meaning) || live().any(|live| wording.tells(form, &meaning, &live.value))
        {
            continue;
        }
        let is_own = own.as_ref().and_then(|own| own.fields.get(key)).is_some_and(|own| {
            std::iter::once(&own.shown)
                .chain(&own.others)
                .map(|live| live.change)
                .eq(live().map(|live| live.change))
        });
        let seen: Vec<String> = live().map(|live| live.change.to_string()).collect();
        let mut sides = Vec::new();
        for (place, live) in live().enumerate() {
            let value = wording.value(form, &meaning, &live.value)?;
            let mut side = side(wording, live, value, place == 0)?;
            if is_own && wording.may_affirm && wording.may_write(view) && seen.len() > 1 {
                side.choose = Some(Choose {
                    address: format!("{}/records/{}/decide", wording.page, view.root.id),
                    key: key.to_owned(),
                    change: live.change.to_string(),
                    seen: seen.join(" "),
                });
            }
            sides.push(side);
        }
        let stands_alone = view.stands_alone(key);
        disputes.push(Dispute {
            id: dispute_id(view, key),
            record: record.clone(),
            label: meaning.label,
            needs_decision: field.disagreement == Disagreement::NeedsDecision,
            note: if stands_alone { NO_SUCH_STEP } else { "" },
            sides,
            affirm: stands_alone
                .then(|| Affirm::of(wording, view, key, "It is right as it stands"))
                .flatten(),
        });
    }
    if !view.twins.is_empty() {
        disputes.push(twins(wording, view, record)?);
    }
    disputes.sort_by_key(|dispute| !dispute.needs_decision);
    Ok(disputes)
}

/// A record that was moved, and that somebody wrote to or moved elsewhere without knowing.
fn moved_in_doubt(
    wording: &Wording<'_>,
    view: &RecordView,
    record: String,
) -> Result<Dispute, ReadModelError> {
    let mut sides = Vec::new();
    if let Some(field) = view.fields.get(moved::TO) {
        let live = || std::iter::once(&field.shown).chain(&field.others);
        let seen: Vec<String> = live().map(|live| live.change.to_string()).collect();
        for (place, live) in live().enumerate() {
            let mut side = side(wording, live, place_of(wording, &live.value)?, place == 0)?;
            if wording.may_affirm && wording.may_write(view) && seen.len() > 1 {
                side.choose = Some(Choose {
                    address: format!("{}/records/{}/decide", wording.page, view.root.id),
                    key: moved::TO.to_owned(),
                    change: live.change.to_string(),
                    seen: seen.join(" "),
                });
            }
            sides.push(side);
        }
    }
    let affirm = view
        .stands_alone(moved::TO)
        .then(|| Affirm::of(wording, view, moved::TO, "Nothing of it is missing where it went"))
        .flatten();
    Ok(Dispute {
        id: dispute_id(view, moved::TO),
        record,
        label: "Moved to".to_owned(),
        needs_decision: true,
        note: MOVED_IN_DOUBT,
        sides,
        affirm,
    })
}

/// The units that a record went to, as far as the reader sees them.
fn place_of(wording: &Wording<'_>, went: &Value) -> Result<String, ReadModelError> {
    let elsewhere = || "A place that is not among yours".to_owned();
    let Value::Ref(record) = went else { return Ok(elsewhere()) };
    let Some(stored) = case::record(wording.connection, *record)? else { return Ok(elsewhere()) };
    let mut references = Vec::new();
    for unit in merged::units_of(wording.connection, wording.programme, stored.view.root.group)? {
        if wording.reader.at(wording.connection, &unit)?.is_some() {
            references.push(unit.reference);
        }
    }
    Ok(if references.is_empty() { elsewhere() } else { references.join(", ") })
}

/// A record that was started on several phones apart.
fn twins(wording: &Wording<'_>, view: &RecordView, record: String) -> Result<Dispute, ReadModelError> {
    let mut sides = Vec::new();
    for stamp in &view.twins {
        sides.push(Side {
            value: "Started it".to_owned(),
            who: wording.person(stamp.author),
            when: words::moment_in(stamp.at, &wording.programme.zone),
            ..Side::default()
        });
    }
    Ok(Dispute {
        id: dispute_id(view, TWINS),
        record,
        label: "Started more than once".to_owned(),
        needs_decision: true,
        note: "There is one of these, and it was started on several phones apart. Its answers were put \
               together, and where they differ both stand above. Look whether they mean the same.",
        sides,
        affirm: Affirm::of(wording, view, "", "They mean the same"),
    })
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
        choose: None,
    })
}
