//! Deliberate defects, put in where phones and server meet: proof that a story can fail.

use alongside_domain::wire::{FeedEntry, SyncAnswer, SyncRequest, Verdict, pack};
use anyhow::Result;

/// A defect of one of the two sides, as the other side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The server answers before its commit, and the commit does not come about.
    AcknowledgesBeforeCommit,
    /// The server moves the cursor over an entry that it did not send.
    SkipsACursorNumber,
    /// The phone does not offer its work again to a restored server.
    DropsWorkOnRestore,
    /// The server forgets the older entries of a group granted later.
    ForgetsABackfill,
    /// The phone authors a change again that the server holds.
    AuthorsAgain,
    /// The server sends what a person is no longer granted: the phone is not told of a withdrawal.
    ForgetsAWithdrawal,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AcknowledgesBeforeCommit,
        Self::SkipsACursorNumber,
        Self::DropsWorkOnRestore,
        Self::ForgetsABackfill,
        Self::AuthorsAgain,
        Self::ForgetsAWithdrawal,
    ];

    /// What the server gets of a request, and how many changes it will never see.
    pub(super) fn request(self, request: &mut SyncRequest) -> usize {
        // So that what the answer carries can be opened here.
        request.features = 0;
        request.dictionary = None;
        if self != Self::AcknowledgesBeforeCommit || request.limit == 0 {
            return 0;
        }
        request.push.take().map_or(0, |push| push.entries as usize)
    }

    /// What the phone gets of an answer.
    pub(super) fn answer(self, answer: &mut SyncAnswer, unseen: usize) -> Result<()> {
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
            Self::DropsWorkOnRestore => answer.start_again = false,
            Self::ForgetsABackfill => drop(answer.backfills.pop()),
            Self::AuthorsAgain => {
                let actor = alongside_domain::ids::ActorId([0; 16]);
                for verdict in &mut answer.verdicts {
                    if matches!(verdict, Verdict::Have(_)) {
                        *verdict = Verdict::Fork { actor, seq: 0 };
                    }
                }
            }
        }
        Ok(())
    }
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
