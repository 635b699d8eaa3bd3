//! The same family, child or row more than once.

use crate::office::{Office, csv, headings, row, told};

fn import(office: &Office, rows: &[Vec<String>]) -> alongside_server::import::Summary {
    let mut all = vec![headings()];
    all.extend_from_slice(rows);
    office.file("sheet.csv", csv(&all, b','));
    office.import("sheet.csv").unwrap()
}

#[test]
fn of_a_repeated_family_the_first_details_stay_and_gaps_are_filled() {
    let office = Office::new();
    let rows = [
        row(1, &[("Phone", "")]),
        row(1, &[("First name", "Ben"), ("Case no", "1-2"), ("Postcode", "DH7 8RJ")]),
    ];
    let summary = import(&office, &rows);
    insta::assert_snapshot!(told(&summary), @r#"
2 rows read = 2 imported + 0 unchanged + 0 updated + 0 refused
1 of the imported rows joined what was there before; 5 groups and 8 records are new
row 3: column Postcode: an earlier row says otherwise, and that one stays
"#);
    assert_eq!(office.records("family").len(), 1);
    assert_eq!(office.records("family")[0].text("postcode"), Some("DH1 5UL"));
    assert_eq!(office.records("person").len(), 1);
    assert_eq!(office.records("person")[0].text("phone"), Some("0191 498 0123"));
    let head = office.head();
    let again = import(&office, &rows);
    assert_eq!((again.unchanged, office.head()), (2, head));
    // A brother in a later file joins the family of the first one.
    let later = import(&office, &[row(1, &[("First name", "Cy"), ("Case no", "1-3")])]);
    assert_eq!((later.imported, later.joined), (1, 1));
    let families = office.groups().iter().filter(|(_, kind, _)| kind == "family").count();
    assert_eq!(families, 1);
}

#[test]
fn of_a_row_that_changed_only_the_changed_cells_are_written() {
    let office = Office::new();
    import(&office, &[row(1, &[("Wants help with", "meeting; Transition")]), row(2, &[])]);
    let head = office.head();
    let changed = [
        row(1, &[("Wants help with", "EHC assessment; meeting"), ("Postcode", "DH7 8RJ"), ("Phone", "")]),
        row(2, &[]),
    ];
    let summary = import(&office, &changed);
    insta::assert_snapshot!(told(&summary), @r#"
2 rows read = 0 imported + 1 unchanged + 1 updated + 0 refused
0 of the imported rows joined what was there before; 0 groups and 0 records are new
row 2: column Phone: the cell is empty now, and the value imported earlier stays
"#);
    // One change of the family, one of the referral.
    assert_eq!(office.head(), head + 2);
    assert_eq!(office.records("family")[0].text("postcode"), Some("DH7 8RJ"));
    assert_eq!(office.records("person")[0].text("phone"), Some("0191 498 0123"));
    assert_eq!(office.records("referral")[0].codes("reason"), ["MEETING", "REQUEST_ASSESSMENT"]);
    let again = import(&office, &changed);
    assert_eq!((again.unchanged, again.updated, office.head()), (2, 0, head + 2));
}

#[test]
fn a_row_that_stands_twice_in_a_file_is_taken_in_once() {
    let office = Office::new();
    let rows = [row(1, &[]), row(1, &[]), row(1, &[("Need", "SLCN")])];
    let summary = import(&office, &rows);
    insta::assert_snapshot!(told(&summary), @r#"
3 rows read = 1 imported + 2 unchanged + 0 updated + 0 refused
0 of the imported rows joined what was there before; 3 groups and 5 records are new
row 4: column Need: an earlier row says otherwise, and that one stays
"#);
    let head = office.head();
    assert_eq!((import(&office, &rows).unchanged, office.head()), (3, head));
}

#[test]
fn a_case_that_is_linked_to_another_family_is_refused() {
    let office = Office::new();
    let summary = import(&office, &[row(1, &[]), row(2, &[("Case no", "1-1")])]);
    assert_eq!((summary.imported, summary.rejected), (1, 1));
    assert_eq!(summary.refused[0].problems[0].code, "other_parent");
    assert!(office.text("refused.csv").contains("other_parent"));
    assert_eq!(office.records("family").len(), 1);
}

#[test]
fn what_the_form_finds_wrong_is_taken_in_and_told() {
    let office = Office::new();
    let summary = import(&office, &[row(1, &[("Phone", "ask next door")]), row(2, &[])]);
    let said = told(&summary);
    assert_eq!((summary.imported, summary.rejected), (2, 0), "{said}");
    let wanted = "row 2: column Phone: the form's own check of this answer does not hold";
    assert_eq!(said.lines().filter(|line| line.starts_with("row")).collect::<Vec<_>>(), [wanted]);
    assert_eq!(office.records("person")[0].text("phone"), Some("ask next door"));
}
