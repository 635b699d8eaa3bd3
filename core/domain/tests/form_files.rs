//! The same form out of every kind of file, and files that are no form.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

use std::io::{Cursor, Write as _};

use alongside_domain::form::{
    ChoiceSource, Item, QuestionKind,
    xlsform::{CsvFile, Dialect, Opened, Source, open},
};

const SURVEY: &[&[&str]] = &[
    &["type", "name", "label::English (en)", "label::Cymraeg (cy)", "media::image", "bind::relevant", "mine"],
    &["begin group", "home", "Home", "Cartref", "", "", ""],
    &["select_one yn", "garden", "Garden?", "Gardd?", "garden.png", "", "kept"],
    &["end group", "", "", "", "", "", ""],
    &["begin repeat", "child", "Child", "Plentyn", "", "", ""],
    &["add text prompt", "called", "Name of ${garden}", "Enw", "", "${garden} = 'y'", ""],
    &["end repeat", "", "", "", "", "", ""],
    &["select_one ${called}", "eldest", "Eldest", "Hynaf", "", "", ""],
    &["geopoint", "place", "Place", "Lle", "", "", ""],
];
const CHOICES: &[&[&str]] = &[&["list name", "value", "label"], &["yn", "y", "Yes"], &["yn", "n", "No"]];
const SHEETS: [(&str, &[&[&str]]); 2] = [("survey", SURVEY), ("choices", CHOICES)];

fn workbook() -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, rows) in SHEETS {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        for (row, cells) in (0..).zip(rows) {
            for (column, text) in (0..).zip(*cells) {
                sheet.write_string(row, column, *text).unwrap();
            }
        }
    }
    book.save_to_buffer().unwrap()
}

fn csv(rows: &[&[&str]]) -> String {
    rows.iter().map(|row| row.join(",") + "\r\n").collect()
}

fn open_document() -> Vec<u8> {
    let mut content =
        String::from("<?xml version=\"1.0\"?><office:document-content><office:body><office:spreadsheet>");
    for (name, rows) in SHEETS {
        content += &format!("<table:table table:name=\"{name}\">");
        for row in rows {
            content += "<table:table-row>";
            for text in *row {
                if text.is_empty() {
                    content += "<table:table-cell/>";
                } else {
                    let text = text.replace('\'', "&apos;");
                    content += &format!(
                        "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
                    );
                }
            }
            content += "<table:table-cell table:number-columns-repeated=\"16370\"/></table:table-row>";
        }
        content += "<table:table-row table:number-rows-repeated=\"1048560\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row></table:table>";
    }
    content += "</office:spreadsheet></office:body></office:document-content>";
    archive("content.xml", content.as_bytes())
}

fn archive(part: &str, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(part, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap().into_inner()
}

fn markdown() -> String {
    let mut text = String::new();
    for (name, rows) in SHEETS {
        text += &format!("| {name} |\n");
        for row in rows {
            text += &format!("| | {} |\n", row.join(" | "));
        }
    }
    text
}

fn from(bytes: &[u8]) -> Opened {
    open("visit.form", Source::File(bytes), Dialect::Standard)
}

#[test]
fn every_kind_of_file_holds_the_same_form() {
    let first = from(&workbook());
    assert!(!first.has_error, "{:#?}", first.problems);
    let form = &first.form;
    assert_eq!(form.id, "visit");
    let garden = form.question("garden").unwrap();
    assert_eq!(garden.label.get("Cymraeg (cy)"), Some("Gardd?"));
    assert_eq!(garden.media["image"].text(), "garden.png");
    assert_eq!(garden.extra["mine"], "kept");
    let called = form.question("called").unwrap();
    assert_eq!(called.kind, QuestionKind::Text);
    assert_eq!(called.relevant.as_deref(), Some("${garden} = 'y'"));
    assert_eq!(
        form.question("eldest").unwrap().kind,
        QuestionKind::SelectOne(ChoiceSource::Answers("called".into()))
    );
    assert!(matches!(&form.items[1], Item::Repeat(child) if child.name == "child"));

    let (survey, choices) = (csv(SURVEY), csv(CHOICES));
    let folder = [
        CsvFile { name: "survey.csv", bytes: survey.as_bytes() },
        CsvFile { name: "choices.csv", bytes: choices.as_bytes() },
    ];
    let others = [
        ("ods", from(&open_document())),
        ("folder", open("visit.form", Source::Folder(&folder), Dialect::Standard)),
        ("markdown", from(markdown().as_bytes())),
    ];
    for (kind, other) in others {
        assert_eq!(other.problems, first.problems, "{kind}");
        assert_eq!(other.form, first.form, "{kind}");
    }
}

#[test]
fn a_file_that_is_no_form_says_what_it_is() {
    let code = |bytes: &[u8]| {
        let opened = from(bytes);
        assert!(opened.has_error);
        opened.problems[0].code
    };
    assert_eq!(code(b"PK\x03\x04 and nothing else"), "damaged_workbook");
    assert_eq!(code(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0, 0]), "damaged_workbook");
    assert_eq!(code(&archive("word/document.xml", b"<w/>")), "not_a_workbook");
    assert_eq!(code(&archive("xl/workbook.xml", &vec![0; 65 << 20])), "file_too_big");
    assert_eq!(code(&[0xFF, 0xFE, 0, 1]), "not_text");
    assert_eq!(code(b""), "missing_sheet");
}

#[test]
fn a_workbook_cut_anywhere_is_an_error_and_no_panic() {
    for whole in [workbook(), open_document()] {
        for end in (0..whole.len()).step_by(97) {
            let opened = from(&whole[..end]);
            assert!(opened.has_error, "cut at {end}");
            assert!(!opened.problems.is_empty());
        }
    }
}

#[test]
fn a_long_list_is_read_whole() {
    let mut choices = String::from("list_name,name,label\n");
    for number in 0..100_000 {
        choices += &format!("long,c{number},Choice {number}\n");
    }
    let files = [
        CsvFile { name: "survey.csv", bytes: b"type,name,label\nselect_one long,a,A\n" },
        CsvFile { name: "choices.csv", bytes: choices.as_bytes() },
    ];
    let opened = open("long", Source::Folder(&files), Dialect::Standard);
    assert!(!opened.has_error, "{:?}", opened.problems.first());
    assert_eq!(opened.form.choices["long"].len(), 100_000);
}

#[test]
fn the_dialects_differ_in_what_a_programme_needs() {
    let files = [CsvFile { name: "survey.csv", bytes: b"type,name,label\ntext,a,A\n" }];
    assert!(!open("plain.csv", Source::Folder(&files), Dialect::Standard).has_error);
    assert!(open("plain.csv", Source::Folder(&files), Dialect::Programme).has_error);
}
