//! The real server without its socket, and what is read out of its log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_domain::{
    ids::{ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    programme::Programme,
    record::{Attribution, Document},
    time::Millis,
    value::Value,
    wire::{ControlEvent, EnrolAnswer, EnrolRequest, MEDIA_TYPE, PROTOCOL, decode_message, encode},
};
use alongside_server::{
    api::{AppState, router},
    clock::SetClock,
    config::Config,
    ingest::LocalWrite,
    people::{self, NewPerson},
    read_model::{Projector, ReadModel},
    store::{LogBody, LogEntry, Store, journal_beside},
};
use anyhow::{Context, Result, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use tower::ServiceExt as _;

/// Where everything is kept.
const FILE: &str = "server.db";

/// The server, running.
pub(super) struct Server {
    folder: PathBuf,
    runtime: tokio::runtime::Runtime,
    programme: Arc<Programme>,
    pub(super) clock: Arc<SetClock>,
    pub(super) partner: PartnerId,
    running: Option<(AppState, Router)>,
    pages: Option<(Arc<ReadModel>, Projector)>,
    generation: u32,
}

/// One record as the server's log has it.
pub(super) struct AtServer {
    pub(super) group: GroupId,
    pub(super) form: String,
    pub(super) document: Document,
    pub(super) who: BTreeMap<ChangeHash, Attribution>,
}

/// A copy of the server's store.
pub(super) struct Backup {
    file: PathBuf,
    pub(super) head: u64,
}

impl Server {
    pub(super) fn new(folder: &Path, programme: &Arc<Programme>, now: Millis) -> Result<Self> {
        let folder = folder.join("server-0");
        fs::create_dir_all(&folder)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut server = Self {
            folder,
            runtime,
            programme: Arc::clone(programme),
            clock: Arc::new(SetClock::at(now)),
            partner: PartnerId([0; 16]),
            running: None,
            pages: None,
            generation: 0,
        };
        server.open()?;
        server.partner = people::partner(server.store()?, now, "Contact Point")?;
        Ok(server)
    }

    pub(super) fn open(&mut self) -> Result<()> {
        let store = Store::open(self.folder.join(FILE)).context("the server's store does not open")?;
        let config = Config { store: self.folder.join(FILE), ..Config::default() };
        let pages = Arc::new(ReadModel::open(&config.pages_file(), &self.programme)?);
        let projector = Projector::new(Arc::clone(&pages), Arc::clone(&store), Arc::clone(&self.programme));
        let clock = Arc::clone(&self.clock);
        let state = AppState::new(config, store, clock, Arc::clone(&self.programme))?;
        let routes = router(&state, None);
        self.running = Some((state, routes));
        self.pages = Some((pages, projector));
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.running = None;
        self.pages = None;
    }

    fn state(&self) -> Result<&AppState> {
        self.running.as_ref().map(|(state, _)| state).context("the server is closed")
    }

    pub(super) fn store(&self) -> Result<&Store> {
        Ok(&self.state()?.store)
    }

    /// Copies the files as they are on the disk at this moment.
    pub(super) fn back_up(&self, folder: &Path, number: usize) -> Result<Backup> {
        let folder = folder.join(format!("backup-{number}"));
        fs::create_dir_all(&folder)?;
        copy_database(&self.folder.join(FILE), &folder.join(FILE))?;
        Ok(Backup { file: folder.join(FILE), head: self.store()?.head()?.seq })
    }

    /// Kills the server: what comes up is what was on the disk. Its pages' file stays where it is.
    pub(super) fn kill(&mut self) -> Result<()> {
        let next = self.next_folder()?;
        for file in [FILE.to_owned(), self.pages_name()?] {
            copy_database(&self.folder.join(&file), &next.join(&file))?;
        }
        self.take_journal_along(&next)?;
        self.close();
        self.folder = next;
        self.open()
    }

    /// The control journal lies outside the store and its backups: it is never older than the server.
    fn take_journal_along(&self, next: &Path) -> Result<()> {
        fs::copy(journal_beside(&self.folder.join(FILE)), journal_beside(&next.join(FILE)))?;
        Ok(())
    }

    /// Puts an older copy in the place of the store. The pages' file stays, as it would for somebody who
    /// restores the one file that holds the truth.
    pub(super) fn restore(&mut self, backup: &Backup) -> Result<()> {
        let next = self.next_folder()?;
        let pages = self.pages_name()?;
        copy_database(&self.folder.join(&pages), &next.join(&pages))?;
        copy_database(&backup.file, &next.join(FILE))?;
        self.take_journal_along(&next)?;
        self.close();
        self.folder = next;
        self.open()
    }

    fn next_folder(&mut self) -> Result<PathBuf> {
        self.generation += 1;
        let next = self.folder.with_file_name(format!("server-{}", self.generation));
        fs::create_dir_all(&next)?;
        Ok(next)
    }

    fn pages_name(&self) -> Result<String> {
        let file = self.state()?.config.pages_file();
        let name = file.file_name().context("the pages have a file")?;
        Ok(name.to_string_lossy().into_owned())
    }

    /// Posts a body: the answer's status and bytes.
    pub(super) fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let (_, routes) = self.running.as_ref().context("the server is closed")?;
        let mut request = Request::post(path).header(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body))?;
        self.runtime.block_on(async {
            let response = routes.clone().oneshot(request).await?;
            let status = response.status();
            Ok((status, to_bytes(response.into_body(), usize::MAX).await?.to_vec()))
        })
    }

    pub(super) fn person(&self, name: &str, now: Millis) -> Result<PersonId> {
        let (role, areas) = ("SUPPORTER".to_owned(), Vec::new());
        let new = NewPerson { name: name.to_owned(), role, partner: self.partner, areas };
        Ok(people::add_person(self.store()?, now, &self.programme, &new)?)
    }

    pub(super) fn enrol(
        &self,
        person: PersonId,
        actor: alongside_domain::ids::ActorId,
        now: Millis,
    ) -> Result<EnrolAnswer> {
        let code = people::enrolment_code(self.store()?, now, person, 60_000)?.reveal();
        let device_name = "Phone".to_owned();
        let body = encode(&EnrolRequest { protocol: PROTOCOL, code, actor, device_name });
        let (status, body) = self.post("/v1/enrol", None, body)?;
        if !status.is_success() {
            bail!("a phone could not be enrolled: {status}");
        }
        Ok(decode_message(&body)?)
    }

    pub(super) fn write(&self, author: PersonId, writes: Vec<LocalWrite>) -> Result<()> {
        self.state()?.ingest.ingest_local(author, writes)?;
        Ok(())
    }

    pub(super) fn revoke(&self, device: DeviceId, now: Millis) -> Result<()> {
        Ok(people::revoke_device(self.store()?, now, device)?)
    }

    /// The whole log after this number.
    pub(super) fn log_after(&self, mut seq: u64) -> Result<Vec<LogEntry>> {
        let mut log = Vec::new();
        loop {
            let page = self.store()?.log_after(seq, 1_000)?;
            let Some(last) = page.last() else { return Ok(log) };
            seq = last.seq;
            log.extend(page);
        }
    }

    pub(super) fn control(&self) -> Result<Vec<ControlEvent>> {
        Ok(self
            .log_after(0)?
            .into_iter()
            .filter_map(|entry| match entry.body {
                LogBody::Control(event) => Some(event),
                LogBody::Change { .. } | LogBody::Erased { .. } => None,
            })
            .collect())
    }

    /// What each person is granted now, read from the log.
    pub(super) fn granted(&self) -> Result<BTreeMap<PersonId, BTreeSet<GroupId>>> {
        let mut granted: BTreeMap<PersonId, BTreeSet<GroupId>> = BTreeMap::new();
        for event in self.control()? {
            match event {
                ControlEvent::Grant { person, group } => {
                    granted.entry(person).or_default().insert(group);
                }
                ControlEvent::Withdraw { person, group } => {
                    granted.entry(person).or_default().remove(&group);
                }
                _ => {}
            }
        }
        Ok(granted)
    }

    /// Every record, loaded from the log.
    pub(super) fn records(&self) -> Result<BTreeMap<RecordId, AtServer>> {
        type Parts = (GroupId, Vec<Vec<u8>>, BTreeMap<ChangeHash, Attribution>);
        let mut chunks: BTreeMap<RecordId, Parts> = BTreeMap::new();
        for entry in self.log_after(0)? {
            let received_at = Some(entry.received_at);
            if let LogBody::Change { group, record, author, device, hash, bytes } = entry.body {
                let (_, all, who) =
                    chunks.entry(record).or_insert_with(|| (group, Vec::new(), BTreeMap::new()));
                all.push(bytes);
                who.insert(hash, Attribution { author, device, received_at });
            }
        }
        chunks
            .into_iter()
            .map(|(record, (group, all, who))| {
                let document =
                    Document::load(all.iter().map(Vec::as_slice)).context("a record does not load")?;
                let form = document.root()?.form;
                Ok((record, AtServer { group, form, document, who }))
            })
            .collect()
    }

    /// Every value ever written in each record.
    pub(super) fn written(&self) -> Result<BTreeSet<(RecordId, String, Value)>> {
        let mut written = BTreeSet::new();
        for (record, at) in self.records()? {
            for entry in at.document.history(&at.who)? {
                written.extend(entry.fields.into_iter().map(|field| (record, field.key, field.to)));
            }
        }
        Ok(written)
    }

    /// Brings the pages up to date.
    pub(super) fn project(&mut self) -> Result<()> {
        let (_, projector) = self.pages.as_mut().context("the server is closed")?;
        projector.catch_up()?;
        Ok(())
    }

    /// The pages as they grew, and built from nothing.
    pub(super) fn pages_twice(&mut self) -> Result<(String, String)> {
        self.project()?;
        let state = self.state()?;
        let fresh = Arc::new(ReadModel::open(&self.folder.join("again.pages"), &self.programme)?);
        Projector::new(Arc::clone(&fresh), Arc::clone(&state.store), Arc::clone(&self.programme))
            .catch_up()?;
        let (grown, _) = self.pages.as_ref().context("the server is closed")?;
        Ok((grown.dump()?, fresh.dump()?))
    }
}

/// Copies a database and its write-ahead log: what a killed process leaves behind.
pub(super) fn copy_database(from: &Path, to: &Path) -> Result<()> {
    for ending in ["", "-wal"] {
        let with = |path: &Path| {
            let mut path = path.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        if with(from).exists() {
            fs::copy(with(from), with(to))?;
        } else if ending.is_empty() {
            bail!("there is no database to copy");
        }
    }
    Ok(())
}
