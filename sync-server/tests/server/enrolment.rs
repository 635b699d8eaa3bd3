//! Letting phones and people in, once.

use alongside_domain::{ids::ActorId, wire::ErrorCode};
use alongside_server::{
    people,
    store::{SESSION_IDLE_MS, SESSION_LONGEST_MS},
};
use axum::http::StatusCode;

use crate::world::{START, World};

fn actor() -> ActorId {
    ActorId::random(rand::random())
}

#[tokio::test]
async fn a_code_enrols_one_phone_and_no_second() {
    let world = World::new();
    let person = world.person("Ann", "supporter");
    let code = world.code(person);
    let enrolled = world.enrol(&code.to_lowercase().replace('-', " "), actor()).await.unwrap();
    assert_eq!(enrolled.person, person);
    assert_eq!((enrolled.name.as_str(), enrolled.role.as_str()), ("Ann", "supporter"));
    assert_eq!(enrolled.programme.0, "small");

    let (status, error) = world.enrol(&code, actor()).await.unwrap_err();
    assert_eq!((status, error.code), (StatusCode::FORBIDDEN, ErrorCode::BadCode));
    assert_eq!(world.state.store.devices().unwrap().len(), 1);
}

#[tokio::test]
async fn a_code_grows_too_old_and_a_wrong_one_enrols_nothing() {
    let world = World::new();
    let code = world.code(world.person("Ann", "supporter"));
    for wrong in ["", "7Q2M-K0XA-93TR-VB5D", "please", &"A".repeat(5000)] {
        let (_, error) = world.enrol(wrong, actor()).await.unwrap_err();
        assert!(matches!(error.code, ErrorCode::BadCode | ErrorCode::TooLarge), "{:?}", error.code);
    }
    world.clock.advance(world.state.config.enrolment_ms());
    let (_, error) = world.enrol(&code, actor()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::BadCode);
    assert!(world.state.store.devices().unwrap().is_empty());
}

#[tokio::test]
async fn a_phone_that_nobody_enrolled_gets_nothing() {
    let world = World::new();
    let mut phone = world.phone("Ann").await;
    phone.enrolled.token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let (status, error) = phone.try_sync(&world, vec![], &[]).await.err().unwrap();
    assert_eq!((status, error.code), (StatusCode::UNAUTHORIZED, ErrorCode::NotEnrolled));
}

#[tokio::test]
async fn a_revoked_phone_is_turned_down_at_once() {
    let world = World::new();
    let mut phone = world.phone("Ann").await;
    phone.sync(&world, vec![], &[]).await;
    people::revoke_device(&world.state.store, START, phone.enrolled.device).unwrap();
    let (status, error) = phone.try_sync(&world, vec![], &[]).await.err().unwrap();
    assert_eq!((status, error.code), (StatusCode::FORBIDDEN, ErrorCode::Revoked));
    let again = people::revoke_device(&world.state.store, START, phone.enrolled.device);
    assert_eq!(again, Err(people::PeopleError::UnknownDevice));
}

#[tokio::test]
async fn a_console_link_works_once_and_its_session_ends() {
    let world = World::new();
    let store = &world.state.store;
    let person = world.person("Ann", "supporter");
    let token = people::console_link(store, START, person, 60_000).unwrap();
    let at = |ms: i64| alongside_domain::time::Millis(START.0 + ms);

    let session = store.redeem_console_link(token.reveal(), at(1)).unwrap().unwrap();
    assert_eq!(store.redeem_console_link(token.reveal(), at(2)).unwrap(), None);
    let principal = store.session(session.reveal(), at(SESSION_IDLE_MS)).unwrap().unwrap();
    assert_eq!((principal.person, principal.areas), (person, vec!["E08000025".to_owned()]));
    // Used half an hour ago: alive. Idle for longer, or older than a working day: ended.
    assert!(store.session(session.reveal(), at(2 * SESSION_IDLE_MS - 1)).unwrap().is_some());
    assert!(store.session(session.reveal(), at(4 * SESSION_IDLE_MS)).unwrap().is_none());

    let late = people::console_link(store, START, person, 60_000).unwrap();
    assert_eq!(store.redeem_console_link(late.reveal(), at(60_000)).unwrap(), None);

    let token = people::console_link(store, START, person, 60_000).unwrap();
    let session = store.redeem_console_link(token.reveal(), at(0)).unwrap().unwrap();
    for minutes in 1..SESSION_LONGEST_MS / 60_000 {
        assert!(store.session(session.reveal(), at(minutes * 60_000)).unwrap().is_some());
    }
    assert!(store.session(session.reveal(), at(SESSION_LONGEST_MS)).unwrap().is_none());

    let token = people::console_link(store, START, person, 60_000).unwrap();
    let session = store.redeem_console_link(token.reveal(), at(0)).unwrap().unwrap();
    store.end_session(session.reveal()).unwrap();
    assert!(store.session(session.reveal(), at(1)).unwrap().is_none());
}
