//! Signing in and out, and the headers of every page.

use axum::http::{Request, StatusCode, header};

use crate::{browse::Browser, fixture::World};

#[test]
fn a_link_signs_in_once_and_looking_at_it_does_not_use_it_up() {
    let world = World::new(0);
    let token = world.link(world.people.cora);
    let mut browser = Browser::new(&world);
    for _ in 0..3 {
        let page = browser.get(&format!("/sign-in/{token}"));
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.headers.get(header::SET_COOKIE).is_none());
    }
    let page = browser.post("/sign-in", &format!("token={token}"));
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(page.headers[header::LOCATION], "/");
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "the cookie is guarded");
    assert!(!cookie.contains(&token));
    assert_eq!(browser.get("/").status, StatusCode::OK);

    let again = Browser::new(&world).post("/sign-in", &format!("token={token}"));
    assert_eq!(again.status, StatusCode::GONE);
    assert!(again.has("This sign-in link no longer works"));
}

#[test]
fn signing_out_needs_the_token_of_the_form_and_ends_the_session() {
    let world = World::new(0);
    let mut browser = Browser::signed_in(&world, world.people.cora);
    let home = browser.get("/");
    let csrf =
        home.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(browser.post("/sign-out", "csrf=guess").status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/sign-out", "").status, StatusCode::FORBIDDEN);
    let elsewhere = Request::post("/sign-out")
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("csrf={csrf}").into())
        .unwrap();
    assert_eq!(browser.send(elsewhere).status, StatusCode::FORBIDDEN);

    let session = browser.cookie.clone();
    let page = browser.post("/sign-out", &format!("csrf={csrf}"));
    assert!(page.has("You are signed out"));
    // The old cookie is worth nothing any more.
    browser.cookie = session;
    assert_eq!(browser.get("/").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn every_page_carries_the_headers_that_keep_it_safe() {
    let world = World::new(0);
    let mut browser = Browser::signed_in(&world, world.people.cora);
    for address in ["/", "/areas/840", "/nothing/here", "/sign-in/abc"] {
        let page = browser.get(address);
        let header = |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap());
        let policy = header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("referrer-policy"), Some("no-referrer"));
        assert_eq!(header("cache-control"), Some("no-store"));
        assert!(!page.has("<script") && !page.has(" style=") && !page.has("<style"), "{address}");
        let style = page.body.split("href=\"/static/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let sheet = browser.get(&format!("/static/{style}"));
        assert_eq!(sheet.status, StatusCode::OK);
        assert!(sheet.headers["cache-control"].to_str().unwrap().contains("immutable"));
    }
    assert_eq!(browser.get("/static/console.css").status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/nothing/here").status, StatusCode::NOT_FOUND);
}
