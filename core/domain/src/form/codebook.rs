//! What a form asks, for those who read its answers: every variable with its type, its words, its rules
//! and its codes; as CSV, as JSON, as a page.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Choice, ChoiceSource, Form, Item, Question, QuestionKind, Section, Sensitivity, Translated};

mod page;

/// The variables of a form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Codebook {
    /// Id of the form.
    pub form: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The languages of its texts; empty where it has one without a name.
    pub languages: Vec<String>,
    /// Everything that a record keeps, in the order of the form.
    pub variables: Vec<Variable>,
}

/// Something that a record keeps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variable {
    /// Where a record keeps it; `*` stands for the key of a row: `visit/*/minutes`.
    pub key: String,
    /// The kind of its values: `integer`, `select_one`, `geopoint`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// What people read, by language; the empty language is the form's default.
    pub label: Translated,
    /// What explains it.
    #[serde(skip_serializing_if = "is_empty")]
    pub hint: Translated,
    /// The headings of the sections that it stands in, from the outermost in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<String>,
    /// `yes`, or the expression that says whether an answer is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<String>,
    /// The expressions that say whether it is asked, of the sections around it and its own: all must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relevant: Vec<String>,
    /// The expression that an answer satisfies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// The expression that computes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calculation: Option<String>,
    /// The file that its codes stand in, where that is not at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes_in: Option<String>,
    /// Its codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    /// How sensitive it is.
    pub sensitivity: Sensitivity,
    /// Where it is used: letters of `RDEL`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uses: String,
    /// Row of the sheet.
    pub row: u32,
}

/// A code of a variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Code {
    /// What a record keeps.
    pub code: String,
    /// What people read.
    pub label: Translated,
}

fn is_empty(text: &Translated) -> bool {
    text.0.is_empty()
}

impl Codebook {
    /// The codebook of a form; `code_lists` are the lists in files that its selects name.
    #[must_use]
    pub fn new(form: &Form, code_lists: &BTreeMap<String, Vec<Choice>>) -> Self {
        let mut gathered = Gathered { form, code_lists, variables: Vec::new(), languages: Vec::new() };
        gathered.items(&form.items, &Around::default());
        let Gathered { variables, languages, .. } = gathered;
        Self {
            form: form.id.clone(),
            title: form.title.clone(),
            version: form.version.clone(),
            languages,
            variables,
        }
    }

    /// As JSON.
    ///
    /// # Errors
    ///
    /// None that is known: every part of a codebook can be written.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// As CSV: a row for each variable, then one for each of its codes.
    ///
    /// # Errors
    ///
    /// None that is known: it is written to memory.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut rows = csv::Writer::from_writer(Vec::new());
        rows.write_record([
            "key",
            "type",
            "label",
            "hint",
            "section",
            "required",
            "relevant",
            "constraint",
            "calculation",
            "code",
            "code_label",
            "sensitivity",
            "use",
        ])?;
        for variable in &self.variables {
            let sensitivity = match variable.sensitivity {
                Sensitivity::NotPersonal => "0".to_owned(),
                other => format!("{other:?}"),
            };
            rows.write_record([
                variable.key.as_str(),
                &variable.kind,
                &tame(variable.label.text()),
                &tame(variable.hint.text()),
                &tame(&variable.sections.join(" / ")),
                variable.required.as_deref().unwrap_or_default(),
                &tame(&variable.relevant.join(" and ")),
                &tame(variable.constraint.as_deref().unwrap_or_default()),
                &tame(variable.calculation.as_deref().unwrap_or_default()),
                "",
                &variable.codes_in.as_ref().map(|file| format!("see {file}")).unwrap_or_default(),
                &sensitivity,
                &variable.uses,
            ])?;
            for code in &variable.codes {
                let mut row = [const { String::new() }; 13];
                row[0].clone_from(&variable.key);
                row[9] = tame(&code.code);
                row[10] = tame(code.label.text());
                rows.write_record(&row)?;
            }
        }
        let bytes = rows.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// As a page that stands alone.
    #[must_use]
    pub fn page(&self) -> String {
        page::page(self)
    }
}

/// A cell that no spreadsheet takes for a formula.
fn tame(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// What stands around an item.
#[derive(Clone, Default)]
struct Around {
    key: String,
    sections: Vec<String>,
    relevant: Vec<String>,
}

impl Around {
    fn inside(&self, section: &Section, is_repeat: bool) -> Self {
        let mut inside = self.clone();
        if is_repeat {
            inside.key = format!("{}{}/*/", self.key, section.name);
        }
        let label = section.label.text();
        inside.sections.push(if label.is_empty() { section.name.clone() } else { label.to_owned() });
        inside.relevant.extend(section.relevant.clone());
        inside
    }
}

struct Gathered<'f> {
    form: &'f Form,
    code_lists: &'f BTreeMap<String, Vec<Choice>>,
    variables: Vec<Variable>,
    languages: Vec<String>,
}

impl Gathered<'_> {
    fn items(&mut self, items: &[Item], around: &Around) {
        for item in items {
            match item {
                Item::Question(question) => self.question(question, around),
                Item::Group(section) => self.items(&section.items, &around.inside(section, false)),
                Item::Repeat(section) => self.items(&section.items, &around.inside(section, true)),
            }
        }
    }

    fn question(&mut self, question: &Question, around: &Around) {
        if question.kind == QuestionKind::Note || is_kept_apart(&question.kind) {
            return;
        }
        let (codes, codes_in) = self.codes(question);
        for text in std::iter::once(&question.label).chain(codes.iter().map(|code| &code.label)) {
            for language in text.0.keys().filter(|language| !language.is_empty()) {
                if !self.languages.contains(language) {
                    self.languages.push(language.clone());
                }
            }
        }
        self.variables.push(Variable {
            key: format!("{}{}", around.key, question.name),
            kind: kind(&question.kind).to_owned(),
            label: question.label.clone(),
            hint: question.hint.clone(),
            sections: around.sections.clone(),
            required: question.required.clone(),
            relevant: around.relevant.iter().chain(&question.relevant).cloned().collect(),
            constraint: question.constraint.clone(),
            calculation: question.calculation.clone(),
            codes_in,
            codes,
            sensitivity: question.sensitivity,
            uses: question.uses.clone(),
            row: question.row,
        });
    }

    fn codes(&self, question: &Question) -> (Vec<Code>, Option<String>) {
        let (choices, file) = match question.kind.choices() {
            None => (None, None),
            Some(ChoiceSource::List(list)) => (self.form.choices.get(list), None),
            Some(ChoiceSource::External(list)) => (self.form.external_choices.get(list), None),
            Some(ChoiceSource::Answers(name)) => (None, Some(format!("${{{name}}}"))),
            Some(ChoiceSource::File(file)) => {
                let list = self.code_lists.get(file.strip_suffix(".csv").unwrap_or(file));
                (list, if list.is_none() { Some(file.clone()) } else { None })
            }
        };
        let codes = choices.into_iter().flatten();
        let codes = codes.map(|choice| Code { code: choice.name.clone(), label: choice.label.clone() });
        (codes.collect(), file)
    }
}

/// A file of data is no variable.
fn is_kept_apart(kind: &QuestionKind) -> bool {
    matches!(kind, QuestionKind::Standard(name) if matches!(name.as_str(), "xml-external" | "csv-external"))
}

/// The name of a kind, as the sheet has it.
fn kind(kind: &QuestionKind) -> &str {
    match kind {
        QuestionKind::Text => "text",
        QuestionKind::Integer => "integer",
        QuestionKind::Decimal => "decimal",
        QuestionKind::Date => "date",
        QuestionKind::DateTime => "dateTime",
        QuestionKind::Time => "time",
        QuestionKind::Range => "range",
        QuestionKind::SelectOne(_) => "select_one",
        QuestionKind::SelectMultiple(_) => "select_multiple",
        QuestionKind::Rank(_) => "rank",
        QuestionKind::Note => "note",
        QuestionKind::Calculate => "calculate",
        QuestionKind::Hidden => "hidden",
        QuestionKind::Acknowledge => "acknowledge",
        QuestionKind::Media(kind) | QuestionKind::Standard(kind) => kind,
    }
}
