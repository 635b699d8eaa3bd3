//! A form as it is printed: what is asked, in order, with a number and the code of each item, room for the
//! answer, and in words when a question is left out.

use std::collections::BTreeMap;

use super::{
    Choice, ChoiceSource, Form, Item, Question, QuestionKind, Section, expr::Expr, mention::with_names,
};

mod condition;

/// Lists longer than this are not printed: the answer is written.
const LONGEST_LIST: usize = 40;
/// Scales longer than this are written.
const LONGEST_SCALE: i64 = 12;
/// Rows of a repeat that a paper has room for.
pub const ROWS: usize = 3;

/// A form on paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Paper {
    /// Title of the form.
    pub title: String,
    /// Its id.
    pub form: String,
    /// Its version.
    pub version: String,
    /// What stands on it, from above.
    pub pieces: Vec<Piece>,
}

/// Something that stands on paper.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// The heading of a section, how deep it lies (from 1), and when the section is left out.
    Heading {
        /// From 1 inwards.
        depth: usize,
        /// What it says.
        text: String,
        /// When the section is answered; always where `None`.
        only: Option<String>,
    },
    /// Something to read.
    Note(String),
    /// Something to answer.
    Asks(Asked),
}

/// A question on paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its number on this paper.
    pub number: usize,
    /// Its name: the code under which the answer is entered.
    pub code: String,
    /// What is asked.
    pub label: String,
    /// What explains it.
    pub hint: String,
    /// Whether it may be left empty.
    pub optional: bool,
    /// When it is answered; always where `None`.
    pub only: Option<String>,
    /// Room for the answer.
    pub room: Room,
}

/// Room for an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Room {
    /// So many lines to write on.
    Lines(usize),
    /// Boxes, of which one or several are ticked: code and label of each.
    Boxes {
        /// Code and label.
        choices: Vec<(String, String)>,
        /// Whether several may be ticked.
        many: bool,
    },
    /// Boxes into which places are written: code and label of each.
    Places(Vec<(String, String)>),
    /// Steps of a scale, one of which is ringed.
    Scale(Vec<i64>),
    /// Room for day, month and year, as far as they are asked.
    Date {
        /// Whether a day is asked.
        day: bool,
        /// Whether a month is asked.
        month: bool,
        /// Whether a time of day is asked too.
        time: bool,
    },
    /// One box.
    Tick,
    /// Nothing: a file is sent in another way.
    Apart,
}

impl Paper {
    /// A form on paper, in one of its languages, without the questions of which `left_out` is true.
    #[must_use]
    pub fn new(
        form: &Form,
        code_lists: &BTreeMap<String, Vec<Choice>>,
        language: &str,
        left_out: &dyn Fn(&Question) -> bool,
    ) -> Self {
        let mut printer =
            Printer { form, code_lists, language, left_out, numbers: BTreeMap::new(), pieces: Vec::new() };
        let asked = form.questions().filter(|question| is_asked(question) && !left_out(question));
        printer.numbers =
            (1..).zip(asked).map(|(number, question)| (question.name.as_str(), number)).collect();
        printer.items(&form.items, 1);
        Self {
            title: form.title.clone(),
            form: form.id.clone(),
            version: form.version.clone(),
            pieces: printer.pieces,
        }
    }
}

/// Whether somebody answers it, rather than a computer.
fn is_asked(question: &Question) -> bool {
    let by_hand = ["geopoint", "geotrace", "geoshape", "barcode"];
    match &question.kind {
        QuestionKind::Calculate | QuestionKind::Hidden | QuestionKind::Note => false,
        QuestionKind::Standard(kind) => by_hand.contains(&kind.as_str()),
        _ => !question.read_only && question.calculation.is_none(),
    }
}

struct Printer<'f> {
    form: &'f Form,
    code_lists: &'f BTreeMap<String, Vec<Choice>>,
    language: &'f str,
    left_out: &'f dyn Fn(&Question) -> bool,
    /// The number of each question, by name.
    numbers: BTreeMap<&'f str, usize>,
    pieces: Vec<Piece>,
}

impl<'f> Printer<'f> {
    fn items(&mut self, items: &'f [Item], depth: usize) {
        for item in items {
            match item {
                Item::Question(question) => self.question(question),
                Item::Group(section) => self.section(section, depth, None),
                // A row has the numbers of the others: the paper says which row it is.
                Item::Repeat(section) => {
                    for row in 1..=ROWS {
                        self.section(section, depth, Some(row));
                    }
                }
            }
        }
    }

    fn section(&mut self, section: &'f Section, depth: usize, row: Option<usize>) {
        let before = self.pieces.len();
        let label = self.plain(section.label.get(self.language).unwrap_or_default());
        let text = match row {
            Some(row) if label.is_empty() => format!("{} {row}", section.name),
            Some(row) => format!("{label} {row}"),
            None => label,
        };
        let only = self.only(section.relevant.as_deref());
        let has_heading = !text.is_empty() || only.is_some();
        if has_heading {
            self.pieces.push(Piece::Heading { depth, text, only });
        }
        let inside = self.pieces.len();
        self.items(&section.items, depth + usize::from(has_heading));
        // A heading of nothing.
        if self.pieces.len() == inside {
            self.pieces.truncate(before);
        }
    }

    fn question(&mut self, question: &'f Question) {
        let label = self.plain(question.label.get(self.language).unwrap_or_default());
        let only = self.only(question.relevant.as_deref());
        if question.kind == QuestionKind::Note && !label.is_empty() {
            let note = match only {
                Some(only) => format!("{only}: {label}"),
                None => label,
            };
            self.pieces.push(Piece::Note(note));
            return;
        }
        let number = self.numbers.get(question.name.as_str()).copied();
        let Some(number) = number.filter(|_| !(self.left_out)(question)) else { return };
        self.pieces.push(Piece::Asks(Asked {
            number,
            code: question.name.clone(),
            label,
            hint: self.plain(question.hint.get(self.language).unwrap_or_default()),
            optional: question.required.as_deref() != Some("yes"),
            only,
            room: self.room(question),
        }));
    }

    /// A text whose answers (`${name}`) are not known yet: where they stand is said instead.
    fn plain(&self, text: &str) -> String {
        with_names(text, |name| match self.numbers.get(name) {
            Some(number) => format!("[your answer to {number}]"),
            None => "[…]".to_owned(),
        })
    }

    /// When something is answered, in words; `None` where it always is.
    fn only(&self, relevant: Option<&str>) -> Option<String> {
        let expr = Expr::compile(relevant?).ok()?;
        Some(match condition::words(&expr, &|name| self.known(name)) {
            Some(words) => format!("Only if {words}"),
            // No rule of a form is read out as a formula.
            None => "Leave this out where it does not fit".to_owned(),
        })
    }

    /// A question that a condition speaks of: its number, and the label of each code.
    fn known(&self, name: &str) -> Option<condition::Known> {
        let number = *self.numbers.get(name)?;
        let question = self.form.question(name)?;
        let labels = self.choices(question).into_iter().flatten();
        let labels = labels.map(|choice| (choice.name.clone(), self.label_of(choice))).collect();
        Some(condition::Known { number, labels })
    }

    fn label_of(&self, choice: &Choice) -> String {
        self.plain(choice.label.get(self.language).unwrap_or(&choice.name))
    }

    fn choices(&self, question: &Question) -> Option<&'f [Choice]> {
        match question.kind.choices()? {
            ChoiceSource::List(list) => self.form.choices.get(list),
            ChoiceSource::External(list) => self.form.external_choices.get(list),
            ChoiceSource::File(file) => self.code_lists.get(file.strip_suffix(".csv").unwrap_or(file)),
            ChoiceSource::Answers(_) => None,
        }
        .map(Vec::as_slice)
    }

    fn room(&self, question: &Question) -> Room {
        let looks = |word: &str| {
            question.appearance.as_deref().unwrap_or_default().split_whitespace().any(|had| had == word)
        };
        let printed = || -> Option<Vec<(String, String)>> {
            let choices = self.choices(question)?;
            let all = choices.iter().map(|choice| (choice.name.clone(), self.label_of(choice)));
            (choices.len() <= LONGEST_LIST).then(|| all.collect())
        };
        match &question.kind {
            QuestionKind::SelectOne(_) => {
                printed().map_or(Room::Lines(1), |choices| Room::Boxes { choices, many: false })
            }
            QuestionKind::SelectMultiple(_) => {
                printed().map_or(Room::Lines(2), |choices| Room::Boxes { choices, many: true })
            }
            QuestionKind::Rank(_) => printed().map_or(Room::Lines(2), Room::Places),
            QuestionKind::Range => scale(question).map_or(Room::Lines(1), Room::Scale),
            QuestionKind::Date | QuestionKind::DateTime => Room::Date {
                day: !looks("month-year") && !looks("year"),
                month: !looks("year"),
                time: question.kind == QuestionKind::DateTime,
            },
            QuestionKind::Acknowledge => Room::Tick,
            QuestionKind::Media(_) => Room::Apart,
            QuestionKind::Text if looks("multiline") => Room::Lines(4),
            _ => Room::Lines(1),
        }
    }
}

/// The steps of a scale that is short enough to print.
fn scale(question: &Question) -> Option<Vec<i64>> {
    let number = |name: &str| question.parameters.get(name).and_then(|text| text.parse::<i64>().ok());
    let (start, end, step) = (number("start")?, number("end")?, number("step").unwrap_or(1));
    let count = end.checked_sub(start)?.checked_div(step)?;
    (0..LONGEST_SCALE).contains(&count).then(|| (0..=count).map(|at| start + at * step).collect())
}
