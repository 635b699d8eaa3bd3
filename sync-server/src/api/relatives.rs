//! What a phone is told of relatives: brothers and sisters of those whom its person supports.

use alongside_domain::{
    ids::{GroupId, PersonId},
    wire::relatives::{Relative, Relatives, RelativesOf},
};
use jiff::{Unit, civil::Date};

use super::{AppState, Failure};
use crate::{
    read_model::{ReadModelError, case},
    store::access,
};

/// The relatives around every unit that is granted to this person, as far as the pages know them; `None` where
/// this server makes no pages, or they cannot be read.
///
/// # Errors
/// Those of the store.
pub(super) fn told_to(state: &AppState, person: PersonId) -> Result<Option<Relatives>, Failure> {
    let Some(pages) = &state.pages else { return Ok(None) };
    let programme = &state.programme;
    let units: Vec<GroupId> =
        state.store.read(|tx| access::granted_of_kind(tx, person, &programme.parts.unit))?;
    let today = programme.day(state.clock.now());
    let read = pages.read(|connection| {
        let mut told = Relatives::default();
        for unit in units {
            let groups = case::groups(connection, unit)?;
            let others: Vec<Relative> = case::relatives(connection, programme, &groups)?
                .into_iter()
                .map(|other| Relative {
                    known_as: other.known_as,
                    age: other.birth.and_then(|birth| years(birth, today)),
                })
                .collect();
            if !others.is_empty() {
                told.units.push(RelativesOf { unit, others });
            }
        }
        Ok::<_, ReadModelError>(told)
    });
    match read {
        Ok(told) => Ok(Some(told)),
        // The phone keeps what it was told, and asks again.
        Err(error) => {
            tracing::error!(%error, "the pages could not be read for the relatives of a phone");
            Ok(None)
        }
    }
}

/// Age in whole years; `None` for a birth that is still to come.
fn years(birth: Date, today: Date) -> Option<u16> {
    let lived = birth.until((Unit::Year, today)).ok()?;
    u16::try_from(lived.get_years()).ok().filter(|_| birth <= today)
}
