//! Which records the rules find to be alike: what is proposed to a coordinator as one and the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Rule, Rules, Scope, UnitRecords, scene::Scene};
use crate::{
    form::expr::{Scalar, Surroundings, Tree, Value},
    ids::{GroupId, RecordId},
    programme::Programme,
    record::RecordView,
};

/// Records that a rule finds to be alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alike {
    /// Id of the rule.
    pub rule: String,
    /// What was found, in the rule's words.
    pub message: String,
    /// The records: two or more, of one form.
    pub records: BTreeSet<RecordId>,
}

impl Rules {
    /// The records of these units that a rule of the scope finds to be alike, in each of its ways. A record
    /// that several units show is one record. The rules find the same as with [`Rules::units`], and say which
    /// belong together.
    #[must_use]
    pub fn alike(
        &self,
        programme: &Programme,
        scope: Scope,
        units: &[(GroupId, UnitRecords)],
        asked: Asked,
    ) -> Vec<Alike> {
        let as_of = programme.day(asked.now);
        let is_on = |rule: &&Rule| {
            rule.scope == scope
                && !rule.alike.is_empty()
                && rule.places.contains(&asked.place)
                && rule.from.is_none_or(|from| from <= as_of)
                && rule.to.is_none_or(|to| as_of <= to)
        };
        let on: Vec<&Rule> = self.rules.iter().filter(is_on).collect();
        if on.is_empty() {
            return Vec::new();
        }
        let mut scene = Scene::new(self, programme, &on);
        let top = scene.tree.add(Tree::ROOT, "units", Scalar::Empty);
        for (_, records) in units {
            let unit = scene.unit(top);
            let mut views: Vec<&RecordView> = records.records.values().flatten().collect();
            views.sort_by_key(|view| view.root.id);
            views.dedup_by_key(|view| view.root.id);
            for view in views {
                scene.record(unit, "", view);
            }
        }
        let around = Surroundings::new(asked.now.timestamp(), programme.time_zone(), [0; 32]);
        let mut found = BTreeSet::new();
        for rule in on {
            let Some(each) = &rule.each else { continue };
            let Ok(Value::Nodes(nodes)) = each.evaluate(&scene.tree, top, &around) else { continue };
            for keys in &rule.alike {
                let mut by_key: BTreeMap<Vec<String>, BTreeSet<RecordId>> = BTreeMap::new();
                for node in &nodes {
                    let Some((record, _)) = scene.records.get(node) else { continue };
                    let texts = keys.iter().map(|key| key.text(&scene.tree, *node, &around));
                    // Two that say nothing are not alike; what cannot be told is told by the check itself.
                    let key: Option<Vec<String>> =
                        texts.map(|text| text.ok().filter(|text| !text.is_empty())).collect();
                    if let Some(key) = key {
                        by_key.entry(key).or_default().insert(*record);
                    }
                }
                found.extend(by_key.into_values().filter(|records| records.len() > 1).map(|records| Alike {
                    rule: rule.id.clone(),
                    message: rule.message.clone(),
                    records,
                }));
            }
        }
        found.into_iter().collect()
    }

    /// The rules of this scope that look for what is alike.
    pub fn that_compare(&self, scope: Scope) -> impl Iterator<Item = &str> {
        let compares = move |rule: &&Rule| rule.scope == scope && !rule.alike.is_empty();
        self.rules.iter().filter(compares).map(|rule| rule.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        form::MergePolicy,
        ids::ActorId,
        programme::builtin,
        record::{Circumstances, Document, Edit, Root},
        rules::Place,
        time::Millis,
    };

    fn child(number: u8, answers: &[(&str, &str)]) -> RecordView {
        let group = GroupId([number; 16]);
        let root =
            Root { id: RecordId([number; 16]), form: "child".to_owned(), form_version: String::new(), group };
        let circumstances = Circumstances {
            actor: ActorId([number; 16]),
            at: Millis(1_426_500_000_000),
            zone: "Europe/London".to_owned(),
            offline: false,
            reason: None,
        };
        let edits: Vec<Edit> = answers
            .iter()
            .map(|(key, value)| Edit { key: (*key).to_owned(), value: (*value).into() })
            .collect();
        let (document, _) = Document::create(&root, &edits, &circumstances).expect("it is sound");
        document.view(&|_| MergePolicy::Value, &BTreeMap::new()).expect("it is sound")
    }

    #[test]
    fn who_is_alike_belongs_together_and_a_record_that_two_units_show_is_one() {
        let programme = builtin::independent_support().expect("the built-in programme is sound");
        let born = ("date_of_birth", "2006-05-04");
        let children = [
            child(1, &[born, ("family_name", "Smith")]),
            child(2, &[born, ("family_name", "Smyth")]),
            child(3, &[born, ("family_name", "Okafor")]),
            child(4, &[("family_name", "Smith")]),
        ];
        let shown = [0, 1, 2, 3, 0, 2];
        let units: Vec<(GroupId, UnitRecords)> = (10_u8..)
            .zip(shown)
            .map(|(unit, at)| {
                let records = BTreeMap::from([("child".to_owned(), vec![children[at].clone()])]);
                (GroupId([unit; 16]), UnitRecords { records, deadlines: Vec::new() })
            })
            .collect();
        let asked = Asked { place: Place::Server, now: Millis(1_426_500_000_000) };
        let found = programme.rules.alike(&programme, Scope::Area, &units, asked);
        let together: Vec<BTreeSet<RecordId>> = found.iter().map(|alike| alike.records.clone()).collect();
        assert_eq!(together, [BTreeSet::from([RecordId([1; 16]), RecordId([2; 16])])]);
        assert!(programme.rules.that_compare(Scope::Area).any(|rule| rule == found[0].rule));
        let on_phone = Asked { place: Place::Phone, ..asked };
        assert_eq!(programme.rules.alike(&programme, Scope::Area, &units, on_phone), []);
    }
}
