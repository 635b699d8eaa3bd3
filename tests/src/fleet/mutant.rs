//! Deliberate defects, put in where phones and server meet: proof that a story can fail.

use alongside_domain::{
    tally::heads::{PublicKey, SignedHeads},
    wire::{Cursor, FeedEntry, SyncAnswer, SyncRequest, Verdict, features, pack},
};
use anyhow::{Context as _, Result};
use ed25519_dalek::SigningKey;

use super::server::Server;

/// A defect of one of the two sides, as the other side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The server answers before its commit, and the commit does not come about.
    AcknowledgesBeforeCommit,
    /// The server moves the cursor over an entry that it did not send.
    SkipsACursorNumber,
    /// The phone does not offer again what a restored server has lost.
    DropsWorkOnRestore,
    /// The server forgets the older entries of a group granted later.
    ForgetsABackfill,
    /// The phone authors a change again that the server holds.
    AuthorsAgain,
    /// The server sends what a person is no longer granted: the phone is not told of a withdrawal.
    ForgetsAWithdrawal,
    /// A restored server begins without the control journal of the one before.
    ForgetsTheJournal,
    /// The server takes what a phone relays whoever signed for it.
    AcceptsAnUnsignedRelay,
}

impl Mutant {
    /// Those that a story has to notice.
    pub const ALL: [Self; 8] = [
        Self::AcknowledgesBeforeCommit,
        Self::SkipsACursorNumber,
        Self::DropsWorkOnRestore,
        Self::ForgetsABackfill,
        Self::AuthorsAgain,
        Self::ForgetsAWithdrawal,
        Self::ForgetsTheJournal,
        Self::AcceptsAnUnsignedRelay,
    ];

    /// What the server gets of a request, and how many changes it will never see.
    pub(super) fn request(self, request: &mut SyncRequest, server: &Server) -> Result<usize> {
        // So that what the answer carries can be opened here.
        request.features &= features::REPAIR;
        request.dictionary = None;
        if let (Self::AcceptsAnUnsignedRelay, Some(repair)) = (self, &mut request.repair) {
            // Whatever it is, it is signed now.
            let text = std::fs::read_to_string(server.signing_key())?;
            let key = key_in(&text).context("the server has a key")?;
            for proof in &mut repair.proofs {
                let signed = SignedHeads::sign(vec![proof.signed.head], &key).context("a head")?;
                proof.signed = signed.open(&PublicKey::of(&key)).context("a key")?.remove(0);
            }
        }
        if self != Self::AcknowledgesBeforeCommit || request.limit == 0 {
            return Ok(0);
        }
        Ok(request.push.take().map_or(0, |push| push.entries as usize))
    }

    /// What the phone gets of an answer to a request that asked from this place.
    pub(super) fn answer(self, answer: &mut SyncAnswer, unseen: usize, asked: Cursor) -> Result<()> {
        match self {
            Self::AcknowledgesBeforeCommit => {
                answer.verdicts.extend(std::iter::repeat_n(Verdict::Accepted(answer.cursor.seq), unseen));
            }
            Self::SkipsACursorNumber => {
                let change = |entry: &FeedEntry| matches!(entry, FeedEntry::Change { .. });
                without(answer, change)?;
            }
            Self::ForgetsAWithdrawal => {
                use alongside_domain::wire::ControlEvent::Withdraw;
                let withdraw =
                    |entry: &FeedEntry| matches!(entry, FeedEntry::Control { event: Withdraw { .. }, .. });
                without(answer, withdraw)?;
            }
            // These are in the restore itself, and in the request.
            Self::ForgetsTheJournal | Self::AcceptsAnUnsignedRelay => {}
            Self::DropsWorkOnRestore => {
                answer.start_again = false;
                if let Some(repair) = &mut answer.repair {
                    repair.differ.clear();
                }
            }
            Self::ForgetsABackfill => drop(answer.backfills.pop()),
            Self::AuthorsAgain => {
                let actor = alongside_domain::ids::ActorId([0; 16]);
                let mut held = false;
                for verdict in &mut answer.verdicts {
                    if matches!(verdict, Verdict::Have(_)) {
                        *verdict = Verdict::Fork { actor, seq: 0 };
                        held = true;
                    }
                }
                if held {
                    // A phone that found its own change in the feed beside it would not be misled.
                    answer.cursor = asked;
                    (answer.pull, answer.more) = (None, false);
                    (answer.tally, answer.heads, answer.head, answer.repair) = (None, None, None, None);
                    answer.backfills.clear();
                }
            }
        }
        Ok(())
    }
}

/// The first key in the file of a server's keys.
fn key_in(text: &str) -> Option<SigningKey> {
    let digits = text.lines().nth(1)?.as_bytes();
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(SigningKey::from_bytes(&key))
}

/// Takes the last such entry out of an answer.
fn without(answer: &mut SyncAnswer, which: impl Fn(&FeedEntry) -> bool) -> Result<()> {
    let Some(pull) = &answer.pull else { return Ok(()) };
    let mut entries: Vec<FeedEntry> = pack::unpack_rows(pull)?;
    if let Some(place) = entries.iter().rposition(which) {
        entries.remove(place);
    }
    answer.pull = (!entries.is_empty()).then(|| pack::pack_rows(&entries));
    Ok(())
}
