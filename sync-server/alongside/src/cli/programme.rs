//! `alongside programme`: a package as its author meets it.

use std::{fmt::Write as _, path::PathBuf};

use alongside_domain::{
    problem::{Problem, Severity},
    programme::{Count, Programme},
};
use alongside_server::config::{self, Config, ProgrammeError};
use serde_json::json;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say everything that is wrong with a package, and what to do about it.
    Check {
        /// Folder of the package; without one, that of the settings.
        folder: Option<PathBuf>,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// Show what a package holds: roles, groups, records, deadlines and rules at a glance.
    Show {
        /// Folder of the package; without one, that of the settings.
        folder: Option<PathBuf>,
    },
}

pub(super) fn run(config: &Config, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Check { folder, json } => {
            check(config::read_programme(folder.as_deref().or(config.programme.as_deref())), json)
        }
        Command::Show { folder } => {
            let (programme, _) = config::read_programme(folder.as_deref().or(config.programme.as_deref()))?;
            super::say(glance(&programme).trim_end());
            Ok(true)
        }
    }
}

fn check(read: Result<(Programme, Vec<Problem>), ProgrammeError>, json: bool) -> anyhow::Result<bool> {
    let (programme, problems) = match read {
        Ok((programme, problems)) => (Some(programme), problems),
        Err(ProgrammeError::Problems(problems)) => (None, problems),
        Err(error) => return super::failed(json, error.code(), error),
    };
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let warnings = problems.len() - errors;
    if json {
        super::say(json!({
            "ok": errors == 0,
            "programme": programme.as_ref().map(|programme| json!({
                "id": programme.id,
                "version": programme.version,
                "hash": hex(&programme.hash),
                "forms": programme.forms.len(),
            })),
            "errors": errors,
            "warnings": warnings,
            "problems": problems,
        }));
        return Ok(errors == 0);
    }
    for problem in &problems {
        super::say(format_args!(
            "{}: {problem}",
            if problem.severity == Severity::Error { "error" } else { "warning" }
        ));
    }
    let counts = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    super::say(match programme {
        Some(programme) => format!(
            "{} {} can be used: {}, {counts}",
            programme.id,
            programme.version,
            counted(programme.forms.len(), "form")
        ),
        None => format!("the programme cannot be used: {counts}"),
    });
    Ok(errors == 0)
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the package holds, in lines.
fn glance(programme: &Programme) -> String {
    let mut out = String::new();
    let Programme { id, title, version, languages, zone, .. } = programme;
    let _ = writeln!(out, "{title} ({id}, version {version})");
    let _ = writeln!(out, "languages {}; days are those of {zone}", languages.join(", "));
    out.push_str("\nroles\n");
    for (code, role) in &programme.roles {
        let _ = writeln!(out, "  {code}: {}", role.title);
    }
    for (name, group) in &programme.groups {
        let above = if group.parents.is_empty() {
            String::new()
        } else {
            format!(" below {}", group.parents.join(", "))
        };
        let _ = writeln!(out, "\ngroup {name}: {}{above}", group.title);
        for form in programme.forms_in(name) {
            let count = match programme.record_kind(&form.id).map(|kind| kind.count) {
                Some(Count::One) => "one",
                _ => "many",
            };
            let _ = writeln!(
                out,
                "  {}: {}, {count}, {}",
                form.id,
                form.title,
                counted(form.questions().count(), "row")
            );
        }
    }
    out.push_str("\ndeadlines\n");
    for (id, label, whose) in programme.deadlines.glance() {
        let _ = writeln!(out, "  {id}: {label} ({whose})");
    }
    let _ = writeln!(out, "\n{}", counted(programme.rules.ids().count(), "rule"));
    out
}
