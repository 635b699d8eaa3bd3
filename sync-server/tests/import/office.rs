//! A server with one partner, two people, and a folder for its spreadsheets.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use alongside_domain::{
    form::MergePolicy,
    ids::{GroupId, PersonId, RecordId},
    programme::Programme,
    record::{Attribution, Document, RecordView},
    time::Millis,
    wire::ControlEvent,
};
use alongside_server::{
    clock::SetClock,
    config::read_programme,
    import::{self, ImportError, Request, Summary},
    ingest::Ingest,
    people::{self, NewPerson},
    store::{LogBody, Store},
};
use rand::SeedableRng as _;
use tempfile::TempDir;

/// The text of the manual.
const MANUAL: &str = include_str!("../../../docs/importing.md");

/// 1 December 2014.
pub(crate) const NOW: Millis = Millis(1_417_392_000_000);

pub(crate) struct Office {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<Store>,
    pub(crate) ingest: Ingest,
    pub(crate) programme: Arc<Programme>,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) alex: PersonId,
}

/// Independent Support, read once.
fn programme() -> Arc<Programme> {
    static PROGRAMME: OnceLock<Arc<Programme>> = OnceLock::new();
    let read = || {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/programmes/independent-support");
        Arc::new(read_programme(Some(&package)).unwrap().0)
    };
    Arc::clone(PROGRAMME.get_or_init(read))
}

/// A block of the manual, by the language after its fence.
pub(crate) fn manual(language: &str) -> String {
    let start = format!("```{language}\n");
    let (_, rest) = MANUAL.split_once(&start).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

impl Office {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programme = programme();
        let store = Store::open(folder.path().join("alongside.db")).unwrap();
        let clock = Arc::new(SetClock::at(NOW));
        let partner = people::partner(&store, NOW, "Durham Family Support").unwrap();
        let person = |name: &str, role: &str| {
            let new = NewPerson {
                name: name.to_owned(),
                role: role.to_owned(),
                partner,
                areas: vec!["840".to_owned()],
            };
            people::add_person(&store, NOW, &programme, &new).unwrap()
        };
        person("Dana Whitfield", "COORDINATOR");
        let alex = person("Alex Green", "SUPPORTER");
        let ingest =
            Ingest::start(Arc::clone(&store), Arc::clone(&clock) as _, Arc::clone(&programme)).unwrap();
        let office = Self { folder, store, ingest, programme, clock, alex };
        office.file("map.toml", manual("toml"));
        office
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Imports with the map `map.toml`; refused rows go to `refused.csv`.
    pub(crate) fn import(&self, file: &str) -> Result<Summary, ImportError> {
        self.run(file, Some("refused.csv"), Some(&self.ingest))
    }

    pub(crate) fn run(
        &self,
        file: &str,
        rejects: Option<&str>,
        ingest: Option<&Ingest>,
    ) -> Result<Summary, ImportError> {
        let rejects = rejects.map(|name| self.path(name));
        let request =
            Request { file: &self.path(file), map: &self.path("map.toml"), rejects: rejects.as_deref() };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(self.head());
        let summary =
            import::run(&self.store, ingest, &self.programme, self.clock.as_ref(), &mut rng, request)?;
        assert!(summary.adds_up(), "{summary}");
        Ok(summary)
    }

    /// Number of the last entry of the feed.
    pub(crate) fn head(&self) -> u64 {
        self.store.head().unwrap().seq
    }

    fn entries(&self) -> Vec<LogBody> {
        self.store.log_after(0, 1_000_000).unwrap().into_iter().map(|entry| entry.body).collect()
    }

    /// Groups with their kinds and links.
    pub(crate) fn groups(&self) -> Vec<(GroupId, String, Vec<GroupId>)> {
        let group = |body| match body {
            LogBody::Control(ControlEvent::Group { group, kind, parents, .. }) => {
                Some((group, kind, parents))
            }
            _ => None,
        };
        self.entries().into_iter().filter_map(group).collect()
    }

    pub(crate) fn grants(&self, person: PersonId) -> usize {
        let is_grant = |body: &LogBody| matches!(body, LogBody::Control(ControlEvent::Grant { person: granted, .. }) if *granted == person);
        self.entries().iter().filter(|body| is_grant(body)).count()
    }

    /// All records of a form, oldest first.
    pub(crate) fn records(&self, form: &str) -> Vec<RecordView> {
        let mut ids: Vec<RecordId> = Vec::new();
        for body in self.entries() {
            if let LogBody::Change { record, .. } = body
                && !ids.contains(&record)
            {
                ids.push(record);
            }
        }
        let nobody = std::collections::BTreeMap::<_, Attribution>::new();
        ids.into_iter()
            .map(|record| {
                let changes = self.store.changes_of(record).unwrap();
                let document = Document::load(changes.iter().map(|change| change.bytes.as_slice())).unwrap();
                document.view(&|_| MergePolicy::default(), &nobody).unwrap()
            })
            .filter(|view| view.root.form == form)
            .collect()
    }
}

/// Counts and notes of a summary in one text.
pub(crate) fn told(summary: &Summary) -> String {
    summary.to_string()
}

/// Cells of a sheet as CSV.
pub(crate) fn csv(rows: &[Vec<String>], separator: u8) -> Vec<u8> {
    let mut csv = csv::WriterBuilder::new().delimiter(separator).flexible(true).from_writer(Vec::new());
    for row in rows {
        csv.write_record(row).unwrap();
    }
    csv.into_inner().unwrap()
}

/// The headings of the manual's example, and its first row, as `(heading, cell)`.
pub(crate) fn headings() -> Vec<String> {
    manual("csv").lines().next().unwrap().split(',').map(str::to_owned).collect()
}

/// A good row of family `number`, with these cells in place of its own.
pub(crate) fn row(number: usize, changed: &[(&str, &str)]) -> Vec<String> {
    let cells = [
        ("Family no", number.to_string()),
        ("Area", "840".to_owned()),
        ("Surname", format!("Family{number}")),
        ("First name", "Ada".to_owned()),
        ("DOB", "3/9/2006".to_owned()),
        ("Sex", "F".to_owned()),
        ("Need", "ASD".to_owned()),
        ("Postcode", "DH1 5UL".to_owned()),
        ("Parent first name", "Grace".to_owned()),
        ("Parent surname", format!("Family{number}")),
        ("Relationship", "Mum".to_owned()),
        ("Phone", "0191 498 0123".to_owned()),
        ("Case no", format!("{number}-1")),
        ("Worker", "Alex Green".to_owned()),
        ("Date of referral", "03/11/2014".to_owned()),
        ("Referred by", "Parent".to_owned()),
        ("Wants help with", "meeting".to_owned()),
        ("Consent", "Yes".to_owned()),
    ];
    for (heading, _) in changed {
        assert!(cells.iter().any(|(known, _)| known == heading), "{heading}");
    }
    headings()
        .iter()
        .map(|heading| {
            let changed =
                changed.iter().find(|(changed, _)| changed == heading).map(|(_, cell)| (*cell).to_owned());
            changed.unwrap_or_else(|| cells.iter().find(|(known, _)| known == heading).unwrap().1.clone())
        })
        .collect()
}
