//! The sheet `survey`: rows to questions, groups and repeats.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    mem,
};

use super::{
    cells,
    columns::{Columns, Known, Row},
    expression::{Mention, Names},
    kinds::{self, Bracket, RowType},
    table::{Sheet, SheetRow},
};
use crate::{
    form::{
        Choice, Form, Item, QuestionKind, Section,
        expr::{Expressions, is_dynamic},
    },
    problem::{
        report::{Place, Report},
        suggest::{did_you_mean, quoted},
    },
};

mod question;

const SURVEY: Known = Known {
    sheet: Some("survey"),
    plain: &[
        "type",
        "name",
        "required",
        "relevant",
        "constraint",
        "calculation",
        "default",
        "choice_filter",
        "appearance",
        "parameters",
        "read_only",
        "repeat_count",
        "trigger",
        "sensitivity",
        "use",
        "merge",
    ],
    translated: &[
        "label",
        "hint",
        "guidance_hint",
        "constraint_message",
        "required_message",
        "image",
        "audio",
        "video",
        "big-image",
    ],
    aliases: &[
        ("caption", "label"),
        ("relevance", "relevant"),
        ("calculate", "calculation"),
        ("readonly", "read_only"),
        ("count", "repeat_count"),
        ("jr:count", "repeat_count"),
        ("requiredmsg", "required_message"),
        ("constraining_message", "constraint_message"),
        ("command", "type"),
        ("tag", "name"),
        ("value", "name"),
    ],
    kept: &[
        "media", "autoplay", "body", "bind", "instance", "control", "save_to", "intent", "disabled", "note",
        "rows",
    ],
};

/// Columns whose cells are expressions and nothing else.
const EXPRESSIONS: [&str; 4] = ["relevant", "constraint", "calculation", "choice_filter"];

/// Columns that say something of a question and nothing of a group.
const OF_QUESTIONS: [&str; 9] = [
    "required",
    "constraint",
    "calculation",
    "default",
    "choice_filter",
    "trigger",
    "sensitivity",
    "use",
    "merge",
];

/// Deepest nesting of groups and repeats.
const DEEPEST: usize = 32;

/// Reads the questions into a form whose choices are read already. Gives its expressions, compiled, and whether
/// several rows may have one name.
pub(super) fn read(sheet: Option<&Sheet>, form: &mut Form, report: &mut Report) -> (Expressions, bool) {
    let Some(sheet) = sheet else {
        report.error(
            Place::sheet("survey"),
            "missing_sheet",
            "There is no table under a heading `# survey`.",
            "Add it, with the columns `type`, `name` and `label`.",
        );
        return (Expressions::default(), true);
    };
    let columns = Columns::find(sheet, &SURVEY, report);
    let has_type = columns.require("type", report);
    let has_name = columns.require("name", report);
    let has_label = !report.is_standard() && columns.require("label", report);
    language(&columns, form, report);
    if !has_type {
        return (Expressions::default(), true);
    }
    let mut reader = Reader {
        report,
        choices: &mut form.choices,
        has_name,
        has_label,
        open: Vec::new(),
        frames: vec![Frame {
            names: HashMap::with_capacity(sheet.rows.len()),
            items: Vec::with_capacity(sheet.rows.len()),
            ..Frame::default()
        }],
        keys: HashMap::new(),
        given: Vec::new(),
        types: HashMap::new(),
        offered: HashMap::new(),
        said_too_deep: false,
    };
    let mut last_row = 1;
    for row in columns.rows(sheet) {
        row.check_unnamed(reader.report);
        reader.row(row);
        last_row = row.number();
    }
    let given = mem::take(&mut reader.given);
    form.items = reader.finish(last_row);
    form.items.shrink_to_fit();
    if form.questions().next().is_none() && !report.has_error() {
        report.error(
            Place::sheet("survey"),
            "no_questions",
            "The form asks nothing.",
            "Add rows below the heading of the survey sheet.",
        );
    }
    check_mentions(&columns, sheet, &given, form, report)
}

/// Settles the default language.
fn language(columns: &Columns<'_>, form: &mut Form, report: &mut Report) {
    if form.default_language.is_empty() {
        if !columns.has_plain_text("label") {
            form.default_language = columns.languages.first().cloned().unwrap_or_default();
        }
    } else if !columns.has_plain_text("label")
        && !columns.languages.is_empty()
        && !columns.languages.contains(&form.default_language)
    {
        report.error(
            Place::sheet("settings").row(2).column("default_language"),
            "unknown_language",
            format!("No label is in the language {}.", quoted(&form.default_language)),
            did_you_mean(
                &form.default_language,
                columns.languages.iter().map(String::as_str),
                "Write it as the label columns do, behind `::`.",
            ),
        );
    }
}

/// A `begin` row whose `end` has not come yet.
struct Open {
    bracket: Bracket,
    row: u32,
    name: String,
    /// Whether it has a frame of its own, or lies too deep for that.
    is_kept: bool,
}

/// What is gathered for a section, the form itself being the first.
#[derive(Default)]
struct Frame<'s> {
    section: Section,
    items: Vec<Item>,
    /// Rows of the names among these siblings.
    names: HashMap<Cow<'s, str>, u32>,
}

struct Reader<'r, 's> {
    report: &'r mut Report,
    choices: &'r mut BTreeMap<String, Vec<Choice>>,
    has_name: bool,
    has_label: bool,
    open: Vec<Open>,
    frames: Vec<Frame<'s>>,
    /// Rows of the names that are keys of records: questions and repeats.
    keys: HashMap<Cow<'s, str>, u32>,
    /// Names that no cell of the sheet holds.
    given: Vec<String>,
    /// Cells of the type column that were read: a form has few that differ.
    types: HashMap<&'s str, RowType>,
    /// Whether a list has a code, as far as that was looked for.
    offered: HashMap<(String, String), bool>,
    said_too_deep: bool,
}

impl<'s> Reader<'_, 's> {
    fn row(&mut self, row: Row<'_, 's>) {
        let kind = row.get("type");
        if kind.is_empty() && self.report.is_standard() && row.get("name").is_empty() {
            let what = "The row has neither type nor name, and is passed over.";
            self.report.warning(row.place(), "row_passed_over", what, "Write a type, or remove the row.");
            return;
        }
        if kind.is_empty() {
            self.report.error(
                row.at("type"),
                "missing_type",
                format!("The row {} has no type.", quoted(row.get("name"))),
                "Write what kind of question it is, such as `text`.",
            );
            return;
        }
        let read = match self.types.get(kind) {
            Some(known) => Ok(known.clone()),
            None => kinds::parse(kind, self.report.is_standard())
                .inspect(|read| drop(self.types.insert(kind, read.clone()))),
        };
        match read {
            Ok(RowType::Begin(bracket)) => self.begin(bracket, row),
            Ok(RowType::End(bracket)) => self.end(bracket, row),
            Ok(RowType::Question(kind, or_other)) => self.question(kind, or_other, row),
            Err(refusal) => {
                self.report.error(row.at("type"), refusal.code, refusal.what, refusal.help);
                // The rest of the row is checked all the same, and its name is known to the others.
                self.question(QuestionKind::Standard(kind.to_owned()), false, row);
            }
        }
    }

    fn begin(&mut self, bracket: Bracket, row: Row<'_, 's>) {
        let name = self.name(row, bracket == Bracket::Repeat, None);
        self.refuse_cells(row, &OF_QUESTIONS, "A group has no such cell: write it at its questions.");
        if bracket == Bracket::Group {
            self.refuse_cells(row, &["repeat_count"], "Only a repeat is counted.");
        }
        let is_kept = self.frames.len() <= DEEPEST;
        if is_kept {
            self.frames.push(Frame {
                section: Section {
                    name: name.clone(),
                    label: row.texts("label"),
                    media: row.media(),
                    relevant: row.optional("relevant"),
                    repeat_count: row.optional("repeat_count"),
                    appearance: row.optional("appearance"),
                    items: Vec::new(),
                    extra: row.extra(),
                    row: row.number(),
                },
                ..Frame::default()
            });
        } else if !mem::replace(&mut self.said_too_deep, true) {
            self.report.error(
                row.at("type"),
                "too_deep",
                format!("Groups nest deeper than {DEEPEST}."),
                "Close groups before more are opened.",
            );
        }
        self.open.push(Open { bracket, row: row.number(), name, is_kept });
    }

    fn end(&mut self, bracket: Bracket, row: Row<'_, 's>) {
        let word = bracket.word();
        let Some(at) = self.open.iter().rposition(|open| open.bracket == bracket) else {
            let (what, help) = match self.open.last() {
                Some(open) => (
                    format!("`end {word}` meets `begin {}` of row {}.", open.bracket.word(), open.row),
                    format!("Write `end {}`.", open.bracket.word()),
                ),
                None => (
                    format!("`end {word}` closes nothing: no group is open in row {}.", row.number()),
                    format!("Remove the row, or add the `begin {word}` that it closes."),
                ),
            };
            self.report.error(row.at("type"), "unbalanced", what, help);
            // A wrong word for the innermost section still closes it, so that one slip is one problem.
            self.close();
            return;
        };
        while self.open.len() > at + 1 {
            if let Some(open) = self.close() {
                self.report.error(
                    Place::sheet("survey").row(open.row).column("type"),
                    "unbalanced",
                    format!(
                        "`begin {}` {} is still open where row {} says `end {word}`.",
                        open.bracket.word(),
                        quoted(&open.name),
                        row.number()
                    ),
                    format!("Add `end {}` before row {}.", open.bracket.word(), row.number()),
                );
            }
        }
        if let Some(open) = self.close()
            && !row.get("name").is_empty()
            && row.get("name") != open.name
        {
            self.report.stricter(
                row.at("name"),
                "unbalanced",
                format!(
                    "`end {word}` names {}, but closes {} of row {}.",
                    quoted(row.get("name")),
                    quoted(&open.name),
                    open.row
                ),
                "Leave the name of an `end` row empty, or write that of its `begin` row.",
            );
        }
    }

    /// Closes the innermost section.
    fn close(&mut self) -> Option<Open> {
        let open = self.open.pop()?;
        if open.is_kept
            && self.frames.len() > 1
            && let Some(frame) = self.frames.pop()
        {
            let section = Section { items: frame.items, ..frame.section };
            self.add(match open.bracket {
                Bracket::Group => Item::Group(section),
                Bracket::Repeat => Item::Repeat(section),
            });
        }
        Some(open)
    }

    fn add(&mut self, item: Item) {
        if let Some(frame) = self.frames.last_mut() {
            frame.items.push(item);
        }
    }

    /// Closes what is open and gives what stands outside of every section.
    fn finish(mut self, last_row: u32) -> Vec<Item> {
        while let Some(open) = self.close() {
            let word = open.bracket.word();
            self.report.error(
                Place::sheet("survey").row(open.row).column("type"),
                "unbalanced",
                format!(
                    "`begin {word}` {} is not closed: the sheet ends in row {last_row}.",
                    quoted(&open.name)
                ),
                format!("Add `end {word}` where it ends."),
            );
        }
        self.frames.pop().map(|frame| frame.items).unwrap_or_default()
    }

    /// The name of a row, checked.
    fn name(&mut self, row: Row<'_, 's>, is_key: bool, fallback: Option<String>) -> String {
        let written = row.get("name");
        let name = match fallback {
            Some(fallback) if written.is_empty() => {
                self.given.push(fallback.clone());
                Cow::Owned(fallback)
            }
            _ => Cow::Borrowed(written),
        };
        if name.is_empty() {
            if self.has_name {
                self.report.error(
                    row.at("name"),
                    "missing_name",
                    format!("The row of type {} has no name.", quoted(row.get("type"))),
                    "Write a name: the answer is kept under it.",
                );
            }
            return String::new();
        }
        let is_fit =
            if self.report.is_standard() { super::is_xml_name(&name) } else { super::is_name(&name) };
        if !is_fit {
            super::bad_name(self.report, row.at("name"), &name);
        }
        self.claim(&name, row, is_key);
        name.into_owned()
    }

    /// Takes a name, and says so where it is taken.
    #[expect(clippy::ptr_arg, reason = "it is kept twice, and a borrowed one is kept for nothing")]
    fn claim(&mut self, name: &Cow<'s, str>, row: Row<'_, '_>, is_key: bool) {
        let siblings = self.frames.last_mut().map(|frame| &mut frame.names);
        let mut first = siblings.and_then(|names| names.insert(name.clone(), row.number()));
        if is_key && !self.report.is_standard() {
            first = self.keys.insert(name.clone(), row.number()).or(first);
        }
        if let Some(first) = first {
            self.report.error(
                row.at("name"),
                "duplicate_name",
                format!("The name {} is taken by row {first}.", quoted(name)),
                "Answers are kept by name, whatever group they stand in: choose another name.",
            );
        }
    }

    fn refuse_cells(&mut self, row: Row<'_, '_>, columns: &[&'static str], help: &str) {
        for column in columns {
            if !row.get(column).is_empty() {
                self.report.stricter(
                    row.at(column),
                    "misplaced_cell",
                    format!(
                        "{} says nothing in a row of type {}.",
                        quoted(row.get(column)),
                        quoted(row.get("type"))
                    ),
                    help,
                );
            }
        }
    }
}

/// Checks what texts and expressions mention, once every name is known.
/// Gives the expressions, compiled, and whether several rows have one name.
fn check_mentions<'s>(
    columns: &Columns<'s>,
    sheet: &'s Sheet,
    given: &[String],
    form: &Form,
    report: &mut Report,
) -> (Expressions, bool) {
    let mut compiled = Expressions::with_capacity(sheet.rows.len());
    let mut names = Names::with_capacity(sheet.rows.len() + given.len());
    // Names of groups, and of rows whose type is wrong, can be mentioned too.
    let written = |row: &'s SheetRow| columns.place("name").and_then(|at| row.cells.get(at));
    names.extend(sheet.rows.iter().filter_map(written).filter(|name| !name.is_empty()));
    names.extend(given.iter().map(String::as_str));
    let mut check = |place: Place<'_>, text: &str, is_expression: bool, report: &mut Report| {
        if !text.is_empty() {
            Mention { place, text, is_expression }.check(&names, &mut compiled, report);
        }
    };
    let expressions = EXPRESSIONS.into_iter().chain(["repeat_count", "required", "read_only"]);
    let expressions: Vec<_> = expressions.filter(|column| columns.has(column)).collect();
    for row in &sheet.rows {
        let row = columns.row(row);
        for column in &expressions {
            let text = row.get(column);
            if cells::yes_or_no(text).is_none() {
                check(row.at(column), text, true, report);
            }
        }
        check(row.at("trigger"), row.get("trigger"), false, report);
        let default = row.get("default");
        check(row.at("default"), default, is_dynamic(default), report);
        for (column, text) in row.all_texts() {
            check(row.at(column), text, false, report);
        }
    }
    if let Some(text) = form.settings.get("instance_name") {
        let place = Place::sheet("settings").row(2).column("instance_name");
        check(place, text, true, report);
    }
    for entity in &form.entities {
        for column in ["entity_id", "create_if", "update_if", "label"] {
            if let Some(text) = entity.get(column) {
                check(Place::sheet("entities").column(column), text, true, report);
            }
        }
    }
    let has_twins = names.has_twins();
    (compiled, has_twins)
}
