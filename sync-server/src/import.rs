//! Import of a charity's spreadsheet of referrals into groups and records.
//!
//! `source` reads the file, `map` says what its columns mean, `row` understands a row by the
//! questions' types, `plan` finds out what of it is new, and the writes go through the same ingest
//! as everything else. No name of a programme stands here: they come from the map and the programme.

use std::path::Path;

use alongside_domain::{
    ids::{PartnerId, PersonId},
    problem::Problem,
    programme::Programme,
};

use crate::{
    clock::Clock,
    ingest::{Ingest, IngestError, LOCAL_CHUNK, LocalWrite},
    people::{self, PersonRow},
    store::{Store, StoreError},
};

mod answer;
mod date;
mod map;
mod nearest;
mod plan;
mod rejects;
mod row;
mod source;
mod summary;
mod tidy;

pub use row::RowProblem;
pub use source::SourceError;
pub use summary::{Note, RefusedRow, Summary};

use map::Map;
use plan::Planner;
use rejects::{Refused, Rejects};
use row::RowReader;
use source::{Place, Sheet};

/// What to import.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The spreadsheet.
    pub file: &'a Path,
    /// The map.
    pub map: &'a Path,
    /// Where refused rows go, where they are wanted.
    pub rejects: Option<&'a Path>,
}

/// Why nothing, or not everything, was imported. Refused rows are no error: see [`Summary`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The map cannot be read.
    #[error("the map {file} cannot be read: {source}")]
    MapFile {
        /// The file.
        file: String,
        /// What the file system says.
        source: std::io::Error,
    },
    /// The map does not fit itself, the programme, or the headings of the spreadsheet.
    #[error("the map cannot be used, and nothing was imported:{}", lines(.0))]
    Map(Vec<Problem>),
    /// The spreadsheet cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no partner of this name.
    #[error("there is no partner `{name}`. {help}")]
    UnknownPartner {
        /// The name in the map.
        name: String,
        /// What to do.
        help: String,
    },
    /// Nobody, or several people, of the partner are called so.
    #[error("the map's author `{name}` is {found} of the partner. {help}")]
    Author {
        /// The name in the map.
        name: String,
        /// How many there are, in words.
        found: &'static str,
        /// What to do.
        help: String,
    },
    /// The file of refused rows cannot be written.
    #[error(
        "the file of refused rows {file} cannot be written: {source}. \
         Name another with --rejects; rows that are in already will be counted as unchanged"
    )]
    Rejects {
        /// The file.
        file: String,
        /// What the file system says.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The import stopped between two steps.
    #[error(
        "the import stopped with {done} of {rows} rows done: {source}. \
         Run it again with the same file: what is in already will not be added twice"
    )]
    Stopped {
        /// Rows that are done.
        done: u64,
        /// Rows that were read.
        rows: u64,
        /// What stopped it.
        source: IngestError,
    },
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}

/// Imports a spreadsheet. Without `ingest` nothing is written, and the summary says what would have
/// come of it. Waits for the disk: not for an async thread.
///
/// # Errors
/// See [`ImportError`]: each says what to do, and all but [`ImportError::Stopped`] and a late
/// [`ImportError::Rejects`] come before anything is written.
pub fn run(
    store: &Store,
    ingest: Option<&Ingest>,
    programme: &Programme,
    clock: &dyn Clock,
    rng: &mut dyn rand::Rng,
    request: Request<'_>,
) -> Result<Summary, ImportError> {
    let map_name = request.map.display().to_string();
    let text = std::fs::read_to_string(request.map)
        .map_err(|source| ImportError::MapFile { file: map_name.clone(), source })?;
    let map = Map::read(&map_name, &text, programme).map_err(ImportError::Map)?;
    let (partner, people) = partner(store, &map)?;
    let author = author(&map, &people)?;
    let place = Place { sheet: map.sheet.clone(), heading_row: map.heading_row };
    let sheet = source::read(request.file, &place)?;
    let places = map.bind(&sheet).map_err(ImportError::Map)?;
    let mut rejects = request.rejects.map(|path| Rejects::open(path, request.file)).transpose()?;

    let now = clock.now();
    let reference = map.reference_date.unwrap_or_else(|| programme.day(now));
    let reader = RowReader { programme, map: &map, places, partner, people, reference };
    let mut refused = Refused::new();
    let mut rows = Vec::new();
    for (at, line) in sheet.lines.iter().enumerate() {
        match reader.read(line) {
            Ok(row) => rows.push((at, row)),
            Err(problems) => {
                refused.insert(at, problems);
            }
        }
    }
    if let Some(rejects) = &mut rejects {
        rejects.write(&sheet, &refused)?;
    }
    let known_before = refused.len();

    let mut planner = Planner::new(store, &reader, rng, now);
    let mut summary =
        Summary { dry_run: ingest.is_none(), read: sheet.lines.len() as u64, ..Summary::default() };
    let mut waiting: Vec<LocalWrite> = Vec::new();
    let mut steps = Steps { ingest, author, rows: summary.read, done: 0 };
    for (done, (at, row)) in rows.iter().enumerate() {
        // A row is never split over two transactions.
        if waiting.len() + map.most_writes() > LOCAL_CHUNK {
            steps.write(std::mem::take(&mut waiting), done)?;
            if ingest.is_some() {
                planner.written();
            }
        }
        let planned = match planner.plan(row)? {
            Ok(planned) => planned,
            Err(problem) => {
                refused.insert(*at, vec![problem]);
                continue;
            }
        };
        let row_number = sheet.lines[*at].number;
        summary.count(planned.outcome);
        summary.groups += count(&planned.writes, |write| matches!(write, LocalWrite::OpenGroup { .. }));
        summary.records += count(&planned.writes, |write| matches!(write, LocalWrite::Create { .. }));
        summary.notes.extend(planned.notes.into_iter().map(|(column, code)| Note {
            row: row_number,
            column,
            code,
        }));
        waiting.extend(planned.writes);
    }
    steps.write(waiting, rows.len())?;

    if let Some(mut rejects) = rejects {
        if refused.len() > known_before {
            rejects.write(&sheet, &refused)?;
        }
        rejects.finish()?;
    }
    summary.rejected = refused.len() as u64;
    summary.refused = told(&sheet, refused);
    debug_assert!(summary.adds_up(), "every row has one outcome");
    tracing::info!(
        read = summary.read,
        imported = summary.imported,
        unchanged = summary.unchanged,
        updated = summary.updated,
        rejected = summary.rejected,
        dry_run = summary.dry_run,
        "spreadsheet imported"
    );
    Ok(summary)
}

/// Writes in steps, each one transaction.
struct Steps<'a> {
    ingest: Option<&'a Ingest>,
    author: PersonId,
    rows: u64,
    done: u64,
}

impl Steps<'_> {
    fn write(&mut self, writes: Vec<LocalWrite>, done: usize) -> Result<(), ImportError> {
        if let Some(ingest) = self.ingest
            && !writes.is_empty()
        {
            let stopped = |source| ImportError::Stopped { done: self.done, rows: self.rows, source };
            ingest.ingest_local(self.author, writes).map_err(stopped)?;
        }
        self.done = done as u64;
        Ok(())
    }
}

fn count(writes: &[LocalWrite], is_counted: impl Fn(&LocalWrite) -> bool) -> u64 {
    writes.iter().filter(|write| is_counted(write)).count() as u64
}

fn told(sheet: &Sheet, refused: Refused) -> Vec<RefusedRow> {
    refused.into_iter().map(|(at, problems)| RefusedRow { row: sheet.lines[at].number, problems }).collect()
}

/// The partner of the map, and its people.
fn partner(store: &Store, map: &Map) -> Result<(PartnerId, Vec<PersonRow>), ImportError> {
    let partners = people::partners(store)?;
    let wanted = tidy::folded(&map.partner);
    let Some((partner, _)) = partners.iter().find(|(_, name)| tidy::folded(name) == wanted) else {
        let known = partners.iter().map(|(_, name)| name.as_str());
        let help = nearest::help(&map.partner, known, "Add it with its first person: `alongside user add`.");
        return Err(ImportError::UnknownPartner { name: map.partner.clone(), help });
    };
    let people = people::list(store)?.into_iter().filter(|person| person.partner == *partner).collect();
    Ok((*partner, people))
}

fn author(map: &Map, people: &[PersonRow]) -> Result<PersonId, ImportError> {
    let name = tidy::folded(&map.author);
    let id: Option<PersonId> = map.author.parse().ok();
    let found: Vec<&PersonRow> =
        people.iter().filter(|person| Some(person.id) == id || tidy::folded(&person.name) == name).collect();
    match found.as_slice() {
        [person] => Ok(person.id),
        [] => {
            let known = people.iter().map(|person| person.name.as_str());
            let help = nearest::help(&map.author, known, "Add the person with `alongside user add`.");
            Err(ImportError::Author { name: map.author.clone(), found: "nobody", help })
        }
        _ => Err(ImportError::Author {
            name: map.author.clone(),
            found: "the name of several people",
            help: "Write the person's id: `alongside user list` shows it.".to_owned(),
        }),
    }
}
