//! Destroying what is in a group. The feed keeps its numbers, hashes and chain, so that everything after
//! it still proves; what was in the group is gone, and nothing of it is taken again.

use alongside_domain::{ids::GroupId, wire::ControlEvent};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{StoreError, TENANT, access, log::Appender, rows::Sql};

/// What an erasure destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destroyed {
    /// Feed number of the entry that tells of it.
    pub seq: u64,
    /// Whether it was this call that destroyed it; `false` where it was done before.
    pub now: bool,
    /// Changes whose bodies were destroyed.
    pub changes: u64,
    /// Records that they belonged to.
    pub records: u64,
    /// What waited for a coordinator, or was refused, of this group.
    pub set_aside: u64,
    /// Attachments, whole ones.
    pub attachments: u64,
}

/// The feed number of the entry that erased this group; `None` where it was not erased.
pub(crate) fn erased(tx: &Transaction<'_>, group: GroupId) -> Result<Option<u64>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT seq FROM erasures WHERE tenant = ?1 AND group_id = ?2")?
        .query_row(params![TENANT, Sql(group)], |row| Ok(row.get::<_, Sql<u64>>(0)?.0))
        .optional()?)
}

/// Erases a group inside one transaction, and the restricted groups beside it. A group that the store does not know leaves its mark all the
/// same: after a restore from a backup that is older than the group, nobody brings it back. Erased
/// before, nothing happens.
pub(crate) fn erase_group(
    log: &mut Appender<'_>,
    group: GroupId,
    reason: &str,
) -> Result<Destroyed, StoreError> {
    let tx = log.tx;
    if let Some(seq) = erased(tx, group)? {
        return Ok(Destroyed { seq, now: false, changes: 0, records: 0, set_aside: 0, attachments: 0 });
    }
    // What stands beside it goes first: the most that anybody wrote in confidence is there.
    let mut beside = Vec::new();
    for restricted in access::restricted_beside(tx, group)? {
        beside.push(erase_group(log, restricted, reason)?);
    }
    let with = |own: u64, of: fn(&Destroyed) -> u64| own + beside.iter().map(of).sum::<u64>();
    let key = params![TENANT, Sql(group)];
    let records: Sql<u64> = tx.query_row(
        "SELECT count(DISTINCT record) FROM feed WHERE tenant = ?1 AND group_id = ?2 AND kind = 0",
        key,
        |row| row.get(0),
    )?;
    tx.execute(
        "DELETE FROM import_keys WHERE tenant = ?1 AND (target = ?2 OR target IN (
             SELECT record FROM feed WHERE tenant = ?1 AND group_id = ?2 AND kind = 0))",
        key,
    )?;
    let changes =
        tx.execute("UPDATE feed SET body = x'' WHERE tenant = ?1 AND group_id = ?2 AND kind = 0", key)?;
    super::heads::forget(tx, group)?;
    let set_aside = tx.execute("DELETE FROM set_aside WHERE tenant = ?1 AND group_id = ?2", key)?;
    let attachments = crate::blobs::rows::erase_group(tx, group)?;
    crate::surveys::rows::erase_group(tx, group)?;
    crate::holders::rows::erase_group(tx, group)?;
    let seq = log.group_entry(&ControlEvent::Erase { group, reason: reason.to_owned() }, group)?;
    tx.execute(
        "INSERT INTO erasures (tenant, group_id, seq, at, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![TENANT, Sql(group), Sql(seq), Sql(log.now), reason],
    )?;
    Ok(Destroyed {
        seq,
        now: true,
        changes: with(changes as u64, |of| of.changes),
        records: with(records.0, |of| of.records),
        set_aside: with(set_aside as u64, |of| of.set_aside),
        attachments: with(attachments, |of| of.attachments),
    })
}

#[cfg(test)]
mod tests {
    use alongside_domain::time::Millis;

    use super::*;
    use crate::{store::Store, verify};

    #[test]
    fn a_group_that_the_store_does_not_know_leaves_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store.db")).unwrap();
        let group = GroupId([7; 16]);
        let erase = || store.write(|tx| erase_group(&mut Appender::new(tx, Millis(5))?, group, "request"));
        let first = erase().unwrap();
        assert_eq!((first.now, first.seq, first.changes), (true, 1, 0));
        assert_eq!(erase().unwrap(), Destroyed { now: false, ..first }, "replayed, it happens once");
        assert_eq!(store.read(|tx| erased(tx, group)).unwrap(), Some(1));
        let report = verify::verify(store.path(), None).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}
