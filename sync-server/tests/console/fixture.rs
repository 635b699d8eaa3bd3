//! A small world for the pages: a partner with its people, and cases written through the server's own
//! ways in, with two phones that worked offline on the same records.

use std::{path::PathBuf, sync::Arc};

use alongside_domain::{
    ids::{ActorId, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    programme::{Programme, builtin, split},
    record::{Circumstances, Document, Edit, Root},
    time::Millis,
    value::Value,
    wire::{self, EnrolAnswer, EnrolRequest, PROTOCOL, PushedChange, Verdict},
};
use alongside_server::{
    api::{self, AppState},
    clock::SetClock,
    config::Config,
    console::{self, Console},
    ingest::LocalWrite,
    people::{self, NewPerson},
    read_model::{Projector, ReadModel},
    store::Store,
};
use axum::{Router, body::Body, http::Request};
use jiff::civil::date;
use tower::ServiceExt as _;

/// 16 March 2015, 10:00 in London: the day on which the pages are looked at.
pub(crate) const TODAY: Millis = Millis(1_426_500_000_000);
const DAY: i64 = 24 * 60 * 60 * 1000;
const ZONE: &str = "Europe/London";

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) programme: Arc<Programme>,
    pub(crate) state: AppState,
    pub(crate) model: Arc<ReadModel>,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) people: People,
    /// The case that the stories are about; the others are a crowd.
    pub(crate) case: GroupId,
    pub(crate) family: GroupId,
    pub(crate) household: RecordId,
    pub(crate) child: RecordId,
    pub(crate) contact: RecordId,
    pub(crate) partner: PartnerId,
    /// Another partner that works in the area too.
    pub(crate) elsewhere: PartnerId,
}

/// Who is there.
pub(crate) struct People {
    /// Supporter of the case.
    pub(crate) asha: PersonId,
    /// Supporter who covers for her.
    pub(crate) ben: PersonId,
    /// Coordinator of the area.
    pub(crate) cora: PersonId,
    /// Coordinator of the same partner in another area.
    pub(crate) eve: PersonId,
    /// Coordinator of another partner in the same area.
    pub(crate) dev: PersonId,
    /// Local authority link officer of the area.
    pub(crate) lara: PersonId,
}

/// Taz again, entered by somebody else: the same day of birth, a name that sounds alike.
pub(crate) struct Again {
    pub(crate) family: GroupId,
    pub(crate) child: GroupId,
    pub(crate) case: GroupId,
}

/// A phone of one person.
pub(crate) struct Phone {
    pub(crate) person: PersonId,
    pub(crate) device: DeviceId,
    pub(crate) actor: ActorId,
}

pub(crate) fn edit(key: &str, value: impl Into<Value>) -> Edit {
    Edit { key: key.to_owned(), value: value.into() }
}

fn text(key: &str, value: &str) -> Edit {
    edit(key, value)
}

/// An id that is the same in every run.
pub(crate) fn id(kind: u8, number: u16) -> [u8; 16] {
    let mut bytes = [kind; 16];
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes[14..].copy_from_slice(&number.to_be_bytes());
    bytes
}

impl World {
    /// A world with the case of the stories and `crowd` others.
    pub(crate) fn new(crowd: u16) -> Self {
        Self::of(builtin::independent_support().unwrap(), crowd)
    }

    /// The same with another programme, which has the records of the stories too.
    pub(crate) fn of(programme: Programme, crowd: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::at(Millis(TODAY.0 - 120 * DAY)));
        let programme = Arc::new(programme);
        let store = Store::open(folder.path().join("alongside.db")).unwrap();
        let config = Config { store: folder.path().join("alongside.db"), ..Config::default() };
        let state = AppState::new(config, Arc::clone(&store), clock.clone(), Arc::clone(&programme)).unwrap();
        let model = Arc::new(ReadModel::open(&folder.path().join("pages.db"), &programme).unwrap());

        let partner = people::partner(&store, clock_now(&clock), "Families Together").unwrap();
        let other = people::partner(&store, clock_now(&clock), "Another Charity").unwrap();
        let add = |name: &str, role: &str, partner: PartnerId, areas: &[&str]| {
            let areas = areas.iter().map(|area| (*area).to_owned()).collect();
            let person = NewPerson { name: name.to_owned(), role: role.to_owned(), partner, areas };
            people::add_person(&store, clock_now(&clock), &programme, &person).unwrap()
        };
        let people = People {
            asha: add("Asha Karim", "SUPPORTER", partner, &["840"]),
            ben: add("Ben Lowe", "SUPPORTER", partner, &["840"]),
            cora: add("Cora Finch", "COORDINATOR", partner, &["840", "841"]),
            eve: add("Eve Moss", "COORDINATOR", partner, &["301"]),
            dev: add("Dev Rao", "COORDINATOR", other, &["840"]),
            lara: add("Lara Hale", "LA_LINK", partner, &["840"]),
        };
        let world = Self {
            folder,
            clock,
            programme,
            state,
            model,
            runtime: tokio::runtime::Runtime::new().unwrap(),
            people,
            case: GroupId(id(3, 1)),
            family: GroupId(id(1, 1)),
            household: RecordId(id(11, 1)),
            child: RecordId(id(12, 1)),
            contact: RecordId(id(14, 2)),
            partner,
            elsewhere: other,
        };
        world.story();
        for number in 2..crowd + 2 {
            world.crowd(number);
        }
        world.clock.set(TODAY);
        world
    }

    /// Writes what the server itself writes, as the coordinator.
    pub(crate) fn write(&self, writes: Vec<LocalWrite>) {
        self.state.ingest.ingest_local(self.people.cora, writes).unwrap();
    }

    /// Writes answers as this person, at the server.
    pub(crate) fn answer(&self, person: PersonId, record: RecordId, edits: &[Edit], reason: &str) {
        let write = LocalWrite::Edit {
            record,
            edits: edits.to_vec(),
            at: clock_now(&self.clock),
            zone: ZONE.to_owned(),
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        };
        self.state.ingest.ingest_local(person, vec![write]).unwrap();
    }

    /// Writes a concern about the case into this person's restricted group beside it.
    pub(crate) fn concern(&self, person: PersonId, words: &str) {
        let group = split::restricted_group(self.case, person);
        let edits = vec![text("facts_own_words", words), edit("when_at", Value::Instant(TODAY))];
        let writes = vec![
            self.open(group, "case_restricted", &[self.case]),
            self.create(group, "concern", RecordId(id(19, 1)), edits),
        ];
        self.state.ingest.ingest_local(person, writes).unwrap();
    }

    pub(crate) fn create(
        &self,
        group: GroupId,
        form: &str,
        record: RecordId,
        edits: Vec<Edit>,
    ) -> LocalWrite {
        let form_version = self.programme.forms[form].version.clone();
        let root = Root { id: record, form: form.to_owned(), form_version, group };
        let at = clock_now(&self.clock);
        LocalWrite::Create { root, edits, at, zone: ZONE.to_owned(), reason: None }
    }

    pub(crate) fn open(&self, group: GroupId, kind: &str, parents: &[GroupId]) -> LocalWrite {
        LocalWrite::OpenGroup {
            group,
            kind: kind.to_owned(),
            partner: self.partner,
            parents: parents.to_vec(),
        }
    }

    /// Taz's case, with a sister in the family, a draft plan, and two phones that disagree.
    fn story(&self) {
        let (family, child, sister) = (GroupId(id(1, 1)), GroupId(id(2, 1)), GroupId(id(2, 900)));
        self.write(vec![
            self.open(family, "family", &[]),
            self.open(child, "child", &[family]),
            self.open(sister, "child", &[family]),
            self.open(self.case, "case", &[child, family]),
            LocalWrite::Grant { person: self.people.asha, group: self.case },
            LocalWrite::Grant { person: self.people.ben, group: self.case },
            self.create(
                family,
                "family",
                RecordId(id(11, 1)),
                vec![
                    text("family_ref", "840-F-00001"),
                    text("area", "840"),
                    text("postcode", "DH1 3HP"),
                    text("address_confidential", "yes"),
                ],
            ),
            self.create(
                child,
                "child",
                self.child,
                vec![
                    text("given_name", "Tariq"),
                    text("family_name", "Hussain"),
                    text("known_as", "Taz"),
                    text("date_of_birth", "2006-05-01"),
                    text("primary_need", "ASD"),
                ],
            ),
            self.create(
                sister,
                "child",
                RecordId(id(12, 900)),
                vec![
                    text("given_name", "Noor"),
                    text("family_name", "Hussain-Secret"),
                    text("known_as", "Noor"),
                    text("date_of_birth", "2010-02-01"),
                ],
            ),
            self.create(
                self.case,
                "case",
                RecordId(id(13, 1)),
                vec![
                    text("case_ref", "840-C-00001"),
                    text("client_type", "BOTH_JOINT"),
                    text("status", "OPEN"),
                    text("ehc_stage", "S30"),
                    text("ehc_route", "NEW_ASSESSMENT"),
                    text("opened_on", "2014-11-20"),
                    text("allocated_supporter", &self.people.asha.to_string()),
                ],
            ),
        ]);
        for (number, kind, day, outcome) in [
            (1, "E01", "2014-11-03", None),
            (2, "E02", "2014-12-12", Some("Y")),
            (3, "E07", "2015-03-02", None),
        ] {
            let mut edits = vec![text("type", kind), text("date", day)];
            edits.extend(outcome.map(|outcome| text("outcome", outcome)));
            self.write(vec![self.create(self.case, "ehc_event", RecordId(id(15, number)), edits)]);
        }
        for (number, days_ago, mode) in [(1, 60, "PHONE"), (2, 12, "VISIT_HOME")] {
            let at = Millis(TODAY.0 - days_ago * DAY);
            self.clock.set(at);
            self.write(vec![self.create(
                self.case,
                "contact",
                RecordId(id(14, number)),
                vec![
                    edit("occurred_at", Value::Instant(at)),
                    edit("duration_min", Value::Integer(45)),
                    text("mode", mode),
                    text("purpose", "DRAFT VIEWS_CYP"),
                    text("note", "Went through section B together."),
                ],
            )]);
        }
        let (asha, ben) = (self.phone(self.people.asha), self.phone(self.people.ben));
        // Both phones change the same answers without having seen each other.
        let changes = [
            (&asha, self.child, child, "date_of_birth", "2006-05-04", 2),
            (&ben, self.child, child, "date_of_birth", "2006-05-14", 1),
            (&asha, self.contact, self.case, "note", "Taz asked for a quieter classroom.", 2),
            (&ben, self.contact, self.case, "note", "Mother will ring the school.", 1),
        ];
        let mut pushed = Vec::new();
        for (phone, record, group, key, value, days_ago) in changes {
            let at = Millis(TODAY.0 - days_ago * DAY);
            pushed.push((phone, self.offline(phone, record, group, &[text(key, value)], at)));
        }
        self.clock.set(Millis(TODAY.0 - DAY / 2));
        for (phone, change) in pushed {
            self.push(phone, change);
        }
    }

    /// One case of many.
    fn crowd(&self, number: u16) {
        const STATUS: [&str; 4] = ["OPEN", "WAITING", "CLOSED", "OPEN"];
        const STAGE: [&str; 4] = ["S00", "S20", "S30", "S40"];
        const NAME: [&str; 5] = ["Ada", "Billy", "Chidi", "Daisy", "Esme"];
        let (family, child, case) = (GroupId(id(1, number)), GroupId(id(2, number)), GroupId(id(3, number)));
        let n = usize::from(number);
        let start = date(2014, 9, 1).saturating_add(jiff::Span::new().days(i64::from(number) % 190));
        let supporter = [Some(self.people.asha), Some(self.people.ben), None][n % 3];
        let mut about_case = vec![
            text("case_ref", &format!("840-C-{number:05}")),
            text("status", STATUS[n % 4]),
            text("ehc_stage", STAGE[n / 4 % 4]),
        ];
        about_case.extend(supporter.map(|person| text("allocated_supporter", &person.to_string())));
        self.write(vec![
            self.open(family, "family", &[]),
            self.open(child, "child", &[family]),
            self.open(case, "case", &[child, family]),
            self.create(family, "family", RecordId(id(11, number)), vec![text("area", "840")]),
            self.create(
                child,
                "child",
                RecordId(id(12, number)),
                vec![text("given_name", NAME[n % 5]), text("date_of_birth", "2005-06-07")],
            ),
            self.create(case, "case", RecordId(id(13, number)), about_case),
            self.create(
                case,
                "ehc_event",
                RecordId(id(15, number + 1000)),
                vec![text("type", "E01"), text("date", &start.to_string())],
            ),
            self.create(
                case,
                "contact",
                RecordId(id(14, number + 1000)),
                vec![
                    edit("occurred_at", Value::Instant(Millis(TODAY.0 - i64::from(number) * DAY))),
                    text("mode", "PHONE"),
                ],
            ),
        ]);
    }

    /// The same child at the other partner of the area; gives their group.
    pub(crate) fn entered_again_elsewhere(&self) -> GroupId {
        let (family, child, case) = (GroupId(id(1, 710)), GroupId(id(2, 710)), GroupId(id(3, 710)));
        let partner = self.elsewhere;
        let open = |group, kind: &str, parents: &[GroupId]| LocalWrite::OpenGroup {
            group,
            kind: kind.to_owned(),
            partner,
            parents: parents.to_vec(),
        };
        let born = vec![text("family_name", "Hussain"), text("date_of_birth", "2006-05-14")];
        let writes = vec![
            open(family, "family", &[]),
            open(child, "child", &[family]),
            open(case, "case", &[child, family]),
            self.create(family, "family", RecordId(id(11, 710)), vec![text("area", "840")]),
            self.create(child, "child", RecordId(id(12, 710)), born),
            self.create(case, "case", RecordId(id(13, 710)), vec![text("case_ref", "X-1")]),
        ];
        self.state.ingest.ingest_local(self.people.dev, writes).unwrap();
        child
    }

    /// Enters Taz again, as somebody does who has not found him.
    pub(crate) fn entered_again(&self) -> Again {
        let (family, child, case) = (GroupId(id(1, 700)), GroupId(id(2, 700)), GroupId(id(3, 700)));
        let household = vec![edit("family_ref", "840-F-00700"), edit("area", "840")];
        let about =
            vec![edit("case_ref", "840-C-00700"), edit("status", "OPEN"), edit("opened_on", "2015-02-01")];
        self.write(vec![
            self.open(family, "family", &[]),
            self.open(child, "child", &[family]),
            self.open(case, "case", &[child, family]),
            LocalWrite::Grant { person: self.people.ben, group: case },
            self.create(family, "family", RecordId(id(11, 700)), household),
            self.create(
                child,
                "child",
                RecordId(id(12, 700)),
                vec![
                    edit("given_name", "Tarik"),
                    edit("family_name", "Hussein"),
                    edit("date_of_birth", "2006-05-14"),
                    edit("primary_need", "SLCN"),
                ],
            ),
            self.create(case, "case", RecordId(id(13, 700)), about),
        ]);
        // What Ben wrote in confidence about the household.
        let note = vec![edit("home_risk_note", "a large dog, in confidence")];
        let write = LocalWrite::Edit {
            record: RecordId(id(11, 700)),
            edits: note,
            at: TODAY,
            zone: "Europe/London".to_owned(),
            reason: None,
        };
        self.state.ingest.ingest_local(self.people.ben, vec![write]).unwrap();
        self.project();
        Again { family, child, case }
    }

    /// Enrols a phone.
    pub(crate) fn phone(&self, person: PersonId) -> Phone {
        let now = clock_now(&self.clock);
        let code = people::enrolment_code(&self.state.store, now, person, DAY).unwrap();
        let actor = ActorId(rand::random());
        let request = EnrolRequest {
            protocol: PROTOCOL,
            code: code.reveal(),
            actor,
            device_name: "A phone".to_owned(),
        };
        let request = Request::post("/v1/enrol")
            .header("content-type", wire::MEDIA_TYPE)
            .body(Body::from(wire::encode(&request)))
            .unwrap();
        let body = self.runtime.block_on(async {
            let response = api::router(&self.state, None).oneshot(request).await.unwrap();
            assert!(response.status().is_success(), "enrolment: {}", response.status());
            axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap()
        });
        let answer: EnrolAnswer = wire::decode_message(&body).unwrap();
        Phone { person, device: answer.device, actor }
    }

    /// What a phone writes offline on top of what the server has now.
    pub(crate) fn offline(
        &self,
        phone: &Phone,
        record: RecordId,
        group: GroupId,
        edits: &[Edit],
        at: Millis,
    ) -> PushedChange {
        let changes = self.state.store.changes_of(record).unwrap();
        let mut document = Document::load(changes.iter().map(|change| &change.bytes[..])).unwrap();
        let circumstances =
            Circumstances { actor: phone.actor, at, zone: ZONE.to_owned(), offline: true, reason: None };
        let change = document.edit(edits, &circumstances).unwrap().unwrap();
        PushedChange { group, record, bytes: change.bytes }
    }

    pub(crate) fn push(&self, phone: &Phone, change: PushedChange) {
        let prepared =
            self.state.ingest.prepare(phone.device, phone.person, Vec::new(), vec![change]).unwrap();
        let outcome = self.runtime.block_on(self.state.ingest.push(prepared)).unwrap();
        assert!(matches!(outcome.verdicts[..], [Verdict::Accepted { .. }]), "{:?}", outcome.verdicts);
    }

    /// Brings the pages up to date.
    pub(crate) fn project(&self) {
        self.projector(&self.model).catch_up().unwrap();
    }

    pub(crate) fn projector(&self, model: &Arc<ReadModel>) -> Projector {
        Projector::new(Arc::clone(model), Arc::clone(&self.state.store), Arc::clone(&self.programme))
            .with_clock(Arc::clone(&self.state.clock))
    }

    /// A second, empty read model of the same log.
    pub(crate) fn fresh_model(&self) -> Arc<ReadModel> {
        let path: PathBuf = self.folder.path().join("second.db");
        Arc::new(ReadModel::open(&path, &self.programme).unwrap())
    }

    /// The pages.
    pub(crate) fn pages(&self) -> Router {
        console::router(
            Console::new(
                Arc::clone(&self.state.store),
                Arc::clone(&self.model),
                Arc::clone(&self.programme),
                self.clock.clone(),
                false,
            )
            .writing_through(Arc::clone(&self.state.ingest)),
        )
    }

    /// A one-time token that signs a person in.
    pub(crate) fn link(&self, person: PersonId) -> String {
        let now = clock_now(&self.clock);
        people::console_link(&self.state.store, now, person, DAY).unwrap().reveal().to_owned()
    }
}

fn clock_now(clock: &SetClock) -> Millis {
    alongside_server::clock::Clock::now(clock)
}
