//! Attachments on a case's page: linked, handed out to those who may read them, and only to be saved.

use alongside_domain::{
    ids::{GroupId, RecordId},
    media::{BlobHash, MediaRef},
    record::Root,
};
use alongside_server::{
    blobs::{BlobFolder, tidy},
    ingest::LocalWrite,
};
use axum::http::{StatusCode, header};

use crate::{
    browse::Browser,
    fixture::{TODAY, World, edit},
};

const CONTENT: &[u8] = b"<script>alert('a letter')</script>";

/// A letter with a photo of it, and the photo's address.
fn letter(world: &World, media_type: &str) -> (MediaRef, String) {
    let media = MediaRef::new(BlobHash::of(CONTENT), CONTENT.len() as u64, media_type, "PHOTO").unwrap();
    let record = RecordId([77; 16]);
    let form_version = world.programme.forms["ehc_event"].version.clone();
    let root = Root { id: record, form: "ehc_event".to_owned(), form_version, group: world.case };
    let edits =
        vec![edit("type", "E02"), edit("date", "2015-03-02"), edit("evidence_photo", media.to_string())];
    let zone = "Europe/London".to_owned();
    world.write(vec![LocalWrite::Create { root, edits, at: TODAY, zone, reason: None }]);
    world.project();
    let address = format!("/cases/{}/attachments/{record}/{}", world.case, media.hash());
    (media, address)
}

/// Puts the photo where a phone would have brought it.
fn arrive(world: &World, media: &MediaRef) {
    let file = BlobFolder::of(world.state.store.path()).whole(world.case, media.hash());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, CONTENT).unwrap();
    assert_eq!(tidy::tidy(&world.state.store, TODAY, 1).unwrap().found, 1);
}

#[test]
fn a_case_page_links_to_an_attachment_which_is_only_ever_saved() {
    let world = World::new(0);
    let (media, address) = letter(&world, "image/jpeg");
    let mut cora = Browser::signed_in(&world, world.people.cora);
    let page = cora.get(&format!("/cases/{}", world.case));
    assert!(
        page.has(&format!("href=\"{address}\" download>Attachment: image/jpeg, 34 bytes</a>")),
        "{}",
        page.body
    );
    assert!(!page.has("blake3:"));
    let early = cora.get(&address);
    assert_eq!(early.status, StatusCode::NOT_FOUND);
    assert!(early.has("This attachment has not arrived yet"));

    arrive(&world, &media);
    let file = cora.get(&address);
    assert_eq!((file.status, file.body.as_bytes()), (StatusCode::OK, CONTENT));
    let short = &media.hash().to_string()[..8];
    let expected = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CONTENT_LENGTH, CONTENT.len().to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"attachment-{short}.jpg\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(file.headers[&name], value, "{name}");
    }
    let policy = file.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; sandbox;"), "{policy}");
}

#[test]
fn what_a_browser_might_run_goes_out_as_bytes() {
    for media_type in ["text/html", "image/svg+xml", "application/xhtml+xml"] {
        let world = World::new(0);
        let (media, address) = letter(&world, media_type);
        arrive(&world, &media);
        let file = Browser::signed_in(&world, world.people.cora).get(&address);
        assert_eq!(file.status, StatusCode::OK);
        assert_eq!(file.headers[header::CONTENT_TYPE], "application/octet-stream", "{media_type}");
        let name = file.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert!(name.starts_with("attachment;") && name.ends_with(".bin\""), "{name}");
    }
}

#[test]
fn nobody_reads_an_attachment_who_does_not_read_its_record() {
    let world = World::new(1);
    let (media, address) = letter(&world, "image/jpeg");
    arrive(&world, &media);
    let status = |person, address: &str| Browser::signed_in(&world, person).get(address).status;
    assert_eq!(status(world.people.asha, &address), StatusCode::OK);
    for stranger in [world.people.eve, world.people.dev, world.people.lara] {
        assert_eq!(status(stranger, &address), StatusCode::NOT_FOUND);
    }
    assert_eq!(Browser::new(&world).get(&address).status, StatusCode::UNAUTHORIZED);
    // Under another record, another case, another hash there is nothing.
    let cora = world.people.cora;
    let (record, hash) = (RecordId([77; 16]).to_string(), media.hash().to_string());
    for (from, to) in [
        (record.as_str(), world.contact.to_string()),
        (world.case.to_string().as_str(), GroupId([9; 16]).to_string()),
        (hash.as_str(), BlobHash([1; 32]).to_string()),
        (hash.as_str(), "..%2f..%2falongside.db".to_owned()),
    ] {
        assert_eq!(status(cora, &address.replace(from, &to)), StatusCode::NOT_FOUND, "{to}");
    }
}
