//! Choices that are the answers of a repeat.

use alongside_domain::form::session::Session;

use super::{around, open, say, value};

fn offered(session: &Session, key: &str) -> Vec<String> {
    session.choices(key, 0, &around()).iter().map(|choice| choice.name.clone()).collect()
}

/// Adds a row of `repeat`, answered; gives its key.
fn add(session: &mut Session, repeat: &str, within: Option<&str>, answers: &[(&str, &str)]) -> String {
    let here = around();
    let seed = u8::try_from(session.row_keys(repeat, within).len() + 1).expect("a few rows");
    let chance = alongside_domain::form::expr::Surroundings::new(here.now, here.zone, [seed; 32]);
    let row = session.add_row(repeat, within, &chance).expect("it may grow").0;
    for (name, text) in answers {
        say(session, &format!("{row}/{name}"), text);
    }
    row
}

#[test]
fn the_rows_that_there_are_can_be_chosen_and_what_is_gone_is_taken_back() {
    let mut session = open(
        "calculation",
        "begin repeat | person |
         text | called |
         end repeat | |
         select_one ${called} | eldest |
         select_multiple ${called} | away |
         calculate | said | jr:choice-name(${eldest}, '${eldest}')",
        "",
    );
    assert!(offered(&session, "eldest").is_empty());
    let first = add(&mut session, "person", None, &[("called", "Ann Lee")]);
    add(&mut session, "person", None, &[("called", "Bo")]);
    add(&mut session, "person", None, &[("called", "Bo")]);
    add(&mut session, "person", None, &[]);
    assert_eq!(offered(&session, "eldest"), ["Ann Lee", "Bo"], "each answer once, and none that is empty");
    assert_eq!(offered(&session, "away"), ["Bo"], "blanks stand between the codes of several");
    say(&mut session, "eldest", "Ann Lee");
    assert_eq!(value(&session, "said"), "Ann Lee");
    let state = session.state("eldest", &around()).unwrap();
    assert_eq!(state.choices, Some(vec!["Ann Lee".to_owned(), "Bo".to_owned()]));
    // Another row changes nothing of it; its own row does.
    add(&mut session, "person", None, &[("called", "Cy")]);
    assert_eq!(value(&session, "eldest"), "Ann Lee");
    say(&mut session, &format!("{first}/called"), "Anne Lee");
    assert_eq!((value(&session, "eldest"), value(&session, "said")), (String::new(), String::new()));
    say(&mut session, "eldest", "Anne Lee");
    session.remove_row(&first, &around()).unwrap();
    assert_eq!(value(&session, "eldest"), "");
}

#[test]
fn a_filter_reads_the_row_that_is_offered_and_else_where_the_select_stands() {
    let mut session = open(
        "choice_filter",
        "begin repeat | person |
         text | called |
         integer | age |
         select_one ${called} | friend | ${called} != current()/../called
         begin repeat | pet |
         text | petname |
         end repeat | |
         select_one ${petname} | dearest |
         end repeat | |
         begin repeat | visit |
         integer | least |
         select_one ${called} | seen | ${age} >= ${least}
         end repeat | |
         select_one ${petname} | any_pet |",
        "",
    );
    let ann = add(&mut session, "person", None, &[("called", "Ann"), ("age", "4")]);
    let bo = add(&mut session, "person", None, &[("called", "Bo"), ("age", "9")]);
    add(&mut session, "pet", Some(&ann), &[("petname", "Rex")]);
    add(&mut session, "pet", Some(&bo), &[("petname", "Tab")]);
    assert_eq!(
        offered(&session, &format!("{ann}/friend")),
        ["Bo"],
        "every row of the same repeat but its own"
    );
    assert_eq!(offered(&session, &format!("{ann}/dearest")), ["Rex"], "rows inside of the same row");
    assert_eq!(offered(&session, "any_pet"), ["Rex", "Tab"]);
    let early = add(&mut session, "visit", None, &[("least", "3")]);
    let late = add(&mut session, "visit", None, &[("least", "8")]);
    assert_eq!(offered(&session, &format!("{early}/seen")), ["Ann", "Bo"]);
    assert_eq!(offered(&session, &format!("{late}/seen")), ["Bo"]);
    say(&mut session, &format!("{late}/seen"), "Bo");
    say(&mut session, &format!("{bo}/age"), "7");
    assert_eq!(value(&session, &format!("{late}/seen")), "", "the filter is read again when an age changes");
}
