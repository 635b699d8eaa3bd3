//! The trial: changes are applied to a copy, which is saved, loaded and compared.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, AutomergeError, Change, ObjId, ObjType, ROOT, ReadDoc, Value, ValueRef};

use crate::{ids::ChangeHash, record::RawChange};

/// A document with the changes that are `present` and the `new` ones, where it takes them, has these heads
/// then, and is the same once saved and loaded; `None` otherwise. Panics count as "no".
pub(super) fn survives(present: &[RawChange], new: &[RawChange], heads: &[ChangeHash]) -> Option<Automerge> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut copy = Automerge::new();
        copy.apply_changes(parsed(present)?).ok()?;
        copy.apply_changes(parsed(new)?).ok()?;
        // A change that waits for another, or was left out, shows in the heads.
        if !copy.get_heads().iter().map(|head| &head.0).eq(heads.iter().map(|head| &head.0)) {
            return None;
        }
        let loaded = Automerge::load(&copy.save_nocompress()).ok()?;
        (loaded.get_heads() == copy.get_heads() && same(&copy, &loaded).ok()?).then_some(copy)
    }))
    .ok()
    .flatten()
}

/// The changes as automerge reads them; `None` where it reads another change than the guard did.
fn parsed(changes: &[RawChange]) -> Option<Vec<Change>> {
    let parse = |change: &RawChange| {
        Change::from_bytes(change.bytes.clone()).ok().filter(|parsed| parsed.hash().0 == change.hash.0)
    };
    changes.iter().map(parse).collect()
}

/// Whether two documents show the same keys, values and texts: both are walked once, side by side, as a view
/// walks them.
fn same(a: &Automerge, b: &Automerge) -> Result<bool, AutomergeError> {
    let mut in_b = b.map_range(ROOT, ..);
    for in_a in a.map_range(ROOT, ..) {
        let Some(in_b) = in_b.next() else { return Ok(false) };
        if (&in_a.key, &in_a.value, in_a.conflict) != (&in_b.key, &in_b.value, in_b.conflict) {
            return Ok(false);
        }
        let id = in_a.id();
        if id != in_b.id() {
            return Ok(false);
        }
        let is_same = match &in_a.value {
            _ if in_a.conflict => same_values(a, b, &in_a.key)?,
            ValueRef::Object(ObjType::Text) => same_text(a, b, &id)?,
            _ => true,
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(in_b.next().is_none())
}

/// Whether two documents show the same values of a key that has several.
fn same_values(a: &Automerge, b: &Automerge, key: &str) -> Result<bool, AutomergeError> {
    let in_a = a.get_all(ROOT, key)?;
    if in_a != b.get_all(ROOT, key)? {
        return Ok(false);
    }
    for (value, id) in &in_a {
        if matches!(value, Value::Object(ObjType::Text)) && !same_text(a, b, id)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_text(a: &Automerge, b: &Automerge, text: &ObjId) -> Result<bool, AutomergeError> {
    Ok(a.text(text)? == b.text(text)?)
}
