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
                expression: expression.replace("\\n", "\n").replace("\\t", "\t"),
                expected: expected.trim().to_owned(),
                here: here.clone(),
            });
        } else {
            assert!(line.trim().is_empty(), "line {line_number}: {line}");
        }
    }
    rows
}
