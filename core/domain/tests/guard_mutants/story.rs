//! A record that three people write together, and what each wrote next at every moment of it.

use alongside_domain::{
    ids::{ActorId, GroupId, RecordId},
    record::{Circumstances, Document, Edit, Root},
    time::Millis,
    value::Value,
};

pub(crate) const RECORD: RecordId = RecordId([1; 16]);
pub(crate) const GROUP: GroupId = GroupId([2; 16]);
pub(crate) const PEOPLE: [ActorId; 3] = [ActorId([0xa1; 16]), ActorId([0xbe; 16]), ActorId([0x11; 16])];

/// What is there, and the honest changes that come next, in an order in which each follows its ancestors.
pub(crate) struct Story {
    pub(crate) present: Option<Document>,
    pub(crate) next: Vec<Vec<u8>>,
}

pub(crate) fn by(actor: ActorId) -> Circumstances {
    Circumstances {
        actor,
        at: Millis(1_425_391_800_000),
        zone: "Europe/London".to_owned(),
        offline: false,
        reason: None,
    }
}

pub(crate) fn edit(key: &str, value: impl Into<Value>) -> Edit {
    Edit { key: key.to_owned(), value: value.into() }
}

/// The record at every moment of its life.
pub(crate) fn stories() -> Vec<Story> {
    let root = Root { id: RECORD, form: "contact".to_owned(), form_version: "1".to_owned(), group: GROUP };
    let edits = [edit("note", "Called."), edit("about", "plan"), edit("minutes", Value::Integer(20))];
    let (ali, first) = Document::create_with_texts(&root, &["note"], &edits, &by(PEOPLE[0])).unwrap();
    let mut written = vec![first.bytes];
    let mut phones = [ali.clone(), ali.clone(), ali];
    let days: [&[Edit]; 4] = [
        &[edit("note", "Called, no answer."), edit("about", "draft")],
        &[edit("about", Value::Null), edit("sen_type/ASD", Value::Bool(true)), edit("note", "")],
        &[edit("at", Value::Instant(Millis(1))), edit("person", Value::Ref(RECORD)), edit("note", "Ring")],
        &[edit("about", "x".repeat(200)), edit("minutes", Value::Integer(-1))],
    ];
    for day in 0..4 {
        for (phone, who) in phones.iter_mut().zip(PEOPLE) {
            let shift = usize::from(who.0[0]);
            written.extend(phone.edit(days[(day + shift) % 4], &by(who)).unwrap().map(|change| change.bytes));
        }
        if day % 2 == 1 {
            for phone in &mut phones {
                phone.apply(written.iter().map(Vec::as_slice)).unwrap();
            }
        }
    }
    let all = Document::load(written.iter().map(Vec::as_slice)).unwrap().changes();
    let bytes: Vec<_> = all.into_iter().map(|change| change.bytes).collect();
    let present =
        |at: usize| (at > 0).then(|| Document::load(bytes[..at].iter().map(Vec::as_slice)).unwrap());
    (0..bytes.len()).map(|at| Story { present: present(at), next: bytes[at..].to_vec() }).collect()
}
