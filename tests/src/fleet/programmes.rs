//! Two versions of the programme: the newer one asks a question that the older one does not know.

use std::sync::{Arc, OnceLock};

use alongside_domain::programme::{Programme, builtin, package};
use anyhow::{Context, Result};

/// The field that only the newer version has.
pub(super) const NEW_FIELD: &str = "next_step";

const CONTACT: &str = "forms/contact.md";

/// Both versions.
pub(super) struct Programmes {
    /// The built-in one.
    pub(super) older: Arc<Programme>,
    /// With one more question about a contact, which is found by search too.
    pub(super) newer: Arc<Programme>,
}

impl Programmes {
    /// The one that this is not.
    pub(super) fn other(&self, programme: &Arc<Programme>) -> Arc<Programme> {
        Arc::clone(if programme.hash == self.older.hash { &self.newer } else { &self.older })
    }
}

/// Both versions, read once for all stories.
pub(super) fn programmes() -> Result<&'static Programmes> {
    static BOTH: OnceLock<Option<Programmes>> = OnceLock::new();
    BOTH.get_or_init(read).as_ref().context("both versions of the programme are sound")
}

fn read() -> Option<Programmes> {
    let older = builtin::independent_support().ok()?;
    let mut files = builtin::independent_support_files();
    replace(&mut files, CONTACT, "| text | note |", &format!("| text | {NEW_FIELD} |"), true)?;
    replace(&mut files, CONTACT, "| contact | 2014.1 |", "| Contact | contact | 2014.2 |", false)?;
    replace(
        &mut files,
        "model.toml",
        "search = [\"note\"]",
        &format!("search = [\"note\", \"{NEW_FIELD}\"]"),
        false,
    )?;
    let (newer, _) = package::read(&files).ok()?;
    Some(Programmes { older: Arc::new(older), newer: Arc::new(newer) })
}

/// Changes the first line of a file that has this in it, or adds the changed line after it.
fn replace(files: &mut package::Files, file: &str, what: &str, with: &str, beside: bool) -> Option<()> {
    let text = String::from_utf8(files.get(file)?.clone()).ok()?;
    let line = text.lines().find(|line| line.contains(what))?;
    let new = if beside {
        format!("{line}\n{}", line.replacen(what, with, 1))
    } else if with.starts_with('|') {
        with.to_owned()
    } else {
        line.replacen(what, with, 1)
    };
    let changed = text.replacen(line, &new, 1);
    files.insert(file.to_owned(), changed.into_bytes());
    Some(())
}
