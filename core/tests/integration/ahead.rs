//! Many records at once are judged ahead of the writer, few by the writer itself: it comes to the same.

use alongside_core::sync::Sent;
use alongside_domain::{ids::GroupId, wire::FeedEntry};

use crate::lab::{Elsewhere, Lab, accept_all, answer, open_matter};

/// Calls that others wrote in a matter: plain ones, edited ones, one whose first change is spoilt, one whose
/// second comes without its first, one that names another group, one that comes twice. In the order of the
/// feed, in which edits come long after what they edit.
fn calls(matter: GroupId, elsewhere: GroupId) -> Vec<FeedEntry> {
    let mut calls: Vec<Elsewhere> = (0..120)
        .map(|number| {
            let (note, day) = (format!("Call {number}"), format!("2015-03-{:02}", 1 + number % 16));
            let group = if number == 77 { elsewhere } else { matter };
            Elsewhere::start(group, "call", number, &[("note", &note), ("day", &day)])
        })
        .collect();
    for (number, call) in (0..).zip(&mut calls) {
        if number % 4 == 1 {
            call.edit(&[("note", &format!("Edited {number}"))]);
        }
    }
    let mut entries = Vec::new();
    let mut seq = 100;
    for place in 0..2 {
        for (number, call) in calls.iter().enumerate().filter(|(_, call)| place < call.changes.len()) {
            seq += 1;
            match (number, place) {
                (40, 0) => {
                    let mut bytes = call.changes[0].bytes.clone();
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    entries.push(call.entry_of(bytes, seq));
                }
                (61, 0) => {}
                (77, 0) => {
                    // The entry says one group, the change another.
                    let FeedEntry::Change { seq, record, author, device, received_at, bytes, .. } =
                        call.entry(0, seq)
                    else {
                        unreachable!("a call is a change");
                    };
                    let group = matter;
                    entries.push(FeedEntry::Change {
                        seq,
                        group,
                        record,
                        author,
                        device,
                        received_at,
                        bytes,
                    });
                }
                (80, 0) => {
                    entries.push(call.entry(0, seq));
                    seq += 1;
                    entries.push(call.entry(0, seq));
                }
                _ => entries.push(call.entry(place, seq)),
            }
        }
    }
    entries
}

/// What a phone has, shows and set aside after these entries, so many of them in each answer.
fn taken_in(at_once: usize) -> (String, Vec<(String, u32)>, String) {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    accept_all(&phone, 10);
    for part in calls(matter, home).chunks(at_once) {
        let (request, _, _) = phone.sync().prepare(1 << 20, 1 << 20).unwrap();
        let seq = part.last().map_or(0, FeedEntry::seq);
        phone.sync().apply(&Sent::default(), &answer(&request, seq, Vec::new(), part)).unwrap();
    }
    phone.records().judge_waiting().unwrap();
    let shown = phone.dump_read_model().unwrap();
    let aside = phone.records().outbox().unwrap().quarantined;
    let problems = format!("{:?}", phone.records().problems(matter).unwrap());
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), shown, "{at_once} at once");
    (shown, aside, problems)
}

#[test]
fn many_records_at_once_are_taken_in_as_few_are() {
    let (shown, aside, problems) = taken_in(7);
    let expected = [("malformed", 1), ("missing", 2), ("wrong_root", 1)];
    assert_eq!(aside, expected.map(|(reason, count)| (reason.to_owned(), count)));
    assert!(shown.lines().filter(|line| line.starts_with("record|")).count() > 110);
    for at_once in [60, 1_000] {
        assert_eq!(taken_in(at_once), (shown.clone(), aside.clone(), problems.clone()), "{at_once} at once");
    }
}
