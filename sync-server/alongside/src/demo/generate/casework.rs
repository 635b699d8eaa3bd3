//! Families, children and their cases.

use alongside_domain::{
    ids::{PersonId, RecordId},
    time::Millis,
};
use jiff::{
    Span,
    civil::{Date, date},
};

use super::{
    Answers, Case, Chance, Child, Draft, Family, World, consent, ending, names, office, process, voice,
};

/// The first day of the programme (seed outline: September 2014).
pub(super) const PROGRAMME_BEGINS: Date = date(2014, 9, 1);

/// What is planted in a case, so that the evaluation has something to find (domain.md 6.3 and 12).
#[derive(Clone, Copy)]
pub(super) struct Plant {
    /// The family had little knowledge of the process: being told about it helps them most (H01).
    pub(super) little_known: bool,
    /// A local organisation reaches families through groups they trust (H06).
    pub(super) outreach: bool,
    /// The supporter has very many cases: fewer children are heard, families gain as much (H08, in part).
    pub(super) overloaded: bool,
}

/// Everything that one case's records share.
pub(super) struct Course<'a> {
    pub(super) chance: &'a mut Chance,
    pub(super) supporter: usize,
    pub(super) coordinator: usize,
    pub(super) plant: Plant,
    pub(super) route: &'static str,
    pub(super) received: Date,
    pub(super) opened: Date,
    pub(super) until: Date,
    pub(super) born: Date,
    pub(super) area: String,
    pub(super) episode: Option<RecordId>,
    pub(super) records: Vec<Draft>,
}

impl Course<'_> {
    /// Adds a record written at this time by the case's supporter.
    pub(super) fn add(&mut self, form: &'static str, at: Millis, answers: Answers) -> &Draft {
        self.add_by(self.supporter, form, at, answers)
    }

    /// Adds a record written by this one of the people.
    pub(super) fn add_by(
        &mut self,
        author: usize,
        form: &'static str,
        at: Millis,
        answers: Answers,
    ) -> &Draft {
        let id = self.chance.record_id(at);
        self.records.push(Draft { id, form, at, author, edits: answers.edits() });
        &self.records[self.records.len() - 1]
    }

    /// Days from its opening to its last day, at least one.
    pub(super) fn days(&self) -> i64 {
        i64::from((self.until - self.opened).get_days()).max(1)
    }

    /// A day of the case, in the first part of it, in per cent.
    pub(super) fn some_day(&mut self, percent: i64) -> Date {
        let last = self.days() * percent / 100;
        later(self.opened, self.chance.between(0, last)).min(self.until)
    }

    /// Age in whole years on a day.
    pub(super) fn age_on(&self, day: Date) -> i64 {
        age(self.born, day)
    }
}

pub(super) fn age(born: Date, day: Date) -> i64 {
    let had_birthday = (day.month(), day.day()) >= (born.month(), born.day());
    i64::from(day.year() - born.year()) - i64::from(!had_birthday)
}

pub(super) fn later(day: Date, days: i64) -> Date {
    day.saturating_add(Span::new().days(days))
}

/// One family with one to three children, at most `room` cases.
pub(super) fn family(chance: &mut Chance, world: &World, number: usize, room: usize, today: Date) -> Family {
    let partner = chance.between(0, i64::try_from(world.partners.len()).unwrap_or(1) - 1) as usize;
    let area = chance.one(&world.partners[partner].areas).clone();
    let supporters: Vec<usize> = (0..world.people.len())
        .filter(|at| world.people[*at].role == "SUPPORTER" && world.people[*at].areas.contains(&area))
        .collect();
    // The first of each area takes on twice as many as the others (H08).
    let overloaded = supporters.len() > 1 && chance.between(0, supporters.len() as i64) <= 1;
    let supporter =
        if overloaded { supporters[0] } else { *chance.one(&supporters[supporters.len().min(2) - 1..]) };
    let received = chance.weekday(PROGRAMME_BEGINS, later(today, -4));
    let at = chance.office_hours(received);

    let surname = *chance.one(names::FAMILY);
    let outreach = office::is_local_voluntary(partner) && office::has_many_languages(&area);
    let language = chance.weighted(&[
        ("ENG", if outreach { 40 } else { 84 }),
        ("POL", 3),
        ("URD", 3),
        ("PAN", 2),
        ("BEN", 2),
        ("SOM", 1),
        ("ARA", 2),
        ("ROM", 1),
        ("BSL", 1),
        ("POR", 1),
    ]);
    let interpreter = match language {
        "ENG" => "NONE",
        "BSL" => "BSL",
        _ => chance.weighted(&[("NONE", 45), ("SPOKEN", 55)]),
    };
    let household = chance.weighted(&[
        ("TWO_PARENT", 58),
        ("LONE_PARENT", 28),
        ("KINSHIP", 4),
        ("FOSTER", 4),
        ("RESIDENTIAL", 1),
        ("YP_INDEPENDENT", 3),
        ("OTHER", 2),
    ]);
    let outward =
        names::OUTWARD.iter().find(|(code, _)| **code == *area).map_or("XX1", |(_, outward)| *outward);
    let postcode = format!(
        "{outward} {}{}{}",
        chance.between(1, 9),
        chance.one(&['A', 'B', 'D', 'E', 'F', 'G', 'H', 'J']),
        chance.one(&['L', 'N', 'P', 'Q', 'R', 'S', 'T', 'W'])
    );
    let preferences = chance.some(&["CALL", "TEXT", "EMAIL", "LETTER", "VIDEO"], 0.4, 3);
    let access = chance
        .happens(0.18)
        .then(|| chance.some(&["EASY_READ", "LARGE_PRINT", "PARENT_LD", "LITERACY", "STEP_FREE"], 0.3, 2));
    let mut records = vec![Draft {
        id: chance.record_id(at),
        form: "family",
        at,
        author: supporter,
        edits: Answers::default()
            .text("family_ref", format!("{area}-F-{:05}", number + 1))
            .text("area", area.clone())
            .text("address_line", format!("{} {}", chance.between(1, 180), chance.one(names::STREETS)))
            .text("postcode", postcode)
            .text("address_confidential", if chance.happens(0.03) { "yes" } else { "no" })
            .text("preferred_language", language)
            .text("interpreter_needed", interpreter)
            .codes("contact_preferences", &preferences)
            .when(access.is_some(), |answers| {
                answers.codes("access_needs", access.as_deref().unwrap_or_default())
            })
            .text("household", household)
            .text("armed_forces", if chance.happens(0.03) { "yes" } else { "no" })
            .edits(),
    }];
    let ethnicity = chance.weighted(&[
        ("WBRI", 70),
        ("WOTH", 5),
        ("WIRI", 1),
        ("WROM", 1),
        ("MWBC", 3),
        ("MWAS", 2),
        ("MOTH", 2),
        ("AIND", 2),
        ("APKN", 4),
        ("ABAN", 2),
        ("BAFR", 3),
        ("BCRB", 2),
        ("CHNE", 1),
        ("OOTH", 1),
        ("NOBT", 1),
    ]);
    let relationship = chance.weighted(&[
        ("MOTHER", 76),
        ("FATHER", 13),
        ("GRANDPARENT", 4),
        ("FOSTER_CARER", 4),
        ("ADOPTIVE_PARENT", 2),
        ("SPECIAL_GUARDIAN", 1),
    ]);
    records.push(parent(chance, at, supporter, surname, relationship, true, ethnicity));
    if household == "TWO_PARENT" && chance.happens(0.6) {
        let other = if relationship == "FATHER" { "MOTHER" } else { "FATHER" };
        records.push(parent(chance, at, supporter, surname, other, false, ethnicity));
    }

    let wanted = chance.weighted(&[(1, 86), (2, 12), (3, 2)]).min(room);
    let mut children: Vec<Child> = Vec::new();
    let supporter_id = world.people[supporter].id;
    let of_partner = |role: &str| {
        world
            .people
            .iter()
            .position(|person| person.partner == partner && person.role == role)
            .unwrap_or(supporter)
    };
    let (coordinator, lead) = (of_partner("COORDINATOR"), of_partner("DSL"));
    let main_contact = records[1].id;
    let family_number = number + 1;
    for nth in 0..wanted {
        let received = if nth == 0 { received } else { chance.weekday(received, later(today, -4)) };
        let start = Start {
            supporter,
            supporter_id,
            colleague: office::colleague(world, supporter),
            coordinator,
            lead,
            main_contact,
            other_language: language != "ENG",
            plant: Plant { little_known: chance.happens(0.45), outreach, overloaded },
            surname,
            ethnicity,
            area: &area,
            received,
            today,
            family_number,
            number: children.len(),
        };
        children.push(child(chance, start));
    }
    Family { group: chance.group_id(), partner, records, children }
}

fn parent(
    chance: &mut Chance,
    at: Millis,
    author: usize,
    surname: &str,
    relationship: &str,
    main: bool,
    ethnicity: &str,
) -> Draft {
    let given = *chance.one(names::ADULT);
    let answers = Answers::default()
        .text("given_name", given)
        .text("family_name", surname)
        .when(main, |answers| answers.text("phone", "07700 900000"))
        .text("relationship_to_child", relationship)
        .text("has_pr", if relationship == "FOSTER_CARER" { "NO" } else { "YES" })
        .text("is_main_contact", if main { "yes" } else { "no" })
        .text("own_disability", chance.weighted(&[("NO", 70), ("YES", 12), ("NOBT", 15), ("REFU", 3)]))
        .text("ethnicity", ethnicity);
    Draft { id: chance.record_id(at), form: "person", at, author, edits: answers.edits() }
}

#[derive(Clone, Copy)]
struct Start<'a> {
    supporter: usize,
    colleague: Option<PersonId>,
    coordinator: usize,
    lead: usize,
    main_contact: RecordId,
    other_language: bool,
    plant: Plant,
    surname: &'a str,
    ethnicity: &'static str,
    area: &'a str,
    received: Date,
    today: Date,
    number: usize,
    supporter_id: PersonId,
    family_number: usize,
}

fn child(chance: &mut Chance, start: Start<'_>) -> Child {
    let Start { supporter, surname, ethnicity, area, received, today, family_number, number, .. } = start;
    let age_in_years: i64 = chance.weighted(&[
        (2, 3),
        (3, 6),
        (4, 8),
        (5, 7),
        (6, 7),
        (7, 7),
        (8, 7),
        (9, 7),
        (10, 8),
        (11, 8),
        (12, 6),
        (13, 6),
        (14, 6),
        (15, 6),
        (16, 6),
        (17, 4),
        (18, 3),
        (19, 2),
        (21, 1),
        (23, 1),
    ]);
    let born = later(received, -(age_in_years * 365 + chance.between(10, 350)));
    let at = chance.office_hours(received);
    let given = *chance.one(names::GIVEN);
    let need = chance.weighted(&[
        ("ASD", 26),
        ("SLCN", 18),
        ("SEMH", 15),
        ("MLD", 13),
        ("SLD", 10),
        ("PD", 5),
        ("PMLD", 4),
        ("SPLD", 4),
        ("HI", 2),
        ("VI", 1),
        ("MSI", 1),
        ("OTH", 2),
    ]);
    let secondary: Vec<&str> = if chance.happens(0.45) {
        chance
            .some(&["SLCN", "SEMH", "MLD", "ASD", "SPLD"], 0.3, 2)
            .into_iter()
            .filter(|code| *code != need)
            .collect()
    } else {
        Vec::new()
    };
    let setting = match age_in_years {
        ..=4 => chance.weighted(&[("EY_PVI", 60), ("EY_MNS", 25), ("EY_HOME", 15)]),
        5..=10 => chance.weighted(&[
            ("MS_PRI", 66),
            ("MS_RP", 8),
            ("SP_MAIN", 18),
            ("SP_ACAD", 4),
            ("EHE", 3),
            ("CME", 1),
        ]),
        11..=15 => chance.weighted(&[
            ("MS_SEC", 58),
            ("MS_UNIT", 7),
            ("SP_MAIN", 20),
            ("SP_NMSS", 4),
            ("AP_PRU", 5),
            ("EHE", 4),
            ("CME", 2),
        ]),
        _ => chance.weighted(&[
            ("P16_FE", 52),
            ("P16_SF", 16),
            ("P16_SPI", 12),
            ("P16_TRN", 6),
            ("P16_INTERN", 5),
            ("NEET", 9),
        ]),
    };
    let mut markers = if chance.happens(0.42) {
        chance.some(
            &[
                "LONE",
                "EAL",
                "LOW_INC",
                "EXCL",
                "CIN",
                "PARENT_MH",
                "CLA",
                "HOUSING",
                "RURAL",
                "PA",
                "YC",
                "PARENT_LD",
                "GRT",
                "YJ",
                "CPP",
                "DA",
            ],
            0.08,
            3,
        )
    } else {
        vec!["NONE"]
    };
    if start.other_language && !markers.contains(&"EAL") {
        markers.retain(|marker| *marker != "NONE");
        markers.push("EAL");
    }
    let disabilities: &[&str] = match need {
        "ASD" => &["AUT"],
        "HI" => &["HEAR"],
        "VI" => &["VIS"],
        "PD" => &["MOB", "HAND"],
        "PMLD" => &["LD", "MOB", "PC"],
        "SLD" | "MLD" => &["LD"],
        "SLCN" => &["COMM"],
        "SEMH" => &["BEH"],
        _ => &["NONE"],
    };
    let profile = Answers::default()
        .text("given_name", given)
        .text("family_name", surname)
        .text("known_as", given)
        .date("date_of_birth", born)
        .text("sex", chance.weighted(&[("M", 72), ("F", 28)]))
        .text("ethnicity", ethnicity)
        .text(
            "sen_provision_at_referral",
            chance.weighted(&[("K", 46), ("S", 38), ("N", 4), ("E", 8), ("L", 2), ("ASSESS", 2)]),
        )
        .text("primary_need", need)
        .ranked("secondary_needs", &secondary)
        .codes("disabilities", disabilities)
        .text("setting_type", setting)
        .codes("vulnerability_markers", &markers);
    let id = chance.record_id(at);
    let mut records = vec![Draft { id, form: "child", at, author: supporter, edits: profile.edits() }];
    let reference = format!("{area}-C-{family_number:05}{}", ["", "B", "C"][number.min(2)]);
    let opened = later(received, chance.between(1, 12));
    let until = later(today, -1).max(opened);
    let (decisions, publish) = consent::decisions(
        chance,
        consent::Family {
            author: supporter,
            child: id,
            parent: start.main_contact,
            born,
            opened,
            until,
            case_study: office::CASE_STUDIES.contains(&area),
        },
    );
    records.extend(decisions);
    let case = case(chance, start, Origin { reference, opened, born, child: id, publish });
    Child { group: chance.group_id(), records, cases: vec![case] }
}

/// What a case has from its child.
struct Origin {
    reference: String,
    opened: Date,
    born: Date,
    child: RecordId,
    publish: Option<RecordId>,
}

fn case(chance: &mut Chance, start: Start<'_>, origin: Origin) -> Case {
    let Start { supporter, supporter_id, area, received, today, .. } = start;
    let Origin { reference, opened, born, child, publish } = origin;
    let route = if age(born, received) >= 16 {
        chance.weighted(&[
            ("TRANSFER_LDA", 38),
            ("TRANSFER_STATEMENT", 30),
            ("NEW_ASSESSMENT", 26),
            ("ANNUAL_REVIEW", 6),
        ])
    } else {
        chance.weighted(&[
            ("TRANSFER_STATEMENT", 44),
            ("NEW_ASSESSMENT", 42),
            ("REASSESSMENT", 4),
            ("PHASE_TRANSFER", 6),
            ("APPEAL_ONLY", 4),
        ])
    };
    let length = chance.between(60, 320);
    let closes = later(opened, length);
    let open = closes > today;
    let until = closes.min(later(today, -1)).max(opened);
    let mut course = Course {
        chance,
        supporter,
        coordinator: start.coordinator,
        plant: start.plant,
        route,
        received,
        opened,
        until,
        born,
        area: area.to_owned(),
        episode: None,
        records: Vec::new(),
    };
    let stage = process::events(&mut course);
    process::referral(&mut course);
    process::contacts(&mut course);
    process::goals(&mut course, open);
    process::outcomes(&mut course, open);
    ending::allocation(&mut course, supporter_id, start.colleague, open);
    voice::voice(&mut course);
    ending::onward(&mut course, open);
    ending::query(&mut course);
    ending::visit(&mut course, supporter_id, today);
    if let Some(publish) = publish {
        voice::journey(&mut course, start.main_contact, publish);
    }
    if !open {
        ending::closure(&mut course, stage);
    }
    let restricted = ending::concern(&mut course, child, start.lead);
    let Course { chance, mut records, .. } = course;
    let at = chance.office_hours(opened);
    let client = if age(born, opened) >= 16 {
        chance.weighted(&[("BOTH_JOINT", 40), ("YOUNG_PERSON", 30), ("BOTH_SEPARATE", 30)])
    } else {
        "PARENT"
    };
    let before = if start.plant.little_known {
        vec!["NONE"]
    } else {
        chance.some(&["IASS", "PARENT_GROUP", "SCHOOL_ONLY"], 0.4, 2)
    };
    let answers = Answers::default()
        .text("case_ref", reference)
        .text("client_type", client)
        .text("allocated_supporter", supporter_id.to_string())
        .text("status", if open { chance.weighted(&[("OPEN", 92), ("INACTIVE", 8)]) } else { "CLOSED" })
        .date("opened_on", opened)
        .text("ehc_route", route)
        .text("ehc_stage", stage)
        .codes("prior_support", &before);
    records.insert(
        0,
        Draft { id: chance.record_id(at), form: "case", at, author: supporter, edits: answers.edits() },
    );
    Case { group: chance.group_id(), supporter, open, records, restricted }
}
