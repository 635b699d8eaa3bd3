//! What is worked out from the records around a unit, as of a day.

use std::collections::BTreeMap;

use alongside_domain::{ids::GroupId, programme::Programme, record::RecordView};
use jiff::civil::Date;
use rusqlite::Connection;

use crate::{
    error::{ApiError, Thing},
    store::{beside, groups, projection, rows::found},
    views::{FigureLine, FiguresView},
};

/// The derived values of a unit. Its cost grows with the records that they are worked out from, so it is a
/// call of its own beside the unit's page.
pub(crate) fn figures(
    db: &Connection,
    programme: &Programme,
    unit: GroupId,
    as_of: Date,
) -> Result<FiguresView, ApiError> {
    let kind = found(groups::kind(db, unit)?, Thing::Group)?;
    if kind != programme.parts.unit {
        return Err(ApiError::NotFound(Thing::Group));
    }
    let mut around: BTreeMap<String, Vec<GroupId>> = BTreeMap::from([(kind, vec![unit])]);
    for group in groups::linked(db, unit)? {
        around.entry(groups::kind(db, group)?.unwrap_or_default()).or_default().push(group);
    }
    let kinds: Vec<&str> = around.keys().map(String::as_str).collect();
    let mut records: Vec<RecordView> = Vec::new();
    for form in programme.figures_read(&kinds) {
        let Some(kind) = programme.record_kind(form) else { continue };
        for group in around.get(&kind.group).into_iter().flatten() {
            for view in projection::views_of(db, *group, form)? {
                records.push(beside::joined(db, programme, view)?);
            }
        }
    }
    let figures = programme.figures(&kinds, &records, as_of).into_iter();
    let line = |figure: alongside_domain::programme::derived::Figure<'_>| FigureLine {
        id: figure.derived.id.clone(),
        label: figure.derived.label.clone(),
        text: figure.text,
    };
    Ok(FiguresView { as_of, figures: figures.map(line).collect() })
}
