//! Entities: what a record makes or changes in the lists of a server, as the specification of ODK XForms for
//! entities has it. Each is declared in a `meta` of the group, repeat or form that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Kind, Plan};

/// What an attribute of the declaration is written with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    /// What stands in it in a new record.
    pub(super) value: String,
    /// The attributes of its bind; none where it has no bind.
    pub(super) bind: Vec<(&'static str, String)>,
    /// Whether a new record gives it an id of its own.
    pub(super) is_fresh: bool,
}

/// Where the entities of a form are declared: rows of the sheet by the part that they stand in.
#[derive(Debug, Default)]
pub(super) struct Places {
    by_part: BTreeMap<usize, usize>,
    /// What cannot be declared anywhere.
    pub(super) notes: Vec<String>,
}

impl Places {
    /// The version of the specification that says where they stand; `None` where there is none.
    pub(super) fn version(&self) -> Option<&'static str> {
        // The first version knows one entity, of the form as a whole.
        let is_plain = self.by_part.keys().all(|at| *at == Plan::ROOT);
        (!self.by_part.is_empty()).then_some(if is_plain { "2024.1.0" } else { "2025.1.0" })
    }

    pub(super) fn in_form(&self) -> Option<usize> {
        self.by_part.get(&Plan::ROOT).copied()
    }

    /// Those of groups and repeats.
    pub(super) fn below(&self) -> Vec<(usize, usize)> {
        self.by_part.iter().map(|(at, row)| (*at, *row)).filter(|(at, _)| *at != Plan::ROOT).collect()
    }
}

impl Plan<'_> {
    /// Finds the place of each entity: in the deepest repeat that it speaks of, in the group that holds all
    /// that is saved to it. A place that is taken leaves the next above, up to that repeat.
    pub(super) fn entity_places(&self) -> Places {
        let mut places = Places::default();
        let only = self.form.entities.len() == 1;
        for (row, entity) in self.form.entities.iter().enumerate() {
            let list = entity.get("list_name").map_or("", String::as_str);
            let saved = self.saved_to(list, only);
            let mentioned = ["entity_id", "create_if", "update_if", "label"]
                .into_iter()
                .filter_map(|column| entity.get(column))
                .flat_map(|text| super::refer::names(text))
                .filter_map(|name| self.parts[self.named(name)?].parent);
            let rows_of = entity.get("repeat").into_iter().flat_map(|text| super::refer::names(text));
            let rows_of = rows_of.filter_map(|name| self.named(name)).filter(|at| self.is_repeat(*at));
            let all: BTreeSet<usize> = saved.iter().copied().chain(mentioned).chain(rows_of).collect();
            let deepest = all.iter().copied().max_by_key(|at| self.repeats_around(*at));
            let scope = deepest.map_or(Self::ROOT, |at| self.scope(at));
            let is_seen = |at: &usize| self.is_within(scope, self.scope(*at));
            let is_one_row = saved.iter().all(|at| self.scope(*at) == scope);
            if !all.iter().all(is_seen) || !is_one_row {
                places.notes.push(format!(
                    "The entity `{list}` is not written: it speaks of answers in different repeats. Save and name answers of one repeat."
                ));
                continue;
            }
            let wanted = match self.common(&saved) {
                _ if only && scope == Self::ROOT => Self::ROOT,
                Some(holder) => holder,
                None => deepest_of(&all, |at| (self.scope(at) == scope, self.depth(at))).unwrap_or(scope),
            };
            let up =
                std::iter::once(wanted).chain(self.above(wanted)).take_while(|at| self.is_within(*at, scope));
            let free = up.into_iter().find(|at| !places.by_part.contains_key(at));
            match free {
                Some(at) => {
                    places.by_part.insert(at, row);
                }
                None => places.notes.push(format!(
                    "The entity `{list}` is not written: each group, each repeat and the form itself declare one, and others stand in all of these. Ask what is saved to it in a group of its own."
                )),
            }
        }
        places
    }

    /// Adds the declaration of an entity to a `meta`.
    pub(super) fn entity(&mut self, meta: usize, row: usize) {
        let form = self.form;
        let entity = &form.entities[row];
        let cell = |name: &str| entity.get(name).filter(|text| !text.is_empty()).cloned();
        let list = cell("list_name").unwrap_or_default();
        let (id, create_if, update_if, label) =
            (cell("entity_id"), cell("create_if"), cell("update_if"), cell("label"));
        let computed = |expression: &str| {
            vec![
                ("calculate", expression.to_owned()),
                ("readonly", "true()".to_owned()),
                ("type", "string".to_owned()),
            ]
        };
        let bound = |expression: Option<String>| expression.map(|text| computed(&text)).unwrap_or_default();
        let at = self.add("entity", meta, Kind::Meta);
        let mut add = |name: &str, value: &str, bind, is_fresh| {
            let attribute = Attribute { value: value.to_owned(), bind, is_fresh };
            self.add(name, at, Kind::Attribute(attribute));
        };
        add("@dataset", &list, Vec::new(), false);
        if id.is_none() || create_if.is_some() {
            add("@create", "1", bound(create_if), false);
        }
        match id {
            Some(id) => {
                add("@update", "1", bound(update_if), false);
                let known = |what: &str| computed(&format!("instance('{list}')/root/item[name={id}]/{what}"));
                add("@baseVersion", "", known("__version"), false);
                add("@trunkVersion", "", known("__trunkVersion"), false);
                add("@branchId", "", known("__branchId"), false);
                add("@id", "", computed(&id), false);
            }
            None => {
                let bind = vec![("readonly", "true()".to_owned()), ("type", "string".to_owned())];
                add("@id", "", bind, true);
            }
        }
        if let Some(label) = label {
            self.add("label", at, Kind::Kept(computed(&label)));
        }
    }

    /// The groups that hold what is saved to a list.
    fn saved_to(&self, list: &str, only: bool) -> BTreeSet<usize> {
        let saved = self.parts.iter().filter_map(|part| {
            let Kind::Question(question) = &part.kind else { return None };
            let is_of_list = match question.extra.get("save_to")?.split_once('#') {
                Some((of, _)) => of.trim() == list,
                None => only,
            };
            part.parent.filter(|_| is_of_list)
        });
        saved.collect()
    }

    /// The repeat that a part is a row of, or the form.
    fn scope(&self, at: usize) -> usize {
        std::iter::once(at).chain(self.above(at)).find(|up| self.is_repeat(*up)).unwrap_or(Self::ROOT)
    }

    fn repeats_around(&self, at: usize) -> usize {
        std::iter::once(at).chain(self.above(at)).filter(|up| self.is_repeat(*up)).count()
    }

    fn depth(&self, at: usize) -> usize {
        self.above(at).count()
    }

    /// Whether a part is another, or stands in it.
    fn is_within(&self, at: usize, other: usize) -> bool {
        at == other || self.above(at).any(|up| up == other)
    }

    /// The lowest part that holds all of these.
    fn common(&self, parts: &BTreeSet<usize>) -> Option<usize> {
        let first = *parts.first()?;
        std::iter::once(first)
            .chain(self.above(first))
            .find(|up| parts.iter().all(|part| self.is_within(*part, *up)))
    }
}

fn deepest_of<K: Ord>(parts: &BTreeSet<usize>, key: impl Fn(usize) -> K) -> Option<usize> {
    parts.iter().copied().max_by_key(|at| key(*at))
}
