//! One change chunk from outside, on top of a small record: the body is the fuzzer's, the seal fits.
//!
//! No panic leaves the guard, and a record that took a change can be read and edited again.

#![no_main]

use std::sync::LazyLock;

use alongside_domain::{
    guard::{Ruling, chunk, judge},
    ids::{ActorId, GroupId, RecordId},
    record::{Circumstances, Document, Edit, Root},
    time::Millis,
    value::Value,
};
use libfuzzer_sys::fuzz_target;

const RECORD: RecordId = RecordId([1; 16]);
const GROUP: GroupId = GroupId([2; 16]);

fn by(actor: u8) -> Circumstances {
    Circumstances {
        actor: ActorId([actor; 16]),
        at: Millis(1_425_391_800_000),
        zone: "Europe/London".to_owned(),
        offline: false,
        reason: None,
    }
}

fn edit(key: &str, value: &str) -> Edit {
    Edit { key: key.to_owned(), value: Value::from(value) }
}

static PRESENT: LazyLock<Document> = LazyLock::new(|| {
    // The trial catches panics of automerge; the fuzzer would end at them.
    std::panic::set_hook(Box::new(|_| {}));
    let root = Root { id: RECORD, form: "contact".to_owned(), form_version: "1".to_owned(), group: GROUP };
    let edits = [edit("note", "Called."), edit("about", "plan")];
    let (mut document, _) = Document::create_with_texts(&root, &["note"], &edits, &by(1)).expect("a record");
    let mut other = document.clone();
    document.edit(&[edit("about", "draft"), edit("note", "Called, no answer.")], &by(1)).expect("an edit");
    other.edit(&[edit("about", "final")], &by(2)).expect("an edit");
    let theirs = other.changes();
    document.apply(theirs.iter().map(|change| change.bytes.as_slice())).expect("two people's edits");
    document
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let mut document = (choice & 1 == 0).then(|| PRESENT.clone());
    let heads = document.as_ref().map(Document::heads);
    let change = if choice & 2 == 0 { chunk::seal(body) } else { body.to_vec() };
    let ruling = judge(&mut document, RECORD, GROUP, &[&change]).remove(0);
    if matches!(ruling, Ruling::Pass(_)) {
        let mut document = document.expect("what passed is there");
        let changes = document.changes();
        Document::load(changes.iter().map(|change| change.bytes.as_slice())).expect("it can be read again");
        document.edit(&[edit("about", "afterwards")], &by(9)).expect("it can be edited");
    } else {
        assert_eq!(document.as_ref().map(Document::heads), heads, "what is refused changes nothing");
    }
});
