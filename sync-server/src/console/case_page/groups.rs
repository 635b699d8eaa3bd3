//! The records that the timeline does not show, group by group; what was found to be one stands together.

use std::collections::BTreeMap;

use alongside_domain::ids::GroupId;

use super::{Builder, RECORDS_SHOWN, Record};
use crate::{
    console::{answers::Wording, words},
    merge,
    read_model::{ReadModelError, case, merged},
};

/// A group's records, with those of the groups that were found to be one with it.
pub(super) struct Group {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) forms: Vec<FormRecords>,
    /// Who found others to be one with it, and when.
    pub(super) merged: Vec<String>,
    /// Where that is undone; empty where the reader does not decide it.
    pub(super) merged_link: String,
}

/// The records of one form.
pub(super) struct FormRecords {
    pub(super) title: String,
    pub(super) records: Vec<Record>,
    /// How many more there are than shown.
    pub(super) more: u64,
}

/// A kind, the group that stands in front, and those that are one with it, itself first.
pub(super) type Front = (String, GroupId, Vec<GroupId>);

impl Builder<'_> {
    /// The groups of a kind around the unit, those that were found to be one together.
    pub(super) fn fronts(
        &self,
        kind: &str,
        groups: &BTreeMap<String, Vec<GroupId>>,
    ) -> Result<Vec<Front>, ReadModelError> {
        let mut fronts: Vec<Front> = Vec::new();
        let of_kind = groups.get(kind).map(Vec::as_slice).unwrap_or_default();
        for group in of_kind {
            let front = merged::front(self.connection, *group)?;
            // What it was merged into may be out of the unit's reach.
            let front = if of_kind.contains(&front) { front } else { *group };
            match fronts.iter_mut().find(|(_, known, _)| *known == front) {
                Some((.., members)) => members.push(*group),
                None => fronts.push((kind.to_owned(), front, vec![*group])),
            }
        }
        Ok(fronts)
    }

    /// The records that the timeline does not show, group by group, the unit's own first.
    pub(super) fn groups(
        &self,
        wording: &Wording<'_>,
        groups: &BTreeMap<String, Vec<GroupId>>,
        area: &str,
    ) -> Result<Vec<Group>, ReadModelError> {
        let mut kinds = vec![self.programme().parts.unit.clone()];
        kinds.extend(self.linked_kinds());
        kinds.extend(groups.keys().filter(|kind| !kinds.contains(kind)).cloned().collect::<Vec<_>>());
        let mut around: Vec<Front> = Vec::new();
        for kind in kinds {
            around.extend(self.fronts(&kind, groups)?);
        }
        // What is restricted as a whole; the parts of records are shown with them.
        let restricted = wording.restricted.values().flatten();
        around.extend(restricted.map(|(group, kind)| (kind.clone(), *group, vec![*group])));
        let mut shown = Vec::new();
        for (kind, front, members) in around {
            let mut forms: Vec<FormRecords> = Vec::new();
            for group in &members {
                self.forms(wording, &kind, *group, &mut forms)?;
            }
            if forms.is_empty() {
                continue;
            }
            let title =
                self.programme().groups.get(&kind).map_or_else(|| kind.clone(), |kind| kind.title.clone());
            let merged = if members.len() > 1 { self.merged(wording, &members)? } else { Vec::new() };
            let decides = self.reader.may_write_here()
                && self.reader.scope(area).is_some_and(|scope| scope.granted_to.is_none());
            let merged_link = if decides && !merged.is_empty() {
                format!("/areas/{area}/duplicates#merged")
            } else {
                String::new()
            };
            shown.push(Group { id: format!("g-{front}"), title, forms, merged, merged_link });
        }
        Ok(shown)
    }

    /// Who found these to be one, and when.
    fn merged(&self, wording: &Wording<'_>, members: &[GroupId]) -> Result<Vec<String>, ReadModelError> {
        let merges = merge::standing(&self.console.store, members)
            .map_err(|error| ReadModelError::Log(Box::new(error)))?;
        let zone = &self.programme().zone;
        Ok(merges
            .iter()
            .map(|merge| format!("{}, {}", wording.person(Some(merge.by)), words::moment_in(merge.at, zone)))
            .collect())
    }

    /// Adds the records of a group, form by form.
    fn forms(
        &self,
        wording: &Wording<'_>,
        kind: &str,
        group: GroupId,
        forms: &mut Vec<FormRecords>,
    ) -> Result<(), ReadModelError> {
        let is_restricted = self.programme().is_restricted(kind);
        for (form, (count, dated)) in case::form_counts(self.connection, group)? {
            if is_restricted && !self.lives_in(&form, kind) {
                continue;
            }
            let in_timeline = if self.is_many(&form) && !is_restricted { dated } else { 0 };
            if count == in_timeline {
                continue;
            }
            let stored = case::records_of_form(self.connection, group, &form, RECORDS_SHOWN, is_restricted)?;
            let more = (count - in_timeline).saturating_sub(stored.len() as u64);
            let records =
                stored.iter().map(|stored| self.record(wording, stored)).collect::<Result<Vec<_>, _>>()?;
            let title = wording.form_title(&form);
            match forms.iter_mut().find(|known| known.title == title) {
                Some(known) => {
                    known.records.extend(records);
                    known.more += more;
                }
                None => forms.push(FormRecords { title, records, more }),
            }
        }
        Ok(())
    }
}
