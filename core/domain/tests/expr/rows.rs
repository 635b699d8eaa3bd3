//! The rows of the table of expressions.

const TABLE: &str = include_str!("table.txt");

/// One row of the table.
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) section: String,
    pub(crate) expression: String,
    pub(crate) expected: String,
    pub(crate) here: String,
}

/// A text in which `\{97}` stands for 97 of the character before it.
fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("\\{") {
        let (count, after) = from.split_once('}').expect("a number in brackets");
        let count: usize = count.parse().expect("a number in brackets");
        out.push_str(before);
        let letter = before.chars().next_back().expect("a character before the number");
        out.extend(std::iter::repeat_n(letter, count - 1));
        rest = after;
    }
    out + rest
}

/// The rows: `expression ⇒ value`, with `## section` and `@here path` between.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut section, mut here) = (String::new(), "/data/nothing".to_owned());
    for (index, line) in TABLE.lines().enumerate() {
        let line_number = index + 1;
        if line.starts_with("# ") {
            continue;
        }
        if let Some(title) = line.strip_prefix("## ") {
            section = title.trim().to_owned();
            here = "/data/nothing".to_owned();
        } else if let Some(path) = line.strip_prefix("@here ") {
            here = path.trim().to_owned();
        } else if let Some((expression, expected)) = line.split_once(" ⇒ ") {
            rows.push(Row {
                line: line_number,
                section: section.clone(),
                expression: repeated(expression).replace("\\n", "\n").replace("\\t", "\t"),
                expected: repeated(expected.trim()),
                here: here.clone(),
            });
        } else {
            assert!(line.trim().is_empty(), "line {line_number}: {line}");
        }
    }
    rows
}
