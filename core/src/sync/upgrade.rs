//! After an upgrade: what was in quarantine is judged once more.

use alongside_domain::guard;
use rusqlite::Transaction;

use super::{
    apply::{self, Intake},
    pull,
};
use crate::{
    error::ApiError,
    store::{desk::Desk, state},
};

/// Judges what is in quarantine again, where guard or programme are not those that judged it last.
pub(crate) fn judge_quarantine_again(tx: &Transaction<'_>, desk: &mut Desk) -> Result<(), ApiError> {
    let programme = desk.programme.clone();
    let with = [&guard::VERSION.to_le_bytes()[..], &programme.hash[..]].concat();
    if state::judged_with(tx)? == with {
        return Ok(());
    }
    let mut intake = Intake::default();
    pull::retry_quarantine(tx, desk, &mut intake)?;
    apply::bring_up_to_date(tx, desk, &mut intake)?;
    Ok(state::set_judged_with(tx, &with)?)
}
