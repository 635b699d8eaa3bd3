//! What stands beside the families: partners and their areas, supporters with their training and
//! supervision, the areas in each round (domain.md 2.1 to 2.3).

use alongside_domain::ids::PersonId;
use jiff::civil::{Date, date};

use super::{
    Answers, Chance, Draft, Person, Standing, World,
    casework::{PROGRAMME_BEGINS, later},
};

/// What each area is like: code, official name, region, type, code of the statistics office, whether it
/// was a pathfinder, pupils with English as an additional language and with free meals, in tenths of a
/// per cent.
type Area = (&'static str, &'static str, &'static str, &'static str, &'static str, bool, i64, i64);

const AREAS: &[Area] = &[
    ("840", "County Durham", "E12000001", "UNITARY", "E06000047", false, 31, 192),
    ("352", "Manchester", "E12000002", "METROPOLITAN", "E08000003", true, 402, 318),
    ("382", "Kirklees", "E12000003", "METROPOLITAN", "E08000034", false, 276, 184),
    ("831", "Derby", "E12000004", "UNITARY", "E06000015", false, 259, 201),
    ("855", "Leicestershire", "E12000004", "COUNTY", "E10000018", true, 92, 86),
    ("330", "Birmingham", "E12000005", "METROPOLITAN", "E08000025", false, 441, 297),
    ("881", "Essex", "E12000006", "COUNTY", "E10000012", false, 58, 121),
    ("304", "Brent", "E12000007", "LONDON", "E09000005", false, 655, 178),
    ("210", "Southwark", "E12000007", "LONDON", "E09000028", false, 433, 276),
    ("846", "Brighton and Hove", "E12000008", "UNITARY", "E06000043", true, 112, 153),
    ("850", "Hampshire", "E12000008", "COUNTY", "E10000014", true, 49, 84),
    ("878", "Devon", "E12000009", "COUNTY", "E10000008", true, 27, 107),
];

/// Rounds that had ended by the day of the demo, with their reference dates (domain.md 5.1).
const ROUNDS: &[(&str, Date)] =
    &[("R1", date(2014, 11, 30)), ("R2", date(2015, 7, 31)), ("R3", date(2015, 11, 30))];

/// Whether this many pupils in a thousand with English as an additional language make outreach through
/// trusted groups matter (H06).
pub(super) fn has_many_languages(area: &str) -> bool {
    AREAS.iter().any(|(code, .., eal, _)| *code == area && *eal > 200)
}

/// The six case-study sites, among the twelve areas.
pub(super) const CASE_STUDIES: [&str; 6] = ["840", "352", "855", "304", "846", "878"];

/// Of which type each partner is, in the order of [`names::PARTNERS`].
const PROVIDERS: [(&str, &str); 8] = [
    ("VCS_LOC", "T2"),
    ("VCS_LOC", "T4"),
    ("VCS_NAT", "T7"),
    ("VCS_LOC", "T2"),
    ("IASS_OUT", "T1"),
    ("VCS_LOC", "T2"),
    ("IASS_LA", "T1"),
    ("PRIV", "T8"),
];

/// Whether a partner is a local voluntary organisation with roots in its community.
pub(super) fn is_local_voluntary(partner: usize) -> bool {
    PROVIDERS.get(partner).is_some_and(|(kind, _)| *kind == "VCS_LOC")
}

/// Every group that is nobody's family.
pub(super) fn standing(chance: &mut Chance, world: &World, today: Date) -> Vec<Standing> {
    let mut groups = Vec::new();
    for partner in 0..world.partners.len() {
        groups.push(workspace(chance, world, partner));
        for area in &world.partners[partner].areas {
            groups.push(area_group(chance, world, partner, area, today));
        }
    }
    for (at, person) in world.people.iter().enumerate() {
        if person.role == "SUPPORTER" {
            groups.push(supporter(chance, world, at, person, today));
        }
    }
    groups
}

fn coordinator(world: &World, partner: usize) -> usize {
    world
        .people
        .iter()
        .position(|person| person.partner == partner && person.role == "COORDINATOR")
        .unwrap_or_default()
}

fn write(chance: &mut Chance, author: usize, form: &'static str, day: Date, answers: Answers) -> Draft {
    let at = chance.office_hours(day);
    Draft { id: chance.record_id(at), form, at, author, edits: answers.edits() }
}

fn workspace(chance: &mut Chance, world: &World, partner: usize) -> Standing {
    let author = coordinator(world, partner);
    let (provider, model) = PROVIDERS[partner % PROVIDERS.len()];
    let its_areas = &world.partners[partner].areas;
    let number = chance.between(1_000_000, 1_099_999);
    let mut records = vec![write(
        chance,
        author,
        "partner",
        PROGRAMME_BEGINS,
        Answers::default()
            .text("name", world.partners[partner].name.clone())
            .text("provider_type", provider)
            .text("legal_no", number.to_string()),
    )];
    for area in its_areas {
        let funded = chance.between(60, 180) * 1_000;
        let families = chance.between(80, 320);
        let answers = Answers::default()
            .text("area", area.clone())
            .text("role_in_area", if model == "T4" { "LEAD" } else { "SOLE" })
            .when(model == "T4", |answers| answers.text("consortium_id", format!("CONSORTIUM-{area}")))
            .date("start", PROGRAMME_BEGINS)
            .text("funding/1/financial_year", "2014-15")
            .text("funding/1/funded_amount", format!("{}.00", funded * 7 / 12))
            .text("funding/2/financial_year", "2015-16")
            .text("funding/2/funded_amount", format!("{funded}.00"))
            .text("funding_route", chance.weighted(&[("CDC_CONTRACT", 60), ("CDC_GRANT", 40)]))
            .number("target_families", families)
            .text(
                "eligibility_text",
                "Families in an assessment or a transfer, those who find it hardest first",
            )
            .text("model", model);
        records.push(write(chance, author, "partner_area", PROGRAMME_BEGINS, answers));
    }
    for (code, title, hours) in [
        ("M1", "Role, values and impartiality", "3.0"),
        ("M2", "The law: Children and Families Act 2014", "12.0"),
        ("M3", "Assessment, transfer reviews and their dates", "6.0"),
        ("M4", "Person-centred thinking", "6.0"),
        ("M8", "Safeguarding and confidentiality", "3.0"),
        ("M10", "Recording in the app", "1.5"),
    ] {
        let mode = chance.weighted(&[("FACE", 50), ("BLENDED", 30), ("ELEARN", 20)]);
        let answers = Answers::default()
            .text("code", code)
            .text("title", title)
            .text("provider", "Council for Disabled Children")
            .text("mode", mode)
            .text("hours", hours);
        records.push(write(chance, author, "training_course", PROGRAMME_BEGINS, answers));
    }
    Standing { group: chance.group_id(), kind: "workspace", partner, records }
}

fn area_group(chance: &mut Chance, world: &World, partner: usize, code: &str, today: Date) -> Standing {
    let author = coordinator(world, partner);
    let mut records = Vec::new();
    if let Some((_, name, region, kind, ons, pathfinder, eal, meals)) =
        AREAS.iter().find(|(area, ..)| *area == code).copied()
    {
        let rural = match kind {
            "COUNTY" => "PREDOM_RURAL",
            "UNITARY" => "SIGNIF_RURAL",
            _ => "PREDOM_URBAN",
        };
        let answers = Answers::default()
            .text("la_code", code)
            .text("ons_code", ons)
            .text("name", name)
            .text("region_code", region)
            .text("la_type", kind)
            .date("valid_from", date(2009, 4, 1))
            .text("rural_urban", rural);
        records.push(write(chance, author, "area", PROGRAMME_BEGINS, answers));
        let decile = chance.between(1, 10);
        let statements = chance.between(700, 6_500);
        for (nth, (round, on)) in (0..).zip(ROUNDS).filter(|(_, (_, on))| *on < today) {
            let answers = context(chance, nth, round, (pathfinder, eal, meals, decile, statements));
            records.push(write(chance, author, "area_context", *on, answers));
            let answers = services(chance, nth, round, *on);
            records.push(write(chance, author, "service_assessment", *on, answers));
        }
    }
    Standing { group: chance.group_id(), kind: "area", partner, records }
}

fn tenths(value: i64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

fn context(
    chance: &mut Chance,
    nth: i64,
    round: &str,
    (pathfinder, eal, meals, decile, statements): (bool, i64, i64, i64, i64),
) -> Answers {
    // Statements turn into plans, a third in each round.
    let turned = statements * nth / 4;
    let in_time = chance.between(480 + nth * 40, 780 + nth * 40).min(1_000);
    Answers::default()
        .text("round", round)
        .number("population_0_25", statements * 52)
        .number("statements_maintained", statements - turned)
        .number("ehc_plans_maintained", turned + chance.between(20, 140))
        .number("lda_count", chance.between(30, 400))
        .text("pct_sen_support", tenths(chance.between(110, 165)))
        .number("idaci_score_decile", decile)
        .text("pct_eal_pupils", tenths(eal))
        .text("pct_fsm", tenths(meals))
        .text("was_sen_pathfinder", if pathfinder { "yes" } else { "no" })
        .text("new_plans_within_20w_pct", tenths(in_time))
        .text("new_plans_within_20w_excl_pct", tenths((in_time + chance.between(10, 80)).min(1_000)))
        .text("appeal_rate_per_10000", tenths(chance.between(18, 96)))
        .number("mediation_cases", chance.between(4, 60))
        .number("tribunal_appeals", chance.between(5, 70))
        .text("transfer_plan_published", "yes")
        .text("local_offer_published", "yes")
        .text("pcf_status", chance.weighted(&[("ACTIVE", 80), ("FORMING", 15), ("INACTIVE", 5)]))
        .text("iass_setting", chance.weighted(&[("IN_HOUSE", 60), ("OUTSOURCED_VCS", 35), ("JOINT", 5)]))
        .text("context_note", "New team for transfers since the summer")
}

fn services(chance: &mut Chance, nth: i64, round: &str, on: Date) -> Answers {
    let mut answers =
        Answers::default().text("round", round).text("respondent", "COORDINATOR").date("done_on", on);
    for item in ["s1_la", "s1_iass", "s1_pcf", "s1_health", "s1_provider"] {
        let score = (chance.weighted(&[(2, 20), (3, 45), (4, 30), (5, 5)]) + nth / 2).min(5);
        answers = answers.text(item, score.to_string());
    }
    let sampled = chance.between(8, 20);
    answers
        .number("s5_sampled", sampled)
        .number("s5_smart", sampled * chance.between(30, 80) / 100)
        .number("s5_own_words", sampled * chance.between(40, 90) / 100)
        .text("s6", chance.weighted(&[("0", 10), ("1", 35), ("2", 30), ("3", 20), ("4", 5)]))
        .text("s7_funding", chance.weighted(&[("NK", 60), ("no", 25), ("yes", 15)]))
        .text("s7_embedded", chance.weighted(&[("NK", 45), ("no", 25), ("yes", 30)]))
}

fn supporter(chance: &mut Chance, world: &World, at: usize, person: &Person, today: Date) -> Standing {
    let author = coordinator(world, person.partner);
    let began = later(PROGRAMME_BEGINS, chance.between(0, 60));
    let mut records = vec![profile(chance, author, person, began)];
    for area in &person.areas {
        let answers = Answers::default()
            .text("area", area.clone())
            .date("from", began)
            .text("fte", chance.weighted(&[("0.40", 20), ("0.60", 40), ("0.80", 20), ("1.00", 20)]))
            .text("role", chance.weighted(&[("SUPPORTER", 82), ("SENIOR", 12), ("YP_SPECIALIST", 6)]));
        records.push(write(chance, author, "deployment", began, answers));
    }
    for month in 1..18 {
        let day = later(began, month * 30 + chance.between(-4, 4));
        if day >= today || !chance.happens(0.85) {
            continue;
        }
        let kind = chance.weighted(&[("CASEWORK_1TO1", 68), ("GROUP", 20), ("PEER", 12)]);
        let answers = Answers::default()
            .date("date", day)
            .text("type", kind)
            .number("minutes", chance.between(6, 18) * 5);
        records.push(write(chance, author, "supervision", day, answers));
    }
    for course in ["M1", "M2", "M3", "M8", "M4", "M10"] {
        if matches!(course, "M4" | "M10") && chance.happens(0.3) {
            continue;
        }
        let attended = later(began, chance.between(3, 70));
        let record = training(chance, course, began, attended, today);
        records.push(write(chance, at, "training_record", attended, record));
    }
    Standing { group: chance.group_id(), kind: "supporter", partner: person.partner, records }
}

fn profile(chance: &mut Chance, author: usize, person: &Person, began: Date) -> Draft {
    let address = person.name.to_lowercase().replace([' ', '\''], ".");
    let background = chance.some(
        &["PARENT_CARER", "EDUCATION", "SOCIAL_CARE", "HEALTH", "YOUTH", "ADVOCACY_ADVICE", "DISABILITY_VCS"],
        0.25,
        3,
    );
    let lived = chance.weighted(&[
        ("PARENT_OF_SEND", 38),
        ("NONE", 46),
        ("OWN_DISABILITY", 6),
        ("BOTH", 3),
        ("REFU", 7),
    ]);
    let mut languages = vec!["ENG"];
    if chance.happens(0.2) {
        languages.push(*chance.one(&["URD", "PAN", "POL", "BEN", "SOM"]));
    }
    let answers = Answers::default()
        .text("person", person.id.to_string())
        .text("name", person.name.clone())
        .text("email", format!("{address}@example.org"))
        .text("phone", "0191 498 0000")
        .text(
            "employment",
            chance.weighted(&[
                ("PAID_PT", 55),
                ("PAID_FT", 20),
                ("VOLUNTEER", 15),
                ("SESSIONAL", 8),
                ("SECONDED", 2),
            ]),
        )
        .text(
            "contracted_hours_wk",
            chance.weighted(&[("37.0", 20), ("30.0", 20), ("22.5", 35), ("15.0", 25)]),
        )
        .codes("background", &background)
        .text("lived_experience", lived)
        .codes("languages", &languages)
        .date("dbs_checked_on", later(began, -chance.between(10, 200)))
        .date("start", began);
    write(chance, author, "supporter", began, answers)
}

/// Four in five say that it prepared them (domain.md 0.3).
fn training(chance: &mut Chance, course: &str, booked: Date, attended: Date, today: Date) -> Answers {
    let before = chance.weighted(&[(1, 15), (2, 40), (3, 35), (4, 10)]);
    let after = (before + chance.weighted(&[(0, 15), (1, 50), (2, 35)])).min(5);
    let later_on = (after + chance.weighted(&[(-1, 20), (0, 55), (1, 25)])).clamp(1, 5);
    let useful = chance.weighted(&[(5, 45), (4, 36), (3, 14), (2, 4), (1, 1)]);
    Answers::default()
        .text("course", course)
        .date("booked_on", booked)
        .date("attended_on", attended)
        .text("status", "COMPLETED")
        .text("assessed", chance.weighted(&[("PASS", 80), ("NOT_ASSESSED", 18), ("REFER", 2)]))
        .number("conf_before", before)
        .number("conf_after", after)
        .when(later(attended, 110) < today, |answers| answers.number("conf_3m", later_on))
        .number("usefulness", useful)
        .when(useful >= 4, |answers| {
            answers.text("applied_example", "Used the dates sheet at the first visit")
        })
}

/// Somebody else of the same partner and area, who can cover.
pub(super) fn colleague(world: &World, supporter: usize) -> Option<PersonId> {
    let own = &world.people[supporter];
    world
        .people
        .iter()
        .enumerate()
        .find(|(at, other)| {
            *at != supporter
                && other.role == "SUPPORTER"
                && other.partner == own.partner
                && other.areas == own.areas
        })
        .map(|(_, other)| other.id)
}

#[cfg(test)]
mod tests {
    use super::{super::names, *};

    #[test]
    fn every_area_of_every_partner_is_described() {
        for (_, areas) in names::PARTNERS {
            for area in *areas {
                assert!(AREAS.iter().any(|(code, ..)| code == area), "{area}");
            }
        }
        assert_eq!(names::PARTNERS.len(), PROVIDERS.len());
    }
}
