//! Whatever the order of the answers, the record is the same.

use alongside_domain::form::session::Finished;
use proptest::prelude::*;

use super::{around, open, say};

const FORM: &str = "integer | a | | |
     integer | b | | |
     text | c | ${a} > 2 | |
     begin group | g | ${b} > ${a} | |
     text | d | | |
     integer | e | ${c} = 'x' | | . < 5
     end group | | | |
     calculate | f | | ${a} + ${b} |
     calculate | h | | concat(${d}, '-', ${e}, '-', ${f}) |
     integer | n | | |
     begin repeat | r | ${f} > 1 | |
     integer | v | | |
     calculate | w | | ${v} * ${a} |
     end repeat | | | |
     calculate | t | | sum(${w}) |";

fn replay(answers: &[(String, String)]) -> Finished {
    let mut session = open("relevant | calculation | constraint", FORM, "");
    for seed in [1_u8, 2] {
        let here = around();
        let chance = alongside_domain::form::expr::Surroundings::new(here.now, here.zone, [seed; 32]);
        session.add_row("r", None, &chance).expect("a row");
    }
    let rows = session.row_keys("r", None);
    for (key, value) in answers {
        let key = match key.strip_prefix("r") {
            Some(row) => format!("{}/v", rows[row.parse::<usize>().expect("a number")]),
            None => key.clone(),
        };
        say(&mut session, &key, value);
    }
    session.finish(&around())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn answers_in_any_order_give_the_same_record(
        values in prop::collection::vec(0_u8..6, 8),
        order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let keys = ["a", "b", "c", "d", "e", "n", "r0", "r1"];
        let answers: Vec<(String, String)> = keys
            .iter()
            .zip(&values)
            .map(|(key, value)| {
                let text = match (*key, *value) {
                    (_, 0) => String::new(),
                    ("c" | "d", 1..=3) => "x".to_owned(),
                    ("c" | "d", _) => "y".to_owned(),
                    (_, value) => value.to_string(),
                };
                ((*key).to_owned(), text)
            })
            .collect();
        let shuffled: Vec<_> = order.iter().map(|at| answers[*at].clone()).collect();
        prop_assert_eq!(replay(&answers), replay(&shuffled));
    }
}
