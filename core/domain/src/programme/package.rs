//! Reads a programme package: a folder, given as a map of its files.
//!
//! `programme.toml` says what the programme is, `model.toml` how its records live, `forms/*.md` what they
//! ask, `codelists/*.csv` the long lists, `deadlines.toml` the statutory clock. The package is checked as a
//! whole, and every problem is reported at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::{FieldRef, MomentKind, Parts, Programme, Reach, RecordKind, Role, live::LiveForms, surveys};
use crate::{
    deadline::DeadlineRules,
    form::{Choice, ChoiceSource, Form, MergePolicy, Sensitivity, xlsform},
    problem::{
        Problem, Severity,
        report::{Place, Report},
        suggest::{did_you_mean, quoted},
    },
    record::moved,
    reminder::Reminders,
    rules::Rules,
};

mod code_list;
mod derived;
mod model;
mod restricted;
mod toml_file;

use model::{Model, states};
use toml_file::TomlFile;

/// The files of a package: path inside the folder, with `/` between its parts → bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

const PROGRAMME: &str = "programme.toml";
const MODEL: &str = "model.toml";
const DEADLINES: &str = "deadlines.toml";
const DERIVED: &str = "derived.toml";
const RULES: &str = "rules.toml";
const REMINDERS: &str = "reminders.toml";
const SURVEYS: &str = "surveys.toml";

/// Reads and checks a package as a whole.
///
/// # Errors
///
/// Every problem found, warnings included, where at least one of them is an error. Otherwise the
/// programme comes with its warnings.
pub fn read(files: &Files) -> Result<(Programme, Vec<Problem>), Vec<Problem>> {
    let mut reader = Reader { files, problems: Vec::new() };
    let programme = reader.programme();
    let problems = reader.problems;
    match programme {
        Some(programme) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            Ok((programme, problems))
        }
        _ => Err(problems),
    }
}

/// BLAKE3 over the files in the order of their paths: of each the length of its path, the path, the
/// length of its content, the content; lengths as 8 bytes, the lowest first.
#[must_use]
pub fn hash(files: &Files) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    *hasher.finalize().as_bytes()
}

/// What `programme.toml` says.
#[derive(Default)]
struct Head {
    id: String,
    title: String,
    version: String,
    languages: Vec<String>,
    zone: String,
    roles: BTreeMap<String, Role>,
}

struct Reader<'f> {
    files: &'f Files,
    problems: Vec<Problem>,
}

impl<'f> Reader<'f> {
    fn programme(&mut self) -> Option<Programme> {
        self.name_strangers();
        let head = self.required(PROGRAMME, head).unwrap_or_default();
        let code_lists = self.code_lists(head.languages.first().map_or("", String::as_str));
        let forms = self.forms();
        let in_file: BTreeMap<String, Form> =
            forms.iter().map(|(_, form)| (form.id.clone(), form.clone())).collect();
        let model = self.required(MODEL, |text, report| model::read(text, &in_file, report));
        for (file, form) in &forms {
            self.check_form(file, form, &code_lists, model.as_ref());
        }
        let deadlines = self.deadlines();
        // A package need not work anything out.
        let derived = if self.files.contains_key(DERIVED) {
            self.required(DERIVED, |text, report| derived::read(text, &in_file, report)).unwrap_or_default()
        } else {
            Vec::new()
        };
        let clock = model.as_ref().map(|model| model.parts.clock_forms().map(str::to_owned).collect());
        let rules = self.rules(&in_file, &clock.unwrap_or_default());
        let reminders = self.reminders();
        let Model { groups, mut records, parts, states, retention } = model?;
        self.check_codes(&parts, &in_file, &code_lists);
        let files: Vec<(&str, &Form)> = forms.iter().map(|(file, form)| (file.as_str(), form)).collect();
        let mut report = Report::new(MODEL);
        states::check(&states, &in_file, &code_lists, &mut report);
        self.take(report);
        self.problems.extend(restricted::settle(&files, &code_lists, &groups, &mut records));
        self.check_writers(&head.roles, &records);
        let surveys =
            self.surveys(&surveys::Known { forms: &in_file, records: &records, roles: &head.roles });
        if let Some(deadlines) = &deadlines {
            self.check_events(deadlines, &parts, &in_file, &code_lists);
        }
        if let Some(deadlines) = &deadlines {
            self.check_clock(deadlines, &parts);
        }
        Some(Programme {
            id: head.id,
            title: head.title,
            version: head.version,
            languages: head.languages,
            zone: head.zone,
            hash: hash(self.files),
            roles: head.roles,
            groups,
            forms: in_file,
            records,
            code_lists,
            deadlines: deadlines?,
            rules: rules?,
            reminders: reminders?,
            parts,
            states,
            retention,
            derived,
            surveys: surveys?,
            live: LiveForms::default(),
        })
    }

    /// The roles that write records are roles of the programme.
    fn check_writers(&mut self, roles: &BTreeMap<String, Role>, records: &BTreeMap<String, RecordKind>) {
        let mut report = Report::new(MODEL);
        for (form, kind) in records {
            for role in kind.written_by.iter().filter(|role| !roles.contains_key(*role)) {
                let sheet = format!("records.{form}");
                report.error(
                    Place::sheet(&sheet).column("written_by"),
                    "unknown_role",
                    format!("There is no role {}.", quoted(role)),
                    did_you_mean(role, roles.keys().map(String::as_str), "Name a role of `programme.toml`."),
                );
            }
        }
        self.take(report);
    }

    /// The codes that end a unit are codes of its status; that of a reason is one of its question.
    fn check_codes(
        &mut self,
        parts: &Parts,
        forms: &BTreeMap<String, Form>,
        lists: &BTreeMap<String, Vec<Choice>>,
    ) {
        let mut report = Report::new(MODEL);
        let known = |field: Option<&FieldRef>| -> Vec<&str> {
            let choices = field.and_then(|field| {
                let form = forms.get(&field.form)?;
                match form.question(&field.field)?.kind.choices()? {
                    ChoiceSource::List(name) => form.choices.get(name),
                    ChoiceSource::File(file) => lists.get(stem(file.as_str(), "", ".csv")?),
                    ChoiceSource::External(name) => form.external_choices.get(name),
                    ChoiceSource::Answers(_) => None,
                }
            });
            choices.into_iter().flatten().map(|choice| choice.name.as_str()).collect()
        };
        let status = known(parts.status.as_ref());
        let ended =
            parts.ended.iter().map(|code| (Place::sheet("parts").column("ended"), code, "status", &status));
        let reasons: Vec<_> = parts.holders.iter().map(|holders| known(holders.reason.as_ref())).collect();
        let begins = parts.holders.iter().zip(&reasons).filter_map(|(holders, reasons)| {
            let code = holders.begins.as_ref()?;
            Some((Place::sheet("parts.holders").column("begins"), code, "reason", reasons))
        });
        for (place, code, question, known) in ended.chain(begins) {
            if !known.contains(&code.as_str()) {
                report.error(
                    place,
                    "unknown_code",
                    format!("{} is not a code of the {question}.", quoted(code)),
                    did_you_mean(
                        code,
                        known.iter().copied(),
                        &format!("Name codes of the list that `{question}` offers."),
                    ),
                );
            }
        }
        self.take(report);
    }

    /// The events that start and meet deadlines are events that somebody can record.
    fn check_events(
        &mut self,
        rules: &DeadlineRules,
        parts: &Parts,
        forms: &BTreeMap<String, Form>,
        lists: &BTreeMap<String, Vec<Choice>>,
    ) {
        if parts.event.is_none() && parts.moments.is_empty() {
            return;
        }
        let coded = parts.moments.iter().filter_map(|moment| match &moment.kind {
            MomentKind::Field(field) => Some(field),
            MomentKind::Always(_) => None,
        });
        let mut known: Vec<&str> = parts
            .moments
            .iter()
            .filter_map(|moment| match &moment.kind {
                MomentKind::Always(code) => Some(code.as_str()),
                MomentKind::Field(_) => None,
            })
            .collect();
        for field in parts.event.iter().map(|event| &event.kind).chain(coded) {
            let source = forms
                .get(&field.form)
                .and_then(|form| Some((form, form.question(&field.field)?.kind.choices()?)));
            let choices = match source {
                Some((form, ChoiceSource::List(name))) => form.choices.get(name),
                Some((_, ChoiceSource::File(file))) => {
                    stem(file, "", ".csv").and_then(|name| lists.get(name))
                }
                Some((form, ChoiceSource::External(name))) => form.external_choices.get(name),
                // A text holds any code, and so does the answer to another question.
                Some((_, ChoiceSource::Answers(_))) | None => return,
            };
            known.extend(choices.into_iter().flatten().map(|choice| choice.name.as_str()));
        }
        let mut report = Report::new(DEADLINES);
        for kind in rules.event_kinds().filter(|kind| !known.contains(kind)) {
            report.warning(
                Place::sheet("events").column(kind),
                "unknown_event",
                format!("Nobody can record the event {}.", quoted(kind)),
                did_you_mean(
                    kind,
                    known.iter().copied(),
                    "Add it to the list of the question that `kind` of [parts.event] names.",
                ),
            );
        }
        self.take(report);
    }

    /// The dates that the clock reads are dates that the programme's events have.
    fn check_clock(&mut self, rules: &DeadlineRules, parts: &Parts) {
        let Some(event) = &parts.event else { return };
        let mut report = Report::new(DEADLINES);
        let known = || event.dates.iter().map(|field| field.field.as_str());
        for name in rules.dated_fields().filter(|name| !known().any(|field| field == *name)) {
            report.warning(
                Place::FILE,
                "unknown_date",
                format!("A rule reads the date {}, which the events do not have.", quoted(name)),
                did_you_mean(name, known(), &format!("Name it in `dates` of [parts.event] in `{MODEL}`.")),
            );
        }
        self.take(report);
    }

    /// Says which files nobody reads.
    fn name_strangers(&mut self) {
        for path in self.files.keys() {
            let is_read = [PROGRAMME, MODEL, DEADLINES, DERIVED, RULES, REMINDERS, SURVEYS]
                .contains(&path.as_str())
                || stem(path, "forms/", ".md").is_some()
                || stem(path, "codelists/", ".csv").is_some();
            // Notes and licences may lie beside the files of the programme.
            let is_prose = !path.contains('/') && (path.ends_with(".md") || path.starts_with("LICENSE"));
            if !is_read && !is_prose {
                let mut report = Report::new(path);
                report.warning(
                    Place::FILE,
                    "unknown_file",
                    "Nothing reads this file.",
                    "Forms are `forms/NAME.md`, code lists `codelists/NAME.csv`.",
                );
                self.take(report);
            }
        }
    }

    fn take(&mut self, report: Report) {
        self.problems.extend(report.finish(&[]));
    }

    /// The text of a file, without a byte order mark.
    fn text(&self, path: &str, report: &mut Report) -> Option<&'f str> {
        let bytes = self.files.get(path)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                report.error(
                    Place::line(u32::try_from(line).unwrap_or(u32::MAX)),
                    "not_utf8",
                    format!("Byte {} of the file is not UTF-8.", error.valid_up_to() + 1),
                    "Save the file as UTF-8.",
                );
                None
            }
        }
    }

    /// Reads a file that a package has to have.
    fn required<T>(&mut self, path: &str, read: impl FnOnce(&str, &mut Report) -> T) -> Option<T> {
        let mut report = Report::new(path);
        if !self.files.contains_key(path) {
            report.error(Place::FILE, "missing_file", "The package lacks this file.", "Add it.");
        }
        let result = self.text(path, &mut report).map(|text| read(text, &mut report));
        self.take(report);
        result
    }

    fn code_lists(&mut self, language: &str) -> BTreeMap<String, Vec<Choice>> {
        let mut lists = BTreeMap::new();
        for path in self.files.keys() {
            let Some(name) = stem(path, "codelists/", ".csv") else { continue };
            let mut report = Report::new(path);
            if !is_name(name) {
                xlsform::bad_name(&mut report, Place::FILE, name);
            }
            if let Some(text) = self.text(path, &mut report) {
                let mut choices = code_list::read(name, text, &mut report);
                for choice in &mut choices {
                    choice.label.set_default(language);
                }
                lists.insert(name.to_owned(), choices);
            }
            self.take(report);
        }
        lists
    }

    /// The forms with their files. Of two forms with one id, the first counts.
    fn forms(&mut self) -> Vec<(String, Form)> {
        let mut forms: Vec<(String, Form)> = Vec::new();
        for path in self.files.keys() {
            if stem(path, "forms/", ".md").is_none() {
                continue;
            }
            let mut report = Report::new(path);
            if let Some(text) = self.text(path, &mut report) {
                let (form, _, problems) = xlsform::read_what_can_be(path, text);
                self.problems.extend(problems);
                if let Some((first, _)) = forms.iter().find(|(_, other)| other.id == form.id) {
                    report.error(
                        Place::sheet("settings").row(2).column("form_id"),
                        "duplicate_form_id",
                        format!("{} has the id {} already.", quoted(first), quoted(&form.id)),
                        "Give each form an id of its own.",
                    );
                } else if !form.id.is_empty() {
                    forms.push((path.clone(), form));
                }
            }
            self.take(report);
        }
        forms
    }

    /// What a form asks of the rest of the package.
    fn check_form(
        &mut self,
        file: &str,
        form: &Form,
        lists: &BTreeMap<String, Vec<Choice>>,
        model: Option<&Model>,
    ) {
        let mut report = Report::new(file);
        if model.is_some_and(|model| !model.records.contains_key(&form.id)) {
            report.warning(
                Place::FILE,
                "form_without_record",
                format!("`{MODEL}` does not say how records of {} live.", quoted(&form.id)),
                format!("Add `[records.{}]` to it.", form.id),
            );
        }
        for question in form.questions() {
            if [moved::FROM, moved::TO].contains(&question.name.as_str()) {
                report.error(
                    Place::sheet("survey").row(question.row).column("name"),
                    "reserved_name",
                    format!("The name {} is kept for records that are moved.", quoted(&question.name)),
                    "Choose another name.".to_owned(),
                );
            }
            let Some(ChoiceSource::File(list_file)) = question.kind.choices() else { continue };
            let place = Place::sheet("survey").row(question.row);
            let Some(list) = stem(list_file, "", ".csv").and_then(|name| lists.get(name)) else {
                let names: Vec<String> = lists.keys().map(|name| format!("{name}.csv")).collect();
                report.error(
                    place.column("type"),
                    "unknown_list",
                    format!("There is no code list {}.", quoted(list_file)),
                    did_you_mean(list_file, names.iter().map(String::as_str), "Add it to `codelists/`."),
                );
                continue;
            };
            if let MergePolicy::Protect(code) = &question.merge
                && !list.iter().any(|choice| choice.name == *code)
            {
                report.error(
                    place.column("merge"),
                    "unknown_protected_code",
                    format!("The list {} has no code {} to protect.", quoted(list_file), quoted(code)),
                    did_you_mean(
                        code,
                        list.iter().map(|choice| choice.name.as_str()),
                        "Write a code of the question's list.",
                    ),
                );
            }
        }
        self.take(report);
    }

    /// A package without rules has none.
    fn rules(&mut self, forms: &BTreeMap<String, Form>, clock: &BTreeSet<String>) -> Option<Rules> {
        if !self.files.contains_key(RULES) {
            return Some(Rules::default());
        }
        let read = self.required(RULES, |text, _| {
            let mut rules = Rules::parse(RULES, text)?;
            rules.bind(RULES, forms, clock)?;
            Ok(rules)
        })?;
        match read {
            Ok(rules) => Some(rules),
            Err(problems) => {
                let problems: Vec<Problem> = problems;
                self.problems.extend(problems);
                None
            }
        }
    }

    /// A package without reminders has none.
    fn reminders(&mut self) -> Option<Reminders> {
        if !self.files.contains_key(REMINDERS) {
            return Some(Reminders::default());
        }
        match self.required(REMINDERS, |text, _| Reminders::parse(REMINDERS, text))? {
            Ok(reminders) => Some(reminders),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// A package without surveys has none.
    fn surveys(&mut self, known: &surveys::Known<'_>) -> Option<BTreeMap<String, surveys::Survey>> {
        if !self.files.contains_key(SURVEYS) {
            return Some(BTreeMap::new());
        }
        match self.required(SURVEYS, |text, _| surveys::read(SURVEYS, text, known))? {
            Ok(surveys) => Some(surveys),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    fn deadlines(&mut self) -> Option<DeadlineRules> {
        match self.required(DEADLINES, |text, _| DeadlineRules::parse(DEADLINES, text))? {
            Ok(rules) => Some(rules),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }
}

fn head(text: &str, report: &mut Report) -> Head {
    TomlFile::read(text, report, |file, mut root| {
        let mut head = Head::default();
        file.require(&root, "programme");
        file.require(&root, "roles");
        if let Some(mut table) = file.table(&mut root, "programme") {
            head.id = file.required_text(&mut table, "id");
            head.title = file.required_text(&mut table, "title");
            head.version = file.required_text(&mut table, "version");
            file.require(&table, "languages");
            head.languages =
                file.texts(&mut table, "languages").into_iter().map(|language| language.value).collect();
            if !head.id.is_empty() && !is_name(&head.id) {
                file.report.error(
                    table.place().column("id"),
                    "bad_name",
                    format!("{} cannot be the id of a programme.", quoted(&head.id)),
                    "Write letters, digits, `_` or `-`, a letter first.",
                );
            }
            file.require(&table, "zone");
            if let Some(zone) = file.text(&mut table, "zone") {
                if TimeZone::get(&zone.value).is_err() {
                    file.report.error(
                        zone.place(),
                        "unknown_zone",
                        format!("There is no time zone {}.", quoted(&zone.value)),
                        "Write its name in the IANA database, such as `Europe/London`.",
                    );
                }
                head.zone = zone.value;
            }
            file.finish(&table);
        }
        if let Some(table) = file.table(&mut root, "roles") {
            head.roles = file
                .tables(&table)
                .into_iter()
                .map(|(code, mut table)| (code, role(file, &mut table)))
                .collect();
        }
        file.finish(&root);
        head
    })
}

fn role(file: &mut TomlFile<'_>, table: &mut toml_file::Table<'_>) -> Role {
    const REACH: [(&str, Reach); 3] =
        [("granted", Reach::Granted), ("partner_areas", Reach::PartnerAreas), ("nothing", Reach::Nothing)];
    let title = file.required_text(table, "title");
    let sees = file.word(table, "sees", &REACH).unwrap_or(Reach::Nothing);
    let mut reads = Sensitivity::lowest();
    if let Some(text) = file.text(table, "reads") {
        match xlsform::cells::sensitivity(&text.value) {
            Ok(class) => reads = class.unwrap_or(reads),
            Err(refusal) => file.report.error(text.place(), refusal.code, refusal.what, refusal.help),
        }
    }
    let writes = file.flag(table, "writes");
    file.finish(table);
    Role { title, sees, reads, writes }
}

/// The name of a file in a folder, without its ending; `None` for any other path.
fn stem<'p>(path: &'p str, folder: &str, ending: &str) -> Option<&'p str> {
    let name = path.strip_prefix(folder)?.strip_suffix(ending)?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// Whether a text can name a programme, a group or a list.
fn is_name(text: &str) -> bool {
    xlsform::is_name(text) && !text.contains('.')
}
