//! What answers do to a phone, against answers made by hand.

use alongside_core::{Phone, views::RefusedBecause};
use alongside_domain::{
    ids::{ActorId, ChangeHash, GroupId},
    record::Disagreement,
    time::Millis,
    wire::{
        ControlEvent, Cursor, FeedEntry, OpeningVerdict, Refusal, SyncAnswer, Verdict,
        relatives::{Relative, Relatives, RelativesOf},
    },
};
use jiff::civil::date;

use crate::lab::{
    self, Elsewhere, Lab, MORNING, OTHER, PARTNER, accept_all, answer, edit, exchange, open_matter, pushed,
    save, shown,
};

/// A phone with a matter that the server has.
fn settled(lab: &Lab) -> (Phone, GroupId) {
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    accept_all(&phone, 10);
    (phone, matter)
}

#[test]
fn openings_go_first_parents_before_children_and_only_until_confirmed() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let (request, _, left) = phone.sync().prepare(1 << 20, 500).unwrap();
    assert_eq!(request.openings.iter().map(|o| o.group).collect::<Vec<_>>(), [home, matter]);
    assert_eq!(request.openings[1].parents, [home]);
    assert_eq!((pushed(&request).len(), left, request.limit), (2, 0, 500));
    accept_all(&phone, 10);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 500).unwrap();
    assert!(request.openings.is_empty() && request.push.is_none() && sent.changes.is_empty());
    assert_eq!((request.cursor.seq, request.own_high), (12, 11));
    assert_eq!(phone.records().outbox().unwrap().count, 0);
}

#[test]
fn a_small_budget_still_sends_one_change() {
    let lab = Lab::new();
    let phone = lab.phone();
    open_matter(&phone, "Mrs Okafor", "H-1");
    let (request, _, left) = phone.sync().prepare(1, 1).unwrap();
    assert_eq!((pushed(&request).len(), left, request.waiting), (1, 1, 1));
}

#[test]
fn what_was_saved_while_a_request_was_on_its_way_waits_for_the_next() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    save(&phone, matter, "call", &[("note", "First")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    save(&phone, matter, "call", &[("note", "Second")]);
    let (waiting, again) =
        phone.sync().apply(&sent, &answer(&request, 20, vec![Verdict::Accepted(20)], &[])).unwrap();
    assert_eq!((waiting, again), (1, false));
}

#[test]
fn own_changes_are_left_out_of_a_pull_only_once_it_is_complete() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let before = phone.sync().prepare(1 << 20, 0).unwrap().0.own_high;
    save(&phone, matter, "call", &[("note", "First")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let part = answer(&request, 20, vec![Verdict::Accepted(40)], &[]);
    phone.sync().apply(&sent, &SyncAnswer { more: true, ..part }).unwrap();
    let (request, _, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(request.own_high, before, "own changes between 20 and 40 may still have to come");
    save(&phone, matter, "call", &[("note", "Second")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    phone.sync().apply(&sent, &answer(&request, 41, vec![Verdict::Accepted(41)], &[])).unwrap();
    assert_eq!(phone.sync().prepare(1 << 20, 0).unwrap().0.own_high, 41);
}

#[test]
fn relatives_are_asked_for_daily_and_replaced_and_go_with_their_unit() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let tell = |others: &[(&str, Option<u16>)]| {
        let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
        assert!(request.asks_relatives);
        let others = others
            .iter()
            .map(|(name, age)| Relative { known_as: (*name).to_owned(), age: *age })
            .collect::<Vec<_>>();
        let stranger = RelativesOf { unit: GroupId([9; 16]), others: others.clone() };
        let units = vec![RelativesOf { unit: matter, others }, stranger];
        let told = SyncAnswer {
            relatives: Some(Relatives { units }),
            ..answer(&request, request.cursor.seq, Vec::new(), &[])
        };
        phone.sync().apply(&sent, &told).unwrap();
    };
    let told = || {
        let page = phone.records().unit_page(matter, date(2015, 3, 16), 1, None).unwrap();
        page.relatives.into_iter().map(|other| (other.known_as, other.age)).collect::<Vec<_>>()
    };
    let asks = || phone.sync().prepare(1 << 20, 0).unwrap().0.asks_relatives;

    assert_eq!(told(), []);
    tell(&[("Kofi", Some(7)), ("", None)]);
    assert_eq!(told(), [("Kofi".to_owned(), Some(7)), (String::new(), None)]);
    assert!(!asks(), "once a day is enough");
    phone.rebuild_read_model().unwrap();
    assert_eq!(told().len(), 2, "it is not made from the log");
    lab.clock.set(Millis(MORNING.0 + 24 * 3_600_000));
    tell(&[("Kofi", Some(8))]);
    assert_eq!(told(), [("Kofi".to_owned(), Some(8))]);

    // An answer without them, as an older server gives it, leaves what is known, and it is asked again.
    let (_, second) = open_matter(&phone, "Mr Lee", "H-2");
    accept_all(&phone, 30);
    assert!(asks(), "a group came");
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    phone.sync().apply(&sent, &answer(&request, request.cursor.seq, Vec::new(), &[])).unwrap();
    assert_eq!((told().len(), asks()), (1, true));
    assert!(phone.records().unit_page(second, date(2015, 3, 16), 1, None).unwrap().relatives.is_empty());

    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let withdrawn = ControlEvent::Withdraw { person: lab::ME, group: matter };
    let entry = FeedEntry::Control { seq: request.cursor.seq + 1, at: MORNING, event: withdrawn };
    let answer = answer(&request, request.cursor.seq + 1, Vec::new(), &[entry]);
    phone.sync().apply(&sent, &answer).unwrap();
    drop(phone);
    let left: u32 =
        lab.database_as_it_is().query_row("SELECT count(*) FROM relative", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn an_answer_that_does_not_fit_changes_nothing() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    save(&phone, matter, "call", &[("note", "First")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert!(phone.sync().apply(&sent, &answer(&request, 20, vec![], &[])).is_err());
    let (after, _, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(after, request);
}

#[test]
fn what_the_server_lacks_is_sent_before_what_stands_on_it() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "One")]);
    let first = call.heads[0];
    accept_all(&phone, 20);
    edit(&phone, &call, &[("note", "Two")]);
    exchange(&phone, 30, &[], |_, _| Verdict::Missing(vec![first]));
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(sent.changes.len(), 2);
    assert_eq!(sent.changes[0], first);
    assert_eq!(pushed(&request).len(), 2);
}

#[test]
fn a_missing_change_of_somebody_else_puts_off_only_what_stands_on_it() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    save(&phone, matter, "call", &[("note", "One")]);
    save(&phone, matter, "call", &[("note", "Two")]);
    exchange(&phone, 30, &[], |at, _| match at {
        0 => Verdict::Missing(vec![ChangeHash([0; 32])]),
        _ => Verdict::Accepted(31),
    });
    let (request, _, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(pushed(&request).len(), 1, "it is still tried");
}

#[test]
fn what_was_put_off_goes_last_and_alone() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let one = save(&phone, matter, "call", &[("note", "One")]);
    exchange(&phone, 30, &[], |_, _| Verdict::Retry);
    let two = save(&phone, matter, "call", &[("note", "Two")]);
    let (_, sent, left) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!((sent.changes, left), (two.heads, 1));
    accept_all(&phone, 30);
    let (_, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(sent.changes, one.heads);
}

#[test]
fn a_refused_change_is_kept_and_shown_and_what_followed_lives_on() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Fine"), ("day", "2015-03-01")]);
    accept_all(&phone, 20);
    edit(&phone, &call, &[("note", "Refused words")]);
    edit(&phone, &call, &[("day", "2015-03-05")]);
    let actor = phone.sync().prepare(1, 0).unwrap().0.actor;
    exchange(&phone, 30, &[], |at, _| match at {
        0 => Verdict::Refused(Refusal::TooLarge),
        _ => Verdict::Missing(vec![]),
    });
    assert_eq!(shown(&phone, call.root.id, "note").as_deref(), Some("Fine"));
    assert_eq!(shown(&phone, call.root.id, "day").as_deref(), Some("2015-03-05"));
    let outbox = phone.records().outbox().unwrap();
    assert_eq!((outbox.count, outbox.refused.len()), (1, 1));
    assert_eq!(outbox.refused[0].reason, RefusedBecause::Refused(Refusal::TooLarge));
    assert_eq!(outbox.refused[0].fields[0].text, "Refused words");
    let (request, _, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_ne!(request.actor, actor, "written again as a new actor");
    accept_all(&phone, 40);
    assert_eq!(phone.records().outbox().unwrap().count, 0);
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);
}

#[test]
fn a_record_refused_with_its_first_change_stands_with_the_refused() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Unwanted")]);
    edit(&phone, &call, &[("note", "Unwanted still")]);
    let other = save(&phone, matter, "call", &[("note", "Wanted")]);
    exchange(&phone, 30, &[], |at, _| match at {
        0 => Verdict::Refused(Refusal::UnknownForm),
        1 => Verdict::Missing(vec![]),
        _ => Verdict::Accepted(30),
    });
    assert!(phone.records().record(call.root.id).is_err());
    assert!(phone.records().search("unwanted", 10).unwrap().is_empty());
    assert_eq!(shown(&phone, other.root.id, "note").as_deref(), Some("Wanted"));
    let outbox = phone.records().outbox().unwrap();
    let reasons: Vec<_> = outbox.refused.iter().map(|refused| refused.reason).collect();
    assert_eq!(outbox.count, 0);
    assert!(reasons.contains(&RefusedBecause::Refused(Refusal::UnknownForm)), "{reasons:?}");
    assert!(reasons.contains(&RefusedBecause::WithItsRecord), "{reasons:?}");
}

#[test]
fn a_fork_keeps_every_value_under_a_new_actor() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Fine")]);
    accept_all(&phone, 20);
    edit(&phone, &call, &[("note", "Mine")]);
    edit(&phone, &call, &[("day", "2015-03-05")]);
    let actor = phone.sync().prepare(1, 0).unwrap().0.actor;
    exchange(&phone, 30, &[], |at, _| match at {
        0 => Verdict::Fork { actor, seq: 2 },
        _ => Verdict::Missing(vec![]),
    });
    assert_eq!(shown(&phone, call.root.id, "note").as_deref(), Some("Mine"));
    assert_eq!(shown(&phone, call.root.id, "day").as_deref(), Some("2015-03-05"));
    assert_eq!(phone.records().history(call.root.id).unwrap().entries.len(), 3);
    let outbox = phone.records().outbox().unwrap();
    assert_eq!((outbox.count, outbox.refused.len()), (2, 0), "nothing to look at: all values live on");
    assert_ne!(phone.sync().prepare(1, 0).unwrap().0.actor, actor);
}

#[test]
fn the_change_of_a_clone_and_the_own_one_both_live() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Fine")]);
    let sent = accept_all(&phone, 20);
    let actor = phone.sync().prepare(1, 0).unwrap().0.actor;
    let mut clone = Elsewhere::from(&sent, actor);
    clone.edit(&[("note", "From the clone")]);
    clone.edit(&[("day", "2015-03-09")]);
    edit(&phone, &call, &[("note", "From here")]);
    // The clone's changes arrive while the own one waits under the same number.
    let (request, sent, _) = phone.sync().prepare(0, 1 << 20).unwrap();
    let entries = [clone.entry(0, 31), clone.entry(1, 32)];
    let verdict = vec![Verdict::Fork { actor, seq: 2 }];
    phone.sync().apply(&sent, &answer(&request, 40, verdict, &entries)).unwrap();
    let card = phone.records().record(call.root.id).unwrap();
    let note = &card.view.fields["note"];
    let mut notes: Vec<_> =
        std::iter::once(&note.shown).chain(&note.others).filter_map(|v| v.value.as_text()).collect();
    notes.sort_unstable();
    assert_eq!(notes, ["From here", "From the clone"]);
    assert_eq!(card.view.text("day"), Some("2015-03-09"));
    assert_eq!(phone.records().outbox().unwrap().count, 1);
    assert!(phone.records().outbox().unwrap().quarantined.is_empty());
}

#[test]
fn a_hostile_change_is_kept_apart_and_the_rest_is_taken_in() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let good = Elsewhere::start(matter, "call", 1, &[("note", "Good")]);
    let bad = Elsewhere::start(matter, "call", 2, &[("note", "Bad")]);
    let other = Elsewhere::start(matter, "call", 3, &[("note", "Also good")]);
    let mut broken = bad.changes[0].bytes.clone();
    let last = broken.len() - 1;
    broken[last] ^= 0xff;
    let entries =
        [good.entry(0, 20), bad.entry_of(broken, 21), bad.entry_of(vec![0; 40], 22), other.entry(0, 23)];
    exchange(&phone, 30, &entries, |_, _| Verdict::Retry);
    assert_eq!(shown(&phone, good.record(), "note").as_deref(), Some("Good"));
    assert_eq!(shown(&phone, other.record(), "note").as_deref(), Some("Also good"));
    assert!(phone.records().record(bad.record()).is_err());
    let kept: u32 = phone.records().outbox().unwrap().quarantined.iter().map(|(_, count)| count).sum();
    assert_eq!(kept, 2);
    assert_eq!(phone.sync().prepare(1, 0).unwrap().0.cursor.seq, 30, "the cursor moved on");
}

#[test]
fn a_change_that_comes_before_its_ancestors_waits_for_them() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let mut there = Elsewhere::start(matter, "call", 1, &[("note", "One")]);
    there.edit(&[("note", "Two")]);
    exchange(&phone, 30, &[there.entry(1, 25)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().outbox().unwrap().quarantined, [("missing".to_owned(), 1)]);
    exchange(&phone, 40, &[there.entry(0, 20)], |_, _| Verdict::Retry);
    assert_eq!(shown(&phone, there.record(), "note").as_deref(), Some("Two"));
    assert!(phone.records().outbox().unwrap().quarantined.is_empty());
    let author = phone.records().record(there.record()).unwrap().view.updated.author;
    assert_eq!(author, Some(OTHER));
}

#[test]
fn a_disagreement_is_listed_until_somebody_decides() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    let sent = accept_all(&phone, 10);
    let case: Vec<_> = sent.into_iter().filter(|change| change.group == matter).collect();
    let mut there = Elsewhere::from(&case, ActorId([77; 16]));
    there.edit(&[("state", "SHUT")]);
    let here = save(&phone, matter, "matter", &[("state", "OPEN"), ("number", "H-1a")]);
    // Both write: the shown value stood already here, so write another one first.
    edit(&phone, &here, &[("state", "")]);
    let person =
        ControlEvent::Person { person: OTHER, name: "Bo".to_owned(), role: "X".to_owned(), partner: PARTNER };
    let entries = [FeedEntry::Control { seq: 20, at: MORNING, event: person }, there.entry(0, 21)];
    exchange(&phone, 30, &entries, |at, _| Verdict::Accepted(30 + at as u64));
    let conflicts = phone.records().conflicts(10).unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].fields, ["state"]);
    let home = phone.records().home(date(2015, 3, 16)).unwrap();
    assert_eq!(home.mine[0].conflicts, 1);
    let line = conflicts[0].card.fields.iter().find(|line| line.key == "state").unwrap();
    assert_eq!((line.disagreement, line.others.len()), (Disagreement::NeedsDecision, 1));

    let view = phone.records().decide(here.root.id, "state", "SHUT".into(), "Rang the office").unwrap();
    assert!(view.fields["state"].others.is_empty());
    assert!(phone.records().conflicts(10).unwrap().is_empty());
    assert_eq!(phone.records().home(date(2015, 3, 16)).unwrap().mine[0].conflicts, 0);
}

#[test]
fn a_server_that_lost_its_place_is_offered_everything_again() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    save(&phone, matter, "call", &[("note", "One")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let mut again = answer(&request, 0, vec![], &[]);
    again.start_again = true;
    again.cursor = Cursor::default();
    assert_eq!(phone.sync().apply(&sent, &again).unwrap(), (3, true));
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!((request.cursor, request.own_high), (Cursor::default(), 0));
    assert_eq!((request.openings.len(), sent.changes.len()), (2, 3));
    exchange(&phone, 5, &[], |at, _| Verdict::Have(5 + at as u64));
    assert_eq!(phone.records().outbox().unwrap().count, 0);
}

#[test]
fn what_a_restored_server_refuses_for_lack_of_the_rest_is_offered_again() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    open_matter(&phone, "Mr Bello", "H-2");
    save(&phone, matter, "call", &[("note", "One")]);
    for verdict in [
        Verdict::Refused(Refusal::UnknownGroup),
        Verdict::Missing(vec![ChangeHash([1; 32])]),
        Verdict::Retry,
        Verdict::Review(Refusal::AfterWithdrawal),
    ] {
        let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
        let mut again = answer(&request, 0, vec![verdict.clone(); sent.changes.len()], &[]);
        again.openings = vec![OpeningVerdict::Refused(Refusal::UnknownGroup); request.openings.len()];
        again.start_again = true;
        again.cursor = Cursor::default();
        assert_eq!(phone.sync().apply(&sent, &again).unwrap(), (5, true), "{verdict:?}");
        let outbox = phone.records().outbox().unwrap();
        assert!(outbox.refused.is_empty() && outbox.refused_openings.is_empty(), "{outbox:?}");
    }
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!((request.openings.len(), sent.changes.len()), (4, 5));
    accept_all(&phone, 5);
    assert_eq!(phone.records().outbox().unwrap().count, 0);
}

#[test]
fn own_work_that_comes_back_is_acknowledged() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "One")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let change = pushed(&request).remove(0);
    let entry = FeedEntry::Change {
        seq: 21,
        group: matter,
        record: change.record,
        author: lab::ME,
        device: Some(lab::MY_DEVICE),
        received_at: MORNING,
        bytes: change.bytes,
    };
    phone.sync().apply(&sent, &answer(&request, 21, vec![Verdict::Retry], &[entry])).unwrap();
    assert_eq!(phone.records().outbox().unwrap().count, 0);
    assert_eq!(shown(&phone, call.root.id, "note").as_deref(), Some("One"));
}

#[test]
fn withdrawn_groups_are_sent_and_then_erased() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    save(&phone, matter, "call", &[("note", "Unsent words")]);
    let withdraw = ControlEvent::Withdraw { person: lab::ME, group: matter };
    let entry = FeedEntry::Control { seq: 20, at: MORNING, event: withdraw };
    exchange(&phone, 20, &[entry], |_, _| Verdict::Retry);
    assert_eq!(phone.records().search("unsent", 10).unwrap().len(), 1, "not before it was sent");
    assert!(phone.records().save(lab::new(matter, "call", &[])).is_err(), "nothing new is written there");
    accept_all(&phone, 30);
    assert!(phone.records().search("unsent", 10).unwrap().is_empty());
    assert!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).is_err());
    assert_eq!(phone.records().search("Okafor", 10).unwrap().len(), 1, "the home is still theirs");
}

#[test]
fn a_group_withdrawn_in_the_middle_of_its_backfill_leaves_nothing() {
    let lab = Lab::new();
    let phone = lab.phone();
    let matter = GroupId([22; 16]);
    let control = |seq, event| FeedEntry::Control { seq, at: MORNING, event };
    let call = Elsewhere::start(matter, "call", 3, &[("note", "Fleeting words")]);
    // A record begun after the grant comes with the feed; the group itself is still to be filled back.
    let grant = control(8, ControlEvent::Grant { person: lab::ME, group: matter });
    exchange(&phone, 9, &[grant, call.entry(0, 9)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().search("fleeting", 10).unwrap().len(), 1);
    let withdraw = control(10, ControlEvent::Withdraw { person: lab::ME, group: matter });
    exchange(&phone, 10, &[withdraw], |_, _| Verdict::Retry);
    assert!(phone.records().search("fleeting", 10).unwrap().is_empty());
    assert!(phone.records().record(call.record()).is_err());
}

#[test]
fn a_change_that_waited_with_the_number_of_a_lost_feed_is_taken_in_with_its_ancestors() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let mut call = Elsewhere::start(matter, "call", 3, &[("note", "First")]);
    call.edit(&[("note", "Second")]);
    exchange(&phone, 20, &[call.entry(1, 20)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().outbox().unwrap().quarantined, [("missing".to_owned(), 1)]);
    // Restored, the server gives both of them later numbers.
    exchange(&phone, 31, &[call.entry(0, 30), call.entry(1, 31)], |_, _| Verdict::Retry);
    assert_eq!(shown(&phone, call.record(), "note").as_deref(), Some("Second"));
    assert!(phone.records().outbox().unwrap().quarantined.is_empty());
}

#[test]
fn a_unit_does_not_show_what_was_erased_before_it() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    accept_all(&phone, 10);
    save(&phone, matter, "call", &[("note", "Unsent words")]);
    // Both end; the matter stays until its last words are sent.
    let withdraw = |seq, group| {
        let event = ControlEvent::Withdraw { person: lab::ME, group };
        FeedEntry::Control { seq, at: MORNING, event }
    };
    exchange(&phone, 21, &[withdraw(20, matter), withdraw(21, home)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).unwrap().unit.name, None);
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);
}

#[test]
fn the_head_of_a_server_that_sends_in_parts_is_named_until_the_cursor_is_there() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    save(&phone, matter, "call", &[("note", "First")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(request.seen, None);
    let head = Cursor { seq: 40, chain: [9; 16] };
    let part = answer(&request, 20, vec![Verdict::Accepted(40)], &[]);
    phone.sync().apply(&sent, &SyncAnswer { more: true, head: Some(head), ..part }).unwrap();
    phone.close();
    let phone = lab.reopen().unwrap();
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!(request.seen, Some(head));
    phone.sync().apply(&sent, &answer(&request, 40, vec![], &[])).unwrap();
    assert_eq!(phone.sync().prepare(1 << 20, 0).unwrap().0.seen, None);
}

#[test]
fn a_clock_that_was_ahead_is_marked_on_the_phone_itself() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    lab.clock.advance(600_000);
    let call = save(&phone, matter, "call", &[("note", "From the future")]);
    let marked = || phone.records().record(call.root.id).unwrap().view.fields["note"].shown.clock_ahead;
    assert!(!marked());
    accept_all(&phone, 20);
    assert!(marked(), "as everybody else sees it");
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);
}

#[test]
fn an_erased_group_goes_at_once() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    save(&phone, matter, "call", &[("note", "Gone words")]);
    exchange(&phone, 30, &[], |_, _| Verdict::Erased);
    assert!(phone.records().search("gone", 10).unwrap().is_empty());
    assert_eq!(phone.records().outbox().unwrap().count, 0);
}

#[test]
fn a_group_of_somebody_else_arrives_with_its_records() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = (GroupId([21; 16]), GroupId([22; 16]));
    let control = |seq, event| FeedEntry::Control { seq, at: MORNING, event };
    let group = |group, kind: &str, parents| ControlEvent::Group {
        group,
        kind: kind.to_owned(),
        partner: PARTNER,
        parents,
    };
    let tenant = Elsewhere::start(home, "home", 1, &[("tenant", "Mr Ito"), ("borough", "Brent")]);
    let case = Elsewhere::start(matter, "matter", 2, &[("number", "H-9"), ("state", "OPEN")]);
    let letter = Elsewhere::start(matter, "letter", 3, &[("sort", "E01"), ("dated", "2015-03-02")]);
    let entries = [
        // The records come before the groups here, as an interrupted backfill may have it.
        case.entry(0, 3),
        letter.entry(0, 4),
        control(7, group(matter, "matter", vec![home])),
        control(8, ControlEvent::Grant { person: lab::ME, group: matter }),
        tenant.entry(0, 2),
        control(5, group(home, "home", vec![])),
    ];
    exchange(&phone, 8, &entries, |_, _| Verdict::Retry);
    let page = phone.records().unit_page(matter, date(2015, 3, 16), 10, None).unwrap();
    assert_eq!(page.unit.name.as_deref(), Some("Mr Ito"));
    assert_eq!(page.unit.area.as_deref(), Some("Brent"));
    assert_eq!(page.unit.next.unwrap().due, date(2015, 4, 13));
    assert!(!page.deadlines.is_empty() && !page.disclaimer.is_empty());
    assert_eq!(page.records.len(), 2);
    let call = save(&phone, matter, "call", &[("note", "From here")]);
    assert_eq!(call.root.group, matter);
}
