//! Who changed which field from what to what, when, on which device.

use std::collections::{BTreeMap, HashMap, HashSet};

use automerge::{Change, ObjId, ObjType, ReadDoc, legacy};
use serde::{Deserialize, Serialize};

use super::{
    Attributions, ChangeHeader, Document, DocumentError, OpId,
    changes::{self, hashes},
    circumstances,
    scalar::from_scalar,
    view::container,
};
use crate::{
    ids::{ActorId, ChangeHash, DeviceId, PersonId},
    time::Millis,
    value::Value,
};

/// One change of a record, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The change.
    pub change: ChangeHash,
    /// The installation's actor.
    pub actor: ActorId,
    /// The person, where known.
    pub author: Option<PersonId>,
    /// The installation, where known.
    pub device: Option<DeviceId>,
    /// The time that the writer's clock claimed.
    pub at: Millis,
    /// The writer's zone; empty where the change does not say.
    pub zone: String,
    /// Whether the writer had no network.
    pub offline: bool,
    /// The reason given.
    pub reason: Option<String>,
    /// What changed.
    pub fields: Vec<FieldChange>,
}

/// One field of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Key in the document.
    pub key: String,
    /// The live values that the writer saw (more than one: the change decided between them).
    pub from: Vec<Value>,
    /// The value written.
    pub to: Value,
}

pub(super) fn history(
    document: &Document,
    who: &dyn Attributions,
) -> Result<Vec<HistoryEntry>, DocumentError> {
    let mut changes: HashMap<ChangeHash, Change> = document
        .inner
        .get_changes(&[])
        .into_iter()
        .map(|change| (changes::hash(change.hash()), change))
        .collect();
    let mut reader = Reader { document, written: HashMap::new(), containers: HashMap::new() };
    let mut entries = Vec::with_capacity(changes.len());
    for header in document.index.in_reading_order() {
        let change = changes
            .remove(&header.hash)
            .ok_or(DocumentError::Incomplete("a change is absent from its history"))?;
        let stated = circumstances::decode(change.message());
        let by = who.of(&header.hash);
        entries.push(HistoryEntry {
            change: header.hash,
            actor: header.actor,
            author: by.map(|by| by.author),
            device: by.and_then(|by| by.device),
            at: header.at,
            zone: stated.zone,
            offline: stated.offline,
            reason: stated.reason,
            fields: reader.fields(&change, header)?,
        });
    }
    Ok(entries)
}

/// Reads changes one after the other and remembers what was written before.
struct Reader<'a> {
    document: &'a Document,
    /// The value that each operation wrote.
    written: HashMap<OpId, Value>,
    /// The field that each text or other container belongs to, and whether it is a text.
    containers: HashMap<OpId, (String, bool)>,
}

/// What one change does to one field, while its operations are read.
#[derive(Default)]
struct Draft {
    from: Vec<OpId>,
    to: Option<Value>,
    text: Option<OpId>,
}

impl Reader<'_> {
    fn fields(&mut self, change: &Change, header: &ChangeHeader) -> Result<Vec<FieldChange>, DocumentError> {
        let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
        let mut made = HashSet::new();
        for (op, counter) in change.decode().operations.into_iter().zip(header.start_op..) {
            let id = OpId { counter, actor: header.actor };
            let field = match (&op.obj, &op.key) {
                (legacy::ObjectId::Root, legacy::Key::Map(key)) => key.to_string(),
                (legacy::ObjectId::Root, legacy::Key::Seq(_)) => continue,
                (legacy::ObjectId::Id(container), _) => {
                    let container = op_id(container)?;
                    let Some((field, is_text)) = self.containers.get(&container).cloned() else { continue };
                    let draft = drafts.entry(field.clone()).or_default();
                    if is_text {
                        draft.text = Some(container);
                    } else if let legacy::OpType::Make(_) = op.action {
                        self.containers.insert(id, (field, false));
                    }
                    continue;
                }
            };
            if field.starts_with('@') {
                continue;
            }
            let draft = drafts.entry(field.clone()).or_default();
            for seen in op.pred.iter() {
                let seen = op_id(seen)?;
                if !made.contains(&seen) && !draft.from.contains(&seen) {
                    draft.from.push(seen);
                }
            }
            let to = match op.action {
                legacy::OpType::Put(scalar) => from_scalar(&scalar),
                legacy::OpType::Make(kind) => {
                    self.containers.insert(id, (field, kind == ObjType::Text));
                    container(kind)
                }
                legacy::OpType::Increment(by) => Value::Other(format!("{by:+}")),
                legacy::OpType::Delete | legacy::OpType::MarkBegin(_) | legacy::OpType::MarkEnd(_) => {
                    Value::Null
                }
            };
            made.insert(id);
            self.written.insert(id, to.clone());
            draft.to = Some(to);
        }
        drafts
            .into_iter()
            .filter_map(|(key, draft)| self.finish(key, draft, header, &made).transpose())
            .collect()
    }

    /// `None` for a text that was made and not written in.
    fn finish(
        &self,
        key: String,
        draft: Draft,
        header: &ChangeHeader,
        made: &HashSet<OpId>,
    ) -> Result<Option<FieldChange>, DocumentError> {
        let mut from = Vec::new();
        for op in draft.from {
            from.push(match self.containers.get(&op) {
                Some((_, true)) => self.text(op, &header.deps)?,
                _ => self.written.get(&op).cloned().unwrap_or(Value::Null),
            });
        }
        if let Some(text) = draft.text {
            if !made.contains(&text) {
                from.push(self.text(text, &header.deps)?);
            }
            let to = self.text(text, &[header.hash])?;
            return Ok(Some(FieldChange { key, from, to }));
        }
        let untouched = container(ObjType::Text);
        Ok(draft.to.filter(|to| *to != untouched).map(|to| FieldChange { key, from, to }))
    }

    fn text(&self, text: OpId, heads: &[ChangeHash]) -> Result<Value, DocumentError> {
        let id = ObjId::Id(text.counter, automerge::ActorId::from(text.actor.0.as_slice()), 0);
        Ok(Value::Text(self.document.inner.text_at(id, &hashes(heads))?))
    }
}

fn op_id(id: &legacy::OpId) -> Result<OpId, DocumentError> {
    Ok(OpId { counter: id.counter(), actor: changes::actor(id.actor())? })
}
