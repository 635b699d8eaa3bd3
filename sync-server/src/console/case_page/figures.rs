//! What is worked out from the records of the page, as of the day it is looked at.

use std::collections::BTreeMap;

use alongside_domain::{ids::GroupId, record::RecordView};

use super::Builder;
use crate::{
    console::answers::{Answer, Section, Wording},
    read_model::{ReadModelError, case},
};

/// Records of one form that are read for it: beyond, the page would take longer than anybody waits.
const MOST: u32 = 5_000;

/// The values, or why there are none.
#[derive(Default)]
pub(super) struct Figures {
    /// Label and value.
    pub(super) lines: Vec<(String, String)>,
    /// There are too many records to work anything out while somebody waits.
    pub(super) too_many: bool,
}

impl Builder<'_> {
    /// What is worked out with one record, as far as the reader may read it; `None` where nothing is.
    pub(super) fn worked_out(
        &self,
        wording: &Wording<'_>,
        view: &RecordView,
    ) -> Result<Option<Section>, ReadModelError> {
        let programme = self.programme();
        let group = view.root.group;
        let mut around = self.around.borrow_mut();
        let mut records = Vec::new();
        for form in programme.figures_of_record_read(&view.root.form) {
            let key = (group, form.to_owned());
            if !around.contains_key(&key) {
                let mut views = Vec::new();
                for stored in case::some_of_form(self.connection, group, form, MOST)? {
                    views.push(wording.joined(&stored.view)?.0);
                }
                around.insert(key.clone(), views);
            }
            records.extend(around.get(&key).into_iter().flatten().cloned());
        }
        let figures = programme.figures_of_record(view, &records, self.as_of).into_iter();
        let answers: Vec<Answer> = figures
            .filter(|figure| self.reader.may_read(figure.derived.sensitivity))
            .map(|figure| Answer::worked_out(figure.derived.label.clone(), figure.text))
            .collect();
        Ok((!answers.is_empty()).then(|| Section { heading: "Worked out".to_owned(), answers }))
    }

    /// The derived values of the unit and of what it is linked to, as far as the reader may read them: worked
    /// out from records as the reader sees them.
    pub(super) fn figures(
        &self,
        wording: &Wording<'_>,
        groups: &BTreeMap<String, Vec<GroupId>>,
    ) -> Result<Figures, ReadModelError> {
        let programme = self.programme();
        let kinds: Vec<&str> = groups.keys().map(String::as_str).collect();
        let mut records = Vec::new();
        for form in programme.figures_read(&kinds) {
            let Some(kind) = programme.record_kind(form) else { continue };
            for group in groups.get(&kind.group).into_iter().flatten() {
                let stored = case::some_of_form(self.connection, *group, form, MOST + 1)?;
                if stored.len() > MOST as usize {
                    return Ok(Figures { lines: Vec::new(), too_many: true });
                }
                for stored in stored {
                    records.push(wording.joined(&stored.view)?.0);
                }
            }
        }
        let figures = programme.figures(&kinds, &records, self.as_of).into_iter();
        let lines = figures
            .filter(|figure| self.reader.may_read(figure.derived.sensitivity))
            .map(|figure| (figure.derived.label.clone(), figure.text))
            .collect();
        Ok(Figures { lines, too_many: false })
    }
}
