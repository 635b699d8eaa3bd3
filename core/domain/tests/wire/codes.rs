//! Words that stand for reasons, on the wire and beside it.

use alongside_domain::wire::{Refusal, decode, encode, is_reason_code};

#[test]
fn a_refusal_has_the_same_word_everywhere() {
    let all = [
        Refusal::Malformed,
        Refusal::TooLarge,
        Refusal::OutOfOrder,
        Refusal::DanglingReference,
        Refusal::WrongRoot,
        Refusal::BreaksDocument,
        Refusal::NotEntitled,
        Refusal::ForeignActor,
        Refusal::UnknownGroup,
        Refusal::UnknownForm,
        Refusal::BadOpening,
        Refusal::AfterWithdrawal,
        Refusal::RevokedDevice,
        Refusal::ByCoordinator,
        Refusal::Immutable,
        Refusal::Restricted,
        Refusal::KeyFixed,
        Refusal::NotCovered,
        Refusal::Other,
    ];
    for refusal in all {
        assert_eq!(Refusal::from_code(refusal.code()), refusal);
        let on_the_wire: String = decode(&encode(&refusal)).unwrap();
        assert_eq!(on_the_wire, refusal.code());
    }
    assert_eq!(Refusal::from_code("of_a_later_version"), Refusal::Other);
}

#[test]
fn a_reason_is_a_code_and_no_sentence() {
    for good in ["retention", "request_2015", "a"] {
        assert!(is_reason_code(good), "{good}");
    }
    for bad in ["", "Retention", "of Mrs Okafor", "1st", "naïve", "x\n", &"x".repeat(41)] {
        assert!(!is_reason_code(bad), "{bad}");
    }
}
