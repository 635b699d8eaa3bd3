//! Just enough of the programme's forms to fill them in.

use std::collections::BTreeMap;

use alongside_domain::programme::{builtin, package::Files};

/// A form.
pub struct Form {
    pub id: String,
    pub version: String,
    pub questions: Vec<Question>,
}

/// A question.
pub struct Question {
    pub name: String,
    pub kind: String,
    /// The repeat it stands in.
    pub repeat: Option<String>,
    pub choices: Vec<String>,
    pub required: bool,
    pub conditional: bool,
    pub merge: String,
    pub appearance: String,
}

/// Reads the forms of the programme that ships with the app.
pub fn read() -> BTreeMap<String, Form> {
    let files = builtin::independent_support_files();
    let mut forms = BTreeMap::new();
    for text in files.iter().filter(|(path, _)| path.starts_with("forms/")).map(|(_, bytes)| text(bytes)) {
        let settings = &table(text, "# settings")[0];
        let form = Form {
            id: settings["form_id"].clone(),
            version: settings["version"].clone(),
            questions: questions(text, &files),
        };
        forms.insert(form.id.clone(), form);
    }
    forms
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn questions(text: &str, files: &Files) -> Vec<Question> {
    let choices = table(text, "# choices");
    let mut repeat = None;
    let mut questions = Vec::new();
    for row in table(text, "# survey") {
        let cell = |name: &str| row.get(name).cloned().unwrap_or_default();
        let kind = cell("type");
        let (first, list) = kind.split_once(' ').unwrap_or((&kind, ""));
        match (first, list) {
            ("begin", "repeat") => repeat = Some(cell("name")),
            ("end", "repeat") => repeat = None,
            ("begin" | "end" | "calculate" | "note" | "image" | "hidden", _) => {}
            _ => questions.push(Question {
                name: cell("name"),
                kind: first.replace("_from_file", ""),
                repeat: repeat.clone(),
                choices: if first.ends_with("_from_file") {
                    let list = self::text(&files[&format!("codelists/{list}")]);
                    list.lines().skip(1).filter_map(|line| Some(line.split_once(',')?.0.to_owned())).collect()
                } else {
                    let of_list = choices.iter().filter(|choice| choice["list_name"] == list);
                    of_list.map(|choice| choice["name"].clone()).collect()
                },
                required: cell("required") == "yes",
                conditional: !cell("relevant").is_empty(),
                merge: cell("merge"),
                appearance: cell("appearance"),
            }),
        }
    }
    questions
}

/// The rows of the table under a heading.
fn table(text: &str, heading: &str) -> Vec<BTreeMap<String, String>> {
    let mut rows = text
        .lines()
        .skip_while(|line| line.trim() != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    let Some(header) = rows.next() else { return Vec::new() };
    rows.skip(1).map(|row| header.iter().cloned().zip(row).collect()).collect()
}
