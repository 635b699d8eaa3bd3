//! However somebody walks through a form, changes their mind, stops and goes on: the record says what they
//! said last, and nothing of the way there.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::{
        expr::Surroundings,
        session::{CompiledForm, Session},
    },
    programme::entry::Answer,
};
use proptest::prelude::*;

use super::{around, compile};

const HEADING: &str =
    "relevant | calculation | constraint | required | choice_filter | repeat_count | default | appearance";

/// Pages that open and close each other, rows that are counted and rows that are added, choices that follow
/// other answers and answers of rows.
const FORM: &str = "integer | size | | | . < 9 | yes | | | |
    select_one county | county | | | | | | | |
    select_one town | town | ${county} != '' | | | yes | county = ${county} | | |
    begin group | about | ${town} = 're' or ${size} > 3 | | | | | | | field-list
    text | colour | | | string-length(.) < 3 | | | | |
    integer | weight | ${colour} != '' | | . >= ${size} | | | | 3 |
    end group | | | | | | | | |
    calculate | both | | concat(${colour}, '/', ${weight}, '/', ${town}) | | | | | |
    begin repeat | floor | | | | | | ${size} - 2 | | field-list
    integer | rooms | | | | | | | |
    calculate | doubled | | ${rooms} * 2 + position(..) | | | | | |
    end repeat | | | | | | | | |
    begin repeat | guest | ${county} = 'be' | | | | | | | field-list
    text | called | | | | | | | |
    integer | age | ${called} != '' | | | | | | |
    end repeat | | | | | | | | |
    select_one ${called} | eldest | count(${guest}) > 0 | | | | ${age} > 1 | | |
    select_multiple ${called} | friends | | | | | | | |
    text | why | ${eldest} != '' and sum(${rooms}) > 2 | | | yes | | | |
    calculate | all | | concat(sum(${doubled}), ${both}, ${eldest}, ${friends}) | | | | | |";

const CHOICES: &str = "| county | gl | London | |\n| county | be | Berkshire | |\n| town | lo | London | gl |\n| town | re | Reading | be |\n| town | sl | Slough | be |";

/// Rows of guests that everybody adds in the end.
const GUESTS: usize = 2;

/// What somebody says of a question in the end, by the number that they drew for it; nothing for some.
fn said(key: &str, drawn: u8) -> Answer {
    let text = |text: &str| Answer::Text(text.to_owned());
    let name = key.rsplit('/').next().unwrap_or(key);
    match (name, drawn % 6) {
        (_, 0) => Answer::Cleared,
        ("county", drawn) => text(["gl", "be"][usize::from(drawn % 2)]),
        ("town", drawn) => text(["lo", "re", "sl"][usize::from(drawn % 3)]),
        ("called" | "eldest", drawn) => text(["Ann", "Bo", "Cy Dee"][usize::from(drawn % 3)]),
        ("friends", drawn) => {
            let all = ["Ann", "Bo"];
            Answer::Codes(all[..usize::from(drawn % 2) + 1].iter().map(|code| (*code).to_owned()).collect())
        }
        ("colour" | "why", drawn) => text(&"x".repeat(usize::from(drawn))),
        (_, drawn) => Answer::Integer(i64::from(drawn)),
    }
}

/// Somebody who fills the form in.
struct Walker {
    form: Arc<CompiledForm>,
    session: Session,
    /// What they say in the end.
    wanted: BTreeMap<&'static str, u8>,
}

impl Walker {
    fn new(form: &Arc<CompiledForm>, wanted: &BTreeMap<&'static str, u8>) -> Self {
        let session = Session::open(Arc::clone(form), "", &around());
        Self { form: Arc::clone(form), session, wanted: wanted.clone() }
    }

    /// As a page does it: what is offered can be chosen, and nothing else; what is computed is not asked.
    fn answer(&mut self, key: &str, answer: &Answer) {
        let Some(state) = self.session.state(key, &around()) else { return };
        if !state.relevant || state.read_only {
            return;
        }
        let offered = |code: &String| state.choices.as_ref().is_none_or(|known| known.contains(code));
        let answer = match answer {
            Answer::Text(code) if !offered(code) => Answer::Cleared,
            Answer::Codes(codes) => {
                let codes: Vec<String> = codes.iter().filter(|code| offered(code)).cloned().collect();
                if codes.is_empty() { Answer::Cleared } else { Answer::Codes(codes) }
            }
            other => other.clone(),
        };
        self.session.answer(key, &answer, &around()).expect("an answer of its kind");
    }

    fn in_the_end(&self, key: &str) -> Answer {
        // Each row says something of its own.
        let row = key.split('/').nth(1).and_then(|row| {
            let rows = self.session.row_keys("guest", None);
            let place = rows.iter().position(|known| known.ends_with(row));
            place.or_else(|| row.parse().ok())
        });
        let name = key.rsplit('/').next().unwrap_or(key);
        let drawn = self.wanted.get(name).copied().unwrap_or_default();
        said(key, drawn.wrapping_add(u8::try_from(row.unwrap_or_default()).unwrap_or_default()))
    }

    fn asked(&self) -> Vec<String> {
        self.session.pages().iter().flat_map(|page| page.questions.clone()).collect()
    }

    fn add_guest(&mut self) {
        let here = around();
        let at = u8::try_from(self.session.row_keys("guest", None).len()).expect("few rows");
        let chance = Surroundings::new(here.now, here.zone, [at + 1; 32]);
        self.session.add_row("guest", None, &chance).expect("a row");
    }

    /// One step of a walk, as far as the page that is open allows it.
    fn step(&mut self, way: u8, drawn: u8) {
        let page = self.session.page().questions;
        let here = (!page.is_empty()).then(|| page[usize::from(drawn) % page.len().max(1)].clone());
        match (way % 8, here) {
            (0 | 1, _) => drop(self.session.next_page()),
            (2, _) => drop(self.session.previous_page()),
            (3, _) => {
                let asked = self.asked();
                if let Some(key) = asked.get(usize::from(drawn) % asked.len().max(1)) {
                    assert!(self.session.jump(key), "{key} is asked");
                }
            }
            (4, Some(key)) => {
                let answer = self.in_the_end(&key);
                self.answer(&key, &answer);
            }
            // They do not know yet what they will say in the end.
            (5, Some(key)) => self.answer(&key, &said(&key, drawn)),
            (6, _) => {
                let rows = self.session.row_keys("guest", None);
                match rows.last().filter(|_| rows.len() > GUESTS || drawn.is_multiple_of(3)) {
                    Some(last) => drop(self.session.remove_row(last, &around()).expect("a row")),
                    None => self.add_guest(),
                }
            }
            (7, _) => {
                let draft = self.session.draft();
                let form = Arc::clone(&self.form);
                self.session = Session::resume(form, "", &draft, &around()).expect("a draft of this form");
            }
            _ => {}
        }
    }

    /// Looks every page over until it says what they want to say.
    fn settle(&mut self) {
        for _ in 0..50 {
            while self.session.row_keys("guest", None).len() < GUESTS {
                self.add_guest();
            }
            while let Some(last) = self.session.row_keys("guest", None).get(GUESTS) {
                self.session.remove_row(last, &around()).expect("a row");
            }
            let before = self.session.finish(&around()).answers;
            for key in self.asked() {
                let answer = self.in_the_end(&key);
                self.answer(&key, &answer);
            }
            if self.session.finish(&around()).answers == before {
                return;
            }
        }
        panic!("the answers never settle: {:?}", self.wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_way_through_a_form_ends_in_the_same_record(
        drawn in prop::collection::vec(0_u8..6, 11),
        ways in prop::collection::vec((any::<u8>(), any::<u8>()), 0..60),
    ) {
        let names = [
            "size", "county", "town", "colour", "weight", "rooms", "called", "age", "eldest", "friends", "why",
        ];
        let wanted: BTreeMap<&'static str, u8> = names.into_iter().zip(drawn).collect();
        let form = compile(HEADING, FORM, CHOICES).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let mut straight = Walker::new(&form, &wanted);
        straight.settle();
        let mut walker = Walker::new(&form, &wanted);
        for (way, drawn) in ways {
            walker.step(way, drawn);
        }
        walker.settle();
        let (one, other) = (straight.session.finish(&around()), walker.session.finish(&around()));
        // What was said on the way and is not asked in the end is kept aside, and no part of the record.
        prop_assert_eq!(one.answers, other.answers);
        prop_assert_eq!(one.troubles, other.troubles);
    }
}
