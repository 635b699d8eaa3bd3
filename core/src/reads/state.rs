//! How the questions of a record stand while it is being entered.

use std::collections::BTreeMap;

use alongside_domain::{
    form::{expr::Surroundings, session::QuestionState},
    ids::{GroupId, RecordId},
    programme::{Count, Programme, entry::Answer, live},
    time::Millis,
};
use rusqlite::Connection;

use crate::{
    error::{ApiError, Thing},
    store::{beside, log::Place, rows::found},
    writes::{check, save},
};

/// A record that is being entered.
pub(crate) struct Asked {
    pub(crate) record: Option<RecordId>,
    pub(crate) group: GroupId,
    pub(crate) form: String,
    pub(crate) entered: BTreeMap<String, Answer>,
}

/// Every question with how it stands and what it holds.
pub(crate) fn of_entering(
    db: &Connection,
    programme: &Programme,
    asked: &Asked,
    now: Millis,
) -> Result<Vec<(QuestionState, Option<Answer>)>, ApiError> {
    let (form, kind) = check::form(programme, &asked.form)?;
    let mut record = asked.record;
    if record.is_none() && kind.count == Count::One {
        record = save::only_one(db, &Place { group: asked.group, form: asked.form.clone() })?;
    }
    let current = match record {
        Some(record) => {
            let view = found(beside::whole(db, programme, record)?, Thing::Record)?;
            Some(found((view.root.form == form.id).then_some(view), Thing::Record)?)
        }
        None => None,
    };
    // What is left to chance is drawn when it is saved.
    let around = Surroundings::new(now.timestamp(), programme.time_zone(), [0; 32]);
    found(live::states(programme, form, &asked.entered, current.as_ref(), &around), Thing::Form)
}
