//! A group that was erased for good: nothing of it is left on the phone, and nothing of it comes back.

use alongside_core::{Draft, Phone};
use alongside_domain::{
    ids::GroupId,
    wire::{ControlEvent, FeedEntry, OpeningVerdict, Refusal, Verdict},
};
use jiff::civil::date;

use crate::lab::{
    self, Elsewhere, Lab, MORNING, PARTNER, accept_all, answer, answers, edit, exchange, open_matter, save,
};

const WORDS: &str = "Quillfeather";

fn control(seq: u64, event: ControlEvent) -> FeedEntry {
    FeedEntry::Control { seq, at: MORNING, event }
}

fn erase(seq: u64, group: GroupId) -> FeedEntry {
    control(seq, ControlEvent::Erase { group, reason: "request".to_owned() })
}

fn draft(group: GroupId) -> Draft {
    Draft {
        token: [1; 16],
        record: None,
        group,
        form: "call".to_owned(),
        answers: answers(&[("note", &format!("{WORDS} drafted"))]),
        at: MORNING,
    }
}

/// A matter with everything that a phone can have of one: acknowledged, unsent, refused, in review, in
/// quarantine, drafted, searched.
fn full(lab: &Lab) -> (Phone, GroupId, GroupId, Elsewhere) {
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let call = save(&phone, matter, "call", &[("note", &format!("{WORDS} {}", "x ".repeat(4_000)))]);
    for number in 0..40 {
        save(&phone, matter, "call", &[("note", &format!("{WORDS} {number}"))]);
        save(&phone, home, "home", &[("tenant", &format!("Mrs Okafor {number}"))]);
    }
    accept_all(&phone, 10);
    edit(&phone, &call, &[("note", &format!("{WORDS} refused"))]);
    exchange(&phone, 200, &[], |_, _| Verdict::Refused(Refusal::TooLarge));
    save(&phone, matter, "call", &[("note", &format!("{WORDS} reviewed"))]);
    exchange(&phone, 210, &[], |_, _| Verdict::Review(Refusal::RevokedDevice));
    let mut there = Elsewhere::start(matter, "call", 1, &[("note", &format!("{WORDS} there"))]);
    there.edit(&[("note", &format!("{WORDS} waits for its ancestor"))]);
    exchange(&phone, 220, &[there.entry(1, 219)], |_, _| Verdict::Retry);
    save(&phone, matter, "call", &[("note", &format!("{WORDS} unsent"))]);
    phone.records().keep_draft(draft(matter)).unwrap();
    assert!(!phone.records().search(WORDS, 100).unwrap().is_empty());
    (phone, home, matter, there)
}

/// Every page of the file, decrypted, free ones too.
fn pages(lab: &Lab) -> Vec<u8> {
    let connection = lab.database_as_it_is();
    let pages = connection.serialize("main").unwrap().to_vec();
    assert!(pages.windows(6).any(|window| window == b"Okafor"), "what stays can be read");
    pages
}

fn stands(pages: &[u8], words: &str) -> bool {
    pages.windows(words.len()).any(|window| window.eq_ignore_ascii_case(words.as_bytes()))
}

#[test]
fn no_byte_of_an_erased_group_is_left_in_the_file() {
    let lab = Lab::new();
    let (phone, _, matter, _) = full(&lab);
    phone.close();
    assert!(stands(&pages(&lab), WORDS), "it would be found");
    let phone = lab.reopen().unwrap();
    exchange(&phone, 300, &[erase(300, matter)], |_, _| Verdict::Erased);
    phone.close();
    let log = lab.dir().join("alongside.db-wal");
    assert!(std::fs::metadata(&log).map_or(0, |file| file.len()) == 0, "the write-ahead log is empty");
    assert!(!stands(&pages(&lab), WORDS));
}

#[test]
fn an_erased_group_goes_with_all_that_belongs_to_it_and_the_person_is_told() {
    let lab = Lab::new();
    let (phone, _, matter, _) = full(&lab);
    exchange(&phone, 300, &[erase(300, matter)], |_, _| Verdict::Erased);
    let outbox = phone.records().outbox().unwrap();
    assert_eq!((outbox.count, outbox.refused.len(), outbox.in_review.len()), (0, 0, 0));
    assert!(outbox.quarantined.is_empty());
    assert!(phone.records().drafts().unwrap().is_empty());
    assert!(phone.records().search(WORDS, 100).unwrap().is_empty());
    assert!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).is_err());
    assert_eq!(
        outbox.erased[0].to_string(),
        "Records that you held were erased for good, here and everywhere (request). 1 changes that were not \
         sent yet and 1 drafts went with them"
    );
    let chip = phone.records().home(date(2015, 3, 16)).unwrap().chip;
    assert!(chip.to_string().ends_with("records were erased"), "{chip}");
    phone.kept_apart().seen_erased(matter).unwrap();
    assert!(phone.records().outbox().unwrap().erased.is_empty());
    assert_eq!(phone.records().search("Okafor", 100).unwrap().len(), 1, "the home is another group");
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);
}

#[test]
fn nothing_of_an_erased_group_comes_back() {
    let lab = Lab::new();
    let (phone, home, matter, there) = full(&lab);
    exchange(&phone, 300, &[erase(300, matter)], |_, _| Verdict::Erased);
    phone.kept_apart().seen_erased(matter).unwrap();
    // The app still holds a form open.
    assert!(phone.records().keep_draft(draft(matter)).is_err());
    assert!(phone.records().save(lab::new(matter, "call", &[("note", WORDS)])).is_err());
    // A backfill, or a server that was restored from before, brings all of it again.
    let group = ControlEvent::Group {
        group: matter,
        kind: "matter".to_owned(),
        partner: PARTNER,
        parents: vec![home],
    };
    let grant = ControlEvent::Grant { person: lab::ME, group: matter };
    let entries = [control(5, group), control(6, grant), there.entry(0, 7), there.entry(1, 8)];
    exchange(&phone, 310, &entries, |_, _| Verdict::Retry);
    assert!(phone.records().record(there.record()).is_err());
    assert!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).is_err());
    assert!(phone.records().outbox().unwrap().quarantined.is_empty());
    assert!(phone.records().outbox().unwrap().erased.is_empty(), "it is told once");
}

#[test]
fn a_phone_that_never_had_it_learns_of_it_without_a_word() {
    let lab = Lab::new();
    let phone = lab.phone();
    let matter = GroupId([22; 16]);
    let there = Elsewhere::start(matter, "call", 1, &[("note", WORDS)]);
    // In one answer, the entries before the one that erases them.
    let group =
        ControlEvent::Group { group: matter, kind: "matter".to_owned(), partner: PARTNER, parents: vec![] };
    let entries = [control(4, group), there.entry(0, 5), erase(9, matter)];
    exchange(&phone, 9, &entries, |_, _| Verdict::Retry);
    assert!(phone.records().record(there.record()).is_err());
    assert_eq!(phone.records().home(date(2015, 3, 16)).unwrap().units, 0);
}

#[test]
fn a_group_opened_here_that_was_erased_there_goes_at_once() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let mut erased = answer(&request, 5, vec![Verdict::Accepted(4), Verdict::Erased], &[]);
    erased.openings = vec![OpeningVerdict::Opened, OpeningVerdict::Erased];
    phone.sync().apply(&sent, &erased).unwrap();
    assert!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).is_err());
    let outbox = phone.records().outbox().unwrap();
    assert_eq!((outbox.count, outbox.erased.len()), (0, 1));
    assert_eq!(outbox.erased[0].reason, None);
    let (request, _, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert!(request.openings.is_empty() && request.push.is_none());
}
