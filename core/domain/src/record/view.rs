//! The record as it stands, with every live value of every field.

use std::collections::BTreeMap;

use automerge::{ObjId, ObjType, ROOT, ReadDoc, ValueRef, legacy};

use super::{
    Attributions, ChangeHeader, Disagreement, Document, DocumentError, FieldView, LiveValue, OpId,
    RecordView, Stamp,
    changes::{self, hashes},
    merge,
    scalar::{from_scalar, from_scalar_ref},
};
use crate::{form::MergePolicy, ids::ChangeHash, time::Millis, value::Value};

/// How far a claimed time may lie after the receipt before it is marked (domain.md 11.2: five
/// minutes).
const CLOCK_SKEW: i64 = 5 * 60 * 1000;

/// One moment of a document, and who wrote it.
struct Scene<'a> {
    document: &'a Document,
    heads: Option<Vec<automerge::ChangeHash>>,
    within: Vec<bool>,
    who: &'a dyn Attributions,
}

pub(super) fn view(
    document: &Document,
    heads: Option<&[ChangeHash]>,
    policy: &dyn Fn(&str) -> MergePolicy,
    who: &dyn Attributions,
) -> Result<RecordView, DocumentError> {
    let within = within(document, heads)?;
    let scene = Scene { document, heads: heads.map(hashes), within, who };
    let doc = &document.inner;
    let range = match &scene.heads {
        Some(heads) => doc.map_range_at(ROOT, .., heads),
        None => doc.map_range(ROOT, ..),
    };
    let mut fields = BTreeMap::new();
    for item in range {
        if item.key.starts_with('@') {
            continue;
        }
        let policy = policy(&item.key);
        let field = match &item.value {
            ValueRef::Scalar(scalar) if !item.conflict => {
                let live = scene.live(from_scalar_ref(scalar), op_id(&item.id())?)?;
                Some(FieldView { shown: live, others: Vec::new(), disagreement: Disagreement::None })
            }
            ValueRef::Object(ObjType::Text) if !item.conflict => scene.text(&item.id(), &policy)?,
            _ => merge::settle(&policy, scene.all(&item.key)?),
        };
        if let Some(field) = field {
            fields.insert(item.key.into_owned(), field);
        }
    }
    let heads = heads.map_or_else(
        || document.heads(),
        |heads| {
            let mut heads = heads.to_vec();
            heads.sort_unstable();
            heads.dedup();
            heads
        },
    );
    let seen = || document.index.headers().iter().zip(&scene.within).filter(|(_, within)| **within);
    let roots: Vec<&ChangeHeader> =
        seen().map(|(header, _)| header).filter(|header| header.deps.is_empty()).collect();
    // Where nothing was said, there is nothing to say the same of.
    let are_twins =
        roots.len() > 1 && !fields.is_empty() && !document.index.has_seen_all_roots(&scene.within);
    let twins = if are_twins {
        let mut twins: Vec<Stamp> = roots.iter().map(|header| scene.stamp(header)).collect();
        twins.sort_unstable_by_key(|stamp| (stamp.at, stamp.author));
        twins
    } else {
        Vec::new()
    };
    let first = roots.into_iter().min_by_key(|header| (header.at, header.hash));
    let last = seen().map(|(header, _)| header).max_by_key(|header| (header.at, header.hash));
    let (Some(first), Some(last)) = (first, last) else {
        return Err(DocumentError::Incomplete("there is no change"));
    };
    Ok(RecordView {
        root: document.root()?,
        fields,
        heads,
        created: scene.stamp(first),
        updated: scene.stamp(last),
        twins,
    })
}

fn within(document: &Document, heads: Option<&[ChangeHash]>) -> Result<Vec<bool>, DocumentError> {
    match heads {
        None => Ok(vec![true; document.index.headers().len()]),
        Some(heads) => {
            document.index.ancestry(heads).ok_or(DocumentError::Incomplete("it has no such past state"))
        }
    }
}

impl Scene<'_> {
    fn stamp(&self, header: &ChangeHeader) -> Stamp {
        Stamp { at: header.at, author: self.who.of(&header.hash).map(|who| who.author) }
    }

    fn live(&self, value: Value, op: OpId) -> Result<LiveValue, DocumentError> {
        let header = self
            .document
            .index
            .writer(op)
            .ok_or(DocumentError::Incomplete("a value is in none of its changes"))?;
        let who = self.who.of(&header.hash);
        let ahead = |received: Millis| header.at.0.saturating_sub(received.0) > CLOCK_SKEW;
        Ok(LiveValue {
            value,
            op,
            change: header.hash,
            at: header.at,
            author: who.map(|who| who.author),
            device: who.and_then(|who| who.device),
            clock_ahead: who.and_then(|who| who.received_at).is_some_and(ahead),
        })
    }

    /// Every live value of a field with several.
    fn all(&self, key: &str) -> Result<Vec<LiveValue>, DocumentError> {
        let doc = &self.document.inner;
        let all = match &self.heads {
            Some(heads) => doc.get_all_at(ROOT, key, heads)?,
            None => doc.get_all(ROOT, key)?,
        };
        let mut live = Vec::with_capacity(all.len());
        for (value, id) in all {
            match value {
                automerge::Value::Scalar(scalar) => live.push(self.live(from_scalar(&scalar), op_id(&id)?)?),
                automerge::Value::Object(ObjType::Text) => {
                    live.extend(self.text_writers(&id)?);
                }
                automerge::Value::Object(kind) => {
                    live.push(self.live(container(kind), op_id(&id)?)?);
                }
            }
        }
        Ok(live)
    }

    /// A text merged by character. Where several changed it without having seen each other, the
    /// merged text is shown (nobody wrote it; it is credited to the latest of them), and the others
    /// are what each of them wrote.
    fn text(&self, text: &ObjId, policy: &MergePolicy) -> Result<Option<FieldView>, DocumentError> {
        let mut writers = self.text_writers(text)?;
        writers.sort_by_key(|live| std::cmp::Reverse((live.at, live.op)));
        let Some(latest) = writers.first() else { return Ok(None) };
        let merged = match &self.heads {
            Some(heads) => self.document.inner.text_at(text, heads)?,
            None => self.document.inner.text(text)?,
        };
        let shown = LiveValue { value: Value::Text(merged), ..latest.clone() };
        Ok(Some(if writers.len() == 1 {
            FieldView { shown, others: Vec::new(), disagreement: Disagreement::None }
        } else {
            let disagreement = match policy {
                MergePolicy::Review => Disagreement::NeedsDecision,
                _ => Disagreement::Shown,
            };
            FieldView { shown, others: writers, disagreement }
        }))
    }

    /// What each of the latest writers of a text wrote, as it stood before them.
    fn text_writers(&self, text: &ObjId) -> Result<Vec<LiveValue>, DocumentError> {
        text_writers(self.document, text, Some(&self.within))?
            .into_iter()
            .map(|(change, op)| {
                let own = self.document.inner.text_at(text, &[automerge::ChangeHash(change.0)])?;
                self.live(Value::Text(own), op)
            })
            .collect()
    }
}

/// The changes of a text's characters that no later change of it has seen, with the last operation
/// of each. Empty where nothing was ever written in it.
pub(super) fn text_writers(
    document: &Document,
    text: &ObjId,
    within: Option<&[bool]>,
) -> Result<Vec<(ChangeHash, OpId)>, DocumentError> {
    let text = op_id(text)?;
    let mut touched = BTreeMap::new();
    for change in document.inner.get_changes(&[]) {
        let decoded = change.decode();
        let last = decoded.operations.iter().rposition(|op| match &op.obj {
            legacy::ObjectId::Id(obj) => is(obj, text),
            legacy::ObjectId::Root => false,
        });
        if let Some(last) = last {
            let op = OpId {
                counter: change.start_op().get() + last as u64,
                actor: changes::actor(change.actor_id())?,
            };
            touched.insert(changes::hash(change.hash()), op);
        }
    }
    let whole;
    let within = match within {
        Some(within) => within,
        None => {
            whole = vec![true; document.index.headers().len()];
            &whole
        }
    };
    let latest = document.index.frontier(&|header| touched.contains_key(&header.hash), within);
    Ok(latest.into_iter().filter_map(|header| Some((header.hash, *touched.get(&header.hash)?))).collect())
}

fn is(op: &legacy::OpId, id: OpId) -> bool {
    op.counter() == id.counter && op.actor().to_bytes() == id.actor.0
}

pub(super) fn op_id(id: &ObjId) -> Result<OpId, DocumentError> {
    match id {
        ObjId::Id(counter, actor, _) => Ok(OpId { counter: *counter, actor: changes::actor(actor)? }),
        ObjId::Root => Err(DocumentError::Incomplete("a value has no operation")),
    }
}

/// What is shown of a container that a newer version made.
pub(super) fn container(kind: ObjType) -> Value {
    Value::Other(kind.to_string())
}
