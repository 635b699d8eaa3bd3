//! Who changed what from what to what, when, on which device.

use alongside_domain::{
    form::Form,
    ids::DeviceId,
    record::{RecordView, history::HistoryEntry},
    value::Value,
};

use super::{
    RESTRICTED,
    answers::{Key, Wording},
    words,
};
use crate::read_model::ReadModelError;

/// One change, in words.
pub(super) struct ChangeLine {
    /// Which record it changed; empty where the page says so already.
    pub(super) record: String,
    pub(super) who: String,
    pub(super) when: String,
    pub(super) device: String,
    pub(super) offline: bool,
    pub(super) reason: String,
    /// Whether the record began with it.
    pub(super) first: bool,
    pub(super) fields: Vec<FieldLine>,
}

/// One field of a change.
pub(super) struct FieldLine {
    pub(super) label: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Whether the change decided between several values.
    pub(super) decided: bool,
}

/// A change of this record in words.
pub(super) fn line(
    wording: &Wording<'_>,
    view: &RecordView,
    entry: &HistoryEntry,
    record: String,
) -> Result<ChangeLine, ReadModelError> {
    let form = wording.form(view);
    let mut fields = Vec::new();
    for change in entry.fields.iter().filter(|change| !change.key.starts_with('@')) {
        let key = wording.key(form, &change.key);
        let may_read = wording.may_read(form, &key);
        let word = |value: &Value| in_words(wording, form, &key, value, may_read);
        let from = change.from.iter().map(word).collect::<Result<Vec<_>, _>>()?;
        let to = word(&change.to)?;
        fields.push(FieldLine {
            from: from.join(" / "),
            to,
            decided: change.from.len() > 1,
            label: if may_read { key.label } else { "A restricted answer".to_owned() },
        });
    }
    Ok(ChangeLine {
        record,
        who: wording.person(entry.author),
        when: words::moment_in(entry.at, &entry.zone),
        device: device(entry.device),
        offline: entry.offline,
        reason: entry.reason.clone().unwrap_or_default(),
        first: entry.fields.iter().all(|change| change.from.is_empty()),
        fields,
    })
}

fn in_words(
    wording: &Wording<'_>,
    form: Option<&Form>,
    key: &Key<'_>,
    value: &Value,
    may_read: bool,
) -> Result<String, ReadModelError> {
    if may_read { wording.value(form, key, value) } else { Ok(RESTRICTED.to_owned()) }
}

/// The words for a device: its id is long, its end tells it from the others of a team.
pub(super) fn device(device: Option<DeviceId>) -> String {
    match device {
        Some(DeviceId(id)) => {
            format!("phone {}", hex::encode(id.get(14..).unwrap_or_default()).to_uppercase())
        }
        None => "at the server".to_owned(),
    }
}
