//! An app of today against an earlier server: it has no features, and reads rows alone.

use alongside_core::Phone;
use alongside_domain::wire::{
    ErrorAnswer, ErrorCode, SyncAnswer, SyncRequest, decode_message, encode, features,
    pack::{PackForm, dictionary},
};
use axum::http::StatusCode;

use crate::lab::{Passing, World, contact, edit, open_case, sync};

/// Makes the server an earlier one: what it was not told, it does not know, and a pack by column is
/// malformed to it.
fn make_old(world: &World) {
    let mut malformed = false;
    world.middle.change(move |passing| match passing {
        Passing::Request(body) => {
            let Ok(mut request) = decode_message::<SyncRequest>(body) else { return };
            malformed = request.push.as_ref().is_some_and(|push| push.form == PackForm::Columns);
            if malformed {
                request.push = None;
                request.openings.clear();
            }
            *body = encode(&SyncRequest { features: 0, dictionary: None, ..request });
        }
        Passing::Answer(status, body) if malformed => {
            let error = ErrorAnswer { code: ErrorCode::Malformed, help: String::new(), retry_after: None };
            *status = StatusCode::BAD_REQUEST;
            *body = encode(&error);
        }
        Passing::Answer(_, body) => {
            let Ok(answer) = decode_message::<SyncAnswer>(body) else { return };
            *body = encode(&SyncAnswer { features: 0, dictionary: None, ..answer });
        }
    });
}

fn pushed(world: &World) -> Vec<Option<PackForm>> {
    world.middle.seen().iter().map(|exchange| exchange.forms().0).collect()
}

fn note(phone: &Phone, record: alongside_domain::ids::RecordId) -> String {
    phone.records().record(record).unwrap().view.text("note").unwrap().to_owned()
}

#[tokio::test]
async fn nothing_but_rows_goes_to_it_and_comes_from_it() {
    let world = World::new().await;
    make_old(&world);
    let (ann, ben) = (world.phone("Ann").await, world.phone("Ben").await);
    let case = open_case(&ann, 1);
    let record = contact(&ann, case, "first");
    sync(&ann).await;
    sync(&ben).await;
    world.grant(ben.sync().person().unwrap(), case).await;
    edit(&ann, case, record, &[("note", "second")]);
    sync(&ann).await;
    sync(&ben).await;
    let seen = world.middle.seen();
    assert!(seen.iter().all(|exchange| exchange.forms().0.is_none_or(|form| form == PackForm::Rows)));
    // What the phone offers in each request.
    assert_eq!(seen[0].asked().features, features::ALL);
    assert_eq!(seen[0].asked().dictionary, dictionary::newest());
    assert_eq!(note(&ben, record), "second");
}

#[tokio::test]
async fn a_server_that_was_set_back_to_an_earlier_version_is_noticed() {
    let world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann, 1);
    let record = contact(&ann, case, "first");
    sync(&ann).await;
    edit(&ann, case, record, &[("note", "second")]);
    sync(&ann).await;
    assert_eq!(pushed(&world), [Some(PackForm::Rows), Some(PackForm::Columns)]);
    make_old(&world);
    edit(&ann, case, record, &[("note", "third")]);
    let outcome = sync(&ann).await;
    assert_eq!((outcome.failures, outcome.accepted), (1, 1));
    assert_eq!(pushed(&world), [Some(PackForm::Columns), Some(PackForm::Rows)]);
    // Its answer said what it is: rows from the start.
    edit(&ann, case, record, &[("note", "fourth")]);
    sync(&ann).await;
    assert_eq!(pushed(&world), [Some(PackForm::Rows)]);
    // And updated again.
    world.middle.leave_alone();
    sync(&ann).await;
    edit(&ann, case, record, &[("note", "fifth")]);
    sync(&ann).await;
    assert_eq!(pushed(&world), [None, Some(PackForm::Columns)]);
}
