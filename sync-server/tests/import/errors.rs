//! Files and maps that cannot be used: each says what to do, and nothing is imported.

use std::io::Write as _;

use alongside_server::import::{ImportError, SourceError, Summary};

use crate::office::{Office, csv, headings, manual, row};

/// Imports this file and gives the error's text.
fn refused(office: &Office, name: &str, bytes: &[u8]) -> ImportError {
    office.file(name, bytes);
    let head = office.head();
    let error = office.import(name).unwrap_err();
    assert_eq!(office.head(), head);
    error
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn files_that_are_no_spreadsheet_are_told_apart() {
    let office = Office::new();
    let ole = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    let locked: Vec<u8> = ole
        .into_iter()
        .chain([0; 504])
        .chain("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let old: Vec<u8> = ole.into_iter().chain([0; 504]).collect();
    let mut told = Vec::new();
    for (name, bytes) in [
        ("letter.csv", b"%PDF-1.4 ...".to_vec()),
        ("old.xlsx", old),
        ("locked.xlsx", locked),
        ("page.csv", b"<!DOCTYPE html><html>".to_vec()),
        ("photo.csv", b"\xff\xd8\xff\xe0\x00\x10JFIF".to_vec()),
        ("calc.xlsx", archive(&[("content.xml", b"<x/>")])),
        ("broken.xlsx", archive(&[("xl/workbook.xml", b"<workbook")])),
        ("cut.xlsx", b"PK\x03\x04 and no more".to_vec()),
        ("empty.csv", Vec::new()),
        ("headings.csv", csv(&[headings()], b',')),
        ("quote.csv", [csv(&[headings()], b','), b"1,\"never\nclosed,2\n3,4\n".to_vec()].concat()),
    ] {
        told.push(format!("{name}: {}", refused(&office, name, &bytes)));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
letter.csv: this is not a spreadsheet but a PDF: open it where it came from and save it as .xlsx or .csv
old.xlsx: this is not a spreadsheet but a file of the old Excel format (.xls): open it where it came from and save it as .xlsx or .csv
locked.xlsx: the workbook is protected by a password: open it, take the password off, and save a copy for the import
page.csv: this is not a spreadsheet but a web page: open it where it came from and save it as .xlsx or .csv
photo.csv: this is not a spreadsheet but a file that is not text: open it where it came from and save it as .xlsx or .csv
calc.xlsx: this is not a spreadsheet but an OpenDocument file: open it where it came from and save it as .xlsx or .csv
broken.xlsx: the workbook is damaged: open it in a spreadsheet program and save it again as .xlsx
cut.xlsx: the workbook is damaged: open it in a spreadsheet program and save it again as .xlsx
empty.csv: the sheet has no rows below its headings: check that the right file and sheet are named
headings.csv: the sheet has no rows below its headings: check that the right file and sheet are named
quote.csv: a quotation mark that is opened in row 2 is never closed: close it, or save the file again as .xlsx
"#);
    assert!(matches!(office.import("absent.csv"), Err(ImportError::Source(SourceError::NotFound(_)))));
    assert!(matches!(office.import(""), Err(ImportError::Source(SourceError::NotASpreadsheet { .. }))));
}

#[test]
fn a_workbook_that_unpacks_to_a_gigabyte_is_not_read() {
    let office = Office::new();
    let mut bytes = archive(&[("xl/workbook.xml", b"<workbook/>")]);
    let directory = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[directory + 24..directory + 28].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    let error = refused(&office, "bomb.xlsx", &bytes);
    assert!(matches!(error, ImportError::Source(SourceError::TooLarge { .. })), "{error}");
}

#[test]
fn a_cell_in_the_last_corner_costs_nothing() {
    let office = Office::new();
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let page = workbook.add_worksheet();
    page.write(0, 0, "Family no").unwrap();
    page.write(1_048_575, 16_383, "x").unwrap();
    let error = refused(&office, "corner.xlsx", &workbook.save_to_buffer().unwrap());
    assert!(matches!(error, ImportError::Source(SourceError::TooLarge { what: "columns", .. })), "{error}");
}

#[test]
fn headings_that_are_missing_or_doubled_are_named() {
    let office = Office::new();
    let mut names = headings();
    names[4] = "D.O.B".to_owned();
    names[7] = "Postcod".to_owned();
    names[11] = "Consent".to_owned();
    let error = refused(&office, "headings.csv", &csv(&[names, row(1, &[])], b','));
    let ImportError::Map(problems) = &error else { panic!("{error}") };
    let told: Vec<String> = problems
        .iter()
        .map(|problem| {
            format!(
                "{} {} {}: {} {}",
                problem.row.unwrap(),
                problem.column.as_deref().unwrap(),
                problem.code,
                problem.what,
                problem.help
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
13 key missing_heading: The spreadsheet has no column `DOB`. Look at the headings of the spreadsheet, and at `heading_row`.
26 column missing_heading: The spreadsheet has no column `Postcode`. Did you mean `Postcod`?
48 phone missing_heading: The spreadsheet has no column `Phone`. Look at the headings of the spreadsheet, and at `heading_row`.
70 consent_to_contact duplicate_heading: The spreadsheet has several columns `Consent`. Give each of them a heading of its own.
"#);
}

#[test]
fn everything_wrong_with_a_map_is_said_at_once() {
    let office = Office::new();
    office.file(
        "map.toml",
        r#"partner = "Durham Family Support"
heading_row = 0
sheets = "x"
reference_date = "2016"

[groups.famly]
key = "Family no"

[groups.child]
key = []

[groups.case]

[records.family]
key = "Family no"
[records.family.fields]
postcode = { column = "Postcode", tidy = "postal" }
area = { constant = "Durhem" }
nothing = "Area"
household = { join = "x" }

[records.chld]

[records.child]
later = ["ethnicty"]
[records.child.fields]
rights_year = "DOB"
sex = { column = "Sex", codes = { m = "MAIL" } }
given_name = { column = "First name", split = ";" }
family_name = { column = "Surname", grant = true }
known_as = 7

[records.referral]
"#,
    );
    let error = refused(&office, "sheet.csv", &csv(&[headings(), row(1, &[])], b','));
    let text = error.to_string().replace(office.folder.path().to_str().unwrap(), "");
    insta::assert_snapshot!("map_problems", text);
}

#[test]
fn partner_and_author_must_be_known() {
    let office = Office::new();
    let sheet = csv(&[headings(), row(1, &[])], b',');
    office.file("map.toml", manual("toml").replace("\"Durham Family Support\"", "\"Durham Famly Support\""));
    let error = refused(&office, "sheet.csv", &sheet);
    assert!(error.to_string().contains("Did you mean `Durham Family Support`?"), "{error}");
    office.file("map.toml", manual("toml").replace("\"Dana Whitfield\"", "\"Dana Witfield\""));
    let error = refused(&office, "sheet.csv", &sheet);
    assert!(error.to_string().contains("Did you mean `Dana Whitfield`?"), "{error}");
    std::fs::remove_file(office.path("map.toml")).unwrap();
    assert!(matches!(refused(&office, "sheet.csv", &sheet), ImportError::MapFile { .. }));
}

#[test]
fn a_place_for_refused_rows_that_cannot_be_written_stops_everything() {
    let office = Office::new();
    office.file("sheet.csv", csv(&[headings(), row(1, &[])], b','));
    let head = office.head();
    for place in ["no/such/folder.csv", "sheet.csv", "."] {
        let result: Result<Summary, ImportError> = office.run("sheet.csv", Some(place), Some(&office.ingest));
        assert!(matches!(result, Err(ImportError::Rejects { .. })), "{place}: {result:?}");
    }
    assert_eq!(office.head(), head);
}

#[test]
fn what_is_printed_holds_no_cell() {
    let office = Office::new();
    let secret = row(1, &[("Surname", "Verysecret"), ("DOB", "Verysecret day"), ("Sex", "Verysecret sex")]);
    office.file("sheet.csv", csv(&[headings(), secret], b','));
    let summary = office.import("sheet.csv").unwrap();
    assert_eq!(summary.rejected, 1);
    assert!(!summary.to_string().contains("Verysecret"));
    assert!(!serde_json::to_string(&summary).unwrap().contains("Verysecret"));
    assert!(office.text("refused.csv").contains("Verysecret"));
}
