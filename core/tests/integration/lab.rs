//! Phones in temporary folders, with a clock set by hand.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_core::{
    FirstRecord, Key, OpenError, OpenGroupRequest, Phone, Profile, SaveRequest,
    clock::{Clock, ManualClock},
};
use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    record::{Circumstances, Document, Edit, RawChange, RecordView, Root},
    time::Millis,
    value::Value,
    wire::{
        Cursor, EnrolAnswer, FeedEntry, OpeningVerdict, PROTOCOL, PushedChange, SyncAnswer, SyncRequest,
        Verdict, pack,
    },
};
use rand::{SeedableRng, rngs::StdRng};

/// 2015-03-16 09:00 in London.
pub(crate) const MORNING: Millis = Millis(1_426_496_400_000);
pub(crate) const KEY: [u8; 32] = [3; 32];
pub(crate) const ME: PersonId = PersonId([1; 16]);
pub(crate) const MY_DEVICE: DeviceId = DeviceId([2; 16]);
pub(crate) const OTHER: PersonId = PersonId([8; 16]);
pub(crate) const OTHER_DEVICE: DeviceId = DeviceId([9; 16]);
pub(crate) const PARTNER: PartnerId = PartnerId([5; 16]);

/// A profile's folder and what it is opened with.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::new(MORNING)) }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir().join("alongside.db")
    }

    /// A new, enrolled phone.
    pub(crate) fn phone(&self) -> Phone {
        let phone = Phone::create(profile(&self.dir(), self.clock.clone(), 1)).unwrap();
        enrol(&phone);
        phone
    }

    /// The closed profile's database, opened past the core.
    pub(crate) fn database_as_it_is(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.database()).unwrap();
        let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        connection.execute_batch(&format!("PRAGMA key = \"x'{key}'\"")).unwrap();
        connection
    }

    pub(crate) fn reopen(&self) -> Result<Phone, OpenError> {
        Phone::open(profile(&self.dir(), self.clock.clone(), 2))
    }
}

pub(crate) fn profile(dir: &Path, clock: Arc<dyn Clock>, seed: u64) -> Profile {
    let programme = Arc::new(crate::programme::programme());
    Profile::new(dir.to_owned(), Key::new(KEY), programme, clock, Box::new(StdRng::seed_from_u64(seed)))
}

pub(crate) fn enrolment() -> EnrolAnswer {
    EnrolAnswer {
        protocol: PROTOCOL,
        device: MY_DEVICE,
        token: "secret".to_owned(),
        person: ME,
        name: "Ada".to_owned(),
        role: "ADVISER".to_owned(),
        partner: PARTNER,
        programme: ("housing".to_owned(), ChangeHash([7; 32])),
        key: None,
    }
}

pub(crate) fn enrol(phone: &Phone) {
    phone.sync().accept_enrolment("https://alongside.example", &enrolment()).unwrap();
}

pub(crate) fn answers(pairs: &[(&str, &str)]) -> Vec<Edit> {
    pairs.iter().map(|&(key, text)| Edit { key: key.to_owned(), value: text.into() }).collect()
}

/// Opens a home with a matter in it: home group, matter group.
pub(crate) fn open_matter(phone: &Phone, tenant: &str, number: &str) -> (GroupId, GroupId) {
    let open = |kind: &str, parents: Vec<GroupId>, pairs: &[(&str, &str)]| {
        let records = vec![FirstRecord { form: kind.to_owned(), answers: answers(pairs) }];
        let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        phone.records().open_group(request).unwrap().group
    };
    let home = open("home", vec![], &[("tenant", tenant), ("borough", "Hackney")]);
    let adviser = ME.to_string();
    let matter = open("matter", vec![home], &[("number", number), ("state", "OPEN"), ("adviser", &adviser)]);
    (home, matter)
}

pub(crate) fn new(group: GroupId, form: &str, pairs: &[(&str, &str)]) -> SaveRequest {
    SaveRequest {
        record: None,
        group,
        form: form.to_owned(),
        answers: answers(pairs),
        reason: None,
        token: None,
    }
}

pub(crate) fn save(phone: &Phone, group: GroupId, form: &str, pairs: &[(&str, &str)]) -> RecordView {
    phone.records().save(new(group, form, pairs)).unwrap()
}

pub(crate) fn edit(phone: &Phone, view: &RecordView, pairs: &[(&str, &str)]) -> RecordView {
    let request = SaveRequest { record: Some(view.root.id), ..new(view.root.group, &view.root.form, pairs) };
    phone.records().save(request).unwrap()
}

/// What a request pushes.
pub(crate) fn pushed(request: &SyncRequest) -> Vec<PushedChange> {
    request.push.as_ref().map(|push| pack::unpack_rows(push).unwrap()).unwrap_or_default()
}

/// An answer that opens every group, with these verdicts and entries.
pub(crate) fn answer(
    request: &SyncRequest,
    seq: u64,
    verdicts: Vec<Verdict>,
    entries: &[FeedEntry],
) -> SyncAnswer {
    SyncAnswer {
        protocol: PROTOCOL,
        features: 0,
        dictionary: None,
        openings: vec![OpeningVerdict::Opened; request.openings.len()],
        verdicts,
        pull: (!entries.is_empty()).then(|| pack::pack_rows(entries)),
        cursor: Cursor { seq, chain: [4; 16] },
        head: None,
        backfills: Vec::new(),
        start_again: false,
        more: false,
        revoked: false,
        server_time: MORNING,
        tally: None,
        heads: None,
        key: None,
        to_repair: false,
        relatives: None,
        repair: None,
    }
}

/// Sends what waits and has it all accepted under numbers from `seq`. Gives what was sent.
pub(crate) fn accept_all(phone: &Phone, seq: u64) -> Vec<PushedChange> {
    exchange(phone, seq, &[], |at, _| Verdict::Accepted(seq + at as u64))
}

/// Sends what waits; each change gets the verdict that `judge` says.
pub(crate) fn exchange(
    phone: &Phone,
    seq: u64,
    entries: &[FeedEntry],
    judge: impl Fn(usize, &PushedChange) -> Verdict,
) -> Vec<PushedChange> {
    let (request, sent, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
    let pushed = pushed(&request);
    let verdicts = pushed.iter().enumerate().map(|(at, change)| judge(at, change)).collect();
    let seq = seq + pushed.len() as u64;
    phone.sync().apply(&sent, &answer(&request, seq, verdicts, entries)).unwrap();
    pushed
}

/// Somebody else's phone, as far as its changes go.
pub(crate) struct Elsewhere {
    pub(crate) document: Document,
    pub(crate) changes: Vec<RawChange>,
    actor: ActorId,
    record: RecordId,
    group: GroupId,
}

impl Elsewhere {
    /// Starts a record there.
    pub(crate) fn start(group: GroupId, form: &str, record: u8, pairs: &[(&str, &str)]) -> Self {
        let record = RecordId::new(MORNING, [record; 10]);
        let root = Root { id: record, form: form.to_owned(), form_version: "1".to_owned(), group };
        let actor = ActorId([77; 16]);
        let (document, change) = Document::create(&root, &answers(pairs), &circumstances(actor)).unwrap();
        Self { document, changes: vec![change], actor, record, group }
    }

    /// Starts this record there.
    pub(crate) fn rooted(root: &Root, pairs: &[(&str, &str)]) -> Self {
        let actor = ActorId([77; 16]);
        let (document, change) = Document::create(root, &answers(pairs), &circumstances(actor)).unwrap();
        Self { document, changes: vec![change], actor, record: root.id, group: root.group }
    }

    /// Goes on there with what a phone pushed, writing as this actor.
    pub(crate) fn from(pushed: &[PushedChange], actor: ActorId) -> Self {
        let first = &pushed[0];
        let document = Document::load(pushed.iter().map(|change| change.bytes.as_slice())).unwrap();
        Self { document, changes: Vec::new(), actor, record: first.record, group: first.group }
    }

    pub(crate) fn edit(&mut self, pairs: &[(&str, &str)]) -> &RawChange {
        let change = self.document.edit(&answers(pairs), &circumstances(self.actor)).unwrap().unwrap();
        self.changes.push(change);
        self.changes.last().unwrap()
    }

    pub(crate) fn record(&self) -> RecordId {
        self.record
    }

    /// A change as an entry of the feed.
    pub(crate) fn entry(&self, place: usize, seq: u64) -> FeedEntry {
        self.entry_of(self.changes[place].bytes.clone(), seq)
    }

    pub(crate) fn entry_of(&self, bytes: Vec<u8>, seq: u64) -> FeedEntry {
        FeedEntry::Change {
            seq,
            group: self.group,
            record: self.record,
            author: OTHER,
            device: Some(OTHER_DEVICE),
            received_at: MORNING,
            bytes,
        }
    }
}

fn circumstances(actor: ActorId) -> Circumstances {
    Circumstances {
        actor,
        at: Millis(MORNING.0 + 60_000),
        zone: "Europe/London".to_owned(),
        offline: true,
        reason: None,
    }
}

/// The shown text of a field, read from the store.
pub(crate) fn shown(phone: &Phone, record: RecordId, field: &str) -> Option<String> {
    let card = phone.records().record(record).unwrap();
    card.view.value(field).map(|value| match value {
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    })
}
