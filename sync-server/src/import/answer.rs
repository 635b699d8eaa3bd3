//! From a cell to the answer that a question takes.

use alongside_domain::{
    form::{Choice, Form, Question, QuestionKind},
    programme::{Programme, entry::Answer},
    time::Millis,
};
use jiff::civil::{Date, DateTime};

use super::{
    date::{self, NotADate},
    map::{FieldMap, Source, Tidy},
    nearest,
    source::Cell,
    tidy,
};

/// Why a cell is not understood. The reason may quote the cell: it goes into the file of refused
/// rows and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) code: &'static str,
    pub(super) reason: String,
}

impl Trouble {
    pub(super) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

impl From<NotADate> for Trouble {
    fn from(problem: NotADate) -> Self {
        Self::new(problem.code(), problem.reason())
    }
}

/// The answer of a cell; `None` where it says nothing and the map has no default.
pub(super) fn of_cell(
    programme: &Programme,
    form: &Form,
    question: &Question,
    field: &FieldMap,
    cell: &Cell,
    reference: Date,
) -> Result<Option<Answer>, Trouble> {
    let choices = programme.choices(form, question);
    let reading = Reading { programme, question, field, choices: choices.unwrap_or_default(), reference };
    let is_given = matches!(field.source, Source::Constant(_));
    match if is_given { reading.given(&cell.typed())? } else { reading.cell(cell)? } {
        Some(answer) => Ok(Some(answer)),
        None => field.default.as_deref().map_or(Ok(None), |default| reading.given(default)),
    }
}

/// The answer that a text of the map itself stands for: its words are not translated again.
pub(super) fn of_map(
    programme: &Programme,
    form: &Form,
    question: &Question,
    field: &FieldMap,
    text: &str,
    reference: Date,
) -> Result<Option<Answer>, Trouble> {
    let choices = programme.choices(form, question).unwrap_or_default();
    Reading { programme, question, field, choices, reference }.given(text)
}

struct Reading<'a> {
    programme: &'a Programme,
    question: &'a Question,
    field: &'a FieldMap,
    choices: &'a [Choice],
    reference: Date,
}

impl Reading<'_> {
    /// The answer of a cell that may say nothing, or that nobody knows.
    fn cell(&self, cell: &Cell) -> Result<Option<Answer>, Trouble> {
        if let Cell::Fault(shown) = cell {
            return Err(Trouble::new(
                "cell_error",
                format!("the cell shows {shown}: put the value in place of the formula"),
            ));
        }
        let folded = tidy::folded(&cell.typed());
        if let Some(code) = self.field.codes.get(&folded) {
            return if code.is_empty() { Ok(None) } else { self.given(code) };
        }
        if self.code(&folded).is_some() {
            return self.meant(cell);
        }
        if tidy::says_nothing(&folded) {
            return Ok(None);
        }
        if tidy::says_unknown(&folded) {
            return match &self.field.unknown {
                Some(code) => self.given(code),
                None => Ok(None),
            };
        }
        self.meant(cell)
    }

    /// The answer of a text that the map gives.
    fn given(&self, text: &str) -> Result<Option<Answer>, Trouble> {
        if self.question.kind.choices().is_some() {
            let code = self.listed(text).ok_or_else(|| self.not_in_list(text))?;
            return Ok(Some(Answer::Codes(vec![code.to_owned()])));
        }
        self.meant(&Cell::Text(text.to_owned()))
    }

    /// The answer of a cell that says something.
    fn meant(&self, cell: &Cell) -> Result<Option<Answer>, Trouble> {
        let typed = cell.typed();
        Ok(Some(match &self.question.kind {
            QuestionKind::SelectOne(_) => Answer::Codes(vec![self.choice(&typed)?]),
            QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_) => Answer::Codes(self.several(&typed)?),
            QuestionKind::Date => Answer::Text(self.moment(cell)?.date().to_string()),
            QuestionKind::DateTime => Answer::Instant(instant(self.moment(cell)?, self.programme)?),
            QuestionKind::Integer | QuestionKind::Decimal | QuestionKind::Range => {
                Answer::Text(number(cell, &typed))
            }
            QuestionKind::Acknowledge => match yes_or_no(&tidy::folded(&typed)) {
                Some("yes") => Answer::Text("OK".to_owned()),
                Some(_) => return Ok(None),
                None => return Err(Trouble::new("not_yes_or_no", "write yes or no")),
            },
            QuestionKind::Time => {
                let text = tidy::one_line(&typed);
                Answer::Text(if text.find(':') == Some(1) { format!("0{text}") } else { text })
            }
            _ => Answer::Text(self.text(cell, &typed)?),
        }))
    }

    fn text(&self, cell: &Cell, typed: &str) -> Result<String, Trouble> {
        if let Cell::Moment(moment) = cell {
            return Ok(moment.date().to_string());
        }
        match self.field.tidy {
            None => Ok(tidy::clean(typed)),
            Some(Tidy::Name) => Ok(tidy::one_line(typed)),
            Some(Tidy::Upper) => Ok(tidy::one_line(typed).to_uppercase()),
            Some(Tidy::Postcode) => tidy::postcode(typed).ok_or_else(|| {
                Trouble::new("not_a_postcode", "this is not a full postcode, such as DH1 5UL")
            }),
        }
    }

    fn moment(&self, cell: &Cell) -> Result<DateTime, Trouble> {
        match cell {
            Cell::Moment(moment) => Ok(*moment),
            Cell::Number(serial) => Ok(date::from_serial(*serial).ok_or(NotADate::Shape)?),
            other => Ok(date::parse(&other.typed(), self.reference)?),
        }
    }

    /// The choice with this code, whatever its capitals.
    fn code(&self, folded: &str) -> Option<&str> {
        self.choices.iter().map(|choice| choice.name.as_str()).find(|name| tidy::folded(name) == folded)
    }

    /// The code that a text of a cell stands for.
    fn known(&self, text: &str) -> Option<&str> {
        match self.field.codes.get(&tidy::folded(text)) {
            Some(code) => self.listed(code),
            None => self.listed(text),
        }
    }

    /// The code that a text stands for by the list alone.
    fn listed(&self, text: &str) -> Option<&str> {
        let folded = tidy::folded(text);
        let by_label = || {
            let labelled =
                |choice: &&Choice| choice.label.0.values().any(|label| tidy::folded(label) == folded);
            self.choices.iter().find(labelled).map(|choice| choice.name.as_str())
        };
        let by_word = || yes_or_no(&folded).and_then(|word| self.code(word).filter(|_| self.is_yes_no()));
        self.code(&folded).or_else(by_label).or_else(by_word)
    }

    fn is_yes_no(&self) -> bool {
        self.code("yes").is_some() && self.code("no").is_some()
    }

    fn choice(&self, text: &str) -> Result<String, Trouble> {
        self.known(text).map(str::to_owned).ok_or_else(|| self.not_in_list(text))
    }

    fn not_in_list(&self, text: &str) -> Trouble {
        let labels = self.choices.iter().map(|choice| choice.label.text());
        let words = self.field.codes.keys().map(String::as_str);
        let help = nearest::help(
            text,
            labels.chain(words),
            "See the list of the form, or add the word to `codes` of the map.",
        );
        Trouble::new(
            "not_in_list",
            format!("`{}` is none of the answers of the list. {help}", tidy::one_line(text)),
        )
    }

    fn several(&self, text: &str) -> Result<Vec<String>, Trouble> {
        if let Some(code) = self.known(text) {
            return Ok(vec![code.to_owned()]);
        }
        let Some(split) = &self.field.split else { return Ok(vec![self.choice(text)?]) };
        let mut codes = Vec::new();
        for piece in text.split(|character| split.contains(character) || character == '\n') {
            let folded = tidy::folded(piece);
            let is_blank = self.field.codes.get(&folded).is_some_and(String::is_empty)
                || (self.known(piece).is_none() && tidy::says_nothing(&folded));
            if is_blank {
                continue;
            }
            let code = self.choice(piece)?;
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        Ok(codes)
    }
}

fn yes_or_no(folded: &str) -> Option<&'static str> {
    match folded {
        "yes" | "y" | "true" | "1" | "x" | "\u{2713}" | "\u{2714}" => Some("yes"),
        "no" | "n" | "false" | "0" => Some("no"),
        _ => None,
    }
}

fn instant(moment: DateTime, programme: &Programme) -> Result<Millis, Trouble> {
    let shape = || Trouble::from(NotADate::Shape);
    Ok(Millis(
        moment.to_zoned_datetime(programme.time_zone()).map_err(|_| shape())?.timestamp().as_millisecond(),
    ))
}

/// The digits of a number: without a pound sign, commas between thousands, and `.0` at the end.
fn number(cell: &Cell, typed: &str) -> String {
    if let Cell::Number(number) = cell {
        return number.to_string();
    }
    let digits: String = tidy::one_line(typed)
        .chars()
        .filter(|character| !matches!(character, ',' | ' ' | '\u{a3}'))
        .collect();
    digits.strip_suffix(".0").or_else(|| digits.strip_suffix(".00")).map_or(digits.clone(), str::to_owned)
}
