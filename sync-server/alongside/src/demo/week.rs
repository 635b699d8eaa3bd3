//! A week of work without a signal: what supporters do on their phones, and what they do to the same
//! records without knowing of each other.

use std::collections::BTreeMap;

use alongside_core::{
    FirstRecord, OpenGroupRequest, Phone, SaveRequest,
    clock::{Clock as _, ManualClock},
    views::{RecordCard, UnitView},
};
use alongside_domain::{
    ids::{GroupId, PersonId, RecordId},
    record::Edit,
    time::Millis,
    value::Value,
};
use anyhow::{Context, Result};
use jiff::civil::Date;

use super::generate::{Answers, Chance};

/// Something that a phone said was saved: what every check afterwards looks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Saved {
    /// The record.
    pub(crate) record: RecordId,
    /// Document key.
    pub(crate) key: String,
    /// The value written.
    pub(crate) value: Value,
}

/// What one phone did.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Everything saved.
    pub(crate) saved: Vec<Saved>,
    /// Saves that returned.
    pub(crate) saves: u32,
    /// Families opened offline.
    pub(crate) families: u32,
}

impl Work {
    /// Saves, and remembers what was saved once the phone says that it is durable.
    fn save(&mut self, phone: &Phone, request: SaveRequest) -> Result<RecordId> {
        let answers = request.answers.clone();
        let view = phone.records().save(request).context("a phone could not save")?;
        self.saves += 1;
        self.remember(view.root.id, &answers);
        Ok(view.root.id)
    }

    /// The last value that was saved under a key of a record.
    pub(crate) fn last(&self, record: RecordId, key: &str) -> Option<&Value> {
        self.saved
            .iter()
            .rev()
            .find(|saved| saved.record == record && saved.key == key)
            .map(|saved| &saved.value)
    }

    fn remember(&mut self, record: RecordId, answers: &[Edit]) {
        let all =
            answers.iter().map(|edit| Saved { record, key: edit.key.clone(), value: edit.value.clone() });
        self.saved.extend(all);
    }
}

/// Two people's differing answers to the same question, both written offline.
#[derive(Debug, Clone)]
pub(crate) struct Collision {
    /// The record.
    pub(crate) record: RecordId,
    /// Document key.
    pub(crate) key: String,
    /// The two people.
    pub(crate) people: [PersonId; 2],
}

fn request(record: Option<RecordId>, group: GroupId, form: &str, answers: Answers) -> SaveRequest {
    SaveRequest { record, group, form: form.to_owned(), answers: answers.edits(), reason: None, token: None }
}

/// An ordinary day's work on a phone: contacts above all, now and then an event, a goal, a change to
/// the family.
pub(crate) fn day(
    phone: &Phone,
    clock: &ManualClock,
    chance: &mut Chance,
    today: Date,
    work: &mut Work,
) -> Result<()> {
    let home = phone.records().home(today)?;
    let groups: Vec<GroupId> = home.mine.iter().map(|line| line.group).collect();
    if groups.is_empty() {
        return Ok(());
    }
    for _ in 0..chance.between(3, 7) {
        let group = *chance.one(&groups);
        // The day goes on: nobody meets five families in one minute.
        let now = Millis(clock.now().0 + chance.between(15, 70) * 60_000);
        clock.set(now);
        contact(phone, chance, group, now, work)?;
        let page = phone.records().unit_page(group, today, 20, None)?;
        match chance.between(0, 9) {
            0 => event(phone, chance, &page, today, work)?,
            1 => goal(phone, chance, &page, work)?,
            2 => family(phone, chance, &page, work)?,
            _ => {}
        }
    }
    Ok(())
}

fn contact(phone: &Phone, chance: &mut Chance, group: GroupId, now: Millis, work: &mut Work) -> Result<()> {
    let visit = chance.happens(0.4);
    let minutes = chance.weighted(&[(10, 20), (15, 20), (30, 25), (45, 15), (60, 20)]);
    let answers = Answers::default()
        .instant("occurred_at", now)
        .number("duration_min", minutes)
        .text("mode", if visit { "VISIT_HOME" } else { "PHONE" })
        .codes("with_whom", &["PARENT_MOTHER"])
        .text("child_present", if visit { "PRESENT" } else { "NONE" })
        .text("child_involved", if visit { "CONTRIBUTED" } else { "NONE" })
        .ranked(
            "purpose",
            &[chance.weighted(&[("INFO_PROC", 3), ("VIEWS_PAR", 2), ("DRAFT", 2), ("PREP_MTG", 2)])],
        )
        .text("level", chance.weighted(&[("1", 3), ("2", 5), ("3", 2)]))
        .text("attended", "HELD")
        .when(visit, |answers| answers.text("venue", "HOME"))
        .when(chance.happens(0.5), |answers| answers.text("note", "Talked through what comes next."));
    work.save(phone, request(None, group, "contact", answers)).map(drop)
}

fn event(phone: &Phone, chance: &mut Chance, page: &UnitView, today: Date, work: &mut Work) -> Result<()> {
    let code = chance.weighted(&[("E08", 3), ("E09", 3), ("E05", 2)]);
    let answers =
        Answers::default().text("type", code).date("date", today).text("date_quality", "FAMILY_TOLD");
    work.save(phone, request(None, page.unit.group, "ehc_event", answers)).map(drop)
}

fn goal(phone: &Phone, chance: &mut Chance, page: &UnitView, work: &mut Work) -> Result<()> {
    let Some(card) = page.records.iter().find(|card| card.form == "goal") else { return Ok(()) };
    let answers =
        Answers::default().number("current_rating", chance.between(2, 9)).text("status", "IN_PROGRESS");
    work.save(phone, request(Some(card.record), card.group, "goal", answers)).map(drop)
}

fn family(phone: &Phone, chance: &mut Chance, page: &UnitView, work: &mut Work) -> Result<()> {
    let Some(card) = linked(page, "family") else { return Ok(()) };
    let answers =
        Answers::default().text("best_time", *chance.one(&["Mornings", "After 4 pm", "Not Tuesdays"]));
    work.save(phone, request(Some(card.record), card.group, "family", answers)).map(drop)
}

/// The record of this form in a group that the unit is linked to.
pub(crate) fn linked<'a>(page: &'a UnitView, form: &str) -> Option<&'a RecordCard> {
    page.linked.iter().flat_map(|group| &group.records).find(|card| card.form == form)
}

/// A family met on the doorstep: family, child and case opened with no signal, and a first contact.
pub(crate) fn new_family(
    phone: &Phone,
    chance: &mut Chance,
    place: (&str, &str, usize),
    today: Date,
    now: Millis,
    work: &mut Work,
) -> Result<()> {
    let (area, supporter, number) = place;
    let mut open = |kind: &str, parents: Vec<GroupId>, form: &str, answers: Answers| -> Result<GroupId> {
        let answers = answers.edits();
        let records = vec![FirstRecord { form: form.to_owned(), answers: answers.clone() }];
        let asked = OpenGroupRequest { kind: kind.to_owned(), parents, records, token: None };
        let opened =
            phone.records().open_group(asked).with_context(|| format!("a phone could not open a {kind}"))?;
        work.saves += 1;
        work.remember(opened.records[0], &answers);
        Ok(opened.group)
    };
    let family = Answers::default()
        .text("family_ref", format!("{area}-N-{number:05}"))
        .text("area", area)
        .text("address_confidential", "no")
        .text("preferred_language", "ENG")
        .text("interpreter_needed", "NONE")
        .codes("contact_preferences", &["CALL"]);
    let family = open("family", Vec::new(), "family", family)?;
    let child = Answers::default()
        .text("given_name", "Robin")
        .text("family_name", "Newland")
        .text("known_as", "Robin")
        .date("date_of_birth", Date::constant(2007, 5, 14))
        .text("sex", "F")
        .text("ethnicity", "NOBT")
        .text("sen_provision_at_referral", "K")
        .text("primary_need", "SLCN")
        .text("setting_type", "MS_PRI")
        .codes("vulnerability_markers", &["NOBT"]);
    let child = open("child", vec![family], "child", child)?;
    let case = Answers::default()
        .text("case_ref", format!("{area}-N-{number:05}"))
        .text("client_type", "PARENT")
        .text("allocated_supporter", supporter)
        .text("status", "OPEN")
        .date("opened_on", today)
        .text("ehc_route", "NEW_ASSESSMENT")
        .text("ehc_stage", "S10");
    let case = open("case", vec![child, family], "case", case)?;
    let asked =
        Answers::default().text("type", "E01").date("date", today).text("date_quality", "LETTER_SEEN");
    work.save(phone, request(None, case, "ehc_event", asked))?;
    contact(phone, chance, case, now, work)?;
    work.families += 1;
    Ok(())
}

/// Two phones answer the same questions differently, neither knowing of the other. A question that met
/// already (`before`) is left alone: its later answer would take the place of the earlier one.
pub(crate) fn collide(
    phones: [&Phone; 2],
    works: [&mut Work; 2],
    people: [PersonId; 2],
    chance: &mut Chance,
    place: (GroupId, Date),
    before: &[Collision],
) -> Result<Vec<Collision>> {
    let (group, today) = place;
    let page = phones[0].records().unit_page(group, today, 50, None)?;
    let child = linked(&page, "child").map(|card| (card.record, card.group));
    let family = linked(&page, "family").map(|card| (card.record, card.group));
    let case = page.records.iter().find(|card| card.form == "case").map(|card| (card.record, card.group));
    let mut questions = vec![
        ("child", "primary_need", child, ["ASD", "SEMH"]),
        ("child", "setting_type", child, ["MS_RP", "SP_ACAD"]),
        ("family", "preferred_language", family, ["POL", "ROM"]),
        ("family", "household", family, ["KINSHIP", "LONE_PARENT"]),
        ("case", "ehc_stage", case, ["S30", "S35"]),
    ];
    let keep = chance.between(1, 3) as usize;
    questions.rotate_left(chance.between(0, 4) as usize);
    questions.truncate(keep);
    let mut collisions = Vec::new();
    let [first, second] = works;
    for (form, key, place, texts) in questions {
        let Some((record, group)) = place else { continue };
        if before.iter().any(|met| met.record == record && met.key == key) {
            continue;
        }
        // An answer that stands already would not be a change.
        let standing = phones[0].records().record(record)?.view.text(key).map(str::to_owned);
        let standing_there = phones[1].records().record(record)?.view.text(key).map(str::to_owned);
        if texts.iter().any(|text| [standing.as_deref(), standing_there.as_deref()].contains(&Some(*text))) {
            continue;
        }
        first.save(phones[0], request(Some(record), group, form, Answers::default().text(key, texts[0])))?;
        second.save(phones[1], request(Some(record), group, form, Answers::default().text(key, texts[1])))?;
        collisions.push(Collision { record, key: key.to_owned(), people });
    }
    Ok(collisions)
}

/// Every value saved, by record.
pub(crate) fn by_record<'a>(works: &'a [&'a Work]) -> BTreeMap<RecordId, Vec<&'a Saved>> {
    let mut all: BTreeMap<RecordId, Vec<&Saved>> = BTreeMap::new();
    for saved in works.iter().flat_map(|work| &work.saved) {
        all.entry(saved.record).or_default().push(saved);
    }
    all
}
