//! Column packs in both directions, and what happens where one cannot be opened.

use alongside_core::Phone;
use alongside_domain::{
    ids::{GroupId, RecordId},
    wire::{
        ErrorCode, SyncAnswer, SyncRequest, Verdict, decode_message, encode,
        pack::{DictionaryName, Pack, PackForm},
    },
};
use axum::http::StatusCode;

use crate::lab::{Exchange, Passing, World, contact, edit, open_case, sync};

const ROWS: PackForm = PackForm::Rows;
const COLUMNS: PackForm = PackForm::Columns;

fn forms(seen: &[Exchange]) -> Vec<(Option<PackForm>, Option<PackForm>)> {
    seen.iter().map(Exchange::forms).collect()
}

/// Two supporters of one case, both up to date, nothing counted yet.
async fn two_of_one_case() -> (World, Phone, Phone, GroupId, RecordId) {
    let world = World::new().await;
    let (ann, ben) = (world.phone("Ann").await, world.phone("Ben").await);
    let case = open_case(&ann, 1);
    let record = contact(&ann, case, "first");
    sync(&ann).await;
    world.grant(ben.sync().person().unwrap(), case).await;
    sync(&ben).await;
    sync(&ann).await;
    world.middle.seen();
    (world, ann, ben, case, record)
}

/// What both phones show of the record.
fn notes(phones: [&Phone; 2], record: RecordId) -> [String; 2] {
    phones.map(|phone| {
        let view = phone.records().record(record).unwrap().view;
        format!("{:?}", view.value("note").unwrap())
    })
}

#[tokio::test]
async fn a_phone_packs_by_column_once_it_knows_the_server_and_after_a_restart_too() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann, 1);
    let record = contact(&ann, case, "first");
    sync(&ann).await;
    edit(&ann, case, record, &[("note", "second")]);
    sync(&ann).await;
    let ann = world.restarted(ann, "Ann");
    edit(&ann, case, record, &[("note", "third")]);
    sync(&ann).await;
    // Set up anew at the same address: what the server understands has to be learnt again.
    ann.sync().set_server(&world.url).unwrap();
    edit(&ann, case, record, &[("note", "fourth")]);
    sync(&ann).await;
    let seen = world.middle.seen();
    let pushed: Vec<_> = seen.iter().map(|exchange| exchange.forms().0).collect();
    assert_eq!(pushed, [Some(ROWS), Some(COLUMNS), Some(COLUMNS), Some(ROWS)]);
    // What the server has of its own to say comes by column from the first answer on.
    assert_eq!(seen[0].forms().1, Some(COLUMNS));
}

#[tokio::test]
async fn an_edit_stands_on_the_feeds_numbers_in_both_directions() {
    let (world, ann, ben, case, record) = two_of_one_case().await;
    edit(&ann, case, record, &[("note", "second")]);
    sync(&ann).await;
    sync(&ben).await;
    let seen = world.middle.seen();
    assert_eq!(forms(&seen), [(Some(COLUMNS), None), (None, Some(COLUMNS))]);
    // Neither the record's nor the group's id, nor the hash of what it stands on, is in either pack.
    let (push, pull) = (seen[0].asked().push.unwrap(), seen[1].answered().pull.unwrap());
    assert!(push.body.len() < 80, "{}", push.body.len());
    assert!(pull.body.len() < 130, "{}", pull.body.len());
    assert_eq!(notes([&ann, &ben], record)[0], notes([&ann, &ben], record)[1]);
    // And on what the other phone wrote.
    edit(&ben, case, record, &[("note", "third")]);
    sync(&ben).await;
    sync(&ann).await;
    assert_eq!(forms(&world.middle.seen()), [(Some(COLUMNS), None), (None, Some(COLUMNS))]);
    assert_eq!(notes([&ann, &ben], record)[0], notes([&ann, &ben], record)[1]);
}

#[tokio::test]
async fn a_group_granted_later_comes_by_column_while_its_backfill_is_under_way() {
    let world = World::new().await;
    let (ann, ben) = (world.phone("Ann").await, world.phone("Ben").await);
    sync(&ben).await;
    let ben_token = world.middle.token();
    let case = open_case(&ann, 1);
    let records: Vec<RecordId> = (0..30).map(|n| contact(&ann, case, &format!("note {n}"))).collect();
    sync(&ann).await;
    records.iter().for_each(|record| edit(&ann, case, *record, &[("note", "edited")]));
    sync(&ann).await;
    sync(&ben).await;
    world.grant(ben.sync().person().unwrap(), case).await;
    world.middle.seen();
    // Small answers: the backfill is interrupted again and again, and edited in between.
    let mut rounds = 0;
    for round in 0.. {
        let (request, sent, _) = ben.sync().prepare(1 << 20, 300).unwrap();
        let answer = world.answer(&ben_token, &request).await.unwrap();
        assert!(answer.pull.as_ref().is_none_or(|pull| pull.form == COLUMNS));
        let record = records[round * 7 % records.len()];
        edit(&ann, case, record, &[("note", &format!("edited in round {round}"))]);
        sync(&ann).await;
        ben.sync().apply(&sent, &answer).unwrap();
        if !answer.more && round > 3 {
            rounds = round;
            break;
        }
    }
    assert!(rounds > 3, "{rounds}");
    sync(&ben).await;
    for record in records {
        let [anns, bens] = notes([&ann, &ben], record);
        assert_eq!(anns, bens);
    }
}

/// Changes the column pack of every request that has one.
fn spoil_pushes(mut spoil: impl FnMut(&mut Pack) + Send + 'static) -> impl FnMut(Passing<'_>) + Send {
    move |passing| {
        let Passing::Request(body) = passing else { return };
        let mut request: SyncRequest = decode_message(body).unwrap();
        if let Some(push) = request.push.as_mut().filter(|push| push.form == COLUMNS) {
            spoil(push);
            *body = encode(&request);
        }
    }
}

/// Changes the column pack of every answer that has one.
fn spoil_pulls(mut spoil: impl FnMut(&mut Pack) + Send + 'static) -> impl FnMut(Passing<'_>) + Send {
    move |passing| {
        let Passing::Answer(status, body) = passing else { return };
        if !status.is_success() {
            return;
        }
        let mut answer: SyncAnswer = decode_message(body).unwrap();
        if let Some(pull) = answer.pull.as_mut().filter(|pull| pull.form == COLUMNS) {
            spoil(pull);
            *body = encode(&answer);
        }
    }
}

#[tokio::test]
async fn a_push_that_was_changed_on_the_way_goes_again_in_rows_at_once() {
    let (world, ann, _, case, record) = two_of_one_case().await;
    world.middle.change(spoil_pushes(|push| push.digest[3] ^= 1));
    edit(&ann, case, record, &[("note", "second")]);
    let outcome = sync(&ann).await;
    assert_eq!((outcome.round_trips, outcome.failures, outcome.accepted), (1, 1, 1));
    let seen = world.middle.seen();
    assert_eq!(forms(&seen), [(Some(COLUMNS), None), (Some(ROWS), None)]);
    assert_eq!(seen[0].status, StatusCode::UNPROCESSABLE_ENTITY);
    // The fault has passed: by column again.
    world.middle.leave_alone();
    edit(&ann, case, record, &[("note", "third")]);
    sync(&ann).await;
    assert_eq!(forms(&world.middle.seen()), [(Some(COLUMNS), None)]);
}

#[tokio::test]
async fn an_answer_that_was_changed_on_the_way_is_asked_for_again_in_rows_at_once() {
    let (world, ann, ben, case, record) = two_of_one_case().await;
    edit(&ann, case, record, &[("note", "of Ann")]);
    sync(&ann).await;
    world.middle.seen();
    world.middle.change(spoil_pulls(|pull| pull.digest[3] ^= 1));
    // What went with the answer that could not be opened is known when it is sent again.
    edit(&ben, case, record, &[("note", "of Ben")]);
    let outcome = sync(&ben).await;
    assert_eq!((outcome.round_trips, outcome.received, outcome.accepted), (2, 1, 1));
    let seen = world.middle.seen();
    assert_eq!(forms(&seen), [(Some(COLUMNS), Some(COLUMNS)), (Some(ROWS), Some(ROWS))]);
    world.middle.leave_alone();
    sync(&ann).await;
    assert_eq!(forms(&world.middle.seen()), [(None, Some(COLUMNS))]);
    assert_eq!(notes([&ann, &ben], record)[0], notes([&ann, &ben], record)[1]);
}

#[tokio::test]
async fn whatever_bit_of_a_pack_is_flipped_the_work_arrives_as_it_was() {
    let (world, ann, ben, case, record) = two_of_one_case().await;
    let mut fallen_back = 0;
    for bit in (0..640).step_by(9) {
        let flip = move |pack: &mut Pack| {
            let at = bit / 8 % pack.body.len();
            pack.body[at] ^= 1 << (bit % 8);
        };
        world.middle.change(spoil_pushes(flip));
        edit(&ann, case, record, &[("note", &format!("edit {bit}"))]);
        sync(&ann).await;
        world.middle.change(spoil_pulls(flip));
        sync(&ben).await;
        let seen = world.middle.seen();
        fallen_back += seen.iter().filter(|exchange| exchange.forms().0 == Some(ROWS)).count();
        fallen_back += seen.iter().filter(|exchange| exchange.forms().1 == Some(ROWS)).count();
        let [anns, bens] = notes([&ann, &ben], record);
        assert_eq!(anns, bens);
        assert!(anns.contains(&format!("edit {bit}")), "{anns}");
    }
    assert!(fallen_back > 100, "{fallen_back}");
}

#[tokio::test]
async fn a_dictionary_that_the_other_side_does_not_have_is_not_used_or_asked_to_be_left_out() {
    let (world, ann, ben, case, record) = two_of_one_case().await;
    // The server names one that this phone does not have; the phone names one that the server lacks.
    let strange = Some(DictionaryName([1, 2, 3, 4]));
    world.middle.change(move |passing| match passing {
        Passing::Request(body) => {
            let request: SyncRequest = decode_message(body).unwrap();
            *body = encode(&SyncRequest { dictionary: strange, ..request });
        }
        Passing::Answer(_, body) => {
            let answer: SyncAnswer = decode_message(body).unwrap();
            *body = encode(&SyncAnswer { dictionary: strange, ..answer });
        }
    });
    sync(&ann).await;
    edit(&ann, case, record, &[("note", "second")]);
    sync(&ann).await;
    sync(&ben).await;
    let seen = world.middle.seen();
    let (push, pull) = (seen[1].asked().push.unwrap(), seen[2].answered().pull.unwrap());
    assert_eq!((push.form, push.dictionary), (COLUMNS, None));
    assert_eq!((pull.form, pull.dictionary), (COLUMNS, None));

    // A pack that says it was made with one that is not known here.
    world.middle.change(spoil_pushes(move |push| push.dictionary = strange));
    edit(&ann, case, record, &[("note", "third")]);
    sync(&ann).await;
    world.middle.change(spoil_pulls(move |pull| pull.dictionary = strange));
    sync(&ben).await;
    let expected = [(Some(COLUMNS), None), (Some(ROWS), None), (None, Some(COLUMNS)), (None, Some(ROWS))];
    assert_eq!(forms(&world.middle.seen()), expected);
    assert_eq!(notes([&ann, &ben], record)[0], notes([&ann, &ben], record)[1]);
}

#[tokio::test]
async fn a_line_that_spoils_rows_too_is_tried_again_later() {
    let (world, ann, _, case, record) = two_of_one_case().await;
    world.middle.change(|passing| {
        let Passing::Request(body) = passing else { return };
        let mut request: SyncRequest = decode_message(body).unwrap();
        if let Some(push) = request.push.as_mut() {
            push.digest[0] ^= 1;
        }
        *body = encode(&request);
    });
    edit(&ann, case, record, &[("note", "second")]);
    let outcome = ann.sync().sync_once().await.unwrap();
    assert_eq!((outcome.failures, outcome.waiting), (2, 1), "once by column, once in rows: {outcome:?}");
    assert_eq!(forms(&world.middle.seen()), [(Some(COLUMNS), None), (Some(ROWS), None)]);
    world.middle.leave_alone();
    sync(&ann).await;
}

#[tokio::test]
async fn a_number_of_a_group_that_a_device_never_saw_is_as_unknown_as_none() {
    let (world, ann, ben, case, record) = two_of_one_case().await;
    sync(&ben).await;
    let bens = world.middle.token();
    let cyd = world.phone("Cyd").await;
    sync(&cyd).await;
    let cyds = world.middle.token();
    edit(&ann, case, record, &[("note", "second")]);
    world.middle.seen();
    sync(&ann).await;
    // The same request from somebody who never saw what its pack stands on, and from one who did.
    let request = world.middle.seen()[0].asked();
    assert_eq!(request.push.as_ref().map(|pack| pack.form), Some(COLUMNS));
    let refused = world.answer(&cyds, &request).await.unwrap_err();
    assert_eq!(refused, (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Repack));
    let answer = world.answer(&bens, &request).await.unwrap();
    assert!(matches!(answer.verdicts[..], [Verdict::Have(_)]), "{:?}", answer.verdicts);
}
