//! What can be set, where it is read from, and whether it makes sense.
//!
//! A TOML file, then environment variables `ALONGSIDE_*`, then flags: what comes later wins. Every
//! problem is reported at once.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use alongside_domain::{
    problem::Problem,
    programme::{Programme, builtin, package},
};
use figment::{
    Figment, Provider,
    providers::{Env, Format as _, Serialized, Toml},
    value::{Dict, Value},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    secret::Secret,
    store::journal_beside,
    telemetry::{self, LogFormat},
};

/// The server's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Address and port to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The database file.
    pub store: PathBuf,
    /// The control journal: who was revoked and what was withdrawn, kept apart from the store and its
    /// backups, best on another disk. Without one, beside the store.
    pub journal: Option<PathBuf>,
    /// The key with which the server signs what its groups hold, kept apart from the store and its backups.
    /// Without one, beside the store.
    pub signing_key: Option<PathBuf>,
    /// Folder of the programme package; without one, the programme that is compiled in.
    pub programme: Option<PathBuf>,
    /// Where people and phones reach the server, where that is not the address it listens on: for
    /// links. Starts with `http://` or `https://`.
    pub public_url: Option<String>,
    /// How long an enrolment code is valid, in minutes.
    pub enrolment_minutes: u32,
    /// How long a console link is valid, in minutes.
    pub console_link_minutes: u32,
    /// How long after access was withdrawn changes that a phone had not sent are still taken, in hours;
    /// later ones wait for a coordinator. 0: all of them wait.
    pub late_work_hours: u32,
    /// How long one request may take, in seconds.
    pub request_seconds: u32,
    /// Requests being worked on at once; more are told to come back.
    pub requests_at_once: u32,
    /// The largest attachment that is taken, in MiB; the protocol itself allows 100.
    pub attachment_mib: u32,
    /// How much the attachments of one group may be together, in MiB.
    pub group_attachments_mib: u32,
    /// Attachments being taken or read at once; more are told to come back.
    pub attachments_at_once: u32,
    /// How long an attachment is kept that no record has come to name, in days.
    pub unnamed_attachment_days: u32,
    /// How much of the disk attachments leave free, in MiB: records need it.
    pub reserved_mib: u32,
    /// What is logged, as in `RUST_LOG`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            store: PathBuf::from("alongside.db"),
            journal: None,
            signing_key: None,
            programme: None,
            public_url: None,
            enrolment_minutes: 60,
            console_link_minutes: 15,
            late_work_hours: 48,
            request_seconds: 60,
            requests_at_once: 256,
            attachment_mib: 100,
            group_attachments_mib: 2_048,
            attachments_at_once: 32,
            unnamed_attachment_days: 30,
            reserved_mib: 512,
            log: "info,refinery_core=warn".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblems(pub Vec<String>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for ConfigProblems {}

impl Config {
    /// Reads the settings: `file` (which must exist where it is named), the environment, `flags`
    /// (fields that are absent leave the rest as it is).
    ///
    /// # Errors
    /// Every problem found, each with the setting's name.
    pub fn load(file: Option<&Path>, flags: impl Serialize) -> Result<Self, ConfigProblems> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigProblems(vec![format!(
                    "there is no settings file at {}: name one that exists, or leave `--config` out",
                    file.display()
                )]));
            }
            // A file that is no TOML is told once, not for every setting that it might hold.
            if let Err(error) = Toml::file_exact(file).data() {
                return Err(ConfigProblems(vec![format!(
                    "{} is not a settings file in TOML: {}",
                    file.display(),
                    error.kind.to_string().trim_end().replace('\n', "\n    ")
                )]));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        Self::from_sources(figment.merge(Env::prefixed("ALONGSIDE_").ignore(&["config"])), flags)
    }

    fn from_sources(sources: impl Provider, flags: impl Serialize) -> Result<Self, ConfigProblems> {
        let figment = Figment::from(Serialized::defaults(Self::default()))
            .merge(sources)
            .merge(Serialized::defaults(flags));
        let mut reading = Reading { figment, problems: Vec::new() };
        match reading.config() {
            Some(config) if reading.problems.is_empty() => Ok(config),
            _ => Err(ConfigProblems(reading.problems)),
        }
    }

    /// Where people and phones reach the server, without a slash at the end.
    #[must_use]
    pub fn url(&self, listening: SocketAddr) -> String {
        self.public_url
            .as_deref()
            .map_or_else(|| format!("http://{listening}"), |url| url.trim_end_matches('/').to_owned())
    }

    /// The address that lets a person onto the console once. It holds a secret: for that person only.
    #[must_use]
    pub fn console_link(&self, listening: SocketAddr, token: &Secret) -> String {
        format!("{}/sign-in/{}", self.url(listening), token.reveal())
    }

    /// Whether people reach the server over HTTPS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    /// The file of the console's read model, beside the store: it can be deleted at any time.
    #[must_use]
    pub fn pages_file(&self) -> PathBuf {
        let mut file = self.store.clone().into_os_string();
        file.push(".pages");
        file.into()
    }

    /// The file of the control journal.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| journal_beside(&self.store))
    }

    /// Milliseconds that an enrolment code is valid.
    #[must_use]
    pub fn enrolment_ms(&self) -> i64 {
        i64::from(self.enrolment_minutes) * 60_000
    }

    /// Milliseconds after a withdrawal during which changes are still taken.
    #[must_use]
    pub fn late_work_ms(&self) -> i64 {
        i64::from(self.late_work_hours) * 3_600_000
    }

    /// Bytes of the largest attachment that is taken.
    #[must_use]
    pub fn attachment_bytes(&self) -> u64 {
        u64::from(self.attachment_mib) << 20
    }

    /// Bytes that the attachments of one group may have together.
    #[must_use]
    pub fn group_attachment_bytes(&self) -> u64 {
        u64::from(self.group_attachments_mib) << 20
    }

    /// Bytes of the disk that attachments leave free.
    #[must_use]
    pub fn reserved_bytes(&self) -> u64 {
        u64::from(self.reserved_mib) << 20
    }

    /// Milliseconds for which an attachment is kept that no record names.
    #[must_use]
    pub fn unnamed_attachment_ms(&self) -> i64 {
        i64::from(self.unnamed_attachment_days) * 86_400_000
    }

    /// Milliseconds that a console link is valid.
    #[must_use]
    pub fn console_link_ms(&self) -> i64 {
        i64::from(self.console_link_minutes) * 60_000
    }
}

/// Reads field by field, so that one bad field does not hide the others.
struct Reading {
    figment: Figment,
    problems: Vec<String>,
}

impl Reading {
    fn config(&mut self) -> Option<Config> {
        let known = Value::serialize(Config::default()).ok()?.into_dict()?;
        if let Ok(given) = self.figment.extract::<Dict>() {
            for name in given.keys().filter(|name| !known.contains_key(*name)) {
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                self.problems
                    .push(format!("{name}: there is no such setting; there are {}", names.join(", ")));
            }
        }
        // Every field is read before any is given up.
        let listen = self.field("listen");
        let store = self.field("store");
        let journal = self.field("journal");
        let signing_key = self.field("signing_key");
        let programme = self.field("programme");
        let public_url: Option<Option<String>> = self.field("public_url");
        if let Some(Some(url)) = &public_url
            && !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme))
        {
            let what = "it must start with https:// (or http:// for a trial on one machine)";
            self.problems.push(format!("public_url: {what}"));
        }
        let enrolment_minutes = self.at_least_one("enrolment_minutes");
        let console_link_minutes = self.at_least_one("console_link_minutes");
        let late_work_hours = self.field("late_work_hours");
        let request_seconds = self.at_least_one("request_seconds");
        let requests_at_once = self.at_least_one("requests_at_once");
        let attachment_mib = self.at_least_one("attachment_mib");
        let group_attachments_mib = self.at_least_one("group_attachments_mib");
        let attachments_at_once = self.at_least_one("attachments_at_once");
        let unnamed_attachment_days = self.at_least_one("unnamed_attachment_days");
        let reserved_mib = self.field("reserved_mib");
        let log: Option<String> = self.field("log");
        if let Some(Err(error)) = log.as_deref().map(telemetry::check_filter) {
            self.problems.push(format!("log: {error}; write it as `info` or `info,alongside_server=debug`"));
        }
        let log_format = self.field("log_format");
        Some(Config {
            listen: listen?,
            store: store?,
            journal: journal?,
            signing_key: signing_key?,
            programme: programme?,
            public_url: public_url?,
            enrolment_minutes: enrolment_minutes?,
            console_link_minutes: console_link_minutes?,
            late_work_hours: late_work_hours?,
            request_seconds: request_seconds?,
            requests_at_once: requests_at_once?,
            attachment_mib: attachment_mib?,
            group_attachments_mib: group_attachments_mib?,
            attachments_at_once: attachments_at_once?,
            unnamed_attachment_days: unnamed_attachment_days?,
            reserved_mib: reserved_mib?,
            log: log?,
            log_format: log_format?,
        })
    }

    fn field<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.figment.extract_inner(name) {
            Ok(value) => Some(value),
            Err(errors) => {
                self.problems.extend(
                    errors.into_iter().map(|error| format!("{name}: {}{}", error.kind, place(&error))),
                );
                None
            }
        }
    }

    fn at_least_one(&mut self, name: &str) -> Option<u32> {
        let value = self.field(name);
        if value == Some(0) {
            self.problems.push(format!("{name}: it must be at least 1"));
        }
        value
    }
}

/// Where a setting came from, for somebody who looks for it; empty for flags.
fn place(error: &figment::Error) -> String {
    match error.metadata.as_ref().map(|from| (&from.source, &from.name)) {
        Some((Some(figment::Source::File(file)), _)) => format!(" (in {})", file.display()),
        Some((None, name)) if name.contains("environment") => format!(" (from the {name})"),
        _ => String::new(),
    }
}

/// Why a programme folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgrammeError {
    /// There is no such folder, or it is no package.
    #[error("{folder} is not the folder of a programme: {why}. Name the folder that holds `programme.toml`")]
    NotAPackage {
        /// The folder.
        folder: String,
        /// What is there instead.
        why: &'static str,
    },
    /// A file in the folder cannot be read.
    #[error("{file} cannot be read: {source}. Make it readable for the one who runs `alongside`")]
    Io {
        /// The file, or the folder.
        file: String,
        /// What the file system says.
        source: std::io::Error,
    },
    /// The package has errors.
    #[error("the programme has errors:{}", lines(.0))]
    Problems(Vec<Problem>),
}

impl ProgrammeError {
    /// The error as a stable word.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAPackage { .. } => "not_a_package",
            Self::Io { .. } => "unreadable",
            Self::Problems(_) => "problems",
        }
    }
}

/// Most files of a package, and most bytes of one: a folder that was named by mistake is not read for hours.
const MOST_FILES: usize = 2_000;
const LONGEST_FILE: u64 = 16 << 20;

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}

/// Reads the programme package in this folder, or the one compiled in; also gives its warnings.
///
/// # Errors
/// See [`ProgrammeError`].
pub fn read_programme(folder: Option<&Path>) -> Result<(Programme, Vec<Problem>), ProgrammeError> {
    let files = match folder {
        None => builtin::independent_support_files(),
        Some(folder) => {
            let mut files = package::Files::new();
            let stranger = |why| ProgrammeError::NotAPackage { folder: folder.display().to_string(), why };
            if !folder.exists() {
                return Err(stranger("there is nothing of that name"));
            }
            if !folder.is_dir() {
                return Err(stranger("it is a file"));
            }
            if !folder.join("programme.toml").exists() && !folder.join("model.toml").exists() {
                return Err(stranger("it holds neither `programme.toml` nor `model.toml`"));
            }
            read_folder(folder, "", &mut files)?;
            files
        }
    };
    package::read(&files).map_err(ProgrammeError::Problems)
}

fn read_folder(folder: &Path, inside: &str, files: &mut package::Files) -> Result<(), ProgrammeError> {
    let at = |path: &Path| {
        let file = path.display().to_string();
        move |source| ProgrammeError::Io { file, source }
    };
    let too_much = |why: String| std::io::Error::new(std::io::ErrorKind::FileTooLarge, why);
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = if inside.is_empty() { name.into_owned() } else { format!("{inside}/{name}") };
        let on_disk = entry.path();
        // What a link leads to is read: packages that share their lists keep them once.
        let about = std::fs::metadata(&on_disk).map_err(at(&on_disk))?;
        if about.is_dir() {
            // Links to folders can go round in circles.
            if entry.file_type().map_err(at(&on_disk))?.is_symlink() {
                let why = "it is a link to a folder; put the folder itself there";
                return Err(at(&on_disk)(std::io::Error::new(std::io::ErrorKind::InvalidInput, why)));
            }
            read_folder(&on_disk, &path, files)?;
            continue;
        }
        if about.len() > LONGEST_FILE {
            return Err(at(&on_disk)(too_much(format!("it has more than {LONGEST_FILE} bytes"))));
        }
        if files.len() >= MOST_FILES {
            return Err(at(folder)(too_much(format!("it holds more than {MOST_FILES} files"))));
        }
        files.insert(path, std::fs::read(&on_disk).map_err(at(&on_disk))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Flags {
        #[serde(skip_serializing_if = "Option::is_none")]
        listen: Option<String>,
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = Toml::string("listen = '127.0.0.1:1'\nenrolment_minutes = 5");
        let config = Config::from_sources(file, Flags { listen: Some("127.0.0.1:2".to_owned()) }).unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.enrolment_minutes, 5);
        assert_eq!(config.console_link_minutes, 15);
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let file = Toml::string("listen = 'here'\nrequest_seconds = -1\nlisten_on = 'x'\nlog_format = 'xml'");
        let problems = Config::from_sources(file, Flags { listen: None }).unwrap_err();
        let names: Vec<&str> = problems.0.iter().map(|problem| problem.split(':').next().unwrap()).collect();
        assert_eq!(names, ["listen_on", "listen", "request_seconds", "log_format"], "{problems}");
    }

    #[test]
    fn values_that_make_no_sense_are_named() {
        let file =
            Toml::string("public_url = 'ftp://x'\nrequest_seconds = 0\nlisten = 'nowhere'\nlog = '==='");
        let problems = Config::from_sources(file, Flags { listen: None }).unwrap_err();
        assert_eq!(problems.0.len(), 4, "{problems}");
    }

    #[test]
    fn a_file_that_is_no_toml_is_told_once_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, "log = 'info'\nlisten = [\n").unwrap();
        let problems = Config::load(Some(&file), Flags { listen: None }).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
        assert!(problems.0[0].contains("settings.toml") && problems.0[0].contains("line 2"), "{problems}");
    }
}
