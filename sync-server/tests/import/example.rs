//! The worked example of the manual does what the manual says.

use crate::office::{Office, csv, headings, manual, row, told};

#[test]
fn the_manuals_example_is_imported_as_it_says() {
    let office = Office::new();
    office.file("referrals.csv", manual("csv"));
    let summary = office.import("referrals.csv").unwrap();
    insta::assert_snapshot!(told(&summary), @r#"
3 rows read = 2 imported + 0 unchanged + 0 updated + 1 refused
1 of the imported rows joined what was there before; 5 groups and 8 records are new
row 4 refused: column DOB: month_first
"#);
    let families = office.records("family");
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].text("family_ref"), Some("840-F-101"));
    assert_eq!(families[0].text("postcode"), Some("DH1 5UL"));
    let children = office.records("child");
    let births: Vec<_> = children.iter().map(|child| child.text("date_of_birth").unwrap()).collect();
    assert_eq!(births, ["2006-09-03", "2009-03-17"]);
    let referral = &office.records("referral")[0];
    assert_eq!(referral.codes("reason"), ["MEETING", "REQUEST_ASSESSMENT"]);
    assert_eq!(referral.text("received_on"), Some("2014-11-03"));
    let case = &office.records("case")[0];
    assert_eq!(case.text("allocated_supporter"), Some(office.alex.to_string().as_str()));
    // The case, and with it the child and the family.
    assert_eq!(office.grants(office.alex), 3);
}

#[test]
fn whoever_is_given_a_case_by_the_import_reads_what_it_says_in_confidence() {
    let office = Office::new();
    let map = manual("toml")
        .replace(", \"address_confidential\"", "")
        .replace("postcode = {", "address_confidential = { constant = \"yes\" }\npostcode = {");
    office.file("map.toml", map);
    office.file("referrals.csv", manual("csv"));
    office.import("referrals.csv").unwrap();
    // The case, the child, the family, and what stands beside the family.
    assert_eq!(office.grants(office.alex), 4);
    let beside = office.groups().into_iter().filter(|(_, kind, _)| kind == "family_restricted");
    assert_eq!(beside.count(), 1);
    let head = office.head();
    assert_eq!((office.import("referrals.csv").unwrap().unchanged, office.head()), (2, head));
}

#[test]
fn a_dry_run_tells_the_same_and_writes_nothing() {
    let office = Office::new();
    office.file("referrals.csv", manual("csv"));
    let head = office.head();
    let tried = office.run("referrals.csv", Some("refused.csv"), None).unwrap();
    assert_eq!(office.head(), head);
    assert!(tried.dry_run && office.path("refused.csv").exists());
    let done = office.import("referrals.csv").unwrap();
    assert_eq!(alongside_server::import::Summary { dry_run: false, ..tried }, done);
}

#[test]
fn words_of_the_map_are_translated_once() {
    let office = Office::new();
    let map = manual("toml")
        .replace("{ Boy = \"M\", Girl = \"F\" }", "{ M = \"F\", F = \"M\", x = \"\" }, default = \"F\"");
    office.file("map.toml", map);
    let rows = [headings(), row(1, &[("Sex", "M")]), row(2, &[("Sex", "f")]), row(3, &[("Sex", "X")])];
    office.file("sheet.csv", csv(&rows, b','));
    office.import("sheet.csv").unwrap();
    let children = office.records("child");
    let sexes: Vec<_> = children.iter().map(|child| child.text("sex").unwrap()).collect();
    assert_eq!(sexes, ["F", "M", "F"]);
}

#[test]
fn a_file_of_several_steps_is_taken_in_as_a_whole() {
    let office = Office::new();
    let mut rows = vec![headings()];
    // Each family stands twice, far apart: the second time it is in the store already, or is not.
    for child in 0..2 {
        for family in 0..150 {
            let (name, case) = (format!("Child{child}"), format!("{family}-{child}"));
            rows.push(row(family, &[("First name", &name), ("Case no", &case)]));
        }
    }
    office.file("sheet.csv", csv(&rows, b','));
    let summary = office.import("sheet.csv").unwrap();
    assert_eq!((summary.imported, summary.joined, summary.notes.len()), (300, 150, 0), "{summary}");
    assert_eq!((summary.groups, summary.records), (150 + 300 + 300, 150 + 150 + 300 + 300 + 300));
    let head = office.head();
    assert_eq!((office.import("sheet.csv").unwrap().unchanged, office.head()), (300, head));
}
