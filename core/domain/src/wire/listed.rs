//! Every word that a code may be, so that none is changed or added without being noticed.

use serde::Serialize;

use super::{ErrorCode, Refusal};

/// The variants; one that is not listed here does not compile.
macro_rules! every {
    ($kind:ident: $($variant:ident),* $(,)?) => {{
        let every = [$($kind::$variant),*];
        for one in &every {
            match one { $($kind::$variant => {}),* }
        }
        every.map(|one| word(&one))
    }};
}

fn word<T: Serialize>(code: &T) -> String {
    let word = serde_json::to_value(code).expect("a code is a word");
    word.as_str().expect("a code is a word").to_owned()
}

fn refusals() -> Vec<String> {
    every![Refusal:
        Malformed, TooLarge, OutOfOrder, DanglingReference, WrongRoot, BreaksDocument, NotEntitled,
        ForeignActor, UnknownGroup, UnknownForm, BadOpening, AfterWithdrawal, RevokedDevice, ByCoordinator,
        Immutable, Restricted, KeyFixed, NotCovered, Other,
    ]
    .to_vec()
}

fn error_codes() -> Vec<String> {
    every![ErrorCode:
        WrongMediaType, TooLarge, Malformed, UnsupportedProtocol, NotEnrolled, Revoked, BadCode, Busy,
        Repack, NotEntitled, UnknownGroup, Erased, UnknownBlob, WrongOffset, WrongHash, BadRange, OverQuota,
        Internal, Other,
    ]
    .to_vec()
}

#[test]
fn every_refusal_and_error_code_is_one_of_these() {
    insta::assert_snapshot!("refusals", refusals().join("\n"));
    insta::assert_snapshot!("error_codes", error_codes().join("\n"));
}

#[test]
fn the_paper_names_every_refusal_and_error_code() {
    let paper = include_str!("../../../../docs/protocol.md");
    for word in refusals().into_iter().chain(error_codes()) {
        assert!(paper.contains(&format!("| `{word}` |")), "docs/protocol.md does not name `{word}`");
    }
}
