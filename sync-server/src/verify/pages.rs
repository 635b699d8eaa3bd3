//! The pages' read model against one that is built afresh from the log.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rusqlite::{Connection, OpenFlags};

use super::{Finding, Pages, PagesOf, Report};
use crate::{
    read_model::{Projector, ReadModel, ReadModelError},
    store::{Store, StoreError, open},
};

/// Tries to catch up with a log that grows meanwhile.
const TRIES: usize = 5;

/// Compares a copy of the read model, brought up to the end of the log, with a fresh one.
pub(super) fn verify(path: &Path, pages: PagesOf<'_>, report: &mut Report) -> Result<Pages, StoreError> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("pages");
    let Ok(at) = copy_of(pages.file, &copy) else {
        report.find(Finding::PagesUnreadable);
        return Ok(Pages::Compared);
    };
    let store = open::open(path, None)?;
    let head = store.head()?.seq;
    if at > head {
        report.find(Finding::PagesAhead { pages: at, head });
        return Ok(Pages::Compared);
    }
    match compare(&store, &copy, &folder.path().join("fresh"), pages) {
        Ok(Some(0)) => Ok(Pages::Compared),
        Ok(Some(rows)) => {
            report.find(Finding::PagesDiffer { rows });
            Ok(Pages::Compared)
        }
        Ok(None) => Ok(Pages::NotCompared),
        Err(ReadModelError::Database(error)) => match StoreError::from(error) {
            StoreError::Damaged { .. } | StoreError::Unexpected(_) => {
                report.find(Finding::PagesUnreadable);
                Ok(Pages::Compared)
            }
            other => Err(other),
        },
        Err(_) => {
            report.find(Finding::PagesUnreadable);
            Ok(Pages::Compared)
        }
    }
}

/// Copies the read model as it is at one moment; gives how far it is.
fn copy_of(file: &Path, copy: &Path) -> Result<u64, StoreError> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let copy = copy.to_str().ok_or_else(|| StoreError::Io("a folder's name is not text".to_owned()))?;
    connection.execute("VACUUM INTO ?1", [copy])?;
    let at: i64 = Connection::open(copy)?.query_row("SELECT seq FROM position", [], |row| row.get(0))?;
    Ok(u64::try_from(at).unwrap_or(0))
}

/// How many rows only one of the two has; `None` where the log would not stand still.
fn compare(
    store: &Arc<Store>,
    copy: &Path,
    fresh: &Path,
    pages: PagesOf<'_>,
) -> Result<Option<u64>, ReadModelError> {
    let follow = |file: &Path| -> Result<_, ReadModelError> {
        let model = Arc::new(ReadModel::open(file, pages.programme)?);
        let projector = Projector::new(Arc::clone(&model), Arc::clone(store), Arc::clone(pages.programme));
        Ok((model, projector))
    };
    let (grown, mut behind_grown) = follow(copy)?;
    let (built, mut behind_built) = follow(fresh)?;
    for _ in 0..TRIES {
        if behind_built.catch_up()? == behind_grown.catch_up()? {
            return Ok(Some(difference(&grown.dump()?, &built.dump()?)));
        }
    }
    Ok(None)
}

fn difference(one: &str, other: &str) -> u64 {
    let mut rows: BTreeMap<&str, i64> = BTreeMap::new();
    for row in one.lines() {
        *rows.entry(row).or_default() += 1;
    }
    for row in other.lines() {
        *rows.entry(row).or_default() -= 1;
    }
    rows.values().map(|count| count.unsigned_abs()).sum()
}
