//! Who changed what from what to what, when, on which device.

use alongside_domain::{
    ids::DeviceId,
    record::{RecordView, history::HistoryEntry},
    value::Value,
};

use super::{answers::Wording, words};
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

/// A change of this record in words, as far as the reader may read what it changed; `None` where they may
/// read nothing of it: that there is such an answer is already something to know.
pub(super) fn line(
    wording: &Wording<'_>,
    view: &RecordView,
    entry: &HistoryEntry,
    record: String,
) -> Result<Option<ChangeLine>, ReadModelError> {
    let form = wording.form(view);
    let (mut fields, mut first, mut hidden) = (Vec::new(), true, false);
    for change in entry.fields.iter().filter(|change| !change.key.starts_with('@')) {
        let key = wording.key(form, &change.key);
        let tells = |value: &Value| wording.tells(form, &key, value);
        if !wording.may_read(form, &key) || change.from.iter().chain([&change.to]).any(tells) {
            hidden = true;
            continue;
        }
        first &= change.from.is_empty();
        let word = |value: &Value| wording.value(form, &key, value);
        let from = change.from.iter().map(word).collect::<Result<Vec<_>, _>>()?;
        let to = word(&change.to)?;
        fields.push(FieldLine {
            from: from.join(" / "),
            to,
            decided: change.from.len() > 1,
            label: key.label,
        });
    }
    if hidden && fields.is_empty() {
        return Ok(None);
    }
    Ok(Some(ChangeLine {
        record,
        who: wording.person(entry.author),
        when: words::moment_in(entry.at, &entry.zone),
        device: device(entry.device),
        offline: entry.offline,
        reason: entry.reason.clone().unwrap_or_default(),
        first,
        fields,
    }))
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
