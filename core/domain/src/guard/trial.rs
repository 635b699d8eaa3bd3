//! The trial: changes are applied to a copy, which is saved, loaded and compared.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, AutomergeError, Change, ObjType, ROOT, ReadDoc, Value};

use crate::{ids::ChangeHash, record::RawChange};

/// Whether a document with the changes that are `present` takes the `new` ones, has these heads then,
/// and is the same once saved and loaded. Panics count as "no".
pub(super) fn survives(present: &[RawChange], new: &[RawChange], heads: &[ChangeHash]) -> bool {
    catch_unwind(AssertUnwindSafe(|| {
        let mut copy = Automerge::new();
        copy.apply_changes(parsed(present)?).ok()?;
        copy.apply_changes(parsed(new)?).ok()?;
        // A change that waits for another, or was left out, shows in the heads.
        if !copy.get_heads().iter().map(|head| &head.0).eq(heads.iter().map(|head| &head.0)) {
            return None;
        }
        let loaded = Automerge::load(&copy.save_nocompress()).ok()?;
        Some(loaded.get_heads() == copy.get_heads() && same(&copy, &loaded).ok()?)
    }))
    .is_ok_and(|survived| survived == Some(true))
}

/// The changes as automerge reads them; `None` where it reads another change than the guard did.
fn parsed(changes: &[RawChange]) -> Option<Vec<Change>> {
    let parse = |change: &RawChange| {
        Change::from_bytes(change.bytes.clone()).ok().filter(|parsed| parsed.hash().0 == change.hash.0)
    };
    changes.iter().map(parse).collect()
}

/// Whether two documents show the same keys, values and texts.
fn same(a: &Automerge, b: &Automerge) -> Result<bool, AutomergeError> {
    if !a.keys(ROOT).eq(b.keys(ROOT)) {
        return Ok(false);
    }
    for key in a.keys(ROOT) {
        let (in_a, in_b) = (a.get_all(ROOT, key.as_str())?, b.get_all(ROOT, key.as_str())?);
        if in_a != in_b {
            return Ok(false);
        }
        for (value, id) in &in_a {
            if matches!(value, Value::Object(ObjType::Text)) && a.text(id)? != b.text(id)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
