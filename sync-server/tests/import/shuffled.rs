//! Whatever the order and the repetition of rows: the same groups, and counts that add up.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::office::{Office, csv, headings, row};

/// What the groups are to a person: cases by their reference, children by name, families.
fn groups(office: &Office) -> (usize, BTreeSet<String>, BTreeSet<String>) {
    let texts = |form: &str, field: &str| -> Vec<String> {
        office.records(form).iter().map(|view| view.text(field).unwrap_or_default().to_owned()).collect()
    };
    let (families, cases) = (texts("family", "family_ref"), texts("case", "case_ref"));
    let unique: BTreeSet<String> = cases.iter().cloned().collect();
    assert_eq!(unique.len(), cases.len(), "a case was taken in twice");
    (office.groups().len(), families.into_iter().collect(), unique)
}

fn any_row() -> impl Strategy<Value = Vec<String>> {
    let birth =
        prop_oneof![Just("3/9/2006"), Just("03.09.06"), Just("3 Sep 2006"), Just("31/6/2006"), Just("")];
    let postcode = prop_oneof![Just("DH1 5UL"), Just("dh15ul"), Just("DH7 8RJ"), Just("nowhere")];
    let name = prop_oneof![Just("Ada"), Just(" ada\u{a0}"), Just("Ben")];
    (1..4_usize, name, birth, postcode).prop_map(|(family, name, birth, postcode)| {
        let case = format!("{family}-{}", if name == "Ben" { 2 } else { 1 });
        row(family, &[("First name", name), ("DOB", birth), ("Postcode", postcode), ("Case no", &case)])
    })
}

fn imported(rows: &[Vec<String>]) -> (usize, BTreeSet<String>, BTreeSet<String>) {
    let office = Office::new();
    let mut all = vec![headings()];
    all.extend_from_slice(rows);
    office.file("sheet.csv", csv(&all, b';'));
    let summary = office.import("sheet.csv").unwrap();
    assert_eq!(summary.read, rows.len() as u64);
    let head = office.head();
    let again = office.import("sheet.csv").unwrap();
    assert_eq!((again.rejected, again.unchanged), (summary.rejected, again.read - summary.rejected));
    assert_eq!(office.head(), head, "the same file again adds nothing");
    groups(&office)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn order_and_repetition_do_not_matter(
        (rows, shuffled) in prop::collection::vec(any_row(), 1..8).prop_flat_map(|rows| {
            let twice: Vec<_> = rows.iter().chain(&rows).cloned().collect();
            (Just(rows), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(imported(&rows), imported(&shuffled));
    }
}
