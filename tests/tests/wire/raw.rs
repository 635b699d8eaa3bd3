//! A client made from `docs/protocol.md` alone: maps of CBOR, packs in rows, no features. As an earlier
//! app would send, and as somebody else's would.

use alongside_domain::{
    ids::{ActorId, GroupId, RecordId},
    record::{Circumstances, Document, Edit, Root},
};
use axum::http::StatusCode;
use ciborium::Value;

use crate::lab::{MORNING, World};

/// A map with these keys.
pub(crate) fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

/// What stands under a key; nothing where the key is absent.
pub(crate) fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.as_map()?.iter().find(|(known, _)| known.as_text() == Some(key)).map(|(_, value)| value)
}

pub(crate) fn number(value: &Value, key: &str) -> Option<u64> {
    get(value, key)?.as_integer()?.try_into().ok()
}

fn id(bytes: [u8; 16]) -> Value {
    Value::Bytes(bytes.to_vec())
}

pub(crate) fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

pub(crate) fn read(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

/// A pack in rows: a CBOR array in one zstd frame that states its size, and the digest of the array.
fn rows(entries: Vec<Value>) -> Value {
    let count = entries.len() as u64;
    let array = write(&Value::Array(entries));
    map(&[
        ("k", Value::from("r")),
        ("n", Value::from(count)),
        ("h", Value::Bytes(blake3::hash(&array).as_bytes()[..16].to_vec())),
        ("z", Value::Bytes(zstd::bulk::compress(&array, 3).unwrap())),
    ])
}

/// What is in a pack in rows.
fn open(pack: &Value) -> Vec<Value> {
    assert_eq!(get(pack, "k").and_then(Value::as_text), Some("r"), "rows, since nothing else was offered");
    assert_eq!(get(pack, "d"), None);
    let body = get(pack, "z").and_then(Value::as_bytes).unwrap();
    let array = zstd::stream::decode_all(body.as_slice()).unwrap();
    let digest = get(pack, "h").and_then(Value::as_bytes).unwrap();
    assert_eq!(digest, &blake3::hash(&array).as_bytes()[..16]);
    let Value::Array(entries) = read(&array) else { panic!("a pack in rows is an array") };
    assert_eq!(Some(entries.len() as u64), number(pack, "n"));
    entries
}

/// Somebody else's client.
pub(crate) struct Client {
    token: String,
    pub(crate) person: Value,
    actor: [u8; 16],
    cursor: Value,
    head: Option<Value>,
    backfills: Value,
    own_high: u64,
}

/// What an exchange brought.
pub(crate) struct Brought {
    pub(crate) answer: Value,
    pub(crate) entries: Vec<Value>,
}

impl Brought {
    pub(crate) fn verdicts(&self) -> Vec<Value> {
        get(&self.answer, "v").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// The changes of a record that came.
    pub(crate) fn changes(&self, record: RecordId) -> Vec<Vec<u8>> {
        let changes = self.entries.iter().filter_map(|entry| get(entry, "c"));
        changes
            .filter(|change| get(change, "r") == Some(&id(record.0)))
            .map(|change| get(change, "b").and_then(Value::as_bytes).unwrap().clone())
            .collect()
    }

    /// The control events with this name.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let control = self.entries.iter().filter_map(|entry| get(entry, "k"));
        control.filter_map(|entry| get(get(entry, "e")?, name).cloned()).collect()
    }
}

impl Client {
    pub(crate) async fn enrol(world: &World, code: &str, actor: u8) -> Self {
        let actor = [actor; 16];
        let request = map(&[
            ("p", Value::from(1)),
            ("c", Value::from(code)),
            ("a", id(actor)),
            ("n", Value::from("Another phone")),
        ]);
        let (status, body) = world.post("/v1/enrol", None, write(&request)).await;
        assert_eq!(status, StatusCode::OK);
        let answer = read(&body);
        let text = |key: &str| get(&answer, key).and_then(Value::as_text).unwrap().to_owned();
        assert_eq!(number(&answer, "p"), Some(1));
        assert_eq!(text("r"), "SUPPORTER");
        let programme = get(&answer, "g").and_then(Value::as_array).unwrap();
        assert_eq!(programme[0].as_text(), Some("independent-support"));
        assert_eq!(programme[1].as_bytes().map(Vec::len), Some(32));
        Self {
            token: format!("Bearer {}", text("t")),
            person: get(&answer, "i").unwrap().clone(),
            actor,
            cursor: map(&[("n", Value::from(0)), ("h", id([0; 16]))]),
            head: None,
            backfills: Value::Array(Vec::new()),
            own_high: 0,
        }
    }

    /// A request with these further keys.
    pub(crate) fn request(&self, more: &[(&str, Value)]) -> Value {
        let mut entries = vec![
            ("p", Value::from(1)),
            ("c", self.cursor.clone()),
            ("b", self.backfills.clone()),
            ("o", Value::from(self.own_high)),
            ("a", id(self.actor)),
            ("l", Value::from(1_u32 << 20)),
            ("w", Value::from(0)),
        ];
        entries.extend(self.head.clone().map(|head| ("s", head)));
        entries.extend(more.iter().cloned());
        map(&entries)
    }

    pub(crate) async fn post(&self, world: &World, request: &Value) -> (StatusCode, Value) {
        let (status, body) = world.post("/v1/sync", Some(&self.token), write(request)).await;
        (status, read(&body))
    }

    /// One exchange: pushes, pulls, and moves on.
    pub(crate) async fn sync(&mut self, world: &World, openings: Vec<Value>, push: Vec<Value>) -> Brought {
        let mut more = Vec::new();
        if !openings.is_empty() {
            more.push(("g", Value::Array(openings)));
        }
        if !push.is_empty() {
            more.push(("u", rows(push)));
        }
        let (status, answer) = self.post(world, &self.request(&more)).await;
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        let entries = get(&answer, "d").map(open).unwrap_or_default();
        self.cursor = get(&answer, "c").unwrap().clone();
        self.head = get(&answer, "h").cloned();
        self.backfills = get(&answer, "b").cloned().unwrap_or(Value::Array(Vec::new()));
        let brought = Brought { answer, entries };
        if get(&brought.answer, "m").is_none() {
            let numbers = brought.verdicts();
            let numbers = numbers.iter().filter_map(|verdict| number(verdict, "a").or(number(verdict, "h")));
            self.own_high = numbers.fold(self.own_high, u64::max);
        }
        brought
    }

    /// Starts a record: its document, and the change to push.
    pub(crate) fn write(&self, form: &str, group: GroupId, record: u8, key: &str) -> (Document, Value) {
        let root = Root {
            id: RecordId::new(MORNING, [record; 10]),
            form: form.to_owned(),
            form_version: "2014.1".to_owned(),
            group,
        };
        let edits = [Edit { key: key.to_owned(), value: "from elsewhere".into() }];
        let (document, change) = Document::create(&root, &edits, &self.circumstances()).unwrap();
        (document, pushed(&root, change.bytes))
    }

    pub(crate) fn edit(&self, document: &mut Document, key: &str, text: &str) -> Value {
        let edits = [Edit { key: key.to_owned(), value: text.into() }];
        let change = document.edit(&edits, &self.circumstances()).unwrap().unwrap();
        pushed(&document.root().unwrap(), change.bytes)
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances {
            actor: ActorId(self.actor),
            at: MORNING,
            zone: "Europe/London".to_owned(),
            offline: false,
            reason: None,
        }
    }
}

fn pushed(root: &Root, bytes: Vec<u8>) -> Value {
    map(&[("g", id(root.group.0)), ("r", id(root.id.0)), ("b", Value::Bytes(bytes))])
}

pub(crate) fn opening(group: GroupId, kind: &str, parents: &[GroupId]) -> Value {
    let parents = parents.iter().map(|parent| id(parent.0)).collect();
    map(&[("g", id(group.0)), ("k", Value::from(kind)), ("p", Value::Array(parents))])
}
