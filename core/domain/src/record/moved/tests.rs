use std::collections::BTreeMap;

use super::*;
use crate::{
    form::MergePolicy,
    ids::{ActorId, ChangeHash, RecordId},
    programme::{Programme, builtin},
    record::{Attribution, Circumstances, Document, Root},
    time::Millis,
};

const FAMILY: GroupId = GroupId([1; 16]);
const OTHER: GroupId = GroupId([2; 16]);

fn by(actor: u8) -> Circumstances {
    Circumstances {
        actor: ActorId([actor; 16]),
        at: Millis(i64::from(actor) * 1_000),
        zone: "Europe/London".to_owned(),
        offline: true,
        reason: None,
    }
}

fn edit(key: &str, value: Value) -> Edit {
    Edit { key: key.to_owned(), value }
}

/// A form of many records in a group, and one that nobody changes.
fn forms(programme: &Programme) -> (String, String, String) {
    let find = |wanted: &dyn Fn(&RecordKind) -> bool| {
        programme.records.iter().find(|(_, kind)| wanted(kind)).map(|(form, _)| form.clone()).unwrap()
    };
    let many =
        find(&|kind| kind.count == crate::programme::Count::Many && !kind.immutable && kind.key.is_none());
    let fixed = find(&|kind| kind.count == crate::programme::Count::Many && kind.immutable);
    (many, find(&|kind| kind.count == crate::programme::Count::One), fixed)
}

fn started(form: &str, edits: &[Edit]) -> Document {
    let root =
        Root { id: RecordId([9; 16]), form: form.to_owned(), form_version: "1".to_owned(), group: FAMILY };
    Document::create(&root, edits, &by(1)).unwrap().0
}

fn view(document: &Document) -> RecordView {
    let who: BTreeMap<ChangeHash, Attribution> = BTreeMap::new();
    document.view(&|_| MergePolicy::Value, &who).unwrap()
}

fn planned(programme: &Programme, view: &RecordView, to: GroupId) -> Result<Move, CannotMove> {
    let kind = &programme.records[&view.root.form];
    plan(kind, &programme.forms[&view.root.form], view, (to, &kind.group))
}

#[test]
fn it_is_written_anew_with_all_it_says_and_closed_where_it_stood() {
    let programme = builtin::independent_support().unwrap();
    let (many, ..) = forms(&programme);
    let said =
        [edit("a", Value::Integer(3)), edit("b/X", Value::Bool(true)), edit("gone", Value::Integer(1))];
    let mut document = started(&many, &said);
    document.edit(&[edit("gone", Value::Null)], &by(1)).unwrap();
    let old = view(&document);
    let planned = planned(&programme, &old, OTHER).unwrap();
    assert_eq!(
        planned.answers,
        [edit("a", Value::Integer(3)), edit("b/X", Value::Bool(true)), edit(FROM, Value::Ref(old.root.id)),]
    );
    document.edit(&[planned.closing], &by(1)).unwrap();
    let closed = view(&document);
    assert_eq!(closed.moved_to(), Some(planned.record));
    assert!(!closed.is_moved_in_doubt());
    assert_eq!(closed.looked_up_as(), format!("moved:{many}"));
    assert_eq!(old.looked_up_as(), many);
}

#[test]
fn two_who_move_it_to_one_place_make_one_record() {
    let programme = builtin::independent_support().unwrap();
    let (many, ..) = forms(&programme);
    let old = view(&started(&many, &[edit("a", Value::Integer(3))]));
    let (one, other) = (planned(&programme, &old, OTHER).unwrap(), planned(&programme, &old, OTHER).unwrap());
    assert_eq!(one.record, other.record);
    assert!(one.record.is_derived());
    assert_ne!(one.record, planned(&programme, &old, GroupId([3; 16])).unwrap().record);
}

#[test]
fn what_is_written_without_knowing_of_the_move_is_in_doubt_until_somebody_stands_by_it() {
    let programme = builtin::independent_support().unwrap();
    let (many, ..) = forms(&programme);
    let mut document = started(&many, &[edit("a", Value::Integer(3))]);
    let mut elsewhere = document.clone();
    let closing = planned(&programme, &view(&document), OTHER).unwrap().closing;
    document.edit(std::slice::from_ref(&closing), &by(1)).unwrap();
    let late = elsewhere.edit(&[edit("a", Value::Integer(4))], &by(2)).unwrap().unwrap();
    document.apply([late.bytes.as_slice()]).unwrap();
    assert!(view(&document).is_moved_in_doubt());
    document.affirm(TO, &by(3)).unwrap().unwrap();
    assert!(!view(&document).is_moved_in_doubt());

    // Or moved to another place meanwhile.
    let mut document = started(&many, &[edit("a", Value::Integer(3))]);
    let mut elsewhere = document.clone();
    document.edit(&[closing], &by(1)).unwrap();
    let other = planned(&programme, &view(&elsewhere), GroupId([3; 16])).unwrap().closing;
    let late = elsewhere.edit(&[other], &by(2)).unwrap().unwrap();
    document.apply([late.bytes.as_slice()]).unwrap();
    assert!(view(&document).is_moved_in_doubt());
}

#[test]
fn what_cannot_be_moved_says_why() {
    let programme = builtin::independent_support().unwrap();
    let (many, one, fixed) = forms(&programme);
    let refused = |form: &str| planned(&programme, &view(&started(form, &[])), OTHER).unwrap_err();
    assert_eq!(refused(&one), CannotMove::OnlyOne);
    assert_eq!(refused(&fixed), CannotMove::Immutable);
    let document = started(&many, &[edit("a", Value::Integer(3))]);
    assert_eq!(planned(&programme, &view(&document), FAMILY).unwrap_err(), CannotMove::SameGroup);
    let kind = &programme.records[&many];
    let wrong = plan(kind, &programme.forms[&many], &view(&document), (OTHER, "no such kind"));
    assert_eq!(wrong.unwrap_err(), CannotMove::WrongKind);

    let mut moved = document.clone();
    let closing = planned(&programme, &view(&moved), OTHER).unwrap().closing;
    moved.edit(&[closing], &by(1)).unwrap();
    assert_eq!(planned(&programme, &view(&moved), GroupId([3; 16])).unwrap_err(), CannotMove::Moved);

    let mut two = document.clone();
    let mut elsewhere = document;
    two.edit(&[edit("a", Value::Integer(5))], &by(1)).unwrap();
    let late = elsewhere.edit(&[edit("a", Value::Integer(6))], &by(2)).unwrap().unwrap();
    two.apply([late.bytes.as_slice()]).unwrap();
    assert_eq!(planned(&programme, &view(&two), OTHER).unwrap_err(), CannotMove::DecideFirst);
}
