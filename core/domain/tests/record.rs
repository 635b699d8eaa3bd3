//! Records as people use them: written, read back, edited on several phones, looked at later.

#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

use std::collections::BTreeMap;

use alongside_domain::{
    form::MergePolicy,
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PersonId, RecordId},
    record::{
        Attribution, Circumstances, Disagreement, Document, DocumentError, Edit, FieldView, RawChange,
        RecordView, Root,
    },
    time::Millis,
    value::Value,
};

const NINE: i64 = 1_425_373_200_000; // 3 March 2015, 09:00 in London.
const MINUTE: i64 = 60_000;

/// The phone of one person.
struct Phone {
    number: u8,
}

const AMINA: Phone = Phone { number: 1 };
const BEN: Phone = Phone { number: 2 };

impl Phone {
    fn at(&self, minute: i64) -> Circumstances {
        Circumstances {
            actor: ActorId([self.number; 16]),
            at: Millis(NINE + minute * MINUTE),
            zone: "Europe/London".into(),
            offline: false,
            reason: None,
        }
    }

    fn vouch(&self, received_at: Option<i64>) -> Attribution {
        Attribution {
            author: PersonId([self.number; 16]),
            device: Some(DeviceId([self.number; 16])),
            received_at: received_at.map(|minute| Millis(NINE + minute * MINUTE)),
        }
    }
}

fn root() -> Root {
    Root {
        id: RecordId([0xaa; 16]),
        form: "child_profile".into(),
        form_version: "1".into(),
        group: GroupId([0xbb; 16]),
    }
}

fn set(key: &str, value: impl Into<Value>) -> Edit {
    Edit { key: key.into(), value: value.into() }
}

fn child() -> (Document, RawChange) {
    Document::create(&root(), &[set("known_as", "Kofi"), set("school", "Moss Lane")], &AMINA.at(0)).unwrap()
}

fn plain(_: &str) -> MergePolicy {
    MergePolicy::Value
}

fn look(document: &Document) -> RecordView {
    document.view(&plain, &BTreeMap::new()).unwrap()
}

fn edit(document: &mut Document, edits: &[Edit], circumstances: &Circumstances) -> RawChange {
    document.edit(edits, circumstances).unwrap().expect("the edit changes something")
}

fn take(document: &mut Document, change: &RawChange) {
    document.apply([change.bytes.as_slice()]).unwrap();
}

fn others(field: &FieldView) -> Vec<&Value> {
    field.others.iter().map(|live| &live.value).collect()
}

#[test]
fn a_record_reads_back_from_its_changes_in_any_order() {
    let (mut document, first) = child();
    let second = edit(&mut document, &[set("school", "Hill Top")], &AMINA.at(1));
    let third = edit(&mut document, &[set("school", Value::Null)], &AMINA.at(2));

    let bytes = [&third, &first, &second, &first].map(|change| change.bytes.as_slice());
    let loaded = Document::load(bytes).unwrap();

    assert_eq!(loaded.root().unwrap(), root());
    assert_eq!(loaded.heads(), vec![third.hash]);
    assert_eq!(look(&loaded), look(&document));
    assert_eq!(look(&loaded).value("school"), None);
    assert_eq!(loaded.changes(), vec![first.clone(), second, third.clone()]);
    assert_eq!(RawChange::parse(&third.bytes).unwrap(), third);
    assert_eq!((first.seq, first.start_op, third.seq), (1, 1, 3));
}

#[test]
fn a_value_that_already_stands_is_not_written_again() {
    let (mut document, _) = child();
    assert_eq!(
        document.edit(&[set("school", "Moss Lane"), set("gp", Value::Null)], &AMINA.at(1)).unwrap(),
        None
    );
    assert_eq!(document.changes().len(), 1);
}

#[test]
fn both_sides_of_a_concurrent_edit_are_kept_and_the_later_is_shown() {
    let (mut amina, _) = child();
    let mut ben = amina.clone();
    let hers = edit(&mut amina, &[set("school", "Hill Top")], &AMINA.at(9));
    let his = edit(&mut ben, &[set("school", "St Mary")], &BEN.at(5));
    take(&mut amina, &his);
    take(&mut ben, &hers);

    let view = look(&amina);
    assert_eq!(view, look(&ben));
    let school = &view.fields["school"];
    assert_eq!(school.shown.value, "Hill Top".into());
    assert_eq!(others(school), [&"St Mary".into()]);
    assert_eq!(school.disagreement, Disagreement::Shown);
    assert_eq!(view.disagreements().count(), 1);
}

/// automerge drops a put that equals its own winner; the person who chose it would find the
/// disagreement open again.
#[test]
fn choosing_the_value_that_is_shown_is_a_decision_of_its_own() {
    let (mut amina, _) = child();
    let mut ben = amina.clone();
    let hers = edit(&mut amina, &[set("school", "Hill Top")], &AMINA.at(9));
    let his = edit(&mut ben, &[set("school", "St Mary")], &BEN.at(5));
    for (value, circumstances) in [
        ("Hill Top", AMINA.at(20)),
        ("St Mary", AMINA.at(20)),
        ("Hill Top", BEN.at(20)),
        ("St Mary", BEN.at(20)),
    ] {
        let mut document = amina.clone();
        take(&mut document, &his);
        let decision = edit(&mut document, &[set("school", value)], &circumstances);

        let view = look(&document);
        let school = &view.fields["school"];
        assert_eq!(school.shown.value, value.into());
        assert_eq!(school.shown.change, decision.hash);
        assert_eq!((school.others.len(), school.disagreement), (0, Disagreement::None));
        let history = document.history(&BTreeMap::new()).unwrap();
        let written = &history.last().unwrap().fields[0];
        assert_eq!(written.to, value.into());
        assert_eq!(written.from.len(), 2);
        assert_eq!(document.edit(&[set("school", value)], &circumstances).unwrap(), None);
    }
    take(&mut ben, &hers);
    assert_eq!(look(&ben).fields["school"].others.len(), 1);
}

#[test]
fn a_value_that_arrives_after_a_decision_opens_it_again() {
    let (mut amina, _) = child();
    let mut ben = amina.clone();
    let mut cara = amina.clone();
    edit(&mut amina, &[set("school", "Hill Top")], &AMINA.at(1));
    take(&mut amina, &edit(&mut ben, &[set("school", "St Mary")], &BEN.at(2)));
    edit(&mut amina, &[set("school", "Hill Top")], &AMINA.at(3));
    assert_eq!(look(&amina).disagreements().count(), 0);

    let late = edit(&mut cara, &[set("school", "Brook")], &Phone { number: 3 }.at(0));
    take(&mut amina, &late);
    let view = look(&amina);
    assert_eq!(view.text("school"), Some("Hill Top"));
    assert_eq!(others(&view.fields["school"]), [&"Brook".into()]);
}

#[test]
fn a_clearing_and_a_concurrent_entry_both_stay() {
    let (mut amina, _) = child();
    let mut ben = amina.clone();
    take(&mut amina, &edit(&mut ben, &[set("school", Value::Null)], &BEN.at(5)));
    let mut fresh = amina.clone();
    assert_eq!(look(&fresh).value("school"), None);
    let (mut other, _) = child();
    let entry = edit(&mut other, &[set("school", "Brook")], &AMINA.at(1));
    take(&mut fresh, &entry);
    assert_eq!(look(&fresh).fields["school"].shown.value, Value::Null);
    assert_eq!(others(&look(&fresh).fields["school"]), [&"Brook".into()]);
}

#[test]
fn a_change_whose_ancestor_is_absent_is_not_taken_in() {
    let (mut document, first) = child();
    let mut behind = document.clone();
    let second = edit(&mut document, &[set("school", "Hill Top")], &AMINA.at(1));
    let third = edit(&mut document, &[set("school", "Brook")], &AMINA.at(2));

    let apart = Document::load([first.bytes.as_slice(), third.bytes.as_slice()]);
    assert!(matches!(apart, Err(DocumentError::Incomplete(_))));
    assert!(matches!(behind.apply([third.bytes.as_slice()]), Err(DocumentError::Incomplete(_))));
    assert_eq!(behind.heads(), vec![first.hash]);
    assert!(matches!(Document::load([]), Err(DocumentError::Incomplete(_))));
    behind.apply([third.bytes.as_slice(), second.bytes.as_slice()]).unwrap();
    assert_eq!(look(&behind), look(&document));
}

#[test]
fn a_second_root_that_says_something_else_is_not_a_whole_record() {
    let (_, first) = child();
    let elsewhere = Root { group: GroupId([8; 16]), ..root() };
    let (_, second) = Document::create(&elsewhere, &[], &BEN.at(1)).unwrap();
    let twice = Document::load([first.bytes.as_slice(), second.bytes.as_slice()]);
    assert!(matches!(twice, Err(DocumentError::Incomplete("it has several roots that differ"))));
}

#[test]
fn a_record_started_on_two_phones_apart_is_one_with_both_sides_until_somebody_writes_on_top() {
    let (_, first) = Document::create(&root(), &[set("school", "Hill Top")], &AMINA.at(1)).unwrap();
    let (_, second) = Document::create(&root(), &[set("school", "Brook")], &BEN.at(2)).unwrap();
    let mut both = Document::load([first.bytes.as_slice(), second.bytes.as_slice()]).unwrap();
    let other = Document::load([second.bytes.as_slice(), first.bytes.as_slice()]).unwrap();
    assert_eq!(look(&both), look(&other), "the order of arrival does not matter");
    let view = look(&both);
    assert_eq!(view.twins.len(), 2);
    let school = &view.fields["school"];
    assert_eq!((school.shown.value.as_text(), school.others.len()), (Some("Brook"), 1));
    edit(&mut both, &[set("school", "Hill Top")], &AMINA.at(3));
    assert!(look(&both).twins.is_empty() && look(&both).fields["school"].others.is_empty());
}

/// Two heads are no twins: once somebody has seen every first change, two who then write apart disagree
/// about what they wrote and about nothing else.
#[test]
fn writing_apart_after_somebody_has_seen_both_starts_does_not_make_twins_again() {
    let (_, first) = Document::create(&root(), &[set("school", "Hill Top")], &AMINA.at(1)).unwrap();
    let (_, second) = Document::create(&root(), &[set("school", "Brook")], &BEN.at(2)).unwrap();
    let mut amina = Document::load([first.bytes.as_slice(), second.bytes.as_slice()]).unwrap();
    edit(&mut amina, &[set("school", "Hill Top")], &AMINA.at(3));
    let mut ben = amina.clone();
    edit(&mut amina, &[set("gp", "Dr Ray")], &AMINA.at(4));
    let his = edit(&mut ben, &[set("gp", "Dr Lee")], &BEN.at(5));
    take(&mut amina, &his);
    assert_eq!(amina.heads().len(), 2);
    assert!(look(&amina).twins.is_empty(), "{:?}", look(&amina).twins);

    // A start that comes to light later is a twin again.
    let (_, third) =
        Document::create(&root(), &[set("school", "St Mary")], &Phone { number: 3 }.at(0)).unwrap();
    take(&mut amina, &third);
    assert_eq!(look(&amina).twins.len(), 3);
    // So it was for whoever looks at the time before anybody had seen both.
    let before = amina.view_at(&[first.hash, second.hash], &plain, &BTreeMap::new()).unwrap();
    assert_eq!(before.twins.len(), 2);
}

#[test]
fn saying_that_twins_mean_the_same_decides_nothing_else() {
    let starts = |hers: &[Edit], his: &[Edit]| {
        let (_, first) = Document::create(&root(), hers, &AMINA.at(1)).unwrap();
        let (_, second) = Document::create(&root(), his, &BEN.at(2)).unwrap();
        Document::load([first.bytes.as_slice(), second.bytes.as_slice()]).unwrap()
    };
    let mut twins = starts(
        &[set("school", "Hill Top"), set("tool", "WHEEL")],
        &[set("school", "Brook"), set("tool", "WHEEL")],
    );
    let before = look(&twins);
    let change = twins.confirm(&AMINA.at(9)).unwrap().expect("both say the tool");
    let after = look(&twins);
    assert_eq!((before.twins.len(), after.twins.len()), (2, 0));
    assert_eq!(after.fields["school"], before.fields["school"], "what differs still differs");
    assert_eq!(after.text("tool"), Some("WHEEL"));
    assert_eq!(twins.heads(), [change.hash]);

    // Where they agree on nothing, the decision says it.
    let mut apart = starts(&[set("school", "Hill Top")], &[set("school", "Brook")]);
    assert_eq!(apart.confirm(&AMINA.at(9)).unwrap(), None);
    edit(&mut apart, &[set("school", "Brook")], &AMINA.at(9));
    assert!(look(&apart).twins.is_empty());
    // Where neither says anything, there is nothing to say.
    let mut empty = starts(&[], &[]);
    assert!(look(&empty).twins.is_empty());
    assert_eq!(empty.confirm(&AMINA.at(9)).unwrap(), None);
}

#[test]
fn two_changes_with_one_number_of_one_actor_are_refused() {
    let (mut document, _) = child();
    let mut fork = document.clone();
    let one = edit(&mut document, &[set("school", "Hill Top")], &AMINA.at(1));
    let other = edit(&mut fork, &[set("school", "Brook")], &AMINA.at(2));
    assert!(matches!(document.apply([other.bytes.as_slice()]), Err(DocumentError::Automerge(_))));
    assert_eq!(document.heads(), vec![one.hash]);
    assert_eq!(look(&document).text("school"), Some("Hill Top"));
    assert_eq!(document.change_of(&AMINA.at(0).actor, 2).map(|header| header.hash), Some(one.hash));
}

#[test]
fn the_keys_of_the_root_cannot_be_edited() {
    let (mut document, _) = child();
    for key in ["@id", "@anything", ""] {
        let refused = document.edit(&[set(key, "x")], &AMINA.at(1));
        assert!(matches!(refused, Err(DocumentError::ReservedKey(_))), "{key}");
    }
    let other = document.edit(&[set("school", Value::Other("?".into()))], &AMINA.at(1));
    assert!(matches!(other, Err(DocumentError::NotWritable(_))));
}

#[test]
fn every_kind_of_value_reads_back() {
    let (mut document, _) = child();
    let values = [
        Value::Text("  two words\n".into()),
        Value::Integer(i64::MIN),
        Value::Bool(false),
        Value::Instant(Millis(i64::MAX)),
        Value::Ref(RecordId([9; 16])),
    ];
    for (at, value) in (1..).zip(values) {
        edit(&mut document, &[set("field", value.clone())], &AMINA.at(at));
        assert_eq!(look(&document).value("field"), Some(&value));
    }
}

#[test]
fn an_absurd_clock_writes_a_change_that_loads() {
    for at in [i64::MIN, i64::MAX] {
        let (mut document, first) = child();
        let absurd = Circumstances { at: Millis(at), ..AMINA.at(0) };
        let second = edit(&mut document, &[set("school", "Hill Top")], &absurd);
        let loaded = Document::load([first.bytes.as_slice(), second.bytes.as_slice()]).unwrap();
        assert_eq!(look(&loaded).updated, look(&document).updated);
    }
}

#[test]
fn rows_of_a_repeat_and_codes_of_a_set_are_read_from_flat_keys() {
    let (mut document, _) = child();
    let (one, two) = ("0190f3b2-6c1e-7a41-9d0a-5b7c2f4e8a11", "0190f3b2-6c1e-7a41-9d0a-5b7c2f4e8a12");
    let edits = [
        set(&format!("sibling/{two}/name"), "Esi"),
        set(&format!("sibling/{one}/name"), "Yaw"),
        set(&format!("sibling/{one}/age"), Value::Integer(4)),
        set("need/ASD", Value::Bool(true)),
        set("need/SLCN", Value::Bool(true)),
        set("need/HI", Value::Bool(false)),
        set("needs_note", "x"),
    ];
    edit(&mut document, &edits, &AMINA.at(1));
    let view = look(&document);
    assert_eq!(view.rows("sibling"), [one, two]);
    assert_eq!(view.codes("need"), ["ASD", "SLCN"]);
    edit(&mut document, &[set(&format!("sibling/{two}/name"), Value::Null)], &AMINA.at(2));
    assert_eq!(look(&document).rows("sibling"), [one]);
}

#[test]
fn the_past_of_a_record_can_be_looked_at() {
    let (mut document, first) = child();
    let before = look(&document);
    edit(&mut document, &[set("school", "Hill Top"), set("gp", "Dr Rao")], &AMINA.at(1));
    edit(&mut document, &[set("school", "Brook")], &BEN.at(2));
    assert_eq!(document.view_at(&[first.hash], &plain, &BTreeMap::new()).unwrap(), before);
    let never = document.view_at(&[ChangeHash([0; 32])], &plain, &BTreeMap::new());
    assert!(matches!(never, Err(DocumentError::Incomplete(_))));
}

#[test]
fn a_clock_that_runs_ahead_is_marked() {
    let (document, first) = child();
    for (received, ahead) in [(None, false), (Some(0), false), (Some(-5), false), (Some(-6), true)] {
        let who = BTreeMap::from([(first.hash, AMINA.vouch(received))]);
        let view = document.view(&plain, &who).unwrap();
        assert_eq!(view.fields["school"].shown.clock_ahead, ahead, "{received:?}");
    }
}

fn diary() -> Document {
    let (document, _) =
        Document::create_with_texts(&root(), &["story", "plan"], &[set("story", "They came.")], &AMINA.at(0))
            .unwrap();
    document
}

#[test]
fn texts_merge_by_character_and_are_flagged_until_somebody_has_read_both() {
    let mut amina = diary();
    let mut ben = amina.clone();
    let hers = edit(&mut amina, &[set("story", "They came. All well.")], &AMINA.at(1));
    let his = edit(&mut ben, &[set("story", "On Monday they came.")], &BEN.at(2));
    take(&mut amina, &his);
    take(&mut ben, &hers);

    let view = look(&amina);
    assert_eq!(view, look(&ben));
    let story = &view.fields["story"];
    assert_eq!(view.text("story"), Some("On Monday they came. All well."));
    assert_eq!(others(story), [&"On Monday they came.".into(), &"They came. All well.".into()]);
    assert_eq!((story.disagreement, story.shown.change), (Disagreement::Shown, his.hash));
    assert!(!view.fields.contains_key("plan"), "a text nobody wrote in is no answer");

    let merged = view.text("story").unwrap().to_owned();
    let mut confirmed = amina.clone();
    edit(&mut confirmed, &[set("story", merged.clone())], &AMINA.at(3));
    assert_eq!(look(&confirmed).text("story"), Some(merged.as_str()));
    assert_eq!(look(&confirmed).fields["story"].disagreement, Disagreement::None);
    assert_eq!(confirmed.edit(&[set("story", merged)], &AMINA.at(4)).unwrap(), None);

    edit(&mut ben, &[set("gp", "Dr Rao")], &BEN.at(3));
    assert_eq!(look(&ben).fields["story"].disagreement, Disagreement::Shown);
    edit(&mut ben, &[set("story", Value::Null)], &BEN.at(4));
    assert_eq!(look(&ben).value("story"), None);
    assert_eq!(look(&ben).disagreements().count(), 0);
}

#[test]
fn the_history_of_a_text_says_what_each_writer_saw() {
    let mut amina = diary();
    let mut ben = amina.clone();
    edit(&mut amina, &[set("story", "They came. All well.")], &AMINA.at(1));
    take(&mut amina, &edit(&mut ben, &[set("story", "On Monday they came.")], &BEN.at(2)));
    edit(&mut amina, &[set("story", "Done.")], &AMINA.at(3));

    let history = amina.history(&BTreeMap::new()).unwrap();
    let told: Vec<_> =
        history.iter().flat_map(|entry| &entry.fields).map(|field| (&field.from[..], &field.to)).collect();
    assert_eq!(
        told,
        [
            (&[][..], &"They came.".into()),
            (&["They came.".into()][..], &"They came. All well.".into()),
            (&["They came.".into()][..], &"On Monday they came.".into()),
            (&["On Monday they came. All well.".into()][..], &"Done.".into()),
        ]
    );
}

#[test]
fn view_and_history_keep_their_form() {
    let (mut amina, first) = child();
    let mut ben = amina.clone();
    let offline =
        Circumstances { offline: true, reason: Some("the family moved; new school".into()), ..AMINA.at(9) };
    let hers = edit(&mut amina, &[set("school", "Hill Top"), set("visits", Value::Integer(2))], &offline);
    let his = edit(&mut ben, &[set("school", "St Mary"), set("since", "2015-03-02")], &BEN.at(5));
    take(&mut amina, &his);
    let who = BTreeMap::from([
        (first.hash, AMINA.vouch(Some(0))),
        (hers.hash, AMINA.vouch(Some(1))),
        (his.hash, BEN.vouch(None)),
    ]);
    let view = amina.view(&plain, &who).unwrap();
    let json = serde_json::to_string_pretty(&view).unwrap();
    assert_eq!(serde_json::from_str::<RecordView>(&json).unwrap(), view);
    insta::assert_snapshot!("record_view", json);
    insta::assert_snapshot!(
        "record_history",
        serde_json::to_string_pretty(&amina.history(&who).unwrap()).unwrap()
    );
}
