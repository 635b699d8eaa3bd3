//! Forty rows with every kind of dirt, as text and as a workbook.

use alongside_server::import::Summary;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

use crate::office::{Office, csv, headings, row, told};

/// Rows as an office keeps them. Those from 30 on are refused.
fn rows() -> Vec<Vec<String>> {
    let changes: &[(usize, &[(&str, &str)])] = &[
        (1, &[]),
        (2, &[("DOB", "03.09.06"), ("Date of referral", "3 Nov 2014")]),
        (3, &[("DOB", "3rd September 2006"), ("Date of referral", "2014-11-03")]),
        (4, &[("DOB", "38963"), ("Date of referral", "Mon 3 Nov 2014")]),
        (5, &[("Postcode", "dh15ul")]),
        (6, &[("Postcode", "\u{a0}DH1\u{a0}5UL ")]),
        (7, &[("Postcode", "")]),
        (8, &[("First name", "  Mary \u{a0} Ann\u{200b} ")]),
        (9, &[("Surname", "O\u{2019}Brien"), ("Parent surname", "O\u{2018}Brien")]),
        (10, &[("Surname", "Nuñez"), ("First name", "Zoë")]),
        (11, &[("Sex", "female")]),
        (12, &[("Sex", "Prefers not to say")]),
        (13, &[("Sex", " nobt ")]),
        (14, &[("Need", "unknown")]),
        (15, &[("Need", "n/a")]),
        (16, &[("Need", "Speech, language and communication needs")]),
        (17, &[("Need", "autistic SPECTRUM disorder")]),
        (18, &[("Consent", "y")]),
        (19, &[("Consent", "TRUE")]),
        (20, &[("Consent", "no")]),
        (21, &[("Wants help with", "EHC assessment;meeting;; Transition ;meeting")]),
        (22, &[("Wants help with", "MEETING")]),
        (23, &[("Wants help with", "The draft plan")]),
        (24, &[("Phone", "+44 191 498 0123")]),
        (25, &[("Phone", "-"), ("Worker", "")]),
        (26, &[("Parent first name", ""), ("Parent surname", "")]),
        (27, &[("Worker", " alex  GREEN ")]),
        (28, &[("Phone", "0191 498 0123\nmornings, \"after 9\"")]),
        (29, &[("Area", "county durham")]),
        (1, &[("First name", "Ben"), ("Case no", "1-2"), ("Postcode", "DH7 8RJ")]),
        (31, &[("DOB", "9/23/2006")]),
        (32, &[("DOB", "31/6/2006"), ("Postcode", "Durham"), ("Sex", "Femail")]),
        (33, &[("DOB", "")]),
        (34, &[("Family no", "")]),
        (35, &[("Area", "Durhem")]),
        (36, &[("Worker", "Alex Grene")]),
        (37, &[("Date of referral", "last week")]),
        (38, &[("Consent", "maybe")]),
        (39, &[("Wants help with", "a holiday")]),
        (40, &[("First name", "=cmd|' /C calc'!A0"), ("DOB", "3/9/0206")]),
        (41, &[("Wants help with", "")]),
    ];
    changes.iter().map(|(number, changed)| row(*number, changed)).collect()
}

fn sheet() -> Vec<Vec<String>> {
    let mut sheet = vec![headings()];
    // Headings are typed as carelessly as cells.
    sheet[0][3] = " FIRST  name".to_owned();
    sheet[0].push("Notes".to_owned());
    sheet.extend(rows().into_iter().map(|mut row| {
        row.push("for nobody, \"really\"".to_owned());
        row
    }));
    sheet
}

/// The same as a workbook, with dates and numbers as a spreadsheet program would keep them.
fn workbook(sheet: &[Vec<String>]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let day = Format::new().set_num_format("dd/mm/yyyy");
    let page = workbook.add_worksheet();
    for (row, cells) in (0..).zip(sheet) {
        for (column, cell) in (0..).zip(cells) {
            if cell == "3/9/2006" {
                page.write_with_format(row, column, ExcelDateTime::from_ymd(2006, 9, 3).unwrap(), &day)
                    .unwrap();
            } else if let Ok(number) = cell.parse::<f64>() {
                page.write(row, column, number).unwrap();
            } else if cell == "TRUE" {
                page.write(row, column, true).unwrap();
            } else if !cell.is_empty() {
                page.write(row, column, cell.as_str()).unwrap();
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}

/// What of the values is worth comparing: every answer of every record, without ids.
fn answers(office: &Office) -> String {
    let mut lines: Vec<String> = Vec::new();
    for form in ["family", "child", "person", "case", "referral"] {
        for view in office.records(form) {
            let values = view.fields.iter().map(|(key, field)| match field.shown.value.as_text() {
                Some(id) if id == office.alex.to_string() => format!("{key}=<alex>"),
                Some(text) => format!("{key}={text:?}"),
                None => format!("{key}={:?}", field.shown.value),
            });
            lines.push(format!("{form}: {}", values.collect::<Vec<_>>().join(" ")));
        }
    }
    lines.join("\n")
}

#[test]
fn a_dirty_file_is_taken_in_row_by_row_and_only_once() {
    let office = Office::new();
    office.file("dirty.csv", csv(&sheet(), b','));
    let summary = office.import("dirty.csv").unwrap();
    insta::assert_snapshot!("outcome", told(&summary));
    insta::assert_snapshot!("refused", office.text("refused.csv"));
    insta::assert_snapshot!("answers", answers(&office));
    let head = office.head();
    let again = office.import("dirty.csv").unwrap();
    assert_eq!((again.imported, again.updated, again.unchanged), (0, 0, 30));
    assert_eq!(again.rejected, summary.rejected);
    assert_eq!(office.head(), head, "the same file again adds nothing");
}

#[test]
fn a_workbook_and_other_encodings_say_the_same() {
    let expected = {
        let office = Office::new();
        office.file("dirty.csv", csv(&sheet(), b','));
        let summary = office.import("dirty.csv").unwrap();
        (told(&summary), answers(&office))
    };
    let windows = |separator| {
        let bytes = csv(&sheet(), separator);
        let text = String::from_utf8(bytes).unwrap().replace('\u{200b}', "");
        encoding_rs::WINDOWS_1252.encode(&text).0.into_owned()
    };
    let marked = [b"\xef\xbb\xbf".as_slice(), &csv(&sheet(), b'\t')].concat();
    for (name, bytes) in
        [("dirty.xlsx", workbook(&sheet())), ("windows.csv", windows(b';')), ("marked.txt", marked)]
    {
        let office = Office::new();
        office.file(name, bytes);
        let summary = office.import(name).unwrap();
        assert_eq!(told(&summary), expected.0, "{name}");
        assert_eq!(answers(&office), expected.1, "{name}");
    }
}

#[test]
fn refused_rows_put_right_are_imported_with_the_same_map() {
    let office = Office::new();
    office.file("dirty.csv", csv(&sheet(), b','));
    let before = office.import("dirty.csv").unwrap();
    // As it is, it is refused again.
    std::fs::rename(office.path("refused.csv"), office.path("corrected.csv")).unwrap();
    let head = office.head();
    let same = office.import("corrected.csv").unwrap();
    assert_eq!((same.read, same.rejected, office.head()), (before.rejected, before.rejected, head));
    let problems =
        |summary: &Summary| summary.refused.iter().map(|row| row.problems.len()).collect::<Vec<_>>();
    assert_eq!(problems(&same), problems(&before));
    let mut corrected = office.text("corrected.csv");
    for (wrong, right) in [
        ("9/23/2006", "23/9/2006"),
        ("31/6/2006", "30/6/2006"),
        (",Durham,", ",DH1 5UL,"),
        ("Femail", "Female"),
        ("Durhem", "County Durham"),
        ("Alex Grene", "Alex Green"),
        ("last week", "3/11/2014"),
        ("maybe", "yes"),
        ("a holiday", "Other"),
        ("'=cmd|' /C calc'!A0", "Ada"),
        ("3/9/0206", "3/9/2006"),
    ] {
        assert!(corrected.contains(wrong), "{wrong}");
        corrected = corrected.replace(wrong, right);
    }
    office.file("corrected.csv", corrected);
    let after = office.import("corrected.csv").unwrap();
    assert_eq!(after.imported + after.rejected, before.rejected);
    assert_eq!(after.rejected, 3, "{after}");
    assert_eq!(after.joined, 0, "{after}");
    let head = office.head();
    assert_eq!(office.import("corrected.csv").unwrap().imported, 0);
    assert_eq!(office.head(), head);
}
