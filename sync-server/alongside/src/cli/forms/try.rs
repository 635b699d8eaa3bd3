//! `alongside forms try`: a form run in the terminal, question by question.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, Write as _},
    path::PathBuf,
    sync::Arc,
};

use alongside_domain::{
    form::{
        expr::{Scalar, Surroundings},
        session::{CompiledForm, QuestionState, Session},
        xlsform,
    },
    programme::entry::Answer,
};
use anyhow::Context as _;
use clap::Args;
use jiff::tz::TimeZone;

/// A form to run. Nothing is stored.
#[derive(Debug, Args)]
pub(crate) struct Try {
    /// The form: Markdown tables of an XLSForm.
    file: PathBuf,
    /// The language of its texts, as the form names it.
    #[arg(long, default_value = "")]
    language: String,
}

pub(super) fn run(what: &Try) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(&what.file)
        .with_context(|| format!("the form {} cannot be read", what.file.display()))?;
    let name = what.file.display().to_string();
    let form = match xlsform::read(&name, &text) {
        Ok((form, _)) => form,
        Err(problems) => {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::bail!("the form has problems:\n{}", all.join("\n"));
        }
    };
    let compiled = CompiledForm::new(&form, &BTreeMap::new()).map_err(|errors| {
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
    'pages: loop {
        for key in session.page().questions {
            loop {
                let Some(state) = session.state(&key, &around).filter(|state| state.relevant) else { break };
                ask(&mut out, &state, &around)?;
                if state.read_only || state.key.starts_with("generated_note") {
                    break;
                }
                write!(out, "> ")?;
                out.flush()?;
                let mut line = String::new();
                if input.read_line(&mut line)? == 0 {
                    break 'pages;
                }
                let refused = match line.trim() {
                    "" => break,
                    "." => break 'pages,
                    "<" => {
                        session.previous_page();
                        continue 'pages;
                    }
                    "-" => session.answer(&key, &Answer::Cleared, &around).err(),
                    other => match other.strip_prefix("+ ") {
                        Some(repeat) => session.add_row(repeat.trim(), None, &around).err(),
                        None => session.answer(&key, &Answer::Text(other.to_owned()), &around).err(),
                    },
                };
                match refused {
                    Some(error) => writeln!(out, "  {error}")?,
                    None => break,
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

fn ask(out: &mut impl std::io::Write, state: &QuestionState, around: &Surroundings) -> std::io::Result<()> {
    let mark = if state.required { " *" } else { "" };
    let label = if state.label.is_empty() { &state.key } else { &state.label };
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
