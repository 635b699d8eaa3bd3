//! Pages and the way through them.

use alongside_domain::programme::entry::Answer;

use super::{around, open, say};

const FORM: &str = "text | first |
     begin group | list | | field-list
     text | a | |
     text | b | ${a} = 'x' |
     end group | | |
     begin group | plain | ${first} = 'more' |
     text | c | |
     text | d | |
     end group | | |
     text | last | |";

#[test]
fn a_field_list_is_one_page_and_every_other_question_its_own() {
    let mut session = open("relevant | appearance", FORM, "");
    let pages = |session: &alongside_domain::form::session::Session| -> Vec<String> {
        session.pages().into_iter().map(|page| page.questions.join("+")).collect()
    };
    assert_eq!(pages(&session), ["first", "a", "last"]);
    say(&mut session, "first", "more");
    say(&mut session, "a", "x");
    assert_eq!(pages(&session), ["first", "a+b", "c", "d", "last"]);
    let mut way = vec![session.page().questions.join("+")];
    while session.next_page() {
        way.push(session.page().questions.join("+"));
    }
    assert_eq!(way, ["first", "a+b", "c", "d", "last"]);
    assert!(session.previous_page());
    assert_eq!(session.page().questions, ["d"]);
    assert!(session.jump("b"));
    assert_eq!(session.page().questions, ["a", "b"]);
    assert!(!session.jump("nowhere"));
}

#[test]
fn a_delta_holds_the_page_and_counts_the_rest() {
    let mut session = open("relevant | appearance", FORM, "");
    assert!(session.jump("a"));
    let delta = session.answer("a", &Answer::Text("x".into()), &around()).unwrap();
    let keys: Vec<&str> = delta.changed.iter().map(|state| state.key.as_str()).collect();
    assert_eq!((keys.as_slice(), delta.elsewhere, delta.left_page), (&["a", "b"][..], 0, false));
    assert!(delta.changed[1].relevant);
    let delta = session.answer("first", &Answer::Text("more".into()), &around()).unwrap();
    assert!(delta.changed.is_empty());
    assert_eq!(delta.elsewhere, 4, "first, the section, c and d");
    assert!(session.jump("c"));
    let delta = session.answer("first", &Answer::Cleared, &around()).unwrap();
    assert!(delta.left_page);
    assert_eq!(session.page().questions, ["first"]);
}
