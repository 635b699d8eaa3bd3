//! `alongside forms try`: a form run in the terminal, question by question.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc};

use alongside_domain::{
    form::{
        expr::{Scalar, Surroundings},
        session::{CompiledForm, QuestionState, Session},
        xlsform::Dialect,
    },
    programme::entry::Answer,
};
use clap::Args;
use jiff::tz::TimeZone;

use super::{check, line};

/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// A form to run. Nothing is stored.
#[derive(Debug, Args)]
pub(crate) struct Try {
    /// The form: a workbook (.xlsx, .xls, .ods), a Markdown or CSV file, or a folder of CSV files.
    file: PathBuf,
    /// The language of its texts, as the form names it.
    #[arg(long, default_value = "")]
    language: String,
}

pub(super) fn run(what: &Try) -> anyhow::Result<bool> {
    let opened = check::read(&what.file, Dialect::Standard)?;
    if opened.has_error {
        let all: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
        anyhow::bail!("the form has problems:\n{}", all.join("\n"));
    }
    let form = opened.form;
    // What was compiled to check it is what runs.
    let compiled = CompiledForm::with(&form, &BTreeMap::new(), &opened.expressions).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the form cannot be run:\n{}", all.join("\n"))
    })?;
    let now = super::super::now().timestamp();
    let around = Surroundings::new(now, TimeZone::get("Europe/London")?, rand::random());
    let mut session = Session::open(Arc::new(compiled), &what.language, &around);
    let mut out = std::io::stdout().lock();
    let mut input = std::io::stdin().lock();
    writeln!(out, "{}", form.title)?;
    writeln!(
        out,
        "Write an answer, nothing to leave it as it is, `-` to clear it, `<` to go back, `+ repeat` to add a row, `.` to end."
    )?;
    let mut bytes = Vec::new();
    'pages: loop {
        let mut at = 0;
        // An answer shows and hides others of its page.
        while let Some(key) = session.page().questions.get(at).cloned() {
            at += 1;
            while let Some(state) = session.state(&key, &around).filter(|state| state.relevant) {
                ask(&mut out, &session, &state, &around)?;
                if state.read_only || state.key.starts_with("generated_note") {
                    break;
                }
                write!(out, "> ")?;
                out.flush()?;
                let text = match line::next(&mut input, LONGEST_ANSWER, &mut bytes)? {
                    line::Line::End => break 'pages,
                    line::Line::TooLong => None,
                    line::Line::Whole => std::str::from_utf8(&bytes).ok(),
                };
                let Some(text) = text else {
                    writeln!(out, "  That is too long, or no UTF-8 text. Write it again.")?;
                    continue;
                };
                let refused = match text.trim() {
                    "" => break,
                    "." => break 'pages,
                    "<" => {
                        session.previous_page();
                        continue 'pages;
                    }
                    "-" => session.answer(&key, &Answer::Cleared, &around).err(),
                    other => match other.strip_prefix("+ ") {
                        Some(repeat) => session.add_row(repeat.trim(), None, &around).err(),
                        None => {
                            if let Some(code) = not_offered(&state, other) {
                                writeln!(out, "  `{code}` is none of the choices.")?;
                                continue;
                            }
                            session.answer(&key, &Answer::Text(other.to_owned()), &around).err()
                        }
                    },
                };
                if let Some(error) = refused {
                    writeln!(out, "  {error}")?;
                    continue;
                }
                let trouble = session.state(&key, &around).and_then(|state| state.trouble);
                if trouble.is_none_or(|trouble| trouble.code != "constraint") {
                    break;
                }
            }
        }
        if !session.next_page() {
            break;
        }
    }
    let finished = session.finish(&around);
    writeln!(out, "\nThe record:")?;
    for (key, answer) in &finished.answers {
        let text = match answer {
            Answer::Text(text) => text.clone(),
            Answer::Codes(codes) => codes.join(" "),
            Answer::Integer(number) => number.to_string(),
            Answer::Instant(at) => at.timestamp().to_string(),
            Answer::Ref(record) => record.to_string(),
            Answer::Cleared => "(cleared)".to_owned(),
        };
        writeln!(out, "  {key} = {text}")?;
    }
    for (key, trouble) in &finished.troubles {
        writeln!(out, "  {key}: {}", trouble.message)?;
    }
    for key in finished.set_aside.keys() {
        writeln!(out, "  {key}: answered, but not asked any more")?;
    }
    Ok(finished.troubles.is_empty())
}

/// The first code of an answer that the question does not offer.
fn not_offered<'a>(state: &QuestionState, answer: &'a str) -> Option<&'a str> {
    let choices = state.choices.as_ref()?;
    answer.split_whitespace().find(|code| !choices.iter().any(|choice| choice == code))
}

fn ask(
    out: &mut impl std::io::Write,
    session: &Session,
    state: &QuestionState,
    around: &Surroundings,
) -> std::io::Result<()> {
    let mark = if state.required { " *" } else { "" };
    let label = match state.label.as_str() {
        "" => state.key.clone(),
        label => session.told(&state.key, label, around),
    };
    writeln!(out, "\n{label}{mark}  [{}]", state.key)?;
    if let Some(choices) = &state.choices {
        writeln!(out, "  one of: {}", choices.join(" "))?;
    }
    if state.value != Scalar::Empty {
        writeln!(out, "  now: {}", state.value.text(&around.zone))?;
    }
    if let Some(trouble) = &state.trouble {
        writeln!(out, "  {}", trouble.message)?;
    }
    Ok(())
}
