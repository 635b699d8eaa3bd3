//! The real server without its socket, and what is read out of its log.

use std::{
    cell::Cell,
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
    backup::RestoreError,
    clock::SetClock,
    config::Config,
    erase::EraseError,
    ingest::{IngestError, LocalWrite},
    people::{self, NewPerson, PeopleError},
    read_model::{Projector, ReadModel},
    review::{self, State, Wanted},
    store::{LogBody, LogEntry, Store, StoreError, journal_beside, signing_key_beside},
    verify::{self, Pages, PagesOf},
};
use anyhow::{Context, Result, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use tower::ServiceExt as _;

use super::disk::{Disk, copy_database};

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
    /// Another process on the same store.
    second: Option<(AppState, Router)>,
    /// Which of the two gets the next request.
    turn: Cell<bool>,
    full: bool,
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
            second: None,
            turn: Cell::new(false),
            full: false,
            pages: None,
            generation: 0,
        };
        server.open()?;
        server.partner = people::partner(server.store()?, now, "Contact Point")?;
        Ok(server)
    }

    pub(super) fn open(&mut self) -> Result<()> {
        let store = Store::open(self.folder.join(FILE)).context("the server's store does not open")?;
        let config = self.config();
        let pages = Arc::new(ReadModel::open(&config.pages_file(), &self.programme)?);
        let projector = Projector::new(Arc::clone(&pages), Arc::clone(&store), Arc::clone(&self.programme));
        let clock = Arc::clone(&self.clock);
        let state = AppState::new(config, store, clock, Arc::clone(&self.programme))?;
        let routes = router(&state, None);
        self.running = Some((state, routes));
        self.pages = Some((pages, projector));
        self.full = false;
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.running = None;
        self.second = None;
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
        self.take_key_along(next)
    }

    /// So does the key with which it signs.
    fn take_key_along(&self, next: &Path) -> Result<()> {
        fs::copy(self.signing_key(), signing_key_beside(&next.join(FILE)))?;
        Ok(())
    }

    /// The file of the key with which it signs.
    pub(super) fn signing_key(&self) -> PathBuf {
        signing_key_beside(&self.folder.join(FILE))
    }

    /// Puts an older copy in the place of the store. The pages' file stays, as it would for somebody who
    /// restores the one file that holds the truth.
    pub(super) fn restore(&mut self, backup: &Backup, with_journal: bool) -> Result<()> {
        let next = self.next_folder()?;
        let pages = self.pages_name()?;
        copy_database(&self.folder.join(&pages), &next.join(&pages))?;
        copy_database(&backup.file, &next.join(FILE))?;
        self.take_key_along(&next)?;
        if with_journal {
            self.take_journal_along(&next)?;
        }
        self.close();
        self.folder = next;
        self.open()
    }

    /// What is on its disk.
    pub(super) fn disk(&self) -> Result<Disk> {
        Disk::read(&self.folder.join(FILE))
    }

    /// Kills the server somewhere among its writes since `before`: what comes up is what was on the disk
    /// by then. Gives whether it died in the middle of them.
    pub(super) fn die_since(&mut self, before: &Disk, random: u64) -> Result<bool> {
        let (disk, torn) = Disk::torn(before, self.disk()?, random);
        let next = self.next_folder()?;
        let pages = self.pages_name()?;
        copy_database(&self.folder.join(&pages), &next.join(&pages))?;
        disk.write(&next.join(FILE))?;
        // It is written before the store commits: a store that tore may be behind it.
        self.take_journal_along(&next)?;
        self.close();
        self.folder = next;
        self.open()?;
        Ok(torn)
    }

    /// Leaves room for this many more pages; `None`: there is room again.
    pub(super) fn fill(&mut self, pages: Option<u32>) -> Result<()> {
        self.full = pages.is_some();
        for (state, _) in self.running.iter().chain(&self.second) {
            state.store.leave_room(pages)?;
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// A second server process on the same store; or there is one only again.
    pub(super) fn set_second(&mut self, there: bool) -> Result<()> {
        self.second = None;
        if there {
            let store = Store::open(self.folder.join(FILE))?;
            let clock = Arc::clone(&self.clock);
            let state = AppState::new(self.config(), store, clock, Arc::clone(&self.programme))?;
            let routes = router(&state, None);
            self.second = Some((state, routes));
        }
        Ok(())
    }

    pub(super) fn has_second(&self) -> bool {
        self.second.is_some()
    }

    /// Nobody can put another file in the place of a store that a server works on.
    pub(super) fn refuses_to_be_replaced(&self, backup: &Backup, now: Millis) -> Result<bool> {
        let (store, pages) = (self.folder.join(FILE), self.config().pages_file());
        match alongside_server::backup::restore(&backup.file, &store, &pages, now) {
            Err(RestoreError::InUse) => Ok(true),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(false),
        }
    }

    fn config(&self) -> Config {
        Config { store: self.folder.join(FILE), ..Config::default() }
    }

    /// Comes with another version of the programme from the next start on.
    pub(super) fn update(&mut self, programme: &Arc<Programme>) -> Result<()> {
        self.close();
        self.programme = Arc::clone(programme);
        self.open()
    }

    pub(super) fn programme(&self) -> &Arc<Programme> {
        &self.programme
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
        self.turn.set(!self.turn.get());
        let one = self.second.as_ref().filter(|_| self.turn.get()).or(self.running.as_ref());
        let (_, routes) = one.context("the server is closed")?;
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

    /// Erases a group for good. `false`: out of the feed, but the file could not be written anew for lack
    /// of room; who erases is told to ask again.
    pub(super) fn erase(&self, group: GroupId, now: Millis) -> Result<bool> {
        match alongside_server::erase::erase(self.store()?, now, group, "request") {
            Ok(_) => Ok(true),
            Err(EraseError::NotWrittenAnew(StoreError::Full)) if self.full => Ok(false),
            Err(error) => Err(error.into()),
        }
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

    /// Changes that wait here for a coordinator.
    pub(super) fn in_review(&self) -> Result<BTreeSet<ChangeHash>> {
        let waiting = Wanted { state: Some(State::Review), ..Wanted::default() };
        Ok(review::list(self.store()?, &waiting)?.into_iter().map(|line| line.change).collect())
    }

    /// Brings the pages up to date.
    pub(super) fn project(&mut self) -> Result<()> {
        let (_, projector) = self.pages.as_mut().context("the server is closed")?;
        projector.catch_up()?;
        Ok(())
    }

    /// What [`verify`] finds wrong, the pages included.
    pub(super) fn findings(&mut self) -> Result<Vec<String>> {
        self.project()?;
        let file = self.config().pages_file();
        let pages = PagesOf { file: &file, programme: &self.programme };
        let report = {
            let store = self.folder.join(FILE);
            verify::verify_with(&store, Some(pages), Some(&journal_beside(&store)))?
        };
        let mut findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        if findings.is_empty() && report.pages != Pages::Compared {
            findings.push(format!("the pages were not looked at: {:?}", report.pages));
        }
        Ok(findings)
    }
}

/// Whether this is the server's word that its disk is full.
pub(super) fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_store = matches!(error.downcast_ref(), Some(StoreError::Full));
    let of_people = matches!(error.downcast_ref(), Some(PeopleError::Store(StoreError::Full)));
    let of_ingest = matches!(error.downcast_ref(), Some(IngestError::Store(StoreError::Full)));
    let of_erasure = matches!(error.downcast_ref(), Some(EraseError::Store(StoreError::Full)));
    of_store || of_people || of_ingest || of_erasure
}
