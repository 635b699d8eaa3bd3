//! `alongside surveys`: forms that people answer by link: open one, ask people, see who has answered, take
//! the answers away.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use alongside_domain::{form::codebook::Codebook, ids::GroupId, programme::Programme};
use alongside_server::{
    config::Config,
    people,
    store::Store,
    surveys::{self, Invitation, Link, LinkState, Run, SurveyError, export},
    verify::VerifyError,
};
use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

/// Print one JSON object on the last line.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Output {
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the surveys of the programme.
    Kinds {
        #[command(flatten)]
        output: Output,
    },
    /// Open a run of a survey.
    Open {
        /// Code of the survey, as `surveys kinds` lists it.
        #[arg(long)]
        survey: String,
        /// What this run is called.
        #[arg(long)]
        name: String,
        /// Partner organisation that runs it; added where it is new.
        #[arg(long)]
        partner: String,
        #[command(flatten)]
        output: Output,
    },
    /// List the runs.
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Make a link for one respondent, and print it: it cannot be looked up later.
    Invite {
        /// The run.
        run: GroupId,
        /// Who gets the link: an organisation or a role rather than a name, where that is enough.
        #[arg(long)]
        to: String,
        /// What the link answers by itself, as `question=code`.
        #[arg(long, value_name = "QUESTION=CODE")]
        says: Vec<String>,
        /// The group that the answer goes into, where the run has none of its own.
        #[arg(long)]
        group: Option<GroupId>,
        /// How many days the link works; without it, as the survey says.
        #[arg(long)]
        days: Option<u32>,
        #[command(flatten)]
        output: Output,
    },
    /// Show who was asked, how far they are, and whom to remind.
    Board {
        /// The run.
        run: GroupId,
        #[command(flatten)]
        output: Output,
    },
    /// List whom to remind, of every run.
    Due {
        #[command(flatten)]
        output: Output,
    },
    /// Write down that a respondent was reminded.
    Reminded {
        /// The run.
        run: GroupId,
        /// The number of the link.
        number: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Take a link back; what was not sent is lost.
    Revoke {
        /// The run.
        run: GroupId,
        /// The number of the link.
        number: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Close a run for good: no link works any more.
    Close {
        /// The run.
        run: GroupId,
        #[command(flatten)]
        output: Output,
    },
    /// Write answers and codebook, as CSV and JSON, into a new folder: personal data.
    Export {
        /// The run.
        run: GroupId,
        /// The folder to make; one that is there is never written into.
        to: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Self::Kinds { output }
            | Self::Open { output, .. }
            | Self::List { output }
            | Self::Invite { output, .. }
            | Self::Board { output, .. }
            | Self::Due { output }
            | Self::Reminded { output, .. }
            | Self::Revoke { output, .. }
            | Self::Close { output, .. }
            | Self::Export { output, .. } => output.json,
        }
    }
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    let json = command.json();
    let programme = super::read_programme(config)?;
    let done = match command {
        Command::Kinds { .. } => Ok(kinds(&programme)),
        // A store that is made by opening it has no run to look at.
        command if !config.store.is_file() && !matches!(command, Command::Open { .. }) => {
            let error = VerifyError::NotThere(config.store.clone());
            return super::failed(json, error.code(), error);
        }
        command => work(config, &*super::open_store(config)?, &programme, command),
    };
    match done {
        Ok((lines, object)) => {
            if json {
                super::say(object);
            } else {
                for line in lines {
                    super::say(line);
                }
            }
            Ok(true)
        }
        Err(Failure::Survey(error)) => super::failed(json, error.code(), error),
        Err(Failure::Export(error)) => super::failed(json, error.code(), error),
        Err(Failure::Other(error)) => Err(error),
    }
}

/// Why nothing came of it.
enum Failure {
    Survey(SurveyError),
    Export(ExportError),
    Other(anyhow::Error),
}

/// Why answers are not taken away.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(
        "the survey is anonymous: its answers are shown when it is closed and at least {0} have answered"
    )]
    Withheld(i32),
    #[error("the answers to this survey lie in the groups that they are about: read them there")]
    ReadInPlace,
    #[error("{0} is there already: name a folder that is not, in one that is")]
    Exists(PathBuf),
}

impl ExportError {
    fn code(&self) -> &'static str {
        match self {
            Self::Withheld(_) => "withheld",
            Self::ReadInPlace => "read_in_place",
            Self::Exists(_) => "exists",
        }
    }
}

impl<E: Into<SurveyError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Survey(error.into())
    }
}

type Said = (Vec<String>, Value);

fn kinds(programme: &Programme) -> Said {
    let all = programme.surveys.values();
    let lines = all.clone().map(|survey| format!("{}\t{}\t{}", survey.code, survey.form, survey.title));
    let each: Vec<Value> = all
        .map(|survey| {
            json!({ "code": survey.code, "form": survey.form, "title": survey.title,
                "says": survey.says, "anonymous": survey.anonymous })
        })
        .collect();
    (lines.collect(), json!({ "ok": true, "surveys": each }))
}

fn work(config: &Config, store: &Store, programme: &Programme, command: &Command) -> Result<Said, Failure> {
    let now = super::now();
    Ok(match command {
        Command::Kinds { .. } => kinds(programme),
        Command::Open { survey, name, partner, .. } => {
            surveys::survey(programme, survey)?;
            let partner = people::partner(store, now, partner).map_err(SurveyError::from)?;
            let run = surveys::open(store, now, programme, survey, name, partner)?;
            (vec![format!("run {}", run.id)], json!({ "ok": true, "run": run.id }))
        }
        Command::List { .. } => {
            let mut lines = Vec::new();
            let mut each = Vec::new();
            for run in surveys::runs(store, None)? {
                let links = surveys::links(store, run.id)?;
                let answered = links.iter().filter(|link| link.finished).count();
                let closed = if run.closed_at.is_some() { "closed" } else { "open" };
                lines.push(format!(
                    "{}\t{}\t{closed}\t{answered} of {} answered\t{}",
                    run.id,
                    run.survey,
                    links.len(),
                    run.name
                ));
                each.push(json!({ "run": run.id, "survey": run.survey, "name": run.name,
                    "closed": run.closed_at.is_some(), "answered": answered, "links": links.len() }));
            }
            (lines, json!({ "ok": true, "runs": each }))
        }
        Command::Invite { run, to, says, group, days, .. } => {
            let mut said = BTreeMap::new();
            for pair in says {
                let (name, code) = pair.split_once('=').ok_or_else(|| {
                    SurveyError::BadSaying(format!("`{pair}` says nothing: write `--says question=code`"))
                })?;
                said.insert(name.trim().to_owned(), code.trim().to_owned());
            }
            let invitation = Invitation { label: to.clone(), says: said, group: *group, days: *days };
            let (number, token) = surveys::invite(store, now, programme, *run, &invitation)?;
            let link = format!("{}/f/{}", config.url(config.listen), token.reveal());
            (vec![format!("link {number}: {link}")], json!({ "ok": true, "number": number, "link": link }))
        }
        Command::Board { run, .. } => {
            let run = surveys::find_run(store, *run)?;
            let survey = surveys::survey(programme, &run.survey)?;
            let links = surveys::links(store, run.id)?;
            let lines = links.iter().map(|link| line(programme, &run, link));
            let each: Vec<Value> = links
                .iter()
                .map(|link| {
                    json!({ "number": link.number, "to": link.label, "says": link.says,
                        "state": link.state(&run, now), "asked": link.asked, "answered": link.answered,
                        "expires": programme.day(link.expires).to_string(), "reminders": link.reminders,
                        "reminder_due": link.reminder_due(survey, &run, now), "record": link.record })
                })
                .collect();
            (lines.collect(), json!({ "ok": true, "run": run.id, "survey": run.survey, "links": each }))
        }
        Command::Due { .. } => {
            let mut lines = Vec::new();
            let mut each = Vec::new();
            for run in surveys::runs(store, None)? {
                let Ok(survey) = surveys::survey(programme, &run.survey) else { continue };
                for link in surveys::links(store, run.id)? {
                    if link.reminder_due(survey, &run, now) {
                        lines.push(format!("{}\t{}", run.id, line(programme, &run, &link)));
                        each.push(json!({ "run": run.id, "number": link.number, "to": link.label }));
                    }
                }
            }
            (lines, json!({ "ok": true, "due": each }))
        }
        Command::Reminded { run, number, .. } => {
            surveys::reminded(store, now, *run, *number)?;
            (vec![format!("link {number}: reminded")], json!({ "ok": true, "number": number }))
        }
        Command::Revoke { run, number, .. } => {
            surveys::revoke(store, now, *run, *number)?;
            (vec![format!("link {number}: taken back")], json!({ "ok": true, "number": number }))
        }
        Command::Close { run, .. } => {
            surveys::close(store, now, *run)?;
            (vec![format!("run {run}: closed")], json!({ "ok": true, "run": run }))
        }
        Command::Export { run, to, .. } => taken_away(store, programme, *run, to)?,
    })
}

fn line(programme: &Programme, run: &Run, link: &Link) -> String {
    let state = link.state(run, super::now());
    let far = match state {
        LinkState::Begun => format!("{} of {}", link.answered, link.asked),
        _ => String::new(),
    };
    format!(
        "{}\t{}\t{far}\tuntil {}\t{}",
        link.number,
        state.in_words(),
        programme.day(link.expires),
        link.label
    )
}

fn taken_away(store: &Store, programme: &Programme, run: GroupId, to: &Path) -> Result<Said, Failure> {
    let run = surveys::find_run(store, run)?;
    let survey = surveys::survey(programme, &run.survey)?;
    let links = surveys::links(store, run.id)?;
    if run.group.is_none() {
        return Err(Failure::Export(ExportError::ReadInPlace));
    }
    if export::withheld(survey, &run, &links).is_some() {
        return Err(Failure::Export(ExportError::Withheld(survey.least)));
    }
    if to.exists() {
        return Err(Failure::Export(ExportError::Exists(to.to_owned())));
    }
    let answers = export::responses(store, programme, survey, &run, &links)?;
    let other = |error: anyhow::Error| Failure::Other(error);
    let form =
        programme.forms.get(&survey.form).context("the programme does not have the form").map_err(other)?;
    let book = Codebook::new(form, &programme.code_lists);
    let files = (|| -> anyhow::Result<[(&str, String); 4]> {
        let csv = export::csv(programme, survey, &answers).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok([
            ("answers.csv", csv),
            ("answers.json", serde_json::to_string_pretty(&answers)?),
            ("codebook.csv", book.csv()?),
            ("codebook.json", book.json()?),
        ])
    })()
    .map_err(other)?;
    (|| -> anyhow::Result<()> {
        std::fs::create_dir(to).with_context(|| {
            format!("{} cannot be made: name a new folder in one that is there", to.display())
        })?;
        for (name, text) in &files {
            let mut file = std::fs::File::create_new(to.join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        Ok(())
    })()
    .map_err(other)?;
    let said = format!("{} answers in {}", answers.len(), to.display());
    Ok((vec![said], json!({ "ok": true, "answers": answers.len() })))
}
