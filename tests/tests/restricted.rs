//! Restricted answers (class X), end to end: whatever is written, on a phone or by the server itself, nothing
//! of them stands where the readers of the open group find it, and no phone gets them that was not granted.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alongside_core::Phone;
use alongside_domain::{
    form::{Form, Item, MergePolicy, Question, QuestionKind, Sensitivity},
    guard::chunk,
    ids::{ActorId, DeviceId, GroupId, PersonId, RecordId},
    programme::{Programme, split},
    record::{Circumstances, Document, Edit, Root},
    value::Value,
    wire::{ControlEvent, PushedChange, Refusal, Verdict},
};
use alongside_server::{ingest::LocalWrite, store::LogBody};
use alongside_tests::office::{self, AREA, NOW, Office, edit, save};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

const ZONE: &str = "Europe/London";
/// Begins every restricted text of these tests.
const MARK: &str = "restricted-answer";

fn write(office: &Office, author: PersonId, writes: Vec<LocalWrite>) {
    office.running.state.ingest.ingest_local(author, writes).unwrap();
}

/// Every change in the feed, with the kind of its group.
fn feed(office: &Office) -> Vec<(String, GroupId, RecordId, Vec<u8>)> {
    let mut kinds: BTreeMap<GroupId, String> = BTreeMap::new();
    let mut changes = Vec::new();
    for entry in office.store.log_after(0, 1_000_000).unwrap() {
        match entry.body {
            LogBody::Control(ControlEvent::Group { group, kind, .. }) => {
                kinds.insert(group, kind);
            }
            LogBody::Change { group, record, bytes, .. } => {
                changes.push((kinds[&group].clone(), group, record, bytes));
            }
            _ => {}
        }
    }
    changes
}

/// Opens a family, a child and a case on a phone.
fn open_all(phone: &Phone) -> [GroupId; 3] {
    let (family, _) = office::open(phone, "family", vec![], vec![edit("area", AREA)]);
    let (child, _) = office::open(phone, "child", vec![family], vec![edit("known_as", "Sam")]);
    let about = vec![edit("case_ref", "C-1"), edit("status", "OPEN")];
    let (case, _) = office::open(phone, "case", vec![child, family], about);
    [family, child, case]
}

/// The forms whose records have a restricted part, with the kind of their group.
fn split_forms(programme: &Programme) -> Vec<(&Form, &str)> {
    let forms = programme
        .records
        .iter()
        .filter(|(_, kind)| kind.restricted.is_some() && kind.written_by.is_empty() && !kind.immutable);
    forms.map(|(form, kind)| (&programme.forms[form], kind.group.as_str())).collect()
}

fn is_x(question: &Question) -> bool {
    question.sensitivity == Sensitivity::X
}

/// Some answers to a form, restricted and not, as a phone's form would give them.
fn some_answers(programme: &Programme, form: &Form, random: &mut StdRng) -> Vec<Edit> {
    let key_of_form = programme.records[&form.id].key.clone().unwrap_or_default();
    let mut edits = Vec::new();
    for question in form.questions() {
        let in_key = key_of_form.contains(&question.name);
        if !in_key && random.random_ratio(1, 3) {
            continue;
        }
        let mut key = String::new();
        for item in form.around(&question.name) {
            if let Item::Repeat(section) = item {
                key = format!("{}/r{}/", section.name, random.random_range(1..3));
            }
        }
        key.push_str(&question.name);
        if let Some(choices) = programme.choices(form, question) {
            let code = choices[random.random_range(0..choices.len())].name.clone();
            let as_set = matches!(question.kind, QuestionKind::SelectMultiple(_))
                && question.merge == MergePolicy::Set;
            if as_set {
                edits.push(edit(format!("{key}/{code}"), Value::Bool(random.random_ratio(3, 4))));
            } else {
                edits.push(edit(key, code.as_str()));
            }
            continue;
        }
        let value = match &question.kind {
            QuestionKind::Integer => Value::Integer(random.random_range(0..90)),
            QuestionKind::Date => "2015-03-04".into(),
            QuestionKind::DateTime => Value::Instant(NOW),
            QuestionKind::Note | QuestionKind::Media(_) => continue,
            _ => {
                let mark = if is_x(question) { MARK } else { "open-answer" };
                format!("{mark}-{}", random.next_u32()).as_str().into()
            }
        };
        let value = if in_key || random.random_ratio(9, 10) { value } else { Value::Null };
        edits.push(edit(key, value));
    }
    edits
}

/// What of these edits is restricted and says something.
fn restricted_edits(programme: &Programme, form: &Form, edits: &[Edit]) -> usize {
    let said = |edit: &&Edit| edit.value.is_present() && split::is_restricted(programme, form, edit);
    edits.iter().filter(said).count()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Looks at every change: gives how many restricted answers stand in restricted groups. Nothing of one may
/// stand in any other.
fn scan(office: &Office) -> usize {
    let programme = &office.programme;
    let mut forms: BTreeMap<RecordId, String> = BTreeMap::new();
    let mut found = 0;
    for (kind, _, record, bytes) in feed(office) {
        let said = chunk::parse(&bytes).unwrap().said();
        if let Some(form) = said.form {
            forms.insert(record, form);
        }
        let form = &programme.forms[&forms[&record]];
        let restricted: Vec<&Edit> =
            said.edits.iter().filter(|edit| split::is_restricted(programme, form, edit)).collect();
        if programme.is_restricted(&kind) {
            found += restricted.iter().filter(|edit| edit.value.is_present()).count();
            continue;
        }
        assert!(restricted.is_empty(), "{}: {restricted:?} stands in a {kind}", form.id);
        assert!(!holds(&bytes, MARK), "{}: a restricted text stands in a {kind}", form.id);
        for question in form.questions().filter(|question| is_x(question)) {
            let named = said.edits.iter().any(|edit| edit.key.split('/').any(|part| part == question.name));
            assert!(!named, "{}: {} is named in a {kind}", form.id, question.name);
        }
    }
    found
}

#[test]
fn nothing_restricted_stands_in_an_open_group_whoever_writes_it() {
    let office = Office::new();
    let programme = Arc::clone(&office.programme);
    let (asha, cora) = (office.person("Asha Karim", "SUPPORTER"), office.person("Cora Finch", "COORDINATOR"));
    let phone = office.phone(asha);
    let groups = open_all(&phone);
    let forms = split_forms(&programme);
    assert!(forms.len() >= 4, "too few forms to look at: {}", forms.len());
    let mut written = 0;

    // On a phone: new, changed, and changed again.
    let place = |kind: &str, groups: [GroupId; 3]| {
        ["family", "child", "case"].iter().position(|known| *known == kind).map(|at| groups[at])
    };
    for seed in 0..6 {
        let random = &mut StdRng::seed_from_u64(seed);
        for (form, kind) in &forms {
            let Some(group) = place(kind, groups) else { continue };
            let first = some_answers(&programme, form, random);
            let record = save(&phone, None, group, &form.id, first.clone());
            let mut then = some_answers(&programme, form, random);
            let key = programme.records[&form.id].key.clone().unwrap_or_default();
            then.retain(|edit| !key.contains(&edit.key));
            save(&phone, Some(record), group, &form.id, then.clone());
            written += restricted_edits(&programme, form, &first);
            // Whoever wrote it reads it back as one record.
            let card = phone.records().record(record).unwrap();
            for edit in then.iter().filter(|edit| edit.value.is_present() && edit.key.len() < 60) {
                let question = form.question_of_key(&edit.key).unwrap();
                if is_x(question) && !matches!(question.merge, MergePolicy::Protect(_)) {
                    assert_eq!(card.view.value(&edit.key), Some(&edit.value), "{}.{}", form.id, edit.key);
                }
            }
        }
    }
    office.sync(&phone);
    assert_eq!(phone.records().outbox().unwrap().refused, []);
    let from_phone = scan(&office);

    // By the server itself: an import, a page of the console.
    let mut own = BTreeMap::new();
    let mut opened = Vec::new();
    for (at, kind) in ["family", "child", "case"].into_iter().enumerate() {
        let group = GroupId::random([at as u8 + 1; 16]);
        let parents: Vec<GroupId> =
            programme.groups[kind].parents.iter().map(|parent| own[parent.as_str()]).collect();
        own.insert(kind, group);
        opened.push(LocalWrite::OpenGroup { group, kind: kind.to_owned(), partner: office.partner, parents });
    }
    write(&office, cora, opened);
    for seed in 0..6 {
        let random = &mut StdRng::seed_from_u64(100 + seed);
        for (form, kind) in &forms {
            let Some(group) = own.get(kind) else { continue };
            let id = RecordId::new(NOW, random.random());
            let root = Root { id, form: form.id.clone(), form_version: form.version.clone(), group: *group };
            let first = some_answers(&programme, form, random);
            written += restricted_edits(&programme, form, &first);
            let zone = ZONE.to_owned();
            let create = LocalWrite::Create { root, edits: first, at: NOW, zone: zone.clone(), reason: None };
            let edits = some_answers(&programme, form, random);
            let then = LocalWrite::Edit { record: id, edits, at: NOW, zone, reason: None };
            write(&office, cora, vec![create, then]);
        }
    }
    let all = scan(&office);
    assert!(from_phone > 20 && all > from_phone + 20, "too little was written: {from_phone}, {all}");
    assert!(written > 40, "too little was meant to be written: {written}");
}

#[test]
fn a_phone_that_was_not_granted_the_restricted_group_never_gets_it() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let (ben, dee) = (office.person("Ben Lowe", "SUPPORTER"), office.person("Dee Sund", "DSL"));
    let phone = office.phone(asha);
    let [family, _, case] = open_all(&phone);
    let note = format!("{MARK}: large dog, ring first");
    let household = save(
        &phone,
        None,
        family,
        "family",
        vec![edit("home_risk_note", note.as_str()), edit("postcode", "DH1 3HP")],
    );
    office.sync(&phone);
    write(&office, asha, vec![LocalWrite::Grant { person: ben, group: case }]);

    assert!(office::holds(&phone, MARK), "she has it");
    let restricted = split::restricted_group(family, asha);
    let other = office.phone(ben);
    office.sync(&other);
    let card = other.records().record(household).unwrap();
    assert_eq!(card.view.text("postcode"), Some("DH1 3HP"), "he has the open part");
    assert_eq!(card.view.value("home_risk_note"), None);
    assert!(other.records().record(split::part_of(household, restricted)).is_err());
    assert!(!office::holds(&other, MARK));
    let history = other.records().history(household).unwrap();
    assert!(!format!("{history:?}").contains("home_risk_note"), "nor does the history tell of it");
    // Asked again and again, and from the start, the server keeps to it.
    let request = other.sync().prepare(1 << 20, 1 << 20).unwrap().0;
    assert!(request.openings.is_empty() && request.push.is_none());

    // What he writes himself is his own, and neither of them reads the other's.
    save(&other, Some(household), family, "family", vec![edit("home_risk_note", "The lift is broken")]);
    office.sync(&other);
    office.sync(&phone);
    let hers = phone.records().record(household).unwrap();
    assert_eq!(hers.view.text("home_risk_note"), Some(note.as_str()));
    // The safeguarding lead, who is granted each, reads both.
    let lead = office.phone(dee);
    office.sync(&lead);
    let both = lead.records().record(household).unwrap();
    let field = &both.view.fields["home_risk_note"];
    let said: BTreeSet<&str> =
        std::iter::once(&field.shown).chain(&field.others).filter_map(|live| live.value.as_text()).collect();
    assert_eq!(said, BTreeSet::from([note.as_str(), "The lift is broken"]));

    // Withdrawn with the family, it goes from her phone too.
    write(&office, asha, vec![LocalWrite::Withdraw { person: asha, group: family }]);
    office.sync(&phone);
    assert!(!office::holds(&phone, MARK));
}

#[test]
fn what_is_to_be_decided_in_confidence_counts_in_the_line_of_the_case_for_who_has_it() {
    let office = Office::new();
    let (asha, ben) = (office.person("Asha Karim", "SUPPORTER"), office.person("Ben Lowe", "SUPPORTER"));
    let (phone, second) = (office.phone(asha), office.phone_in(asha, "second"));
    let [family, _, case] = open_all(&phone);
    let household = save(&phone, None, family, "family", vec![edit("postcode", "DH1 3HP")]);
    office.sync(&phone);
    office.sync(&second);
    write(&office, asha, vec![LocalWrite::Grant { person: ben, group: case }]);
    let his = office.phone(ben);

    // Two phones of hers, neither of which has heard of the other's words.
    save(&phone, Some(household), family, "family", vec![edit("home_risk_note", "A large dog")]);
    save(&second, Some(household), family, "family", vec![edit("home_risk_note", "The lift is broken")]);
    for each in [&phone, &second, &phone, &his] {
        office.sync(each);
    }
    let conflicts = |phone: &Phone| {
        let day = jiff::civil::date(2015, 3, 16);
        phone.records().unit_page(case, day, 10, None).unwrap().unit.conflicts
    };
    assert_eq!((conflicts(&phone), conflicts(&second)), (1, 1));
    assert_eq!(conflicts(&his), 0, "who was not granted it does not hear that there is something");
    let grown = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(grown, phone.dump_read_model().unwrap());

    save(&phone, Some(household), family, "family", vec![edit("home_risk_note", "The dog is gone")]);
    assert_eq!(conflicts(&phone), 0, "she has decided");
    office.sync(&phone);
    office.sync(&second);
    assert_eq!(conflicts(&second), 0);
}

/// A phone of somebody who changed the app.
struct Hostile {
    person: PersonId,
    device: DeviceId,
    actor: ActorId,
}

impl Hostile {
    fn push(&self, office: &Office, group: GroupId, record: RecordId, bytes: Vec<u8>) -> Verdict {
        let changes = vec![PushedChange { group, record, bytes }];
        let ingest = &office.running.state.ingest;
        let prepared = ingest.prepare(self.device, self.person, Vec::new(), changes).unwrap();
        office.runtime.block_on(ingest.push(prepared)).unwrap().verdicts.remove(0)
    }

    fn at(&self) -> Circumstances {
        let zone = ZONE.to_owned();
        Circumstances { actor: self.actor, at: NOW, zone, offline: false, reason: None }
    }
}

#[test]
fn a_restricted_answer_that_a_phone_puts_into_an_open_group_is_refused() {
    let office = Office::new();
    let programme = Arc::clone(&office.programme);
    let asha = office.person("Asha Karim", "SUPPORTER");
    let phone = office.phone(asha);
    let groups = open_all(&phone);
    office.sync(&phone);
    let device = office.store.devices().unwrap().into_iter().find(|row| row.person == asha).unwrap().id;
    let hostile = Hostile { person: asha, device, actor: ActorId::random([7; 16]) };
    let mut tried = 0;
    for (form, kind) in split_forms(&programme) {
        let Some(at) = ["family", "child", "case"].iter().position(|known| *known == kind) else { continue };
        let group = groups[at];
        let mut bad: Vec<Edit> = Vec::new();
        for question in form.questions() {
            let name = &question.name;
            if is_x(question) {
                // As a text, as a number, and under the key of one code.
                bad.push(edit(name.as_str(), "x"));
                bad.push(edit(name.as_str(), Value::Integer(1)));
                bad.push(edit(format!("{name}/anything"), Value::Bool(true)));
            }
            for choice in programme.choices(form, question).into_iter().flatten() {
                if choice.sensitivity == Some(Sensitivity::X) {
                    bad.push(edit(name.as_str(), choice.name.as_str()));
                    bad.push(edit(name.as_str(), format!("OTHER  {}", choice.name).as_str()));
                    bad.push(edit(format!("{name}/{}", choice.name), Value::Bool(true)));
                    bad.push(edit(format!("{name}/{}", choice.name), Value::Bool(false)));
                }
            }
        }
        // On top of a record that is there, and in the first change of a new one.
        let mut seed = [at as u8; 10];
        seed[0] = tried as u8;
        let id = RecordId::new(NOW, seed);
        let root = Root { id, form: form.id.clone(), form_version: form.version.clone(), group };
        let (document, first) = Document::create(&root, &[], &hostile.at()).unwrap();
        assert!(matches!(hostile.push(&office, group, id, first.bytes), Verdict::Accepted(_)));
        for (nth, edit) in bad.iter().enumerate() {
            let edits = std::slice::from_ref(edit);
            let change = document.clone().edit(edits, &hostile.at()).unwrap().unwrap();
            let verdict = hostile.push(&office, group, id, change.bytes);
            assert_eq!(verdict, Verdict::Refused(Refusal::Restricted), "{}: {edit:?}", form.id);
            let mut seed = seed;
            seed[1..3].copy_from_slice(&(nth as u16 + 1).to_be_bytes());
            let root = Root { id: RecordId::new(NOW, seed), ..root.clone() };
            let (_, change) = Document::create(&root, edits, &hostile.at()).unwrap();
            let verdict = hostile.push(&office, group, root.id, change.bytes);
            assert_eq!(verdict, Verdict::Refused(Refusal::Restricted), "new {}: {edit:?}", form.id);
            tried += 1;
        }
    }
    assert!(tried > 20, "too little was tried: {tried}");
    scan(&office);
    // What belongs to it is taken all the same: a refusal never holds up the rest.
    save(&phone, None, groups[0], "family", vec![edit("postcode", "DH1 3HP")]);
    office.sync(&phone);
    assert_eq!(phone.records().outbox().unwrap().count, 0);
}

fn file_holds(path: &std::path::Path, text: &str) -> bool {
    std::fs::read(path).is_ok_and(|bytes| holds(&bytes, text))
}

#[test]
fn an_erasure_takes_along_what_stands_beside() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let phone = office.phone(asha);
    let [family, ..] = open_all(&phone);
    let note = format!("{MARK}: large dog, ring first");
    save(&phone, None, family, "family", vec![edit("home_risk_note", note.as_str())]);
    office.sync(&phone);
    assert!(office::holds(&phone, MARK));
    let path = office.store.path().to_owned();
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = std::path::PathBuf::from(log);
    assert!(file_holds(&path, MARK) || file_holds(&log, MARK));

    let (destroyed, emptied) = alongside_server::erase::erase(&office.store, NOW, family, "request").unwrap();
    assert!(destroyed.now && emptied);
    assert_eq!(destroyed.records, 2, "the record and its restricted part");
    for file in [&path, &log] {
        assert!(!file_holds(file, MARK), "{} still holds it", file.display());
    }
    office.sync(&phone);
    assert!(!office::holds(&phone, MARK));
}

/// What was written beside a group without a network is erased with it, before anybody has seen it.
#[test]
fn what_was_written_beside_an_erased_group_goes_from_the_phone_too() {
    let office = Office::new();
    let asha = office.person("Asha Karim", "SUPPORTER");
    let phone = office.phone(asha);
    let [family, ..] = open_all(&phone);
    let household = save(&phone, None, family, "family", vec![edit("postcode", "DH1 3HP")]);
    office.sync(&phone);
    alongside_server::erase::erase(&office.store, NOW, family, "request").unwrap();
    save(&phone, Some(household), family, "family", vec![edit("home_risk_note", MARK)]);
    office.sync(&phone);
    assert!(!office::holds(&phone, MARK));
    let outbox = phone.records().outbox().unwrap();
    assert_eq!((outbox.count, outbox.refused.len(), outbox.refused_openings.len()), (0, 0, 0), "{outbox:?}");
}
