//! A server, phones, and files to attach.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_core::{
    FirstRecord, Key, OpenGroupRequest, Phone, Profile, SaveRequest,
    clock::ManualClock,
    media::{AttachmentId, CourierOutcome, TakeRequest},
};
use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    media::MediaRef,
    programme::{Programme, builtin},
    record::Edit,
    sync::Status,
    time::Millis,
    value::Value,
};
use alongside_server::{
    api::{Running, Server},
    blobs::BlobFolder,
    clock::SetClock,
    config::Config,
    ingest::LocalWrite,
    people::{self, NewPerson},
    store::Store,
};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// 16 March 2015, 09:00 in London.
pub(crate) const MORNING: Millis = Millis(1_426_496_400_000);
pub(crate) const FIELD: &str = "evidence_photo";

/// Content of this many bytes that nothing compresses.
pub(crate) fn content(bytes: usize, seed: u64) -> Vec<u8> {
    let mut content = vec![0; bytes];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut content);
    content
}

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) programme: Arc<Programme>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server_clock: Arc<SetClock>,
    config: Config,
    running: Option<Running>,
    office: PersonId,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("server.db");
        let config =
            Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), store, reserved_mib: 0, ..config };
        let mut world = Self {
            folder,
            programme: Arc::new(builtin::independent_support().unwrap()),
            clock: Arc::new(ManualClock::new(MORNING)),
            server_clock: Arc::new(SetClock::at(MORNING)),
            config,
            running: None,
            office: PersonId([0; 16]),
        };
        world.start().await;
        world.office = world.person("Office", "COORDINATOR");
        world
    }

    pub(crate) async fn start(&mut self) {
        let store = Store::open(&self.config.store).unwrap();
        let (clock, programme) = (self.server_clock.clone(), self.programme.clone());
        self.running = Some(Server::start(self.config.clone(), store, clock, programme).await.unwrap());
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.running().state.store
    }

    pub(crate) fn url(&self) -> String {
        self.running().url()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn blobs(&self) -> BlobFolder {
        BlobFolder::of(&self.config.store)
    }

    pub(crate) fn person(&self, name: &str, role: &str) -> PersonId {
        let partner = people::partner(self.store(), MORNING, "Contact Point").unwrap();
        let areas = vec!["840".to_owned()];
        let new = NewPerson { name: name.to_owned(), role: role.to_owned(), partner, areas };
        people::add_person(self.store(), MORNING, &self.programme, &new).unwrap()
    }

    pub(crate) fn code(&self, person: PersonId) -> String {
        people::enrolment_code(self.store(), MORNING, person, 3_600_000).unwrap().reveal()
    }

    pub(crate) async fn write(&self, write: LocalWrite) {
        let (ingest, office) = (self.running().state.ingest.clone(), self.office);
        tokio::task::spawn_blocking(move || ingest.ingest_local(office, vec![write])).await.unwrap().unwrap();
    }

    pub(crate) async fn grant(&self, person: PersonId, group: GroupId) {
        self.write(LocalWrite::Grant { person, group }).await;
    }

    pub(crate) fn profile(&self, dir: PathBuf, seed: u64) -> Profile {
        let rng = Box::new(ChaCha8Rng::seed_from_u64(seed));
        Profile::new(dir, Key::new([7; 32]), self.programme.clone(), self.clock.clone() as _, rng)
    }

    /// A supporter with an enrolled phone.
    pub(crate) async fn phone(&self, name: &str) -> Phone {
        self.phone_in(name, self.path(name)).await
    }

    pub(crate) async fn phone_in(&self, name: &str, dir: PathBuf) -> Phone {
        let phone = Phone::create(self.profile(dir, name.bytes().map(u64::from).sum())).unwrap();
        let code = self.code(self.person(name, "SUPPORTER"));
        phone.sync().enrol(&self.url(), &code, "Phone").await.unwrap();
        phone
    }

    /// The same phone after the app was started again.
    pub(crate) fn restarted(&self, phone: Phone, name: &str) -> Phone {
        phone.close();
        drop(phone);
        Phone::open(self.profile(self.path(name), 99)).unwrap()
    }

    /// A file to attach.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Has the phone try until nothing waits to be sent; it may wait as long as it likes in between.
    pub(crate) async fn send_all(&self, phone: &Phone) -> CourierOutcome {
        let mut sum = CourierOutcome::default();
        for _ in 0..200 {
            let outcome = phone.media().send_once().await.unwrap();
            sum.sent += outcome.sent;
            sum.requests += outcome.requests;
            sum.bytes_sent += outcome.bytes_sent;
            if outcome.waiting == 0 {
                return sum;
            }
            self.wait(3_600_000);
        }
        panic!("it is never sent: {:?}", phone.media().waiting().unwrap());
    }

    pub(crate) fn wait(&self, milliseconds: i64) {
        self.clock.advance(milliseconds);
    }

    /// Fetches, as long as it takes.
    pub(crate) async fn fetch(&self, phone: &Phone, at: AttachmentId) {
        for _ in 0..200 {
            if phone.media().fetch(at).await.unwrap().is_none() {
                return;
            }
        }
        panic!("it never comes: {:?}", phone.media().waiting().unwrap());
    }

    /// The content as the phone has it.
    pub(crate) fn opened(&self, phone: &Phone, at: AttachmentId) -> Vec<u8> {
        let path = self.path("opened");
        phone.media().open_to(at, &path).unwrap();
        let content = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        content
    }
}

pub(crate) async fn sync(phone: &Phone) {
    let outcome = phone.sync().sync_once().await.unwrap();
    assert!(matches!(outcome.status, Status::UpToDate { .. }), "{outcome:?}");
    assert_eq!((outcome.waiting, outcome.quarantined, outcome.refused), (0, 0, 0));
}

pub(crate) fn answers(pairs: &[(&str, &str)]) -> Vec<Edit> {
    pairs.iter().map(|&(key, text)| Edit { key: key.to_owned(), value: Value::from(text) }).collect()
}

/// Opens a family, a child and a case of theirs; gives the case.
pub(crate) fn open_case(phone: &Phone) -> GroupId {
    let supporter = phone.sync().person().unwrap().to_string();
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    let family = open("family", vec![], &[("family_ref", "840-F-1"), ("area", "840")]);
    let child = open("child", vec![family], &[("known_as", "Sam"), ("family_name", "Okafor")]);
    open("case", vec![child, family], &[("case_ref", "840-C-1"), ("allocated_supporter", &supporter)])
}

pub(crate) fn taking(group: GroupId, path: &Path) -> TakeRequest {
    TakeRequest {
        group,
        path: path.to_owned(),
        media_type: "image/jpeg".to_owned(),
        scope: "PHOTO".to_owned(),
    }
}

/// Attaches a file to a new event.
pub(crate) fn attach(phone: &Phone, group: GroupId, path: &Path) -> (RecordId, AttachmentId, MediaRef) {
    let media = phone.media().take(&taking(group, path)).unwrap();
    (name(phone, group, &media), AttachmentId::of(group, &media), media)
}

/// Saves a new event that names an attachment.
pub(crate) fn name(phone: &Phone, group: GroupId, media: &MediaRef) -> RecordId {
    let text = media.to_string();
    let answers = answers(&[("type", "E02"), ("date", "2015-03-02"), (FIELD, &text)]);
    let request =
        SaveRequest { record: None, group, form: "ehc_event".to_owned(), answers, reason: None, token: None };
    phone.records().save(request).unwrap().root.id
}

/// Every file under a folder, with its content.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}
