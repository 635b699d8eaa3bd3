//! Whether this database is where it was written, or a copy of it: a phone restored from a backup, or a
//! clone.
//!
//! Two copies that go on under one actor write different changes with the same numbers. The server finds
//! that out (a fork) and nothing is lost, but everything that stood on them has to be written again. So
//! an installation has a mark, in the database and in a file beside it that backups leave out; where the
//! two differ, the database is a copy, and goes on under an actor of its own. What it had not sent yet
//! stays as it is: the server has it or takes it, and where both copies went on from it, a fork is met as
//! ever.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::{desk::Desk, open, state};
use crate::error::{OpenError, is_full};

/// Bytes of a mark.
const LENGTH: usize = 16;

type Mark = [u8; LENGTH];

/// Compares the marks; gives a copy an actor of its own, and both marks anew.
///
/// On a full disk the profile opens as it is, to be read: the next opening tries again.
pub(super) fn settle(connection: &mut Connection, file: &Path, desk: &mut Desk) -> Result<(), OpenError> {
    let kept: Option<Mark> = connection
        .query_row("SELECT installation FROM sync_state", [], |row| row.get(0))
        .optional()
        .map_err(OpenError::Database)?
        .flatten();
    let beside = read(file)?;
    if kept.is_some() && kept == beside {
        return Ok(());
    }
    let mark = desk.new_mark();
    // The database first: where the file is not written any more, the two differ, and all this is done
    // again.
    match mint(connection, kept.is_some(), mark, desk) {
        Ok(()) => {}
        Err(error) if is_full(&error) => return Ok(()),
        Err(error) => return Err(OpenError::Database(error)),
    }
    match write(file, &mark) {
        Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(OpenError::Io(error)),
        _ => Ok(()),
    }
}

fn mint(
    connection: &mut Connection,
    is_copy: bool,
    mark: Mark,
    desk: &mut Desk,
) -> Result<(), rusqlite::Error> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_copy {
        state::set_actor(&tx, desk.new_actor())?;
    }
    tx.execute("UPDATE sync_state SET installation = ?1", [mark])?;
    tx.commit()
}

/// The mark in the file; `None` where there is none that can be one.
fn read(file: &Path) -> Result<Option<Mark>, OpenError> {
    match fs::read(file) {
        Ok(bytes) => Ok(bytes.try_into().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::Io(error)),
    }
}

/// Writes the mark under another name and moves it into place.
fn write(file: &Path, mark: &Mark) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    let mut out = File::create(&new)?;
    out.write_all(mark)?;
    out.sync_all()?;
    drop(out);
    fs::rename(&new, file)?;
    open::sync_folder(file)
}
