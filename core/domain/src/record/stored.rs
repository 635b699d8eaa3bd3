//! A view as rows keep it: the CBOR of [`codec`], byte for byte, written and read without
//! going through serde.
//!
//! Every save and every judging of a unit reads dozens of views, and nearly all of them were written by this
//! very code: the keys stand where it puts them. So reading expects them there. Bytes that are otherwise (of a
//! version with more keys, or fewer) are read key by key, as every other body is.

use std::collections::BTreeMap;

use super::{Disagreement, FieldView, LiveValue, OpId, RecordView, Root, Stamp};
use crate::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    time::Millis,
    value::Value,
    wire::codec::{self, DecodeError},
};

#[cfg(test)]
mod tests;

/// Writes a view as CBOR: the same bytes as [`codec::encode`].
#[must_use]
pub fn encode(view: &RecordView) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(512 + 320 * view.fields.len()));
    out.view(view);
    out.0
}

/// Reads a view back.
///
/// # Errors
/// As [`codec::decode`].
pub fn decode(bytes: &[u8]) -> Result<RecordView, DecodeError> {
    let mut reader = Reader(bytes);
    match reader.view() {
        Some(view) if reader.0.is_empty() => Ok(view),
        _ => codec::decode(bytes),
    }
}

/// The major types of CBOR.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// The state of a disagreement, as serde names it.
const DISAGREEMENTS: [(Disagreement, &str); 4] = [
    (Disagreement::None, "none"),
    (Disagreement::Settled, "settled"),
    (Disagreement::Shown, "shown"),
    (Disagreement::NeedsDecision, "needs_decision"),
];

struct Writer(Vec<u8>);

impl Writer {
    fn head(&mut self, major: u8, number: u64) {
        let major = major << 5;
        match number {
            0..=23 => self.0.push(major | number as u8),
            24..=0xff => self.0.extend([major | 24, number as u8]),
            0x100..=0xffff => {
                self.0.push(major | 25);
                self.0.extend((number as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(major | 26);
                self.0.extend((number as u32).to_be_bytes());
            }
            _ => {
                self.0.push(major | 27);
                self.0.extend(number.to_be_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn maybe_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.0.push(NULL),
        }
    }

    fn integer(&mut self, number: i64) {
        match u64::try_from(number) {
            Ok(number) => self.head(UNSIGNED, number),
            Err(_) => self.head(NEGATIVE, !number as u64),
        }
    }

    fn boolean(&mut self, is: bool) {
        self.0.push(if is { TRUE } else { FALSE });
    }

    fn view(&mut self, view: &RecordView) {
        let RecordView { root, fields, heads, created, updated, twins } = view;
        self.head(MAP, 5 + u64::from(!twins.is_empty()));
        self.text("root");
        let Root { id, form, form_version, group } = root;
        self.head(MAP, 4);
        self.text("id");
        self.bytes(&id.0);
        self.text("form");
        self.text(form);
        self.text("form_version");
        self.text(form_version);
        self.text("group");
        self.bytes(&group.0);
        self.text("fields");
        self.head(MAP, fields.len() as u64);
        for (key, field) in fields {
            self.text(key);
            self.field(field);
        }
        self.text("heads");
        self.head(ARRAY, heads.len() as u64);
        for head in heads {
            self.bytes(&head.0);
        }
        self.text("created");
        self.stamp(created);
        self.text("updated");
        self.stamp(updated);
        if !twins.is_empty() {
            self.text("twins");
            self.head(ARRAY, twins.len() as u64);
            for twin in twins {
                self.stamp(twin);
            }
        }
    }

    fn stamp(&mut self, Stamp { at, author }: &Stamp) {
        self.head(MAP, 2);
        self.text("at");
        self.integer(at.0);
        self.text("author");
        self.maybe_bytes(author.as_ref().map(|author| &author.0[..]));
    }

    fn field(&mut self, FieldView { shown, others, disagreement }: &FieldView) {
        self.head(MAP, 1 + u64::from(!others.is_empty()) + u64::from(!disagreement.is_none()));
        self.text("shown");
        self.live(shown);
        if !others.is_empty() {
            self.text("others");
            self.head(ARRAY, others.len() as u64);
            for other in others {
                self.live(other);
            }
        }
        if !disagreement.is_none() {
            self.text("disagreement");
            let name = DISAGREEMENTS.iter().find(|(known, _)| known == disagreement);
            self.text(name.map_or("none", |(_, name)| name));
        }
    }

    fn live(&mut self, live: &LiveValue) {
        let LiveValue { value, op, change, at, author, device, clock_ahead } = live;
        self.head(MAP, 7);
        self.text("value");
        self.value(value);
        self.text("op");
        self.head(MAP, 2);
        self.text("counter");
        self.head(UNSIGNED, op.counter);
        self.text("actor");
        self.bytes(&op.actor.0);
        self.text("change");
        self.bytes(&change.0);
        self.text("at");
        self.integer(at.0);
        self.text("author");
        self.maybe_bytes(author.as_ref().map(|author| &author.0[..]));
        self.text("device");
        self.maybe_bytes(device.as_ref().map(|device| &device.0[..]));
        self.text("clock_ahead");
        self.boolean(*clock_ahead);
    }

    fn value(&mut self, value: &Value) {
        if *value == Value::Null {
            return self.text("null");
        }
        self.head(MAP, 1);
        match value {
            Value::Null => {}
            Value::Text(text) => {
                self.text("text");
                self.text(text);
            }
            Value::Integer(number) => {
                self.text("integer");
                self.integer(*number);
            }
            Value::Bool(is) => {
                self.text("bool");
                self.boolean(*is);
            }
            Value::Instant(at) => {
                self.text("instant");
                self.integer(at.0);
            }
            Value::Ref(record) => {
                self.text("ref");
                self.bytes(&record.0);
            }
            Value::Other(text) => {
                self.text("other");
                self.text(text);
            }
        }
    }
}

/// Reads what a [`Writer`] wrote; `None` where anything else comes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes one byte where it is this one.
    fn is(&mut self, byte: u8) -> bool {
        let is = self.0.first() == Some(&byte);
        if is {
            self.0 = &self.0[1..];
        }
        is
    }

    /// The number behind a head of this major type.
    fn head(&mut self, major: u8) -> Option<u64> {
        let first = self.byte()?;
        if first >> 5 != major {
            return None;
        }
        Some(match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            24 => u64::from(self.byte()?),
            25 => u64::from(u16::from_be_bytes(self.take(2)?.try_into().ok()?)),
            26 => u64::from(u32::from_be_bytes(self.take(4)?.try_into().ok()?)),
            27 => u64::from_be_bytes(self.take(8)?.try_into().ok()?),
            _ => return None,
        })
    }

    /// As [`Reader::head`], for how many follow.
    fn count(&mut self, major: u8) -> Option<usize> {
        usize::try_from(self.head(major)?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let count = self.count(TEXT)?;
        std::str::from_utf8(self.take(count)?).ok()
    }

    /// Passes over this key, whose length is below 24.
    fn key(&mut self, key: &str) -> Option<()> {
        let (head, rest) = self.0.split_first()?;
        let is_head = usize::from(*head) == usize::from(TEXT << 5) + key.len();
        self.0 = rest.strip_prefix(key.as_bytes()).filter(|_| is_head)?;
        Some(())
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        if self.count(BYTES)? != N {
            return None;
        }
        self.take(N)?.try_into().ok()
    }

    fn maybe_bytes<const N: usize>(&mut self) -> Option<Option<[u8; N]>> {
        if self.is(NULL) { Some(None) } else { self.bytes().map(Some) }
    }

    fn integer(&mut self) -> Option<i64> {
        if self.0.first()? >> 5 == NEGATIVE {
            i64::try_from(self.head(NEGATIVE)?).ok().map(|number| !number)
        } else {
            i64::try_from(self.head(UNSIGNED)?).ok()
        }
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.byte()? {
            TRUE => Some(true),
            FALSE => Some(false),
            _ => None,
        }
    }

    /// Several of these. What is announced is not trusted with memory: each takes a byte at least.
    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count(ARRAY)?;
        let mut list = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            list.push(one(self)?);
        }
        Some(list)
    }

    fn view(&mut self) -> Option<RecordView> {
        let keys = self.head(MAP)?;
        self.key("root")?;
        let root = self.root()?;
        self.key("fields")?;
        let fields = self.fields()?;
        self.key("heads")?;
        let heads = self.list(|it| it.bytes().map(ChangeHash))?;
        self.key("created")?;
        let created = self.stamp()?;
        self.key("updated")?;
        let updated = self.stamp()?;
        let twins = match keys {
            5 => Vec::new(),
            6 => {
                self.key("twins")?;
                self.list(Self::stamp)?
            }
            _ => return None,
        };
        Some(RecordView { root, fields, heads, created, updated, twins })
    }

    fn root(&mut self) -> Option<Root> {
        if self.head(MAP)? != 4 {
            return None;
        }
        self.key("id")?;
        let id = RecordId(self.bytes()?);
        self.key("form")?;
        let form = self.text()?.to_owned();
        self.key("form_version")?;
        let form_version = self.text()?.to_owned();
        self.key("group")?;
        let group = GroupId(self.bytes()?);
        Some(Root { id, form, form_version, group })
    }

    fn fields(&mut self) -> Option<BTreeMap<String, FieldView>> {
        let count = self.count(MAP)?;
        let mut fields = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            fields.push((self.text()?.to_owned(), self.field()?));
        }
        // They come sorted: the tree is made in one go.
        Some(fields.into_iter().collect())
    }

    fn stamp(&mut self) -> Option<Stamp> {
        if self.head(MAP)? != 2 {
            return None;
        }
        self.key("at")?;
        let at = Millis(self.integer()?);
        self.key("author")?;
        let author = self.maybe_bytes()?.map(PersonId);
        Some(Stamp { at, author })
    }

    fn field(&mut self) -> Option<FieldView> {
        let mut left = self.head(MAP)?.checked_sub(1)?;
        self.key("shown")?;
        let mut field =
            FieldView { shown: self.live()?, others: Vec::new(), disagreement: Disagreement::None };
        if left > 0 && self.key("others").is_some() {
            field.others = self.list(Self::live)?;
            left -= 1;
        }
        if left > 0 {
            self.key("disagreement")?;
            let name = self.text()?;
            field.disagreement = DISAGREEMENTS.iter().find(|(_, known)| *known == name)?.0;
            left -= 1;
        }
        (left == 0).then_some(field)
    }

    fn live(&mut self) -> Option<LiveValue> {
        if self.head(MAP)? != 7 {
            return None;
        }
        self.key("value")?;
        let value = self.value()?;
        self.key("op")?;
        if self.head(MAP)? != 2 {
            return None;
        }
        self.key("counter")?;
        let counter = self.head(UNSIGNED)?;
        self.key("actor")?;
        let op = OpId { counter, actor: ActorId(self.bytes()?) };
        self.key("change")?;
        let change = ChangeHash(self.bytes()?);
        self.key("at")?;
        let at = Millis(self.integer()?);
        self.key("author")?;
        let author = self.maybe_bytes()?.map(PersonId);
        self.key("device")?;
        let device = self.maybe_bytes()?.map(DeviceId);
        self.key("clock_ahead")?;
        let clock_ahead = self.boolean()?;
        Some(LiveValue { value, op, change, at, author, device, clock_ahead })
    }

    fn value(&mut self) -> Option<Value> {
        if self.key("null").is_some() {
            return Some(Value::Null);
        }
        if self.head(MAP)? != 1 {
            return None;
        }
        Some(match self.text()? {
            "text" => Value::Text(self.text()?.to_owned()),
            "integer" => Value::Integer(self.integer()?),
            "bool" => Value::Bool(self.boolean()?),
            "instant" => Value::Instant(Millis(self.integer()?)),
            "ref" => Value::Ref(RecordId(self.bytes()?)),
            "other" => Value::Other(self.text()?.to_owned()),
            _ => return None,
        })
    }
}
