//! A small world: a partner with people, a programme of two kinds of groups, phones.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_domain::{
    deadline::DeadlineRules,
    ids::{ActorId, ChangeHash, GroupId, PartnerId, PersonId, RecordId},
    programme::{FieldRef, Parts, Programme},
    record::{Circumstances, Document, Edit, RawChange, Root},
    reminder::Reminders,
    rules::Rules,
    time::Millis,
    value::Value,
    wire::{
        Backfill, Cursor, EnrolAnswer, EnrolRequest, ErrorAnswer, FeedEntry, GroupOpening, MEDIA_TYPE,
        Message, PROTOCOL, PushedChange, SyncAnswer, SyncRequest, decode_message, encode,
        pack::{pack_rows, unpack_rows},
    },
};
use alongside_server::{
    api::{AppState, router},
    clock::SetClock,
    config::Config,
    people::{self, NewPerson},
    store::{Store, journal_beside, signing_key_beside},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::json;
use tower::ServiceExt as _;

/// 2 March 2015, 09:00 UTC.
pub(crate) const START: Millis = Millis(1_425_286_800_000);
const DEADLINES: &str = include_str!("../../../core/programmes/independent-support/deadlines.toml");

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) state: AppState,
    pub(crate) router: Router,
    pub(crate) partner: PartnerId,
}

pub(crate) fn programme() -> Programme {
    let field = |field: &str| FieldRef { form: "note".to_owned(), field: field.to_owned() };
    Programme {
        zone: "Europe/London".to_owned(),
        id: "small".to_owned(),
        title: "Small".to_owned(),
        version: "1".to_owned(),
        languages: vec!["English (en)".to_owned()],
        hash: [7; 32],
        roles: serde_json::from_value(json!({
            "supporter": {"title": "Supporter", "sees": "granted", "writes": true},
            "coordinator": {"title": "Coordinator", "sees": "partner_areas", "writes": true},
            "visitor": {"title": "Visitor", "sees": "granted"},
        }))
        .unwrap(),
        groups: serde_json::from_value(json!({
            "family": {"title": "Family", "opened_on_phone": true},
            "case": {"title": "Case", "parents": ["family"], "opened_on_phone": true},
            "office": {"title": "Office"},
        }))
        .unwrap(),
        forms: BTreeMap::new(),
        records: serde_json::from_value(json!({
            "note": {"group": "case", "count": "many"},
            "consent": {"group": "case", "count": "many", "immutable": true},
            "household": {"group": "family", "count": "one"},
        }))
        .unwrap(),
        code_lists: BTreeMap::new(),
        deadlines: DeadlineRules::parse("deadlines.toml", DEADLINES).unwrap(),
        rules: Rules::default(),
        reminders: Reminders::default(),
        parts: Parts {
            unit: "case".to_owned(),
            unit_words: ("case".to_owned(), "cases".to_owned()),
            reference: field("reference"),
            ..Parts::default()
        },
        states: Vec::new(),
        retention: BTreeMap::new(),
        derived: Vec::new(),
        surveys: BTreeMap::new(),
        live: Default::default(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::at(START));
        let store = Store::open(folder.path().join("server.db")).unwrap();
        let partner = people::partner(&store, START, "Contact Point").unwrap();
        let config = Config { requests_at_once: 8, ..Config::default() };
        let state = AppState::new(config, store, clock.clone(), Arc::new(programme())).unwrap();
        let router = router(&state, None);
        Self { folder, clock, state, router, partner }
    }

    /// The server as it comes back from this backup, made by [`Self::backup`]: with its control journal and
    /// its signing key, which no backup carries.
    pub(crate) fn restored(&self, backup: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.db");
        std::fs::copy(backup, &path).unwrap();
        let here = self.state.store.path();
        std::fs::copy(journal_beside(here), journal_beside(&path)).unwrap();
        std::fs::copy(signing_key_beside(here), signing_key_beside(&path)).unwrap();
        let store = Store::open(path).unwrap();
        let config = Config { requests_at_once: 8, ..Config::default() };
        let state = AppState::new(config, store, self.clock.clone(), Arc::new(programme())).unwrap();
        let router = router(&state, None);
        Self { folder, clock: self.clock.clone(), state, router, partner: self.partner }
    }

    /// Backs the store up.
    pub(crate) fn backup(&self) -> PathBuf {
        let to = self.folder.path().join("backup.db");
        alongside_server::backup::backup(self.state.store.path(), &to).unwrap();
        to
    }

    pub(crate) fn person(&self, name: &str, role: &str) -> PersonId {
        let new = NewPerson {
            name: name.to_owned(),
            role: role.to_owned(),
            partner: self.partner,
            areas: vec!["E08000025".to_owned()],
        };
        people::add_person(&self.state.store, START, &self.state.programme, &new).unwrap()
    }

    pub(crate) fn code(&self, person: PersonId) -> String {
        let valid = self.state.config.enrolment_ms();
        people::enrolment_code(&self.state.store, START, person, valid).unwrap().reveal()
    }

    /// Posts a body; the answer's status and bytes.
    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        media_type: &str,
        body: Vec<u8>,
    ) -> (StatusCode, Vec<u8>) {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, media_type);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    /// Posts a message; the answer, or the status and the error.
    pub(crate) async fn send<A: Message>(
        &self,
        path: &str,
        token: Option<&str>,
        message: &impl Message,
    ) -> Result<A, (StatusCode, ErrorAnswer)> {
        let (status, body) = self.post(path, token, MEDIA_TYPE, encode(message)).await;
        if status.is_success() {
            Ok(decode_message(&body).unwrap())
        } else {
            Err((status, decode_message(&body).unwrap()))
        }
    }

    pub(crate) async fn enrol(
        &self,
        code: &str,
        actor: ActorId,
    ) -> Result<EnrolAnswer, (StatusCode, ErrorAnswer)> {
        let request = EnrolRequest {
            protocol: PROTOCOL,
            code: code.to_owned(),
            actor,
            device_name: "Tablet 3".to_owned(),
        };
        self.send("/v1/enrol", None, &request).await
    }

    /// A phone of a new supporter.
    pub(crate) async fn phone(&self, name: &str) -> Phone {
        let person = self.person(name, "supporter");
        self.phone_of(person).await
    }

    pub(crate) async fn phone_of(&self, person: PersonId) -> Phone {
        let actor = ActorId::random(rand::random());
        let enrolled = self.enrol(&self.code(person), actor).await.unwrap();
        Phone { enrolled, actor, person, cursor: Cursor::default(), backfills: Vec::new(), own_high: 0 }
    }
}

pub(crate) struct Phone {
    pub(crate) enrolled: EnrolAnswer,
    pub(crate) actor: ActorId,
    pub(crate) person: PersonId,
    pub(crate) cursor: Cursor,
    pub(crate) backfills: Vec<Backfill>,
    pub(crate) own_high: u64,
}

pub(crate) struct Synced {
    pub(crate) answer: SyncAnswer,
    pub(crate) entries: Vec<FeedEntry>,
}

impl Synced {
    /// Hashes of the changes that came.
    pub(crate) fn changes(&self) -> Vec<Vec<u8>> {
        self.entries
            .iter()
            .filter_map(|entry| match entry {
                FeedEntry::Change { bytes, .. } => Some(bytes.clone()),
                FeedEntry::Control { .. } => None,
            })
            .collect()
    }
}

impl Phone {
    pub(crate) fn request(&self, openings: Vec<GroupOpening>, changes: &[PushedChange]) -> SyncRequest {
        SyncRequest {
            protocol: PROTOCOL,
            features: 0,
            dictionary: None,
            cursor: self.cursor,
            seen: None,
            backfills: self.backfills.clone(),
            own_high: self.own_high,
            actor: self.actor,
            openings,
            push: (!changes.is_empty()).then(|| pack_rows(changes)),
            limit: 1 << 20,
            waiting: 0,
            tally: None,
            needs_key: false,
            asks_relatives: false,
            repair: None,
        }
    }

    pub(crate) async fn try_sync(
        &mut self,
        world: &World,
        openings: Vec<GroupOpening>,
        changes: &[PushedChange],
    ) -> Result<Synced, (StatusCode, ErrorAnswer)> {
        let request = self.request(openings, changes);
        let answer: SyncAnswer = world.send("/v1/sync", Some(&self.enrolled.token), &request).await?;
        self.cursor = answer.cursor;
        self.backfills.clone_from(&answer.backfills);
        let entries = answer.pull.as_ref().map(|pull| unpack_rows(pull).unwrap()).unwrap_or_default();
        Ok(Synced { answer, entries })
    }

    pub(crate) async fn sync(
        &mut self,
        world: &World,
        openings: Vec<GroupOpening>,
        changes: &[PushedChange],
    ) -> Synced {
        self.try_sync(world, openings, changes).await.unwrap()
    }

    /// Starts a record on the phone.
    pub(crate) fn write(&self, form: &str, group: GroupId, text: &str) -> (Document, PushedChange) {
        let root = Root {
            id: RecordId::new(START, rand::random()),
            form: form.to_owned(),
            form_version: "1".to_owned(),
            group,
        };
        let (document, change) =
            Document::create(&root, &[edit("text", text)], &self.circumstances()).unwrap();
        (document, pushed(group, root.id, &change))
    }

    /// Sets a field of a record on the phone.
    pub(crate) fn edit(&self, document: &mut Document, text: &str) -> PushedChange {
        let root = document.root().unwrap();
        let change = document.edit(&[edit("text", text)], &self.circumstances()).unwrap().unwrap();
        pushed(root.group, root.id, &change)
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances {
            actor: self.actor,
            at: START,
            zone: "Europe/London".to_owned(),
            offline: true,
            reason: None,
        }
    }
}

pub(crate) fn edit(key: &str, text: &str) -> Edit {
    Edit { key: key.to_owned(), value: Value::from(text) }
}

fn pushed(group: GroupId, record: RecordId, change: &RawChange) -> PushedChange {
    PushedChange { group, record, bytes: change.bytes.clone() }
}

/// The hash of a change on its way.
pub(crate) fn pushed_hash(change: &PushedChange) -> ChangeHash {
    alongside_domain::guard::chunk::parse(&change.bytes).unwrap().header.hash
}

pub(crate) fn new_group() -> GroupId {
    GroupId::random(rand::random())
}

pub(crate) fn opening(group: GroupId, kind: &str, parents: &[GroupId]) -> GroupOpening {
    GroupOpening { group, kind: kind.to_owned(), parents: parents.to_vec() }
}

/// A family with a case, as a phone opens them.
pub(crate) fn family_and_case() -> (GroupId, GroupId, Vec<GroupOpening>) {
    let (family, case) = (new_group(), new_group());
    (family, case, vec![opening(family, "family", &[]), opening(case, "case", &[family])])
}

pub(crate) fn no_such_change() -> ChangeHash {
    ChangeHash([9; 32])
}
