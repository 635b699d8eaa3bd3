//! A form filled in by a script, one step or expectation a line:
//!
//! | line | |
//! |---|---|
//! | `say KEY = ANSWER` | answers a question; without an answer, takes it away |
//! | `refuse KEY = ANSWER: CODE` | an answer that is not taken |
//! | `add REPEAT`, `add REPEAT in ROW`, `remove ROW` | a row more, a row less |
//! | `next`, `back`, `jump KEY` | the way through the pages |
//! | `at INSTANT` | what time it is from now on |
//! | `reopen` | the record is saved and opened again |
//! | `KEY is VALUE` | the value, as a text |
//! | `KEY asked`, `KEY not asked` | whether it is relevant |
//! | `KEY label TEXT`, `KEY choices CODE, CODE` | what is shown, the answers that it names filled in |
//! | `KEY required`, `KEY optional`, `KEY read-only`, `KEY editable` | how it stands |
//! | `KEY fine`, `KEY trouble CODE: MESSAGE` | what is wrong with the answer |
//! | `rows REPEAT is COUNT`, `rows REPEAT in ROW is COUNT` | how many rows there are |
//! | `pages KEY+KEY, KEY`, `page KEY` | all pages, and the one that is shown |
//! | `sent PIECE`, `not sent PIECE` | what the submission holds |
//!
//! A key is that of a record; `child[2]/age` is the answer of the second row. Lines with `#` are remarks.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use alongside_domain::{
    form::{
        Form, QuestionKind,
        expr::{Scalar, Surroundings},
        session::{AnswerError, CompiledForm, Session},
    },
    programme::entry::Answer,
};
use jiff::tz::TimeZone;

use super::{corpus::Case, pieces};

/// The steps of a script that expect nothing.
const STEPS: [&str; 8] = ["say", "add", "remove", "next", "back", "jump", "at", "reopen"];

fn lines(script: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(script.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// How many lines of a script expect something.
pub(crate) fn checks(script: &str) -> usize {
    let first = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    lines(script).filter(|(_, line)| !STEPS.contains(&first(line).as_str())).count()
}

/// Half past two in the afternoon of 16 March 2015, London.
fn around(instant: &str) -> Result<Surroundings, String> {
    let now = instant.parse().map_err(|_| format!("`{instant}` is no instant"))?;
    Ok(Surroundings::new(now, TimeZone::get("Europe/London").map_err(|error| error.to_string())?, [3; 32]))
}

struct Filling<'c> {
    case: &'c Case,
    asks: &'c Form,
    form: Arc<CompiledForm>,
    session: Session,
    around: Surroundings,
}

/// Runs a script: everything that is not as it says.
pub(crate) fn run(case: &Case, asks: &Form, form: CompiledForm) -> Vec<String> {
    let form = Arc::new(form);
    let around = match around("2015-03-16T14:30:15Z") {
        Ok(around) => around,
        Err(error) => return vec![error],
    };
    let saved: BTreeMap<String, Scalar<'static>> =
        case.saved.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect();
    let session = Session::open_with(Arc::clone(&form), &case.language, &saved, &around);
    let mut filling = Filling { case, asks, form, session, around };
    let mut wrong = Vec::new();
    for (number, line) in lines(&case.script) {
        if let Err(fault) = filling.line(line) {
            wrong.push(format!("script line {number}, `{line}`: {fault}"));
        }
    }
    wrong
}

type Outcome = Result<(), String>;

/// An error where two texts differ.
fn same(is: &str, wanted: &str) -> Outcome {
    if is == wanted { Ok(()) } else { Err(format!("it is `{is}`")) }
}

fn holds(is: bool, otherwise: &str) -> Outcome {
    if is { Ok(()) } else { Err(otherwise.to_owned()) }
}

impl Filling<'_> {
    fn line(&mut self, line: &str) -> Outcome {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "say" => {
                let (key, answer) = rest.split_once('=').ok_or("there is no `=`")?;
                self.say(key.trim(), answer.trim()).map_err(|error| format!("it is refused: {error}"))
            }
            "refuse" => {
                let (key, rest) = rest.split_once('=').ok_or("there is no `=`")?;
                let (answer, code) = rest.rsplit_once(':').ok_or("there is no `:`")?;
                match self.say(key.trim(), answer.trim()) {
                    Ok(()) => Err("it is taken".to_owned()),
                    Err(AnswerError::WrongKind { code: is, .. }) => same(is, code.trim()),
                    Err(AnswerError::UnknownQuestion) => same("unknown_question", code.trim()),
                    Err(other) => Err(other.to_string()),
                }
            }
            "add" => {
                let (repeat, within) = self.repeat(rest)?;
                let added = self.session.add_row(&repeat, within.as_deref(), &self.around);
                added.map(drop).map_err(|error| error.to_string())
            }
            "remove" => {
                let row = self.key(rest)?;
                self.session.remove_row(&row, &self.around).map(drop).map_err(|error| error.to_string())
            }
            "next" => holds(self.session.next_page(), "there is no next page"),
            "back" => holds(self.session.previous_page(), "there is no page before"),
            "jump" => {
                let key = self.key(rest)?;
                holds(self.session.jump(&key), "it is not asked")
            }
            "at" => {
                self.around = around(rest)?;
                Ok(())
            }
            "reopen" => {
                self.reopen();
                Ok(())
            }
            "rows" => {
                let (repeat, count) = rest.rsplit_once(" is ").ok_or("there is no ` is `")?;
                let (repeat, within) = self.repeat(repeat)?;
                same(&self.session.row_keys(&repeat, within.as_deref()).len().to_string(), count.trim())
            }
            "pages" => {
                let pages = self.session.pages();
                let pages: Vec<String> = pages.iter().map(|page| self.shown(&page.questions)).collect();
                same(&pages.join(", "), rest)
            }
            "page" => same(&self.shown(&self.session.page().questions), rest),
            "sent" => self.sent(rest, true),
            "not" if rest.starts_with("sent ") => self.sent(rest.trim_start_matches("sent "), false),
            _ => self.stands(word, rest),
        }
    }

    /// How a question stands.
    fn stands(&self, key: &str, wanted: &str) -> Outcome {
        let key = self.key(key)?;
        let (word, rest) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let rest = rest.trim();
        let state = self.session.state(&key, &self.around).ok_or_else(|| format!("there is no `{key}`"))?;
        match (word, rest) {
            ("is", value) => same(&state.value.text(&self.around.zone), value),
            ("asked", "") => holds(state.relevant, "it is not asked"),
            ("not", "asked") => holds(!state.relevant, "it is asked"),
            ("label", text) => same(&self.session.told(&key, &state.label, &self.around), text),
            ("choices", codes) => {
                let choices = self.session.choices(&key, 42, &self.around);
                let offered: Vec<&str> = choices.iter().map(|choice| choice.name.as_str()).collect();
                same(&offered.join(", "), codes)
            }
            ("required", "") => holds(state.required, "it is optional"),
            ("optional", "") => holds(!state.required, "it is required"),
            ("read-only", "") => holds(state.read_only, "it is editable"),
            ("editable", "") => holds(!state.read_only, "it is read-only"),
            ("fine", "") => match state.trouble {
                None => Ok(()),
                Some(trouble) => Err(format!("it has `{}: {}`", trouble.code, trouble.message)),
            },
            ("trouble", wanted) => match state.trouble {
                None => Err("it is fine".to_owned()),
                Some(trouble) if wanted.contains(':') => {
                    same(&format!("{}: {}", trouble.code, trouble.message), wanted)
                }
                Some(trouble) => same(trouble.code, wanted),
            },
            _ => Err("this line means nothing".to_owned()),
        }
    }

    fn say(&mut self, key: &str, text: &str) -> Result<(), AnswerError> {
        let key = self.key(key).map_err(|_| AnswerError::UnknownQuestion)?;
        let question = self.asks.question_of_key(&key);
        let is_several = question.is_some_and(|question| {
            matches!(question.kind, QuestionKind::SelectMultiple(_) | QuestionKind::Rank(_))
        });
        let answer = if text.is_empty() {
            Answer::Cleared
        } else if is_several {
            Answer::Codes(text.split_whitespace().map(str::to_owned).collect())
        } else {
            Answer::Text(text.to_owned())
        };
        self.session.answer(&key, &answer, &self.around).map(drop)
    }

    /// What is kept of the record, opened as the record that it is.
    fn reopen(&mut self) {
        let kept = self.session.finish(&self.around).answers;
        let values: BTreeMap<String, Scalar<'static>> =
            kept.keys().filter_map(|key| Some((key.clone(), self.session.value_of(key)?.clone()))).collect();
        self.session = Session::edit(Arc::clone(&self.form), &self.case.language, &values, &self.around);
    }

    fn sent(&self, piece: &str, should: bool) -> Outcome {
        let submission = self.session.submission("uuid:1", &self.around);
        pieces::compare(&submission, piece, should).map_or(Ok(()), Err)
    }

    /// `REPEAT` or `REPEAT in ROW`.
    fn repeat(&self, text: &str) -> Result<(String, Option<String>), String> {
        match text.trim().split_once(" in ") {
            Some((repeat, row)) => Ok((repeat.trim().to_owned(), Some(self.key(row.trim())?))),
            None => Ok((text.trim().to_owned(), None)),
        }
    }

    /// A key of the record: `child[2]/age` with the key of the second row.
    fn key(&self, text: &str) -> Result<String, String> {
        let mut key = String::new();
        for part in text.split('/') {
            let above = (!key.is_empty()).then(|| key.clone());
            if !key.is_empty() {
                key.push('/');
            }
            match part.split_once('[') {
                None => key.push_str(part),
                Some((repeat, number)) => {
                    let number: usize =
                        number.trim_end_matches(']').parse().map_err(|_| format!("`{part}` is no row"))?;
                    let rows = self.session.row_keys(repeat, above.as_deref());
                    let row = number.checked_sub(1).and_then(|at| rows.get(at));
                    key.clone_from(row.ok_or_else(|| format!("there are {} rows", rows.len()))?);
                }
            }
        }
        Ok(key)
    }

    /// Questions of a page, rows by their number.
    fn shown(&self, keys: &[String]) -> String {
        let mut out = String::new();
        for key in keys {
            if !out.is_empty() {
                out.push('+');
            }
            let parts: Vec<&str> = key.split('/').collect();
            let mut above = String::new();
            for pair in parts.chunks(2) {
                let [repeat, row] = pair else {
                    out.push_str(pair[0]);
                    continue;
                };
                let within = (!above.is_empty()).then_some(above.as_str());
                let rows = self.session.row_keys(repeat, within);
                above = if above.is_empty() {
                    format!("{repeat}/{row}")
                } else {
                    format!("{above}/{repeat}/{row}")
                };
                let place = rows.iter().position(|known| *known == above).map_or(0, |at| at + 1);
                let _ = write!(out, "{repeat}[{place}]/");
            }
        }
        out
    }
}
