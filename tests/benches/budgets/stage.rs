//! What the rows share: sizes, programme, folder, and work that several rows are read from.

use std::{path::PathBuf, sync::Arc};

use alongside_domain::programme::{Programme, builtin};
use anyhow::{Context, Result, anyhow};

use crate::{offices::Office, sizes::Sizes, wire_rows::Traffic};

/// What the rows share.
pub(crate) struct Stage {
    pub(crate) sizes: Sizes,
    pub(crate) programme: Arc<Programme>,
    /// What phone and server sent each other, once it was measured.
    pub(crate) traffic: Option<Traffic>,
    /// Servers with many records, by how many.
    pub(crate) offices: Vec<(usize, Arc<Office>)>,
    root: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(sizes: Sizes) -> Result<Self> {
        let programme = builtin::independent_support()
            .map_err(|problems| anyhow!("the programme cannot be read: {} problems", problems.len()))?;
        // Beside the build, on the disk that the work is on: a temporary folder may be in memory.
        let place = std::env::current_exe()?.parent().context("a program lies in a folder")?.to_owned();
        let root = tempfile::Builder::new().prefix("budgets-").tempdir_in(place)?;
        Ok(Self { sizes, programme: Arc::new(programme), traffic: None, offices: Vec::new(), root })
    }

    /// A new folder under this name.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}
