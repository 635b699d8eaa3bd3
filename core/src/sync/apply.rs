//! Making an answer durable: entries, verdicts and cursor, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    rules::Touched,
    time::Millis,
    wire::{FeedEntry, OpeningVerdict, SyncAnswer, Verdict},
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{prepare::Sent, pull, rebase, repair};
use crate::{
    error::ApiError,
    media,
    reads::waiting::Reason,
    store::{
        around::Around,
        desk::Desk,
        findings,
        found_by::FoundBy,
        groups, log, relatives,
        rows::{id, signed, to_cbor},
        state, tally, units,
    },
};

/// What an answer did on this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Applied {
    pub(crate) accepted: u32,
    pub(crate) refused: u32,
    pub(crate) in_review: u32,
    pub(crate) received: u32,
    pub(crate) quarantined: u32,
    pub(crate) waiting: u32,
    /// Changes that the server had lost and took back.
    pub(crate) relayed: u32,
    /// 1: what is held here and there differed.
    pub(crate) defects: u32,
    /// Something has to be sent or asked for again at once.
    pub(crate) again: bool,
    /// A group was erased: its pages must leave the write-ahead log too.
    pub(crate) erased: bool,
}

/// What is gathered while an answer is taken in.
#[derive(Default)]
pub(crate) struct Intake {
    pub(crate) done: Applied,
    /// Groups whose units have to be brought up to date.
    pub(crate) touched: BTreeSet<GroupId>,
    /// Groups that were linked otherwise before: what shows them is judged whole.
    pub(crate) relinked: BTreeSet<GroupId>,
    /// A group came, or was linked otherwise: who is related may be another.
    pub(crate) linked: bool,
    /// Records that were shown anew, with their group and form.
    pub(crate) shown: BTreeMap<RecordId, (GroupId, String)>,
    /// The words by which they are found.
    pub(crate) found_by: FoundBy,
    /// The actor that changes are written again as, once one was needed.
    pub(crate) new_actor: Option<ActorId>,
    /// The server's time of the answer, in milliseconds.
    pub(crate) server_time: Millis,
}

/// Makes an answer durable. Nothing of an answer that does not fit what was sent is taken in.
pub(crate) fn apply(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    sent: &Sent,
    answer: &SyncAnswer,
    entries: Vec<FeedEntry>,
) -> Result<Applied, ApiError> {
    let again = answer.start_again || answer.to_repair;
    let fits = |got: usize, sent: usize| {
        let restarts = answer.repair.as_ref().is_some_and(|repair| repair.restart);
        got == sent || ((again || restarts) && got == 0)
    };
    if !fits(answer.openings.len(), sent.openings.len()) || !fits(answer.verdicts.len(), sent.changes.len()) {
        return Err(ApiError::unexpected("verdicts_do_not_fit"));
    }
    let mut intake = Intake { server_time: answer.server_time, ..Intake::default() };
    if answer.start_again {
        start_again(tx)?;
        intake.done.again = true;
    }
    if let Some(key) = answer.key {
        state::set_server_key(tx, Some(key))?;
    }
    openings(tx, desk, &mut intake, sent, answer)?;
    pull::take_in(tx, desk, &mut intake, entries)?;
    if let (Some(sent), Some(repair)) = (&sent.repair, &answer.repair) {
        if let Some((place, seen)) = repair::take_in(tx, desk, &mut intake, sent, repair)? {
            // What came after the repair had begun comes with the feed, as ever.
            state::stand_at(tx, &place, &seen, place.seq, &[])?;
        }
        return finish(tx, desk, intake, answer);
    }
    if answer.to_repair && answer.tally.is_none() {
        repair::begin(tx, false)?;
        intake.done.again = true;
        return finish(tx, desk, intake, answer);
    }
    let high = verdicts(tx, desk, &mut intake, sent, answer)?;
    // Up to `own_high` the server leaves this phone's own changes out. While a pull is still coming in
    // parts, a phone that was restored, or lost an answer, may lack some of them between its cursor
    // and `high`: only a complete pull says that everything up to there is here.
    let known = if answer.start_again { 0 } else { state::standing(tx)?.own_high };
    let own_high = if answer.more { known } else { known.max(high) };
    state::set_peer(tx, state::Peer { features: answer.features, dictionary: answer.dictionary })?;
    state::stand_at(tx, &answer.cursor, &answer.head.unwrap_or(answer.cursor), own_high, &answer.backfills)?;
    if answer.revoked {
        tx.execute("UPDATE sync_state SET revoked = 1", [])?;
    }
    finish(tx, desk, intake, answer)
}

/// What every answer ends with: groups that go, tallies that are compared, screens.
fn finish(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    mut intake: Intake,
    answer: &SyncAnswer,
) -> Result<Applied, ApiError> {
    // Until a repair is done, something of theirs may have to be brought back.
    if repair::under_way(tx)?.is_none() {
        take_off_withdrawn(tx, desk, &mut intake)?;
    }
    if let Some(told) = &answer.relatives {
        relatives::replace(tx, told, desk.now())?;
    }
    if intake.linked {
        relatives::ask(tx)?;
    }
    compare(tx, &mut intake, answer)?;
    bring_up_to_date(tx, desk, &mut intake)?;
    intake.done.waiting = log::waiting(tx)?;
    Ok(intake.done)
}

/// Keeps the heads that the server signed, and compares what is held here and there.
fn compare(tx: &Transaction<'_>, intake: &mut Intake, answer: &SyncAnswer) -> Result<(), ApiError> {
    tally::settle(tx)?;
    if let (Some(heads), Some(key)) = (&answer.heads, state::server_key(tx)?) {
        match heads.open(&key) {
            Some(heads) => tally::keep_heads(tx, &heads)?,
            None => {
                tracing::warn!("the server signs with another key than before: it is asked for it");
                state::set_server_key(tx, None)?;
            }
        }
    }
    if let Some(there) = answer.tally
        && let Some(here) = tally::scope(tx, state::identity(tx)?.person)?
    {
        if here == there {
            repair::agrees(tx)?;
        } else {
            intake.done.defects += 1;
            intake.done.again |= repair::differs(tx)?;
        }
    }
    Ok(())
}

/// Records of one answer up to which what they touch is judged with it; of more, the units wait until
/// the sync is over.
const JUDGED_AT_ONCE: usize = 100;

/// Brings the units that an answer touched up to date, and has them judged by the rules.
pub(crate) fn bring_up_to_date(
    tx: &Transaction<'_>,
    desk: &Desk,
    intake: &mut Intake,
) -> Result<(), ApiError> {
    let programme = &desk.programme;
    let mut shown: BTreeMap<GroupId, Vec<Touched<'_>>> = BTreeMap::new();
    for (record, (group, form)) in &intake.shown {
        // It may have been there before, in part.
        shown.entry(*group).or_default().push(Touched { form, record: *record, is_new: false });
    }
    let mut changed: BTreeMap<GroupId, Vec<Touched<'_>>> = BTreeMap::new();
    for group in &intake.touched {
        for unit in units::shown_by(tx, programme, *group)? {
            let changed = changed.entry(unit).or_default();
            // A restricted part is no record of its form: its own answers alone are not judged.
            if !groups::kind(tx, *group)?.is_some_and(|kind| programme.is_restricted(&kind)) {
                changed.extend(shown.get(group).into_iter().flatten());
            }
        }
    }
    let mut whole = BTreeSet::new();
    for group in &intake.relinked {
        whole.extend(groups::units_of(tx, &programme.parts.unit, *group)?);
    }
    for (unit, changed) in changed {
        let around = Around::new(tx, programme, unit)?;
        units::refresh(tx, &around, None)?;
        if intake.shown.len() > JUDGED_AT_ONCE || whole.contains(&unit) {
            findings::wait(tx, unit)?;
        } else {
            findings::judge(tx, &around, desk.now(), Some(&changed))?;
        }
    }
    Ok(std::mem::take(&mut intake.found_by).write(tx)?)
}

/// The server does not know the place this phone named: it asks from the start and offers everything.
fn start_again(tx: &Transaction<'_>) -> Result<(), ApiError> {
    tx.execute("UPDATE change SET feed_seq = NULL WHERE actor IN (SELECT actor FROM own_actor)", [])?;
    tx.execute("UPDATE grp SET acknowledged = 0 WHERE opened_here AND NOT withdrawn", [])?;
    media::rows::offer_again(tx)?;
    Ok(())
}

fn openings(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    sent: &Sent,
    answer: &SyncAnswer,
) -> Result<(), ApiError> {
    for (group, verdict) in sent.openings.iter().zip(&answer.openings) {
        match verdict {
            OpeningVerdict::Opened => {
                relatives::ask(tx)?;
                tx.execute(
                    "UPDATE grp SET acknowledged = 1, refused = NULL, in_review = NULL WHERE grp = ?1",
                    [group.0],
                )?;
            }
            OpeningVerdict::Erased => erase(tx, desk, intake, *group, None)?,
            // Judged by a server that lacks what this phone has not offered again yet.
            OpeningVerdict::Refused(_) | OpeningVerdict::Review(_)
                if answer.start_again || answer.repair.is_some() => {}
            OpeningVerdict::Review(reason) => {
                tx.execute(
                    "UPDATE grp SET acknowledged = 1, in_review = ?2 WHERE grp = ?1",
                    params![group.0, to_cbor(reason)],
                )?;
                tx.execute(
                    "INSERT INTO review (name, grp, form, at, sent_at, reason)
                     SELECT grp, grp, kind, opened_at, ?2, ?3 FROM grp WHERE grp = ?1 ON CONFLICT DO NOTHING",
                    params![group.0, answer.server_time.0, to_cbor(reason)],
                )?;
            }
            OpeningVerdict::Refused(reason) => {
                tx.execute("UPDATE grp SET refused = ?2 WHERE grp = ?1", params![group.0, to_cbor(reason)])?;
            }
        }
    }
    Ok(())
}

/// Follows the verdicts; gives the highest feed number among them.
fn verdicts(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    sent: &Sent,
    answer: &SyncAnswer,
) -> Result<u64, ApiError> {
    let mut high = 0;
    let mut apart: BTreeMap<RecordId, BTreeMap<ChangeHash, Reason>> = BTreeMap::new();
    let mut erased = BTreeSet::new();
    let mut missing = Vec::new();
    // Records with a change whose time turns out to lie after its receipt: their rows say so.
    let mut ahead = BTreeSet::new();
    for (hash, verdict) in sent.changes.iter().zip(&answer.verdicts) {
        // Gone since it was sent: written again because of an entry in this very answer.
        let Some((record, group)) = whose(tx, hash)? else { continue };
        let reason = match verdict {
            Verdict::Accepted(seq) | Verdict::Have(seq) => {
                // One that the server had already comes back with the feed, which says when.
                let received = matches!(verdict, Verdict::Accepted(_)).then_some(answer.server_time);
                log::acknowledge(tx, hash, *seq, received)?;
                if let Some(received) = received
                    && log::was_ahead(tx, hash, received)?
                {
                    ahead.insert(record);
                }
                intake.done.accepted += 1;
                high = high.max(*seq);
                continue;
            }
            // A change is written again only once all that the server has is here: it may be among it.
            Verdict::Fork { .. } | Verdict::Refused(_) if answer.more && !answer.start_again => continue,
            // A server that was restored from an older backup judges without the groups and changes that
            // came after it. All of it is offered again, groups first; only then a refusal counts.
            Verdict::Missing(_)
            | Verdict::Retry
            | Verdict::Fork { .. }
            | Verdict::Refused(_)
            | Verdict::Review(_)
                if answer.start_again =>
            {
                continue;
            }
            Verdict::Missing(hashes) => {
                missing.push((hash, hashes));
                continue;
            }
            Verdict::Erased => {
                erased.insert(group);
                continue;
            }
            Verdict::Retry => {
                put_off(tx, hash)?;
                continue;
            }
            Verdict::Fork { .. } => Reason::Fork,
            Verdict::Refused(refusal) => Reason::Refused(*refusal),
            Verdict::Review(refusal) => {
                log::put_in_review(tx, hash)?;
                tx.execute(
                    "INSERT INTO review (name, grp, form, at, sent_at, reason)
                     SELECT c.hash, d.grp, d.form, c.at, ?2, ?3
                     FROM change c JOIN document d ON d.record = c.record WHERE c.hash = ?1
                     ON CONFLICT DO NOTHING",
                    params![hash.0, answer.server_time.0, to_cbor(refusal)],
                )?;
                intake.done.in_review += 1;
                continue;
            }
        };
        apart.entry(record).or_default().insert(*hash, reason);
    }
    for record in ahead {
        pull::show(tx, desk, intake, record)?;
    }
    for (record, bad) in apart {
        rebase::rebase(tx, desk, intake, record, &bad)?;
    }
    for (hash, hashes) in missing {
        if whose(tx, hash)?.is_some() {
            intake.done.again |= send_first(tx, hash, hashes)?;
        }
    }
    for group in erased {
        erase(tx, desk, intake, group, None)?;
    }
    Ok(high)
}

/// Erases a group for good. What is linked to it shows it no longer.
pub(crate) fn erase(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    intake: &mut Intake,
    group: GroupId,
    reason: Option<&str>,
) -> Result<(), ApiError> {
    // Links go with the group: what shows it is found before.
    linked(tx, desk, intake, group)?;
    groups::erase(tx, group, intake.server_time, reason)?;
    desk.documents.clear();
    intake.done.erased = true;
    Ok(())
}

/// Has the units that show this group brought up to date.
fn linked(tx: &Transaction<'_>, desk: &Desk, intake: &mut Intake, group: GroupId) -> Result<(), ApiError> {
    intake.touched.insert(group);
    intake.touched.extend(groups::units_of(tx, &desk.programme.parts.unit, group)?);
    Ok(())
}

fn whose(tx: &Transaction<'_>, hash: &ChangeHash) -> Result<Option<(RecordId, GroupId)>, ApiError> {
    Ok(tx
        .prepare_cached(
            "SELECT c.record, d.grp FROM change c JOIN document d ON d.record = c.record WHERE c.hash = ?1",
        )?
        .query_row([hash.0], |row| Ok((id(row, 0)?, id(row, 1)?)))
        .optional()?)
}

/// Later, alone.
pub(crate) fn put_off(tx: &Transaction<'_>, hash: &ChangeHash) -> Result<(), ApiError> {
    tx.execute("UPDATE change SET later = later + 1 WHERE hash = ?1 AND feed_seq IS NULL", [hash.0])?;
    Ok(())
}

/// The server lacks these: own ones are sent before `hash`. Where one is not ours to send, or was put
/// off itself, `hash` is put off as well. Gives whether it makes sense to send at once.
fn send_first(tx: &Transaction<'_>, hash: &ChangeHash, lacking: &[ChangeHash]) -> Result<bool, ApiError> {
    let mut ready = !lacking.is_empty();
    for lacks in lacking {
        ready &= tx
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM change WHERE hash = ?1 AND later = 0
                                AND actor IN (SELECT actor FROM own_actor))",
            )?
            .query_row([lacks.0], |row| row.get::<_, bool>(0))?;
    }
    for lacks in lacking {
        // What waits for a coordinator is sent again only where that lets `hash` go: otherwise the two
        // would be sent in turn for ever.
        tx.prepare_cached(
            "UPDATE change SET first = 1, feed_seq = NULL
             WHERE hash = ?1 AND later = 0 AND (?2 OR feed_seq <> 0)
               AND actor IN (SELECT actor FROM own_actor)",
        )?
        .execute(params![lacks.0, ready])?;
    }
    if !ready {
        let later: Option<i64> = tx.query_row(
            "SELECT max(later) FROM change WHERE record = (SELECT record FROM change WHERE hash = ?1)
             AND feed_seq IS NULL",
            [hash.0],
            |row| row.get(0),
        )?;
        tx.execute(
            "UPDATE change SET later = max(?2, 1) WHERE hash = ?1",
            params![hash.0, later.unwrap_or(signed(1))],
        )?;
    }
    Ok(ready)
}

/// How long a group whose access ended stays on the phone for the sake of unfinished drafts, from when the
/// phone heard of it: they can be finished and sent, or dropped.
const DRAFTS_MS: i64 = 48 * 3_600_000;

/// Takes the groups off the phone whose access ended, of which nothing waits to be sent any longer, and
/// whose drafts were finished or dropped, or have had their time.
fn take_off_withdrawn(tx: &Transaction<'_>, desk: &mut Desk, intake: &mut Intake) -> Result<(), ApiError> {
    let groups: Vec<GroupId> = tx
        .prepare_cached(
            "SELECT grp FROM grp WHERE withdrawn AND NOT EXISTS (
                 SELECT 1 FROM change c JOIN document d ON d.record = c.record
                 WHERE c.feed_seq IS NULL AND d.grp = grp.grp)
             AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.grp = grp.grp AND a.taken AND a.named
                             AND a.sent_at IS NULL AND NOT a.stopped)
             AND (coalesce(withdrawn_at, 0) <= ?1
                  OR NOT EXISTS (SELECT 1 FROM draft WHERE draft.grp = grp.grp AND NOT apart))",
        )?
        .query_map([intake.server_time.0.saturating_sub(DRAFTS_MS)], |row| id(row, 0))?
        .collect::<Result<_, _>>()?;
    for group in &groups {
        linked(tx, desk, intake, *group)?;
        groups::take_off(tx, *group)?;
        desk.documents.clear();
        intake.done.erased = true;
    }
    Ok(())
}
