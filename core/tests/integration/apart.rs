//! What is kept apart: in review at the server, refused, in quarantine; and drafts of a group that goes.

use alongside_core::{
    Draft, Phone, SaveRequest,
    views::{RefusedBecause, ReviewOutcome},
};
use alongside_domain::{
    ids::{ChangeHash, GroupId},
    time::Millis,
    wire::{ControlEvent, FeedEntry, OpeningVerdict, Refusal, SyncAnswer, Verdict, codec},
};
use jiff::civil::date;

use crate::lab::{
    self, Elsewhere, Lab, MORNING, accept_all, answer, answers, edit, exchange, open_matter, pushed, save,
    shown,
};

const LATE: Verdict = Verdict::Review(Refusal::AfterWithdrawal);
const HOUR: i64 = 3_600_000;

/// A phone with a matter that the server has.
fn settled(lab: &Lab) -> (Phone, GroupId) {
    let phone = lab.phone();
    let (_, matter) = open_matter(&phone, "Mrs Okafor", "H-1");
    accept_all(&phone, 10);
    (phone, matter)
}

fn control(seq: u64, event: ControlEvent) -> FeedEntry {
    FeedEntry::Control { seq, at: MORNING, event }
}

fn withdraw(seq: u64, group: GroupId) -> FeedEntry {
    control(seq, ControlEvent::Withdraw { person: lab::ME, group })
}

fn decided(seq: u64, group: GroupId, change: Option<ChangeHash>, refused: Option<&str>) -> FeedEntry {
    let refused = refused.map(str::to_owned);
    control(seq, ControlEvent::Reviewed { person: lab::ME, group, change, refused })
}

/// An answer received so many hours after the morning.
fn hours_later(phone: &Phone, seq: u64, hours: i64, entries: &[FeedEntry]) {
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let answer = answer(&request, seq, vec![Verdict::Retry; sent.changes.len()], entries);
    let answer = SyncAnswer { server_time: Millis(MORNING.0 + hours * HOUR), ..answer };
    phone.sync().apply(&sent, &answer).unwrap();
}

fn draft(group: GroupId, token: u8, text: &str) -> Draft {
    Draft {
        token: [token; 16],
        record: None,
        group,
        form: "call".to_owned(),
        answers: answers(&[("note", text)]),
        at: MORNING,
    }
}

#[test]
fn what_is_in_review_is_not_sent_again_and_what_stands_on_it_is() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Late words")]);
    exchange(&phone, 20, &[], |_, _| Verdict::Review(Refusal::RevokedDevice));
    let outbox = phone.records().outbox().unwrap();
    assert_eq!((outbox.count, outbox.refused.len(), outbox.in_review.len()), (0, 0, 1));
    assert_eq!(outbox.in_review[0].outcome, ReviewOutcome::Waits);
    assert_eq!(outbox.in_review[0].reason, Refusal::RevokedDevice);
    assert_eq!(shown(&phone, call.root.id, "note").as_deref(), Some("Late words"), "it stays readable here");
    let chip = phone.records().home(date(2015, 3, 16)).unwrap().chip;
    assert_eq!(
        chip.to_string(),
        "All saved on this phone, nothing waiting to send, 1 with your coordinator for review"
    );
    // What follows is neither written again nor held back.
    edit(&phone, &call, &[("note", "Later words")]);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert_eq!((sent.changes.len(), pushed(&request)[0].record), (1, call.root.id));
    assert!(!sent.changes.contains(&call.heads[0]));
    exchange(&phone, 30, &[], |_, _| Verdict::Review(Refusal::RevokedDevice));
    assert_eq!(phone.records().outbox().unwrap().in_review.len(), 2);
}

#[test]
fn a_withdrawn_group_goes_once_all_it_had_is_in_review_and_the_outcome_is_told() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let one = save(&phone, matter, "call", &[("note", "One")]);
    let two = save(&phone, matter, "call", &[("note", "Two")]);
    exchange(&phone, 20, &[withdraw(20, matter)], |at, _| if at == 0 { LATE } else { Verdict::Retry });
    assert!(phone.records().record(two.root.id).is_ok(), "one still waits");
    exchange(&phone, 25, &[], |_, _| LATE);
    assert!(phone.records().record(one.root.id).is_err() && phone.records().record(two.root.id).is_err());
    let lines = phone.records().outbox().unwrap().in_review;
    assert_eq!(lines.len(), 2);
    assert!(!format!("{lines:?}").contains("Two"), "what it says is gone");
    let entries = [
        decided(30, matter, Some(one.heads[0]), None),
        decided(31, matter, Some(two.heads[0]), Some("twice")),
    ];
    exchange(&phone, 31, &entries, |_, _| Verdict::Retry);
    let outcomes: Vec<_> = phone
        .records()
        .outbox()
        .unwrap()
        .in_review
        .into_iter()
        .map(|line| (line.change, line.outcome))
        .collect();
    assert!(outcomes.contains(&(Some(one.heads[0]), ReviewOutcome::Taken)));
    assert!(outcomes.contains(&(Some(two.heads[0]), ReviewOutcome::Refused("twice".to_owned()))));
    phone.kept_apart().seen_decided().unwrap();
    assert!(phone.records().outbox().unwrap().in_review.is_empty());
}

#[test]
fn an_opening_in_review_waits_with_what_is_in_it() {
    let lab = Lab::new();
    let phone = lab.phone();
    let (home, matter) = open_matter(&phone, "Mr Bello", "H-2");
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let mut first = answer(&request, 5, vec![LATE; sent.changes.len()], &[]);
    first.openings = vec![OpeningVerdict::Review(Refusal::AfterWithdrawal); 2];
    assert_eq!(phone.sync().apply(&sent, &first).unwrap(), (0, false));
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert!(request.openings.is_empty() && sent.changes.is_empty(), "nothing is sent again");
    let lines = phone.records().outbox().unwrap().in_review;
    assert_eq!(lines.len(), 4);
    assert_eq!(lines.iter().filter(|line| line.change.is_none()).count(), 2);
    assert_eq!(phone.records().search("Bello", 10).unwrap().len(), 1);
    // The home is taken; the matter is refused, with its record.
    let of_matter = lines.iter().find(|line| line.group == matter && line.change.is_some()).unwrap().change;
    let entries = [
        decided(6, home, None, None),
        decided(7, matter, None, Some("not_ours")),
        decided(8, matter, of_matter, Some("not_ours")),
    ];
    exchange(&phone, 8, &entries, |_, _| Verdict::Retry);
    let outbox = phone.records().outbox().unwrap();
    assert_eq!(outbox.refused_openings, [(matter, Refusal::ByCoordinator)]);
    assert_eq!(outbox.refused.len(), 1);
    assert_eq!(outbox.refused[0].reason, RefusedBecause::Refused(Refusal::ByCoordinator));
    assert!(outbox.refused[0].what_to_do.contains("coordinator"));
    assert_eq!(outbox.count, 0, "nothing of it is written again");
    assert_eq!(phone.records().search("Bello", 10).unwrap().len(), 1, "the home stays");
}

#[test]
fn a_server_that_was_restored_is_offered_what_it_had_in_review() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Late words")]);
    exchange(&phone, 20, &[], |_, _| LATE);
    let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    let again = SyncAnswer { start_again: true, ..answer(&request, 0, vec![], &[]) };
    phone.sync().apply(&sent, &again).unwrap();
    let (_, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
    assert!(sent.changes.contains(&call.heads[0]));
}

#[test]
fn a_refused_change_is_written_again_only_once_the_pull_is_complete() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Fine")]);
    accept_all(&phone, 20);
    edit(&phone, &call, &[("note", "Mine")]);
    let actor = phone.sync().prepare(1, 0).unwrap().0.actor;
    for more in [true, false] {
        let (request, sent, _) = phone.sync().prepare(1 << 20, 0).unwrap();
        let fork = vec![Verdict::Fork { actor, seq: 2 }];
        phone.sync().apply(&sent, &SyncAnswer { more, ..answer(&request, 30, fork, &[]) }).unwrap();
        assert_eq!(phone.records().outbox().unwrap().count, 1);
        assert_eq!(phone.sync().prepare(1, 0).unwrap().0.actor == actor, more);
    }
}

#[test]
fn what_was_refused_can_be_put_right_and_exported() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let call = save(&phone, matter, "call", &[("note", "Fine")]);
    accept_all(&phone, 20);
    edit(&phone, &call, &[("note", "Refused words")]);
    let lost = save(&phone, matter, "call", &[("note", "Lost words"), ("day", "2015-03-02")]);
    edit(&phone, &lost, &[("note", "Lost again")]);
    exchange(&phone, 30, &[], |at, _| match at {
        0 => Verdict::Refused(Refusal::TooLarge),
        1 => Verdict::Refused(Refusal::UnknownForm),
        _ => Verdict::Missing(vec![]),
    });
    let bad = Elsewhere::start(matter, "call", 9, &[("note", "Unreadable")]);
    exchange(&phone, 40, &[bad.entry_of(vec![0; 40], 39)], |_, _| Verdict::Retry);
    let kept = phone.kept_apart().list().unwrap();
    assert_eq!((kept.refused.len(), kept.quarantined.len(), kept.drafts.len()), (3, 1, 0));
    assert_eq!(kept.quarantined[0].reason, "malformed");
    assert!(kept.refused.iter().all(|refused| !refused.what_to_do.is_empty()));

    let of = |text: &str| {
        kept.refused
            .iter()
            .find(|refused| refused.fields.iter().any(|field| field.text == text))
            .unwrap()
            .change
    };
    let again = phone.kept_apart().edit_again(of("Refused words")).unwrap();
    assert_eq!((again.record, &again.answers), (Some(call.root.id), &answers(&[("note", "Refused words")])));
    let whole = phone.kept_apart().edit_again(of("Lost words")).unwrap();
    assert_eq!(whole.record, None, "its record went with it");
    assert_eq!(whole.answers, answers(&[("day", "2015-03-02"), ("note", "Lost again")]));
    assert_eq!(phone.records().drafts().unwrap().len(), 2);
    let request = SaveRequest {
        record: whole.record,
        group: whole.group,
        form: whole.form,
        answers: whole.answers,
        reason: None,
        token: Some(whole.token),
    };
    let saved = phone.records().save(request).unwrap();
    assert_eq!(shown(&phone, saved.root.id, "note").as_deref(), Some("Lost again"));
    assert_eq!(phone.records().drafts().unwrap().len(), 1);

    let file = lab.dir().join("apart.jsonl");
    assert_eq!(phone.kept_apart().export(&file).unwrap(), 4);
    assert!(phone.kept_apart().export(&file).is_err(), "nothing is overwritten");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["refused", "refused", "refused", "quarantined"]);
    assert!(lines.iter().all(|line| line["raw"].as_str().is_some_and(|raw| raw.len() > 50)));
    assert!(text.contains("Lost words") && text.contains("too_large"));

    phone.kept_apart().drop_refused(of("Refused words")).unwrap();
    assert_eq!(phone.kept_apart().list().unwrap().refused.len(), 2);
    assert!(phone.kept_apart().drop_refused(of("Refused words")).is_err());
}

#[test]
fn drafts_keep_a_withdrawn_group_until_they_are_finished_or_dropped() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    phone.records().keep_draft(draft(matter, 1, "Half a sentence")).unwrap();
    phone.records().keep_draft(draft(matter, 2, "Not needed")).unwrap();
    exchange(&phone, 20, &[withdraw(20, matter)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().drafts().unwrap().len(), 2, "they come first");
    assert!(phone.records().keep_draft(draft(matter, 3, "New")).is_err(), "nothing new is begun");
    assert!(phone.records().save(lab::new(matter, "call", &[("note", "New")])).is_err());
    phone.records().keep_draft(draft(matter, 1, "Half a sentence, finished")).unwrap();
    phone.records().discard_draft([2; 16]).unwrap();
    let finished = SaveRequest {
        token: Some([1; 16]),
        ..lab::new(matter, "call", &[("note", "Half a sentence, finished")])
    };
    let call = phone.records().save(finished).unwrap();
    assert_eq!(phone.records().outbox().unwrap().count, 1);
    accept_all(&phone, 30);
    assert!(phone.records().record(call.root.id).is_err(), "sent, and then taken off");
    assert!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).is_err());
}

#[test]
fn an_unfinished_draft_is_set_apart_when_its_time_is_over_and_never_lost() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    phone.records().keep_draft(draft(matter, 1, "Half a sentence")).unwrap();
    hours_later(&phone, 20, 100, &[withdraw(20, matter)]);
    hours_later(&phone, 21, 147, &[]);
    assert!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).is_ok());
    hours_later(&phone, 22, 148, &[]);
    assert!(phone.records().unit_page(matter, date(2015, 3, 16), 10, None).is_err(), "the case itself goes");
    assert!(phone.records().drafts().unwrap().is_empty());
    let kept = phone.kept_apart().list().unwrap();
    assert_eq!(kept.drafts[0].fields[0].text, "Half a sentence");
    let file = lab.dir().join("apart.jsonl");
    assert_eq!(phone.kept_apart().export(&file).unwrap(), 1);
    assert!(std::fs::read_to_string(file).unwrap().contains("Half a sentence"));
    // Access comes back: it can be gone on with.
    let event = ControlEvent::Grant { person: lab::ME, group: matter };
    exchange(&phone, 30, &[control(30, event)], |_, _| Verdict::Retry);
    assert_eq!(phone.records().drafts().unwrap().len(), 1);
}

#[test]
fn what_is_in_quarantine_is_tried_again_after_an_upgrade_and_only_then() {
    let lab = Lab::new();
    let (phone, matter) = settled(&lab);
    let good = Elsewhere::start(matter, "call", 1, &[("note", "Fine after all")]);
    let bad = Elsewhere::start(matter, "call", 2, &[("note", "Never")]);
    exchange(&phone, 20, &[bad.entry_of(vec![0; 40], 19)], |_, _| Verdict::Retry);
    phone.close();
    // As an older guard left it, which could not take the good one.
    lab.database_as_it_is()
        .execute(
            "INSERT INTO quarantine (record, grp, feed_seq, entry, reason, at) VALUES (?1, ?2, 18, ?3, 'too_large', 0)",
            rusqlite::params![good.record().0, matter.0, codec::encode(&good.entry(0, 18))],
        )
        .unwrap();
    let phone = lab.reopen().unwrap();
    assert!(phone.records().record(good.record()).is_err(), "the same guard is not asked twice");
    phone.close();
    lab.database_as_it_is().execute("UPDATE sync_state SET judged_with = x'00'", []).unwrap();
    let phone = lab.reopen().unwrap();
    assert_eq!(shown(&phone, good.record(), "note").as_deref(), Some("Fine after all"));
    assert_eq!(phone.records().outbox().unwrap().quarantined, [("malformed".to_owned(), 1)]);
    let before = phone.dump_read_model().unwrap();
    phone.rebuild_read_model().unwrap();
    assert_eq!(phone.dump_read_model().unwrap(), before);
}
