//! Generated work of a delivery partner: families, children, cases and what is recorded about them,
//! by many devices, the same for the same seed.

#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    clippy::unwrap_used,
    unreachable_pub,
    missing_docs,
    reason = "each program that includes this uses a part of it; a generator may stop at anything odd"
)]

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    programme::{Programme, builtin, split},
    record::{Circumstances, Document, Edit, RawChange, Root},
    time::Millis,
    value::Value,
    wire::{FeedEntry, PushedChange},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "forms.rs"]
mod forms;
#[path = "words.rs"]
mod words;

use forms::{Form, Question};
pub use words::{Bank, MEASURED, TRAINING};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 1 September 2014, 08:00 UTC.
const BEGIN: i64 = 1_409_558_400_000;

/// A change with where it belongs.
#[derive(Clone)]
pub struct Written {
    pub form: String,
    pub group: GroupId,
    pub record: RecordId,
    pub author: PersonId,
    pub device: DeviceId,
    pub received_at: Millis,
    pub change: RawChange,
    /// The same as JSON: a line for a new record, a patch for an edit.
    pub json: serde_json::Value,
}

impl Written {
    pub fn pushed(&self) -> PushedChange {
        PushedChange { group: self.group, record: self.record, bytes: self.change.bytes.clone() }
    }

    pub fn entry(&self, seq: u64) -> FeedEntry {
        FeedEntry::Change {
            seq,
            group: self.group,
            record: self.record,
            author: self.author,
            device: Some(self.device),
            received_at: self.received_at,
            bytes: self.change.bytes.clone(),
        }
    }
}

/// An installation.
#[derive(Clone, Copy)]
pub struct Device {
    pub actor: ActorId,
    pub device: DeviceId,
    pub person: PersonId,
}

/// A record as it stands.
pub struct Live {
    pub root: Root,
    pub document: Document,
    pub device: Device,
}

/// A case with its child and family.
pub struct Case {
    /// The family's group, the child's, the case's.
    pub groups: [GroupId; 3],
    /// Who opened it.
    pub device: Device,
    /// How many records it has.
    pub records: usize,
    /// Its records and their edits.
    pub written: Vec<Written>,
}

/// Writes records and edits.
pub struct Generator {
    rng: ChaCha8Rng,
    bank: Bank,
    forms: BTreeMap<String, Form>,
    programme: Programme,
    /// Ids that others may refer to, of the case at hand.
    episode: Option<RecordId>,
    pub supporter: Option<PersonId>,
}

/// Records of one case, by form and how many of each (32 in all).
const CASE: [(&str, usize); 10] = [
    ("family", 1),
    ("person", 2),
    ("child", 1),
    ("case", 1),
    ("referral", 1),
    ("ehc_episode", 1),
    ("ehc_event", 4),
    ("goal", 2),
    ("contact", 18),
    ("outcome_assessment", 1),
];

impl Generator {
    pub fn new(seed: u64, bank: Bank) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let programme = builtin::independent_support().unwrap();
        Self { rng, bank, forms: forms::read(), programme, episode: None, supporter: None }
    }

    pub fn device(&mut self) -> Device {
        let mut id = || {
            let random = self.rng.random();
            RecordId::random(random).0
        };
        Device { actor: ActorId(id()), device: DeviceId(id()), person: PersonId(id()) }
    }

    fn group(&mut self, at: i64) -> GroupId {
        GroupId::new(Millis(at), self.rng.random())
    }

    /// Records of whole cases until there are `records`, and edits of `edited` of a hundred, as the
    /// server's feed would have them.
    pub fn history(&mut self, records: usize, edited: f64, devices: usize) -> Vec<Written> {
        let devices: Vec<_> = (0..devices).map(|_| self.device()).collect();
        let mut written: Vec<_> =
            self.cases(records, edited, &devices).into_iter().flat_map(|case| case.written).collect();
        in_order_of_receipt(&mut written);
        written
    }

    /// Whole cases by these devices until there are `records`, the last one cut short.
    pub fn cases(&mut self, records: usize, edited: f64, devices: &[Device]) -> Vec<Case> {
        let mut made = 0;
        let mut cases = Vec::new();
        while made < records {
            let case = self.case(records - made, edited, devices);
            made += case.records;
            cases.push(case);
        }
        cases
    }

    fn case(&mut self, most: usize, edited: f64, devices: &[Device]) -> Case {
        let device = devices[self.rng.random_range(0..devices.len())];
        let opened = BEGIN + self.rng.random_range(0..400) * DAY + self.rng.random_range(0..9 * HOUR);
        let groups = [self.group(opened), self.group(opened + 40_000), self.group(opened + 90_000)];
        self.supporter = Some(device.person);
        self.episode = None;
        let mut case = Case { groups, device, records: 0, written: Vec::new() };
        let mut at = opened;
        for (form, count) in CASE {
            let group = match form {
                "family" | "person" => groups[0],
                "child" => groups[1],
                _ => groups[2],
            };
            for _ in 0..count {
                if case.records == most {
                    break;
                }
                case.records += 1;
                at += match form {
                    "contact" | "ehc_event" | "goal" => self.rng.random_range(2 * HOUR..12 * DAY),
                    _ => self.rng.random_range(2 * MINUTE..20 * MINUTE),
                };
                let (live, first) = self.create(form, group, device, at);
                if form == "ehc_episode" {
                    self.episode = Some(live.root.id);
                }
                case.written.push(first);
                if self.rng.random_bool(edited) {
                    let other = if self.rng.random_bool(0.8) { device } else { devices[0] };
                    let later = at + self.rng.random_range(5 * MINUTE..9 * DAY);
                    case.written.extend(self.edit(live, other, later));
                }
            }
        }
        case
    }

    /// A record filled in by a person.
    pub fn create(&mut self, form: &str, group: GroupId, device: Device, at: i64) -> (Live, Written) {
        let root = Root {
            id: RecordId::new(Millis(at), self.rng.random()),
            form: form.to_owned(),
            form_version: self.forms[form].version.clone(),
            group,
        };
        let edits = self.fill(form, at);
        let circumstances = self.circumstances(device, at, false);
        let (document, change) = Document::create(&root, &edits, &circumstances).unwrap();
        let json = line(root.id, &edits);
        let live = Live { root, document, device };
        let received_at = self.received(at);
        let written = self.written(&live, device, received_at, change, json);
        (live, written)
    }

    /// One to three fields changed.
    pub fn edit(&mut self, mut live: Live, device: Device, at: i64) -> Option<Written> {
        let fields = self.rng.random_range(1..=3);
        self.edit_fields(&mut live, device, at, fields)
    }

    pub fn edit_fields(
        &mut self,
        live: &mut Live,
        device: Device,
        at: i64,
        fields: usize,
    ) -> Option<Written> {
        let mut edits = self.fill(&live.root.form, at);
        // Its key stays with a record.
        let key = self.programme.records.get(&live.root.form).and_then(|kind| kind.key.clone());
        edits.retain(|edit| !edit.key.contains('/') && !key.iter().flatten().any(|field| *field == edit.key));
        while edits.len() > fields {
            let gone = self.rng.random_range(0..edits.len());
            edits.remove(gone);
        }
        if self.rng.random_bool(0.1) {
            edits.iter_mut().for_each(|edit| edit.value = Value::Null);
        }
        let circumstances = self.circumstances(device, at, true);
        let change = live.document.edit(&edits, &circumstances).unwrap()?;
        let json = patch(live.root.id, device.person, at, &edits);
        let received_at = self.received(at);
        Some(self.written(live, device, received_at, change, json))
    }

    fn written(
        &mut self,
        live: &Live,
        device: Device,
        received_at: Millis,
        change: RawChange,
        json: serde_json::Value,
    ) -> Written {
        Written {
            form: live.root.form.clone(),
            group: live.root.group,
            record: live.root.id,
            author: device.person,
            device: device.device,
            received_at,
            change,
            json,
        }
    }

    /// A phone syncs now and then: what was written in between arrives together.
    fn received(&mut self, at: i64) -> Millis {
        let every = 3 * HOUR;
        Millis(at / every * every + every + at / every % 977 * 31)
    }

    fn circumstances(&mut self, device: Device, at: i64, edit: bool) -> Circumstances {
        let reason = edit && self.rng.random_bool(0.15);
        Circumstances {
            actor: device.actor,
            at: Millis(at),
            zone: "Europe/London".into(),
            offline: self.rng.random_bool(0.4),
            reason: reason.then(|| self.one(self.bank.reasons).to_owned()),
        }
    }

    /// Answers that a person gives to a form.
    pub fn fill(&mut self, form: &str, at: i64) -> Vec<Edit> {
        let form = self.forms.remove(form).unwrap();
        let mut edits = Vec::new();
        let mut rows = BTreeMap::new();
        for question in &form.questions {
            let likely = match (question.required, question.conditional) {
                (true, false) => 1.0,
                (_, true) => 0.12,
                (false, false) => 0.45,
            };
            let prefix = match &question.repeat {
                None if self.rng.random_bool(likely) => String::new(),
                None => continue,
                Some(repeat) => {
                    let row = rows.entry(repeat.clone()).or_insert_with(|| {
                        let random: [u8; 10] = self.rng.random();
                        self.rng.random_bool(0.25).then(|| RecordId::new(Millis(at), random).to_string())
                    });
                    let Some(row) = row else { continue };
                    format!("{repeat}/{row}/")
                }
            };
            self.answer(question, &prefix, at, &mut edits);
        }
        // What is restricted is written beside these records, in a group of its own.
        if let Some(known) = self.programme.form(&form.id) {
            edits.retain(|edit| !split::is_restricted(&self.programme, known, edit));
        }
        self.forms.insert(form.id.clone(), form);
        edits
    }

    fn answer(&mut self, question: &Question, prefix: &str, at: i64, edits: &mut Vec<Edit>) {
        let key = format!("{prefix}{}", question.name);
        let value = match question.kind.as_str() {
            "select_multiple" => {
                let count = 1 + self.skewed(3);
                let codes: BTreeSet<_> =
                    (0..count).map(|_| self.choice(&question.choices).to_owned()).collect();
                if question.merge == "set" {
                    let chosen = codes
                        .into_iter()
                        .map(|code| Edit { key: format!("{key}/{code}"), value: Value::Bool(true) });
                    return edits.extend(chosen);
                }
                Value::Text(codes.into_iter().collect::<Vec<_>>().join(" "))
            }
            "select_one" => Value::Text(self.choice(&question.choices).to_owned()),
            "integer" => Value::Integer(match self.rng.random_range(0..3) {
                0 => self.rng.random_range(1..12),
                _ => [5, 10, 15, 30, 45, 60, 90, 120][self.skewed(8)],
            }),
            "decimal" => Value::Text(format!("{}.5", self.rng.random_range(0..30))),
            "date" if question.name.contains("birth") => {
                Self::date(at - self.rng.random_range(1_000..8_000) * DAY)
            }
            "date" if self.rng.random_bool(0.4) => Self::date(at),
            "date" => {
                let days = self.rng.random_range(-40..40);
                Self::date(at + days * DAY)
            }
            "dateTime" | "time" => {
                let before = self.rng.random_range(0..5 * HOUR);
                let unit = if self.rng.random_bool(0.6) { 5 * MINUTE } else { 1_000 };
                Value::Instant(Millis((at - before) / unit * unit))
            }
            _ => self.text(question),
        };
        edits.push(Edit { key, value });
    }

    fn date(at: i64) -> Value {
        Millis(at).date_in("Europe/London").into()
    }

    fn text(&mut self, question: &Question) -> Value {
        let number = |generator: &mut Self, most: u32| generator.rng.random_range(0..most);
        Value::Text(match (question.name.as_str(), question.appearance.as_str()) {
            (_, "person") => match self.supporter {
                Some(person) => person.to_string(),
                None => return Value::Null,
            },
            (_, "record") => match self.episode {
                Some(episode) => return Value::Ref(episode),
                None => return Value::Null,
            },
            ("given_name" | "known_as", _) => self.one(self.bank.given).to_owned(),
            ("family_name", _) => self.one(self.bank.family).to_owned(),
            ("postcode", _) => format!("B{} {}QT", number(self, 40), number(self, 10)),
            ("phone", _) => format!("07700 {:06}", number(self, 1_000_000)),
            ("email", _) => {
                format!("{}{}@example.org", self.one(self.bank.given).to_lowercase(), number(self, 99))
            }
            ("address_line", _) => {
                format!("{} {}", number(self, 200) + 1, self.one(self.bank.streets))
            }
            ("case_ref" | "family_ref", _) => format!("840-C-{:05}", number(self, 100_000)),
            ("upn" | "uln" | "setting_urn", _) => format!("{:010}", number(self, u32::MAX)),
            ("tool_version", _) => "1".to_owned(),
            (_, "multiline") | ("action" | "statement", _) => {
                let sentences = 1 + self.skewed(3);
                (0..sentences).map(|_| self.sentence()).collect::<Vec<_>>().join(" ")
            }
            _ => self.one(self.bank.so).to_owned(),
        })
    }

    fn sentence(&mut self) -> String {
        let (who, did) = (self.one(self.bank.who), self.one(self.bank.did));
        let (what, so) = (self.one(self.bank.what), self.one(self.bank.so));
        if self.rng.random_bool(0.5) {
            format!("{who} {did} {what}. {so}")
        } else {
            format!("{who} {did} {what}.")
        }
    }

    fn one(&mut self, words: &'static [&'static str]) -> &'static str {
        words[self.rng.random_range(0..words.len())]
    }

    fn choice<'a>(&mut self, choices: &'a [String]) -> &'a str {
        &choices[self.skewed(choices.len())]
    }

    /// A number below `count`; small ones come more often.
    fn skewed(&mut self, count: usize) -> usize {
        let x: f64 = self.rng.random();
        ((x * x) * count as f64) as usize
    }
}

/// As the server receives them.
pub fn in_order_of_receipt(written: &mut [Written]) {
    written.sort_by_key(|written| (written.received_at, written.device, written.change.at));
}

/// A new record as JSON, with its id.
pub fn line(record: RecordId, edits: &[Edit]) -> serde_json::Value {
    let mut json = as_object(edits);
    json.insert("id".into(), record.to_string().into());
    json.into()
}

/// An edit as a JSON patch, with author and time.
pub fn patch(record: RecordId, author: PersonId, at: i64, edits: &[Edit]) -> serde_json::Value {
    let patch: Vec<_> = as_object(edits)
        .into_iter()
        .map(|(key, value)| serde_json::json!({ "op": "replace", "path": format!("/{key}"), "value": value }))
        .collect();
    serde_json::json!({
        "id": record.to_string(),
        "author": author.to_string(),
        "at": Millis(at).timestamp().to_string(),
        "patch": patch,
    })
}

/// Fields as a JSON object: sets and repeats as arrays.
fn as_object(edits: &[Edit]) -> serde_json::Map<String, serde_json::Value> {
    let mut object = serde_json::Map::new();
    for edit in edits {
        let value: serde_json::Value = match &edit.value {
            Value::Null => serde_json::Value::Null,
            Value::Text(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Bool(truth) => (*truth).into(),
            Value::Instant(at) => at.timestamp().to_string().into(),
            Value::Ref(record) => record.to_string().into(),
            Value::Other(_) => unreachable!("nothing of a newer version is generated"),
        };
        match edit.key.split('/').collect::<Vec<_>>()[..] {
            [set, code] => {
                let codes = object.entry(set).or_insert_with(|| serde_json::json!([]));
                codes.as_array_mut().unwrap().push(code.into());
            }
            [repeat, row, field] => {
                let rows = object.entry(repeat).or_insert_with(|| serde_json::json!([{ "row": row }]));
                rows[0][field] = value;
            }
            _ => {
                object.insert(edit.key.clone(), value);
            }
        }
    }
    object
}

/// The changes of a feed as both sides hold them.
pub struct Feed {
    numbers: BTreeMap<ChangeHash, u64>,
    changes: BTreeMap<u64, alongside_domain::wire::pack::KnownChange>,
}

impl Feed {
    pub fn new<'a>(written: impl IntoIterator<Item = &'a Written>, first: u64) -> Self {
        let mut feed = Self { numbers: BTreeMap::new(), changes: BTreeMap::new() };
        for (number, written) in (first..).zip(written) {
            feed.numbers.insert(written.change.hash, number);
            feed.changes.insert(
                number,
                alongside_domain::wire::pack::KnownChange {
                    hash: written.change.hash,
                    actor: written.change.actor,
                    record: written.record,
                    group: written.group,
                },
            );
        }
        feed
    }
}

impl alongside_domain::wire::pack::KnownFeed for Feed {
    fn number(&self, change: &ChangeHash) -> Option<u64> {
        self.numbers.get(change).copied()
    }

    fn change(&self, number: u64) -> Option<alongside_domain::wire::pack::KnownChange> {
        self.changes.get(&number).copied()
    }
}
