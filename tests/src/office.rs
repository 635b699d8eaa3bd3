//! A real server with a few real phones, one folder, and a clock that stands until it is set: what the stories of a few people
//! are told with. The [fleet](crate::fleet) is for the stories of many.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot be set up fails")]

use std::{sync::Arc, time::Duration};

use alongside_core::{
    FirstRecord, Key, OpenGroupRequest, Phone, Profile, SaveRequest, clock::ManualClock, os_rng,
    views::UnitView,
};
use alongside_domain::{
    ids::{GroupId, PartnerId, PersonId, RecordId},
    programme::{Programme, builtin},
    record::Edit,
    rules::{Finding, Place},
    sync::Status,
    time::Millis,
    value::Value,
};
use alongside_server::{
    api::{Running, Server},
    clock::{Clock as _, SetClock},
    config::Config,
    console::{self, Console},
    people::{self, NewPerson},
    read_model::findings,
    store::Store,
    verify,
};
use axum::{Router, body::Body, http::Request};
use jiff::civil::{Date, date};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// 16 March 2015, 10:00 in London.
pub const NOW: Millis = Millis(1_426_500_000_000);
/// The day of [`NOW`].
pub const TODAY: Date = date(2015, 3, 16);
/// An hour in milliseconds.
pub const HOUR: i64 = 3_600_000;
/// The area that everybody works in.
pub const AREA: &str = "840";

/// The server of a delivery partner, with the built-in programme.
pub struct Office {
    /// Everything lies in here.
    pub folder: tempfile::TempDir,
    /// What runs the server and the phones.
    pub runtime: Runtime,
    /// The server.
    pub running: Running,
    /// Its store.
    pub store: Arc<Store>,
    /// The server's clock.
    pub clock: Arc<SetClock>,
    /// The programme.
    pub programme: Arc<Programme>,
    /// The partner.
    pub partner: PartnerId,
}

impl Office {
    /// Opens an empty one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it listens on a socket")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programme = Arc::new(builtin::independent_support().unwrap());
        let file = folder.path().join("server.db");
        let store = Store::open(&file).unwrap();
        let partner = people::partner(&store, NOW, "Contact Point").unwrap();
        let runtime = Runtime::new().unwrap();
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), store: file, ..Config::default() };
        let clock = Arc::new(SetClock::at(NOW));
        let running = runtime
            .block_on(Server::start(config, Arc::clone(&store), clock.clone(), Arc::clone(&programme)))
            .unwrap();
        Self { folder, runtime, running, store, clock, programme, partner }
    }

    /// A person of the partner, who works in [`AREA`].
    #[must_use]
    pub fn person(&self, name: &str, role: &str) -> PersonId {
        let areas = vec![AREA.to_owned()];
        let new = NewPerson { name: name.into(), role: role.into(), partner: self.partner, areas };
        people::add_person(&self.store, NOW, &self.programme, &new).unwrap()
    }

    /// The phone of a person, enrolled.
    #[must_use]
    pub fn phone(&self, person: PersonId) -> Phone {
        self.phone_in(person, &person.to_string())
    }

    /// A phone of a person, with its files in this folder.
    #[must_use]
    pub fn phone_in(&self, person: PersonId, folder: &str) -> Phone {
        let folder = self.folder.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let profile = Profile::new(folder, Key::new([5; 32]), Arc::clone(&self.programme), clock, os_rng());
        let phone = Phone::create(profile).unwrap();
        let code = people::enrolment_code(&self.store, NOW, person, HOUR).unwrap().reveal();
        self.runtime.block_on(phone.sync().enrol(&self.running.url(), &code, "Phone")).unwrap();
        phone
    }

    /// Syncs until the phone is up to date.
    pub fn sync(&self, phone: &Phone) {
        for _ in 0..50 {
            match self.runtime.block_on(phone.sync().sync_once()).unwrap().status {
                Status::UpToDate { .. } => return,
                Status::Syncing => {}
                other => panic!("the phone stopped syncing: {other:?}"),
            }
        }
        panic!("the phone never came to an end");
    }

    /// The pages show everything that is in the log.
    pub fn wait_for_pages(&self) {
        let head = *self.store.subscribe_head().borrow();
        let mut projected = self.running.pages.projected();
        self.runtime.block_on(async {
            let shown = projected.wait_for(|seq| *seq >= head);
            tokio::time::timeout(Duration::from_secs(20), shown).await.unwrap().unwrap();
        });
    }

    /// What the server found for a unit by what a phone can judge too.
    #[must_use]
    pub fn found(&self, unit: GroupId) -> Vec<Finding> {
        let elsewhere: Vec<&str> = self.programme.rules.not_for(Place::Phone).collect();
        let (mut found, _) = self.running.pages.read(|db| findings::of_unit(db, unit)).unwrap();
        found.retain(|finding| !elsewhere.contains(&finding.rule.as_str()));
        found
    }

    /// The console as a person who has signed in has it.
    #[must_use]
    pub fn signed_in(&self, person: PersonId) -> SignedIn<'_> {
        let now = self.clock.now();
        let token = people::console_link(&self.store, now, person, HOUR).unwrap().reveal().to_owned();
        let state = &self.running.state;
        let (store, model) = (Arc::clone(&self.store), Arc::clone(&self.running.pages));
        let (programme, clock) = (Arc::clone(&self.programme), Arc::clone(&state.clock));
        let console = Console::new(store, model, programme, clock, false);
        let pages = console::router(console.writing_through(Arc::clone(&state.ingest)));
        let cookie = self.runtime.block_on(async {
            let sign_in = Request::post("/sign-in")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Body::from(format!("token={token}")))
                .unwrap();
            let signed = pages.clone().oneshot(sign_in).await.unwrap();
            signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
        });
        SignedIn { office: self, pages, cookie }
    }

    /// The server's store is sound.
    pub fn assert_proves(&self) {
        let report = verify::verify(self.store.path(), None).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}

/// Somebody at the console.
pub struct SignedIn<'o> {
    office: &'o Office,
    pages: Router,
    cookie: String,
}

impl SignedIn<'_> {
    /// The status and the text of a page.
    #[must_use]
    pub fn get(&self, address: &str) -> (u16, String) {
        self.send(Request::get(address).body(Body::empty()).unwrap())
    }

    /// What comes back when this is posted as a form.
    #[must_use]
    pub fn post(&self, address: &str, body: String) -> (u16, String) {
        let form = Request::post(address).header("content-type", "application/x-www-form-urlencoded");
        self.send(form.body(Body::from(body)).unwrap())
    }

    fn send(&self, mut request: Request<Body>) -> (u16, String) {
        request.headers_mut().insert("cookie", self.cookie.parse().unwrap());
        self.office.runtime.block_on(async {
            let page = self.pages.clone().oneshot(request).await.unwrap();
            let status = page.status().as_u16();
            let body = axum::body::to_bytes(page.into_body(), 1 << 24).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    }
}

/// An answer.
#[must_use]
pub fn edit(key: impl Into<String>, value: impl Into<Value>) -> Edit {
    Edit { key: key.into(), value: value.into() }
}

/// Opens a group with its first record, which has the form of the same name.
#[must_use]
pub fn open(phone: &Phone, kind: &str, parents: Vec<GroupId>, answers: Vec<Edit>) -> (GroupId, RecordId) {
    let records = vec![FirstRecord { form: kind.to_owned(), answers }];
    let request = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
    let opened = phone.records().open_group(request).unwrap();
    (opened.group, opened.records[0])
}

/// Saves answers to a record, or to a new one.
pub fn save(
    phone: &Phone,
    record: Option<RecordId>,
    group: GroupId,
    form: &str,
    answers: Vec<Edit>,
) -> RecordId {
    let request = SaveRequest { record, group, form: form.to_owned(), answers, reason: None, token: None };
    phone.records().save(request).unwrap().root.id
}

/// The page of a unit as of [`TODAY`].
#[must_use]
pub fn page(phone: &Phone, unit: GroupId) -> UnitView {
    phone.records().unit_page(unit, TODAY, 50, None).unwrap()
}

/// Whether anything that a phone's screens read holds this text; rows are printed with their bytes in
/// hexadecimal figures.
#[must_use]
pub fn holds(phone: &Phone, text: &str) -> bool {
    use std::fmt::Write as _;

    let dump = phone.dump_read_model().unwrap();
    let figures = text.bytes().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    });
    dump.contains(text) || dump.contains(&figures)
}

/// The read model is what it would be if it were made anew, and the store is sound.
pub fn assert_rebuilds(phone: &Phone) {
    phone.records().judge_waiting().unwrap();
    let grown = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    phone.records().judge_waiting().unwrap();
    assert_eq!(grown, phone.dump_read_model().unwrap());
    assert_eq!(phone.verify().unwrap(), Vec::<String>::new());
}
