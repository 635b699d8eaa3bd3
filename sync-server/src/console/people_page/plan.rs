//! What is written where a unit is given to somebody, or somebody is to have it no longer: intervals, from
//! which access follows.

use std::{collections::BTreeMap, sync::Arc};

use alongside_domain::{
    form::expr::Surroundings,
    ids::{GroupId, PersonId, RecordId},
    problem::Severity,
    programme::{
        Reach,
        entry::Answer,
        holders::{HolderParts, Interval},
        live,
    },
    record::{RecordView, Root},
    time::Millis,
};
use jiff::{ToSpan as _, civil::Date};
use rusqlite::Connection;

use crate::{
    console::{Console, access::Reader, error::PageError, session::SignedIn},
    holders,
    ingest::LocalWrite,
    read_model::{
        ReadModelError, case,
        list::UnitLine,
        people::{self, Person},
    },
};

/// Records of one form that are read of a unit: who had it over the years.
const MOST_INTERVALS: u32 = 200;

/// A record that says who has the unit.
pub(super) struct Held<'a> {
    pub(super) holders: &'a HolderParts,
    pub(super) interval: Interval,
    pub(super) view: RecordView,
}

/// A unit with who has it and who had it.
pub(super) struct UnitPeople<'a> {
    pub(super) line: UnitLine,
    /// The latest first.
    pub(super) held: Vec<Held<'a>>,
    /// Who has it without a record that says so, with the day since which they do.
    pub(super) unsaid: Vec<(Person, Date)>,
}

/// Who is to have units, and how.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The form of the record that says so.
    pub(super) form: String,
    pub(super) person: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
    pub(super) note: String,
}

/// What is wrong with an entry: the id of the field, and what to do.
pub(super) type Fault = (&'static str, String);

/// Whether a reader says who has units: of whole areas, with a role that writes such records.
pub(in crate::console) fn decides(console: &Console, reader: &Reader<'_>) -> bool {
    let programme = &console.programme;
    let writes = |holders: &HolderParts| {
        let kind = programme.records.get(&holders.person.form);
        kind.is_some_and(|kind| kind.is_open_to(&reader.principal.role))
    };
    reader.reach() == Reach::PartnerAreas
        && console.ingest.is_some()
        && programme.parts.holders.iter().any(writes)
}

/// Reads and plans for one reader.
pub(super) struct Planner<'a> {
    pub(super) console: &'a Console,
    pub(super) reader: Reader<'a>,
    pub(super) today: Date,
    around: Surroundings,
}

impl<'a> Planner<'a> {
    /// `None` where this reader gives nobody anything, or the programme knows no such records.
    pub(super) fn new(console: &'a Console, signed_in: &'a SignedIn) -> Option<Self> {
        let programme = &console.programme;
        let reader = Reader::new(programme, &signed_in.principal);
        let decides = decides(console, &reader);
        let now = console.clock.now().timestamp();
        let around = Surroundings::new(now, programme.time_zone(), rand::random());
        decides.then(|| Self { console, reader, today: console.today(), around })
    }

    /// The people of the partner who can have units: whoever's role reads what it is granted and writes.
    pub(super) fn candidates(&self, connection: &Connection) -> Result<Vec<Person>, ReadModelError> {
        let mut people = people::of_partner(connection, self.reader.principal.partner)?;
        people.retain(|person| self.has_units(&person.role));
        Ok(people)
    }

    /// Whether people of this role have units of their own.
    pub(super) fn has_units(&self, role: &str) -> bool {
        let role = self.console.programme.roles.get(role);
        role.is_some_and(|role| role.sees == Reach::Granted && role.writes)
    }

    /// A unit with its people; `None` where the reader does not decide about it.
    pub(super) fn unit(
        &self,
        connection: &Connection,
        group: GroupId,
    ) -> Result<Option<UnitPeople<'a>>, ReadModelError> {
        let programme = &self.console.programme;
        let Some(line) = case::unit(connection, group)? else { return Ok(None) };
        let Some(reader) = self.reader.at(connection, &line)? else { return Ok(None) };
        if !reader.may_write_here() {
            return Ok(None);
        }
        let mut held = Vec::new();
        for holders in &programme.parts.holders {
            for stored in case::some_of_form(connection, group, &holders.person.form, MOST_INTERVALS)? {
                if let Some(interval) = holders.interval(&stored.view) {
                    held.push(Held { holders, interval, view: stored.view });
                }
            }
        }
        held.sort_by_key(|held| std::cmp::Reverse((held.interval.from, held.view.root.id)));
        let having = holders::having(&self.console.store, group)
            .map_err(|error| ReadModelError::Log(Box::new(error)))?;
        let known = people::with_access(connection, group)?;
        let unsaid = having
            .into_iter()
            .filter(|having| !held.iter().any(|held| held.interval.person == having.person))
            .filter_map(|having| {
                let person = known.iter().find(|person| person.id == having.person)?;
                let since = programme.day(having.since);
                self.has_units(&person.role).then(|| (person.clone(), since))
            })
            .collect();
        Ok(Some(UnitPeople { line, held, unsaid }))
    }

    /// What is wrong with an entry, whatever the unit.
    pub(super) fn check(&self, wanted: &Wanted, candidates: &[Person]) -> Result<Checked<'a>, Vec<Fault>> {
        let programme = &self.console.programme;
        let mut faults = Vec::new();
        let Some(holders) = programme.parts.holders_of(&wanted.form) else {
            return Err(vec![("form", "Say how they are to have it".to_owned())]);
        };
        let person = candidates.iter().find(|person| person.id.to_string() == wanted.person);
        if person.is_none() {
            faults.push(("person", "Choose who is to have it".to_owned()));
        }
        let from = wanted.from.trim().parse::<Date>().ok();
        if from.is_none() {
            faults.push(("from", "Enter the first day, such as 2015-03-16".to_owned()));
        }
        let answers = |id: PersonId| {
            let text = |text: &str| Answer::Text(text.trim().to_owned());
            let mut answers = BTreeMap::from([
                (holders.person.field.clone(), text(&id.to_string())),
                (holders.from.field.clone(), text(&wanted.from)),
            ]);
            let optional = [
                (Some(&holders.to), &wanted.to),
                (holders.reason.as_ref(), &wanted.reason),
                (holders.note.as_ref(), &wanted.note),
            ];
            for (field, value) in optional {
                if let Some(field) = field.filter(|_| !value.trim().is_empty()) {
                    answers.insert(field.field.clone(), text(value));
                }
            }
            answers
        };
        let (Some(person), Some(from)) = (person, from) else { return Err(faults) };
        let answers = answers(person.id);
        // What the form asks is asked here, and its checks hold.
        if let Some(form) = programme.forms.get(&wanted.form) {
            let (_, said) = live::entered(programme, form, &answers, None, &self.around);
            for problem in said {
                let field = match problem.key.as_str() {
                    key if key == holders.to.field => "to",
                    key if holders.reason.as_ref().is_some_and(|reason| reason.field == key) => "reason",
                    key if holders.note.as_ref().is_some_and(|note| note.field == key) => "note",
                    key if key == holders.from.field => "from",
                    _ if problem.severity == Severity::Error => "form",
                    _ => continue,
                };
                if !faults.iter().any(|(known, _)| *known == field) {
                    let label = form.question_of_key(&problem.key).map(|question| question.label.text());
                    faults.push((field, format!("{}: {}", label.unwrap_or_default(), problem.what)));
                }
            }
        }
        if faults.is_empty() {
            Ok(Checked { holders, person: person.clone(), from, answers })
        } else {
            Err(faults)
        }
    }

    /// What is written so that somebody has a unit: their interval, and the end of those that it takes the place
    /// of.
    pub(super) fn give(
        &self,
        unit: &UnitPeople<'_>,
        checked: &Checked<'_>,
    ) -> Result<Vec<LocalWrite>, Fault> {
        let Checked { holders, person, from, answers } = checked;
        let reference = &unit.line.reference;
        let overlaps = |held: &&Held<'_>| !held.interval.is_over(*from);
        let own = unit.held.iter().filter(|held| held.interval.person == person.id);
        if own.filter(overlaps).any(|held| held.holders == *holders) {
            return Err(("person", format!("{} has {reference} so already", person.name)));
        }
        let mut writes = Vec::new();
        if holders.leads {
            for held in unit.held.iter().filter(|held| held.holders.leads).filter(overlaps) {
                if held.interval.from > *from {
                    let text =
                        format!("{reference} is given to somebody from a later day: change that first");
                    return Err(("from", text));
                }
                writes.extend(self.end(held, *from));
            }
            let led = unit.held.iter().any(|held| held.holders.leads);
            for (before, since) in &unit.unsaid {
                let is_supporter = unit.line.supporter.map_or(!led, |supporter| supporter == before.id);
                if before.id != person.id && is_supporter {
                    writes.extend(self.say_and_end(unit.line.group, before.id, *since, *from, holders));
                }
            }
        }
        writes.extend(self.create(unit.line.group, holders, answers));
        Ok(writes)
    }

    /// What is written so that somebody has a unit until the day before this one, however they have it.
    pub(super) fn take_back(&self, unit: &UnitPeople<'_>, person: PersonId, from: Date) -> Vec<LocalWrite> {
        let mut writes = Vec::new();
        for held in unit.held.iter().filter(|held| held.interval.person == person) {
            if !held.interval.is_over(from) {
                writes.extend(self.end(held, from));
            }
        }
        for (unsaid, since) in unit.unsaid.iter().filter(|(unsaid, _)| unsaid.id == person) {
            let parts = &self.console.programme.parts;
            let led = unit.held.iter().any(|held| held.holders.leads && !held.interval.is_over(*since));
            let beside = || parts.holders.iter().find(|holders| !holders.leads);
            let leading = parts.leading_holders().filter(|_| !led);
            if let Some(holders) = leading.or_else(beside) {
                writes.extend(self.say_and_end(unit.line.group, unsaid.id, *since, from, holders));
            }
        }
        writes
    }

    /// The last day of an interval that is over by `from`; an interval has one day at least.
    fn last_day(first: Date, from: Date) -> Date {
        from.saturating_sub(1.day()).max(first)
    }

    fn end(&self, held: &Held<'_>, from: Date) -> Option<LocalWrite> {
        let last = Self::last_day(held.interval.from, from);
        let answers = BTreeMap::from([(held.holders.to.field.clone(), Answer::Text(last.to_string()))]);
        let form = self.console.programme.forms.get(&held.view.root.form)?;
        let programme = &self.console.programme;
        let (edits, _) = live::entered(programme, form, &answers, Some(&held.view), &self.around);
        let is_changed = !edits.is_empty();
        let (at, zone) = self.now();
        let reason = None;
        let edit = LocalWrite::Edit { record: held.view.root.id, edits, at, zone, reason };
        is_changed.then_some(edit)
    }

    /// Somebody has had the unit without a record that says so: it is written, with its end.
    fn say_and_end(
        &self,
        group: GroupId,
        person: PersonId,
        since: Date,
        from: Date,
        holders: &HolderParts,
    ) -> Option<LocalWrite> {
        let since = since.min(from);
        let last = Self::last_day(since, from);
        let text = |text: String| Answer::Text(text);
        let mut answers = BTreeMap::from([
            (holders.person.field.clone(), text(person.to_string())),
            (holders.from.field.clone(), text(since.to_string())),
            (holders.to.field.clone(), text(last.to_string())),
        ]);
        if let (Some(reason), Some(code)) = (&holders.reason, &holders.begins) {
            answers.insert(reason.field.clone(), text(code.clone()));
        }
        self.create(group, holders, &answers)
    }

    fn create(
        &self,
        group: GroupId,
        holders: &HolderParts,
        answers: &BTreeMap<String, Answer>,
    ) -> Option<LocalWrite> {
        let programme = &self.console.programme;
        let form = programme.forms.get(&holders.person.form)?;
        let (edits, _) = live::entered(programme, form, answers, None, &self.around);
        let (at, zone) = self.now();
        let id = RecordId::new(at, rand::random());
        let root = Root { id, form: form.id.clone(), form_version: form.version.clone(), group };
        Some(LocalWrite::Create { root, edits, at, zone, reason: None })
    }

    fn now(&self) -> (Millis, String) {
        (self.console.clock.now(), self.console.programme.zone.clone())
    }

    /// The way in for what is planned.
    pub(super) fn ingest(&self) -> Result<Arc<crate::ingest::Ingest>, PageError> {
        self.console.ingest.clone().ok_or(PageError::NotFound)
    }
}

/// An entry that nothing is wrong with.
pub(super) struct Checked<'a> {
    holders: &'a HolderParts,
    pub(super) person: Person,
    from: Date,
    answers: BTreeMap<String, Answer>,
}
