use proptest::prelude::*;

use super::*;
use crate::{
    ids::{ActorId, GroupId, RecordId},
    record::{Circumstances, Document, Edit, Root},
    time::Millis,
    wire::{PROTOCOL, decode_message, encode},
};

fn photo() -> MediaRef {
    MediaRef::new(BlobHash::of(b"a photo"), 1_234_567, "image/jpeg", "PHOTO").unwrap()
}

#[test]
fn the_canonical_form() {
    insta::assert_snapshot!("reference", photo());
    assert_eq!(photo().in_words(), "image/jpeg, 1.2 MB");
}

#[test]
fn the_message_of_what_is_held() {
    let hex = |message: &BlobHeld| encode(message).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let part = BlobHeld { protocol: PROTOCOL, held: 196_608, whole: false, named: false };
    let whole = BlobHeld { protocol: PROTOCOL, held: 20 << 20, whole: true, named: true };
    insta::assert_snapshot!("held", format!("{}\n{}", hex(&part), hex(&whole)));
    for message in [part, whole] {
        assert_eq!(decode_message::<BlobHeld>(&encode(&message)), Ok(message));
    }
}

#[test]
fn only_the_canonical_form_is_a_reference() {
    let good = photo().to_string();
    assert_eq!(good.parse(), Ok(photo()));
    let hash = BlobHash::of(b"a photo").to_string();
    let bad = [
        (String::new(), MediaRefError::Form),
        ("A photo".to_owned(), MediaRefError::Form),
        (format!("{good} "), MediaRefError::Scope),
        (format!("{good};X"), MediaRefError::Form),
        (good.replace("blake3", "BLAKE3"), MediaRefError::Form),
        (good.replace(&hash, &hash.to_uppercase()), MediaRefError::Form),
        (good.replace("1234567", "+1234567"), MediaRefError::Form),
        (good.replace("1234567", "01234567"), MediaRefError::Form),
        (good.replace("1234567", "0"), MediaRefError::Size),
        (good.replace("1234567", "104857601"), MediaRefError::Size),
        (good.replace("image/jpeg", "image"), MediaRefError::MediaType),
        (good.replace("image/jpeg", "text/html; charset=x"), MediaRefError::Form),
        (good.replace("image/jpeg", "Image/JPEG"), MediaRefError::MediaType),
        (good.replace("image/jpeg", "image/\r\nX-A: b"), MediaRefError::MediaType),
        (good.replace("PHOTO", ""), MediaRefError::Scope),
        (good.replace("PHOTO", "../photo"), MediaRefError::Scope),
    ];
    for (text, why) in bad {
        assert_eq!(text.parse::<MediaRef>(), Err(why), "{text}");
    }
}

#[test]
fn a_change_tells_which_attachments_it_names() {
    let by = Circumstances {
        actor: ActorId([3; 16]),
        at: Millis(1_425_391_800_000),
        zone: "Europe/London".to_owned(),
        offline: true,
        reason: None,
    };
    let root = Root {
        id: RecordId([1; 16]),
        form: "contact".to_owned(),
        form_version: "1".to_owned(),
        group: GroupId([2; 16]),
    };
    let set = |key: &str, value: Value| Edit { key: key.to_owned(), value };
    let edits = [
        set("note", "blake3: is a hash".into()),
        set("photo", photo().to_value()),
        set("pages/a/scan", photo().to_value()),
    ];
    let (mut document, created) = Document::create(&root, &edits, &by).unwrap();
    let mut named = named_in_change(&created.bytes);
    named.sort();
    assert_eq!(named, [("pages/a/scan".to_owned(), photo()), ("photo".to_owned(), photo())]);
    let later = document.edit(&[set("photo", Value::Null)], &by).unwrap().unwrap();
    assert_eq!(named_in_change(&later.bytes), []);
    assert_eq!(named_in_change(b"blake3: and nothing else"), [], "hostile bytes name nothing");
}

proptest! {
    #[test]
    fn a_reference_reads_back_from_its_text(
        hash in any::<[u8; 32]>(),
        bytes in 1..=MOST_BYTES,
        kind in "[a-z0-9.+-]{1,20}/[a-z0-9.+-]{1,40}",
        scope in "[A-Z0-9_]{1,40}",
    ) {
        let reference = MediaRef::new(BlobHash(hash), bytes, &kind, &scope).unwrap();
        prop_assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
        prop_assert_eq!(MediaRef::of(&reference.to_value()), Some(reference));
    }

    #[test]
    fn whatever_is_read_is_written_the_same(text in "(blake3:)?[0-9a-f]{64};[0-9]{0,10};[a-z/]{0,9};[A-Z ]{0,5}") {
        if let Ok(read) = text.parse::<MediaRef>() {
            prop_assert_eq!(read.to_string(), text);
        }
    }
}
