//! Taking an answer in: its pack is opened, then everything becomes durable at once.

use alongside_domain::wire::{
    FeedEntry, SyncAnswer,
    pack::{self, Common},
};

use super::{
    apply::{self, Applied},
    prepare::Sent,
};
use crate::{
    error::ApiError,
    media::take,
    store::{Store, known::Known},
};

/// Opens an answer's pack and makes the answer durable.
///
/// # Errors
/// [`ApiError::ServerRefused`] with the code for a pack that cannot be opened: nothing of the answer was
/// kept, and the same is to be asked for in rows. Those of the store.
pub(crate) fn receive(store: &Store, sent: &Sent, answer: SyncAnswer) -> Result<Applied, ApiError> {
    let entries = match &answer.pull {
        Some(pull) => open(store, sent, pull)?,
        None => Vec::new(),
    };
    let sent = sent.clone();
    let applied = store.write(move |tx, desk| apply::apply(tx, desk, &sent, &answer, entries))?;
    if applied.erased {
        store.pause()?;
        take::clear_out(store, false)?;
    }
    Ok(applied)
}

fn open(store: &Store, sent: &Sent, pull: &pack::Pack) -> Result<Vec<FeedEntry>, ApiError> {
    let opened = store.read(|db| {
        Known::use_for(db, |known| {
            pack::unpack_entries(pull, &Common { actor: sent.actor, feed: Some(known) })
        })
    })?;
    opened.map_err(|error| ApiError::ServerRefused(error.code(pull.form)))
}
