//! The document of one record.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{
    Automerge, Change, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable, Transaction},
};

use super::{
    Attributions, ChangeHeader, Circumstances, Edit, RawChange, RecordView, Root,
    changes::{self, ChangeIndex},
    circumstances,
    history::{self, HistoryEntry},
    scalar::{from_scalar, to_scalar},
    view,
};
use crate::{
    form::MergePolicy,
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    time::Millis,
    value::Value,
};

/// Why a document could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The changes do not make a whole document. A document that says so after taking in changes is
    /// to be thrown away and loaded again from the log.
    #[error("the changes do not make a whole record: {0}")]
    Incomplete(&'static str),
    /// automerge refused.
    #[error("the record could not be read or written")]
    Automerge(#[source] automerge::AutomergeError),
    /// These bytes are no change.
    #[error("these bytes are not a change of a record")]
    NotAChange(#[source] automerge::LoadChangeError),
    /// The key is empty or begins with `@`, which is kept for the record's root.
    #[error("`{0}` cannot be the key of a field: name a field of the form")]
    ReservedKey(String),
    /// The value is one that only a newer version can write.
    #[error("the value of `{0}` was written by a newer version and can only be chosen where it stands")]
    NotWritable(String),
}

impl From<automerge::AutomergeError> for DocumentError {
    fn from(error: automerge::AutomergeError) -> Self {
        Self::Automerge(error)
    }
}

/// The document of one record, in memory.
#[derive(Debug, Clone)]
pub struct Document {
    /// The guard looks up objects and operations here.
    pub(crate) inner: Automerge,
    pub(super) index: ChangeIndex,
}

/// What a change does to one key.
enum Write {
    Put(ScalarValue),
    /// Chooses automerge's own winner among several values. automerge would drop or only half
    /// write such a put, so another value is put first.
    Choose(ScalarValue),
    Text(automerge::ObjId, String),
    /// Says of a text merged by character that it is right as it stands.
    ConfirmText(automerge::ObjId),
}

impl Document {
    /// Starts a record: writes its root and first values as one change.
    ///
    /// A form with `merge = text` questions uses [`Document::create_with_texts`].
    pub fn create(
        root: &Root,
        edits: &[Edit],
        circumstances: &Circumstances,
    ) -> Result<(Self, RawChange), DocumentError> {
        Self::create_with_texts(root, &[], edits, circumstances)
    }

    /// Starts a record whose fields `texts` are merged by character (`merge = text`). Their text
    /// objects have to be made in the root change: made later, on two phones at once, one would hide
    /// the other.
    pub fn create_with_texts(
        root: &Root,
        texts: &[&str],
        edits: &[Edit],
        circumstances: &Circumstances,
    ) -> Result<(Self, RawChange), DocumentError> {
        let mut document = Self { inner: Automerge::new(), index: ChangeIndex::default() };
        let edits = by_key(edits)?;
        document.set_actor(circumstances.actor);
        let mut tx = document.inner.transaction();
        tx.put(ROOT, "@id", root.id.0.to_vec())?;
        tx.put(ROOT, "@form", root.form.as_str())?;
        tx.put(ROOT, "@version", root.form_version.as_str())?;
        tx.put(ROOT, "@group", root.group.0.to_vec())?;
        for key in texts.iter().copied().collect::<BTreeSet<_>>() {
            check_key(key)?;
            let text = tx.put_object(ROOT, key, ObjType::Text)?;
            if let Some(Value::Text(first)) = edits.get(key) {
                tx.splice_text(&text, 0, 0, first)?;
            }
        }
        for (key, value) in edits {
            let in_text = texts.contains(&key) && matches!(value, Value::Text(_) | Value::Null);
            if in_text || *value == Value::Null {
                continue;
            }
            let scalar = to_scalar(value).ok_or_else(|| DocumentError::NotWritable(key.to_owned()))?;
            tx.put(ROOT, key, scalar)?;
        }
        let hash = commit(tx, circumstances)?;
        let change = document.written(hash)?;
        Ok((document, change))
    }

    /// Loads a record from raw changes that passed the guard, in any order. Every change given is
    /// in the document, or this fails.
    pub fn load<'a>(changes: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, DocumentError> {
        let mut document = Self { inner: Automerge::new(), index: ChangeIndex::default() };
        document.apply(changes)?;
        document.root()?;
        Ok(document)
    }

    /// Writes these values as one change; `None` where every value already stands.
    ///
    /// A value that already stands alone (or that all live values say) is not written again. Where
    /// live values differ, the value given is written even if it is the one shown: that is a
    /// decision, and it supersedes every value that stands here. A caller therefore passes only what
    /// a person changed or decided, not a whole form.
    pub fn edit(
        &mut self,
        edits: &[Edit],
        circumstances: &Circumstances,
    ) -> Result<Option<RawChange>, DocumentError> {
        let mut writes = Vec::new();
        for (key, value) in by_key(edits)? {
            if let Some(write) = self.plan(key, value)? {
                writes.push((key, write));
            }
        }
        if writes.is_empty() { Ok(None) } else { self.put(writes, circumstances).map(Some) }
    }

    /// Says that the starts of a record that was started on several phones apart mean the same: writes an
    /// answer on which nobody disagrees once more, on top of all of them. `None` where there is no such
    /// answer: whoever decides on one of those that differ has said it with that.
    pub fn confirm(&mut self, circumstances: &Circumstances) -> Result<Option<RawChange>, DocumentError> {
        let mut agreed = None;
        for key in self.inner.keys(ROOT).filter(|key| !key.starts_with('@')) {
            if self.agreed(&key)?.is_some() {
                agreed = Some(key);
                break;
            }
        }
        match agreed {
            Some(key) => self.affirm(&key, circumstances),
            None => Ok(None),
        }
    }

    /// Writes the value on which nobody disagrees once more, so that the history says who stood by it;
    /// `None` where the field has no such value.
    pub fn affirm(
        &mut self,
        key: &str,
        circumstances: &Circumstances,
    ) -> Result<Option<RawChange>, DocumentError> {
        match self.agreed(key)? {
            Some(scalar) => self.put(vec![(key, Write::Choose(scalar))], circumstances).map(Some),
            None => Ok(None),
        }
    }

    /// The value of a field that all its live values say.
    fn agreed(&self, key: &str) -> Result<Option<ScalarValue>, DocumentError> {
        let live = self.inner.get_all(ROOT, key)?;
        let mut scalars = live.iter().map(|(value, _)| value.as_scalar());
        let Some(Some(first)) = scalars.next() else { return Ok(None) };
        let is_known = !matches!(first, ScalarValue::Counter(_) | ScalarValue::Unknown { .. });
        Ok((is_known && scalars.all(|other| other == Some(first))).then(|| first.clone()))
    }

    fn put(
        &mut self,
        writes: Vec<(&str, Write)>,
        circumstances: &Circumstances,
    ) -> Result<RawChange, DocumentError> {
        self.set_actor(circumstances.actor);
        let mut tx = self.inner.transaction();
        for (key, write) in writes {
            match write {
                Write::Put(scalar) => tx.put(ROOT, key, scalar)?,
                Write::Choose(scalar) => {
                    let other = match scalar {
                        ScalarValue::Null => ScalarValue::Boolean(false),
                        _ => ScalarValue::Null,
                    };
                    tx.put(ROOT, key, other)?;
                    tx.put(ROOT, key, scalar)?;
                }
                Write::Text(text, new) => tx.update_text(&text, new)?,
                Write::ConfirmText(text) => {
                    let end = tx.length(&text);
                    tx.splice_text(&text, end, 0, " ")?;
                    tx.splice_text(&text, end, 1, "")?;
                }
            }
        }
        let hash = commit(tx, circumstances)?;
        self.written(hash)
    }

    /// What writing this value takes; `None` where it already stands.
    fn plan(&self, key: &str, value: &Value) -> Result<Option<Write>, DocumentError> {
        let current = self.inner.get_all(ROOT, key)?;
        if let ([(automerge::Value::Object(ObjType::Text), text)], Value::Text(_) | Value::Null) =
            (current.as_slice(), value)
        {
            let new = value.as_text().unwrap_or_default();
            if self.inner.text(text)? != new {
                return Ok(Some(Write::Text(text.clone(), new.to_owned())));
            }
            let disagree = view::text_writers(self, text, None)?.len() > 1;
            return Ok(disagree.then(|| Write::ConfirmText(text.clone())));
        }
        if current.is_empty() && *value == Value::Null {
            return Ok(None);
        }
        // What a newer version wrote can be chosen among the live values, and nothing else.
        let scalar = to_scalar(value)
            .or_else(|| {
                current
                    .iter()
                    .filter_map(|(live, _)| live.as_scalar())
                    .find(|live| from_scalar(live) == *value)
                    .cloned()
            })
            .ok_or_else(|| DocumentError::NotWritable(key.to_owned()))?;
        let stands = |live: &(automerge::Value<'_>, _)| live.0.as_scalar() == Some(&scalar);
        Ok(match current.last() {
            Some(_) if current.iter().all(stands) => None,
            Some(winner) if stands(winner) => Some(Write::Choose(scalar)),
            _ => Some(Write::Put(scalar)),
        })
    }

    /// Takes in changes that passed the guard; those it already has are passed over. Every change
    /// given is in the document afterwards, or this fails. Where a dependency is absent the document
    /// is left as it was.
    pub fn apply<'a>(&mut self, changes: impl IntoIterator<Item = &'a [u8]>) -> Result<(), DocumentError> {
        let changes = changes
            .into_iter()
            .map(|bytes| Change::try_from(bytes).map_err(DocumentError::NotAChange))
            .collect::<Result<Vec<_>, _>>()?;
        let (headers, changes): (Vec<_>, Vec<_>) = self.index.sort_new(changes)?.into_iter().unzip();
        if changes.is_empty() {
            return Ok(());
        }
        self.inner.apply_changes(changes)?;
        for header in headers {
            self.index.push(header);
        }
        self.is_whole()
    }

    /// The document that the guard's trial made of one (`None`: of nothing) and of new changes, each after those
    /// it depends on. Fails where it is not whole.
    pub(crate) fn of_trial(
        before: Option<Self>,
        inner: Automerge,
        changes: &[RawChange],
    ) -> Result<Self, DocumentError> {
        let is_new = before.is_none();
        let index = before.map(|document| document.index).unwrap_or_default();
        let mut document = Self { inner, index };
        for change in changes {
            document.index.push(ChangeHeader::from(change));
        }
        document.is_whole()?;
        if is_new {
            document.root()?;
        }
        Ok(document)
    }

    /// A change that automerge has not applied is missing from its heads, or one made on top of it is.
    fn is_whole(&self) -> Result<(), DocumentError> {
        if self.inner_heads() != self.index.heads() || !self.inner.get_missing_deps(&[]).is_empty() {
            return Err(DocumentError::Incomplete("not every change was taken in"));
        }
        Ok(())
    }

    /// Hashes of the newest changes, sorted.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.index.heads()
    }

    /// What never changes about the record. Fails where a part of it is absent, or where several
    /// changes claim to have begun the record.
    pub fn root(&self) -> Result<Root, DocumentError> {
        Ok(Root {
            id: RecordId(self.root_bytes("@id")?),
            form: self.root_text("@form")?,
            form_version: self.root_text("@version")?,
            group: GroupId(self.root_bytes("@group")?),
        })
    }

    fn root_value(&self, key: &str) -> Result<Value, DocumentError> {
        let live = self.inner.get_all(ROOT, key)?;
        match live.as_slice() {
            [(value, _)] => Ok(value.as_scalar().map_or(Value::Null, from_scalar)),
            [] => Err(DocumentError::Incomplete("its root is absent")),
            // Started on two phones apart: both say the same, but for the version of the form.
            several => {
                let mut said: Vec<Value> = several
                    .iter()
                    .map(|(value, _)| value.as_scalar().map_or(Value::Null, from_scalar))
                    .collect();
                said.sort_unstable();
                said.dedup();
                match (said.len(), said.pop(), key) {
                    (1, Some(value), _) | (_, Some(value), "@version") => Ok(value),
                    _ => Err(DocumentError::Incomplete("it has several roots that differ")),
                }
            }
        }
    }

    fn root_bytes(&self, key: &str) -> Result<[u8; 16], DocumentError> {
        match self.root_value(key)? {
            Value::Ref(RecordId(bytes)) => Ok(bytes),
            _ => Err(DocumentError::Incomplete("its root holds something else than an id")),
        }
    }

    fn root_text(&self, key: &str) -> Result<String, DocumentError> {
        match self.root_value(key)? {
            Value::Text(text) => Ok(text),
            _ => Err(DocumentError::Incomplete("its root holds something else than text")),
        }
    }

    /// The record as it stands. `policy` gives the merge policy of a key ([`crate::form::Form::merge_policy`]).
    pub fn view(
        &self,
        policy: &dyn Fn(&str) -> MergePolicy,
        who: &dyn Attributions,
    ) -> Result<RecordView, DocumentError> {
        view::view(self, None, policy, who)
    }

    /// The record as it stood when these were its newest changes. Fails where one is unknown.
    pub fn view_at(
        &self,
        heads: &[ChangeHash],
        policy: &dyn Fn(&str) -> MergePolicy,
        who: &dyn Attributions,
    ) -> Result<RecordView, DocumentError> {
        view::view(self, Some(heads), policy, who)
    }

    /// Every change of every field, oldest first: each after those its writer had seen, and among
    /// the rest by claimed time, then hash.
    pub fn history(&self, who: &dyn Attributions) -> Result<Vec<HistoryEntry>, DocumentError> {
        history::history(self, who)
    }

    /// All changes, in an order in which each follows what it depends on.
    #[must_use]
    pub fn changes(&self) -> Vec<RawChange> {
        self.inner
            .get_changes(&[])
            .iter()
            .map(|change| RawChange::try_from(change).expect("only changes of 16-byte actors are taken in"))
            .collect()
    }

    /// The change with this hash.
    #[must_use]
    pub fn change(&self, hash: &ChangeHash) -> Option<RawChange> {
        let change = self.inner.get_change_by_hash(&automerge::ChangeHash(hash.0))?;
        RawChange::try_from(&change).ok()
    }

    /// Whether the change is in the document.
    #[must_use]
    pub fn has(&self, change: &ChangeHash) -> bool {
        self.index.has(change)
    }

    /// What the header of a change in the document says.
    #[must_use]
    pub fn header(&self, change: &ChangeHash) -> Option<&ChangeHeader> {
        self.index.get(change)
    }

    /// The headers of all changes, each after those it depends on.
    #[must_use]
    pub fn headers(&self) -> &[ChangeHeader] {
        self.index.headers()
    }

    /// The actor's change with this number.
    #[must_use]
    pub fn change_of(&self, actor: &ActorId, seq: u64) -> Option<&ChangeHeader> {
        self.index.by_seq(actor, seq)
    }

    /// The number of the actor's latest change; 0 where it wrote none.
    #[must_use]
    pub fn latest_seq(&self, actor: &ActorId) -> u64 {
        self.index.latest_seq(actor)
    }

    fn inner_heads(&self) -> Vec<ChangeHash> {
        self.inner.get_heads().into_iter().map(changes::hash).collect()
    }

    fn set_actor(&mut self, actor: ActorId) {
        self.inner.set_actor(automerge::ActorId::from(actor.0.as_slice()));
    }

    /// Reads back a change just committed.
    fn written(&mut self, hash: automerge::ChangeHash) -> Result<RawChange, DocumentError> {
        let change = self
            .inner
            .get_change_by_hash(&hash)
            .ok_or(DocumentError::Incomplete("the change just written is absent"))?;
        self.index.push(ChangeHeader::of(&change)?);
        RawChange::try_from(&change)
    }
}

fn check_key(key: &str) -> Result<(), DocumentError> {
    if key.is_empty() || key.starts_with('@') {
        return Err(DocumentError::ReservedKey(key.to_owned()));
    }
    Ok(())
}

/// The last value given for each key.
fn by_key(edits: &[Edit]) -> Result<BTreeMap<&str, &Value>, DocumentError> {
    edits.iter().map(|edit| check_key(&edit.key).map(|()| (edit.key.as_str(), &edit.value))).collect()
}

fn commit(
    tx: Transaction<'_>,
    circumstances: &Circumstances,
) -> Result<automerge::ChangeHash, DocumentError> {
    // Held within the calendar: automerge panics on differences of times that overflow.
    let at = Millis(circumstances.at.timestamp().as_millisecond());
    let options = CommitOptions::default().with_time(at.0).with_message(circumstances::encode(circumstances));
    tx.commit_with(options).0.ok_or(DocumentError::Incomplete("nothing was written"))
}
