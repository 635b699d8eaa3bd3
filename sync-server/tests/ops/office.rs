//! A small store with everything in it that a store can have: people, a phone that was revoked, groups
//! granted and withdrawn, records with several changes, pages.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use alongside_domain::{
    ids::{ActorId, GroupId, PersonId, RecordId},
    programme::Programme,
    record::{Edit, Root},
    time::Millis,
    value::Value,
    wire::{EnrolAnswer, EnrolRequest, MEDIA_TYPE, PROTOCOL, decode_message, encode},
};
use alongside_server::{
    api::{AppState, router},
    clock::SetClock,
    config::{self, Config},
    ingest::{Ingest, LocalWrite},
    people::{self, NewPerson},
    read_model::{Projector, ReadModel},
    store::Store,
    verify::{self, Finding, PagesOf, Report},
};
use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use tower::ServiceExt as _;

/// 16 March 2015, 09:00 UTC.
pub(crate) const START: Millis = Millis(1_426_496_400_000);

pub(crate) struct Office {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) programme: Arc<Programme>,
}

/// The store while it is open.
pub(crate) struct AtWork {
    pub(crate) store: Arc<Store>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) author: PersonId,
    pub(crate) case: GroupId,
}

impl Office {
    /// A closed store with content and pages.
    pub(crate) fn closed() -> Self {
        let office = Self::empty();
        drop(office.fill());
        office.build_pages();
        office
    }

    pub(crate) fn empty() -> Self {
        let (programme, _) = config::read_programme(None).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), programme: Arc::new(programme) }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.file("alongside.db")
    }

    pub(crate) fn pages(&self) -> PathBuf {
        self.file("alongside.db.pages")
    }

    pub(crate) fn fill(&self) -> AtWork {
        let store = Store::open(self.store()).unwrap();
        let config = Config { store: self.store(), ..Config::default() };
        let clock = Arc::new(SetClock::at(START));
        let state = AppState::new(config, Arc::clone(&store), clock, Arc::clone(&self.programme)).unwrap();
        let partner = people::partner(&store, START, "Contact Point").unwrap();
        let person = |name: &str, role: &str| {
            let areas = vec!["840".to_owned()];
            let new = NewPerson { name: name.into(), role: role.into(), partner, areas };
            people::add_person(&store, START, &self.programme, &new).unwrap()
        };
        let (asha, ben) = (person("Asha", "SUPPORTER"), person("Ben", "SUPPORTER"));
        revoke_a_phone(&state, asha);
        let (family, child, case) = (group(), group(), group());
        let open = |group, kind: &str, parents: Vec<GroupId>| LocalWrite::OpenGroup {
            group,
            kind: kind.into(),
            partner,
            parents,
        };
        let contact = record();
        let writes = vec![
            open(family, "family", vec![]),
            open(child, "child", vec![family]),
            open(case, "case", vec![child, family]),
            LocalWrite::Grant { person: asha, group: case },
            LocalWrite::Grant { person: ben, group: case },
            create(family, "family", record(), &[("family_ref", "F-1"), ("area", "840")]),
            create(child, "child", record(), &[("known_as", "Sam"), ("family_name", "Okafor")]),
            create(case, "case", record(), &[("case_ref", "C-1"), ("status", "OPEN")]),
            create(case, "contact", contact, &[("mode", "PHONE"), ("note", "Rang about the request")]),
            edit(contact, "Rang about the request, twice"),
            edit(contact, "Rang about the request, three times"),
            LocalWrite::Withdraw { person: ben, group: case },
        ];
        state.ingest.ingest_local(asha, writes).unwrap();
        AtWork { store, ingest: Arc::clone(&state.ingest), author: asha, case }
    }

    pub(crate) fn build_pages(&self) {
        let store = Store::open(self.store()).unwrap();
        let model = Arc::new(ReadModel::open(&self.pages(), &self.programme).unwrap());
        Projector::new(model, store, Arc::clone(&self.programme)).catch_up().unwrap();
    }

    pub(crate) fn verify(&self) -> Report {
        self.verify_file(&self.store())
    }

    pub(crate) fn verify_file(&self, store: &Path) -> Report {
        let pages = self.pages();
        verify::verify(store, Some(PagesOf { file: &pages, programme: &self.programme })).unwrap()
    }

    /// Does something to the closed store behind the program's back.
    pub(crate) fn tamper(&self, statement: &str) {
        let connection = rusqlite::Connection::open(self.store()).unwrap();
        let rows = connection.execute(statement, []).unwrap();
        assert!(rows > 0, "it did something: {statement}");
    }
}

impl AtWork {
    /// One more contact; it is durable when this returns.
    pub(crate) fn note(&self, text: &str) -> RecordId {
        let id = record();
        let write = create(self.case, "contact", id, &[("mode", "PHONE"), ("note", text)]);
        self.ingest.ingest_local(self.author, vec![write]).unwrap();
        id
    }
}

/// The kinds of the findings, as programs read them.
pub(crate) fn kinds(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| serde_json::to_value(finding).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect()
}

fn revoke_a_phone(state: &AppState, person: PersonId) {
    let code = people::enrolment_code(&state.store, START, person, 60_000).unwrap();
    let request = EnrolRequest {
        protocol: PROTOCOL,
        code: code.reveal(),
        actor: ActorId::random(rand::random()),
        device_name: "Phone".into(),
    };
    let request = Request::post("/v1/enrol")
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .body(Body::from(encode(&request)))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer: EnrolAnswer = runtime.block_on(async {
        let response = router(state, None).oneshot(request).await.unwrap();
        decode_message(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
    });
    people::revoke_device(&state.store, START, answer.device).unwrap();
}

fn group() -> GroupId {
    GroupId::random(rand::random())
}

fn record() -> RecordId {
    RecordId::new(START, rand::random())
}

fn create(group: GroupId, form: &str, id: RecordId, answers: &[(&str, &str)]) -> LocalWrite {
    LocalWrite::Create {
        root: Root { id, form: form.into(), form_version: "1".into(), group },
        edits: answers
            .iter()
            .map(|&(key, text)| Edit { key: key.into(), value: Value::from(text) })
            .collect(),
        at: START,
        zone: "Europe/London".into(),
        reason: None,
    }
}

fn edit(record: RecordId, note: &str) -> LocalWrite {
    LocalWrite::Edit {
        record,
        edits: vec![Edit { key: "note".into(), value: Value::from(note) }],
        at: START,
        zone: "Europe/London".into(),
        reason: None,
    }
}
