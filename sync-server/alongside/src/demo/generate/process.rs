//! What happens in a case: referral, statutory events, contacts, goals, outcomes.

use jiff::civil::Date;

use super::{
    Answers,
    casework::{Course, later},
};

/// The referral that began it.
pub(super) fn referral(course: &mut Course<'_>) {
    let at = course.chance.office_hours(course.received);
    // Groups that families trust send more of them where a partner works through such groups (H06).
    let trusted = if course.plant.outreach { 14 } else { 2 };
    let source = course.chance.weighted(&[
        ("OUTREACH_EVENT", trusted),
        ("FAMILY_FRIEND", trusted),
        ("SELF_PARENT", 34),
        ("LA_SEN", 24),
        ("SCHOOL_EY", 14),
        ("IASS", 8),
        ("PCF", 4),
        ("HEALTH_PAED", 4),
        ("COLLEGE_TRAINING", 4),
        ("VCS_OTHER", 4),
        ("SELF_YP", 2),
        ("LA_SOCIAL_CARE", 2),
    ]);
    let reasons = course.chance.some(
        &[
            "UNDERSTAND_PROCESS",
            "PREPARE_VIEWS",
            "MEETING",
            "DRAFT_PLAN",
            "CHOOSE_SETTING",
            "PERSONAL_BUDGET",
        ],
        0.35,
        3,
    );
    let first = later(course.received, course.chance.between(0, 9)).min(course.opened.max(course.received));
    let heard = course.chance.weighted(&[
        ("LA_LETTER", 30),
        ("SCHOOL", 25),
        ("LOCAL_OFFER", 10),
        ("IASS", 10),
        ("FRIEND", 15),
        ("PCF", 10),
    ]);
    course.add(
        "referral",
        at,
        Answers::default()
            .date("received_on", course.received)
            .text("source", source)
            .text("heard_about", heard)
            .codes("reason", &reasons)
            .text("consent_to_contact", "yes")
            .text("outcome", "ACCEPTED")
            .date("first_contact_on", first),
    );
}

/// The episode and its events up to the last day of the case; returns the stage reached
/// (domain.md 2.5.6).
pub(super) fn events(course: &mut Course<'_>) -> &'static str {
    let kind = match course.route {
        "TRANSFER_STATEMENT" | "TRANSFER_LDA" => "TRANSFER",
        "ANNUAL_REVIEW" => "ANNUAL_REVIEW",
        "PHASE_TRANSFER" => "PHASE_TRANSFER",
        "REASSESSMENT" => "REASSESSMENT",
        "APPEAL_ONLY" => "APPEAL",
        _ => "NEW",
    };
    let at = course.chance.office_hours(course.opened);
    let area = course.area.clone();
    let episode = Answers::default().text("type", kind).text("area", area);
    course.episode = Some(course.add("ehc_episode", at, episode).id);
    match kind {
        "TRANSFER" => transfer(course),
        "APPEAL" => appeal(course),
        "ANNUAL_REVIEW" | "PHASE_TRANSFER" => review(course),
        _ => assessment(course),
    }
}

/// Writes an event if its day has come; returns whether it has.
fn event(course: &mut Course<'_>, code: &str, day: Date, outcome: Option<&str>) -> bool {
    if day > course.until {
        return false;
    }
    let heard = later(day, course.chance.between(0, 6)).min(course.until);
    let at = course.chance.office_hours(heard);
    let quality = course.chance.weighted(&[("LETTER_SEEN", 70), ("FAMILY_TOLD", 25), ("ESTIMATE", 5)]);
    let answers = Answers::default().text("type", code).date("date", day).text("date_quality", quality);
    let answers = match course.episode {
        Some(episode) => answers.reference("episode", episode),
        None => answers,
    };
    let answers =
        answers.when(outcome.is_some(), |answers| answers.text("outcome", outcome.unwrap_or_default()));
    course.add("ehc_event", at, answers);
    true
}

fn assessment(course: &mut Course<'_>) -> &'static str {
    let asked = later(course.opened, course.chance.between(-30, 25)).max(course.received);
    if !event(course, "E01", asked, None) {
        return "S00";
    }
    let decided = later(asked, course.chance.weighted(&[(36, 20), (41, 45), (46, 20), (58, 15)]));
    let agreed = course.chance.happens(0.86);
    if !event(course, "E02", decided, Some(if agreed { "Y" } else { "N" })) {
        return "S10";
    }
    if !agreed {
        return disagreement(course, decided, "S15");
    }
    event(course, "E03", later(decided, 2), None);
    let draft = later(asked, course.chance.between(104, 142));
    if !event(course, "E07", draft, None) {
        return "S20";
    }
    after_draft(course, draft, later(asked, 140))
}

fn transfer(course: &mut Course<'_>) -> &'static str {
    let notice = later(course.opened, course.chance.between(-20, 20)).max(course.received);
    if !event(course, "E30", notice, None) {
        return "T10";
    }
    let start = later(notice, course.chance.between(14, 24));
    if !event(course, "E31", start, None) {
        return "T20";
    }
    let day = later(start, course.chance.between(14, 40));
    event(course, "E32", day, None);
    let draft = later(start, course.chance.between(60, 110));
    if !event(course, "E07", draft, None) {
        return "T30";
    }
    after_draft(course, draft, later(start, 126))
}

fn after_draft(course: &mut Course<'_>, draft: Date, expected: Date) -> &'static str {
    if course.chance.happens(0.8) {
        let comments = later(draft, course.chance.between(6, 17));
        event(course, "E08", comments, None);
    }
    event(course, "E09", later(draft, 16), None);
    let last = later(expected, course.chance.between(-12, 30)).max(later(draft, 16));
    let named = if course.chance.happens(0.9) { "Y" } else { "N" };
    if !event(course, "E11", last, Some(named)) {
        return if course.until < later(draft, 15) { "S30" } else { "S35" };
    }
    if course.chance.happens(0.12) { disagreement(course, last, "S45") } else { "S40" }
}

fn disagreement(course: &mut Course<'_>, decided: Date, resting: &'static str) -> &'static str {
    if !course.chance.happens(0.55) {
        return resting;
    }
    let wants = course.chance.happens(0.5);
    let phoned = later(decided, course.chance.between(8, 50));
    if !event(course, "E12", phoned, Some(if wants { "Y" } else { "N" })) {
        return resting;
    }
    if wants {
        let met = later(phoned, course.chance.between(16, 34));
        let result = course.chance.weighted(&[("AGREED", 55), ("PART", 25), ("NOT", 20)]);
        return if event(course, "E14", met, Some(result)) { "S50" } else { resting };
    }
    let certified = later(phoned, course.chance.between(1, 5));
    if !event(course, "E13", certified, None) {
        return resting;
    }
    let lodged = later(certified, course.chance.between(5, 28));
    if course.chance.happens(0.6) && event(course, "E15", lodged, Some("ASSESS")) { "S55" } else { resting }
}

fn appeal(course: &mut Course<'_>) -> &'static str {
    let decided = later(course.opened, course.chance.between(-25, 5)).max(course.received);
    if event(course, "E11", decided, Some("Y")) { disagreement(course, decided, "S45") } else { "S40" }
}

fn review(course: &mut Course<'_>) -> &'static str {
    let met = later(course.opened, course.chance.between(10, 45));
    if event(course, "E20", met, None) {
        let day = later(met, course.chance.between(8, 20));
        event(course, "E21", day, None);
        let decided = later(met, course.chance.between(20, 40));
        let outcome = course.chance.weighted(&[("MAINTAIN", 60), ("AMEND", 37), ("CEASE", 3)]);
        event(course, "E22", decided, Some(outcome));
    }
    "S70"
}

const NOTES: &[&str] = &[
    "Went through the letter together. Parent is clearer about what happens next.",
    "Talked about what matters most to the family and wrote it down in their words.",
    "Looked at the draft plan section by section. Comments to go back by the date in the letter.",
    "Prepared questions for the meeting. Parent will ask for the reports beforehand.",
    "School has been slow to answer; agreed who will chase.",
    "Explained the difference between mediation and appeal, and the dates for each.",
    "Parent upset after the meeting. Listened, then agreed two next steps.",
    "Read the professional reports together and marked what is not in the draft.",
    "Left a message to ring back at a better time.",
    "Met at school with the SENCO. Good progress on outcomes.",
    "Talked through choices of school and how to visit them.",
    "Child showed me their one-page profile and wants it in the plan.",
];

/// Contacts over the life of the case, few or many (domain.md 0.3).
pub(super) fn contacts(course: &mut Course<'_>) {
    let count = course.chance.skewed(6.0, 20.0).max(1);
    let span = i64::from((course.until - course.opened).get_days()).max(1);
    for nth in 0..count {
        let offset = span * i64::try_from(nth).unwrap_or(0) / i64::try_from(count).unwrap_or(1);
        let day = course.chance.weekday(
            later(course.opened, offset),
            later(course.opened, offset + span / 12).min(course.until),
        );
        contact(course, day.max(course.received), nth == 0);
    }
}

fn contact(course: &mut Course<'_>, day: Date, first: bool) {
    let at = course.chance.office_hours(day);
    let mode = course.chance.weighted(&[
        ("PHONE", 34),
        ("VISIT_HOME", 22),
        ("EMAIL", 14),
        ("MEET_SETTING", 10),
        ("TEXT", 7),
        ("INDIRECT", 6),
        ("MEET_OFFICE", 3),
        ("MEET_COMMUNITY", 2),
        ("LETTER", 2),
    ]);
    let minutes = match mode {
        "PHONE" => course.chance.weighted(&[(5, 10), (10, 25), (15, 30), (30, 25), (45, 10)]),
        "EMAIL" | "TEXT" | "LETTER" => course.chance.weighted(&[(5, 40), (10, 40), (15, 20)]),
        _ => course.chance.weighted(&[(30, 15), (45, 20), (60, 35), (90, 22), (120, 8)]),
    };
    let visit = matches!(mode, "VISIT_HOME" | "MEET_SETTING" | "MEET_COMMUNITY");
    let with = course.chance.weighted(&[("PARENT_MOTHER", 70), ("PARENT_FATHER", 18), ("OTHER_CARER", 12)]);
    let spoken = visit || matches!(mode, "MEET_OFFICE" | "PHONE");
    let with_child = visit && course.chance.happens(0.45);
    let child = if course.age_on(day) >= 16 { "YP" } else { "CHILD" };
    let mut with_whom = if mode == "INDIRECT" { vec!["NOBODY"] } else { vec![with] };
    if with_child {
        with_whom.push(child);
    }
    if mode == "MEET_SETTING" {
        with_whom.push("SENCO_SCHOOL");
    }
    let purpose = if first {
        vec!["INTRO", "INFO_PROC"]
    } else {
        course.chance.some(
            &[
                "INFO_PROC",
                "VIEWS_PAR",
                "VIEWS_CYP",
                "PREP_MTG",
                "MTG",
                "DRAFT",
                "SETTING",
                "ADVICE_REP",
                "LIAISE",
                "EMOT",
                "PB",
            ],
            0.14,
            3,
        )
    };
    let attended = course.chance.weighted(&[
        ("HELD", 91),
        ("DNA_FAMILY", 4),
        ("CANCELLED_FAMILY", 3),
        ("CANCELLED_PROF", 2),
    ]);
    let note = course.chance.happens(0.55).then(|| (*course.chance.one(NOTES)).to_owned());
    let level = course.chance.weighted(&[("1", 30), ("2", 48), ("3", 20), ("4", 2)]);
    let travel = course.chance.between(2, 12) * 5;
    let venue = match mode {
        "VISIT_HOME" => Some("HOME"),
        "MEET_SETTING" => Some(if course.age_on(day) >= 16 { "COLLEGE" } else { "SCHOOL" }),
        "MEET_COMMUNITY" => Some("COMMUNITY"),
        "MEET_OFFICE" => Some("IS_OFFICE"),
        _ => None,
    };
    let action = course.chance.happens(0.3);
    let answers = Answers::default()
        .instant("occurred_at", at)
        .number("duration_min", minutes)
        .when(visit, |answers| answers.number("travel_min", travel))
        .text("mode", mode)
        .codes("with_whom", &with_whom)
        .when(spoken, |answers| {
            answers
                .text("child_present", if with_child { "PRESENT" } else { "NONE" })
                .text("child_involved", if with_child { "CONTRIBUTED" } else { "NONE" })
        })
        .ranked("purpose", &purpose)
        .text("level", level)
        .text("attended", attended)
        .when(venue.is_some(), |answers| answers.text("venue", venue.unwrap_or_default()))
        .when(note.is_some(), |answers| answers.text("note", note.clone().unwrap_or_default()))
        .when(action, |answers| {
            answers
                .text("actions/1/action", "Send comments back")
                .text("actions/1/action_owner", "FAMILY")
                .date("actions/1/action_due_on", later(day, 14))
        });
    course.add("contact", at, answers);
}

const WISHES: &[&str] = &[
    "I want to understand what the council has to do",
    "We want a school where he is happy to go in",
    "I want people to listen to me in the meeting",
    "We want speech therapy to be in the plan",
    "I want to travel to college on my own",
    "We want the plan to say what she is good at",
];

/// One to three goals in the person's words.
pub(super) fn goals(course: &mut Course<'_>, open: bool) {
    for _ in 0..course.chance.between(0, 3) {
        let day = course
            .chance
            .weekday(course.opened, later(course.opened, 30).min(course.until))
            .max(course.received);
        let at = course.chance.office_hours(day);
        let baseline = course.chance.between(1, 6);
        let current =
            (baseline + course.chance.weighted(&[(0, 20), (1, 20), (2, 30), (3, 20), (-1, 10)])).clamp(1, 10);
        let status = if open {
            course.chance.weighted(&[("IN_PROGRESS", 80), ("NOT_STARTED", 20)])
        } else {
            course.chance.weighted(&[("ACHIEVED", 55), ("PARTLY", 30), ("NOT_ACHIEVED", 15)])
        };
        let answers = Answers::default()
            .text("statement", *course.chance.one(WISHES))
            .text("owner", course.chance.weighted(&[("FAMILY", 70), ("CHILD", 20), ("YP", 10)]))
            .text(
                "domain",
                course.chance.weighted(&[("F1", 25), ("F2", 20), ("F3", 20), ("F8", 20), ("C1", 15)]),
            )
            .number("importance", course.chance.between(2, 5))
            .number("baseline_rating", baseline)
            .when(!open, |answers| answers.number("current_rating", current))
            .date("target_date", later(day, course.chance.between(60, 150)))
            .text("status", status);
        course.add("goal", at, answers);
    }
}

/// A wheel at the beginning and, for most closed cases, one at the end (domain.md 4.2).
pub(super) fn outcomes(course: &mut Course<'_>, open: bool) {
    let items = ["f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"];
    if !course.chance.happens(0.72) {
        return;
    }
    let begin = later(course.opened, course.chance.between(0, 18)).min(course.until);
    let baseline: Vec<i64> =
        items.iter().map(|_| course.chance.weighted(&[(1, 12), (2, 30), (3, 34), (4, 18), (5, 6)])).collect();
    wheel(course, begin, "BASELINE", &items, &baseline);
    let last = course.until;
    if !open && course.chance.happens(0.7) && last > begin {
        // Who knew little and was told twice how the process works knows more, and is surer (H01).
        let told = course.plant.little_known && times_told(course) >= 2;
        let ends: Vec<i64> = baseline
            .iter()
            .zip(items)
            .map(|(score, item)| {
                let change = if told && matches!(item, "f1" | "f2") {
                    course.chance.weighted(&[(0, 8), (1, 46), (2, 46)])
                } else {
                    course.chance.weighted(&[(0, 38), (1, 40), (2, 13), (-1, 9)])
                };
                (score + change).clamp(1, 5)
            })
            .collect();
        wheel(course, last, "END", &items, &ends);
    }
}

/// Contacts in which the process was explained.
fn times_told(course: &Course<'_>) -> usize {
    let explained = |edit: &alongside_domain::record::Edit| {
        edit.key == "purpose"
            && edit.value.as_text().is_some_and(|codes| codes.split(' ').any(|code| code == "INFO_PROC"))
    };
    course.records.iter().filter(|draft| draft.form == "contact" && draft.edits.iter().any(explained)).count()
}

fn wheel(course: &mut Course<'_>, day: Date, point: &str, items: &[&str], scores: &[i64]) {
    let at = course.chance.office_hours(day);
    let mut answers = Answers::default()
        .text("tool", "PW_FAM")
        .text("tool_version", "1")
        .text("respondent", "PARENT")
        .text("point", point)
        .date("done_on", day)
        .text(
            "mode",
            course.chance.weighted(&[("TOGETHER_IN_PERSON", 60), ("TOGETHER_REMOTE", 25), ("SELF_LINK", 15)]),
        )
        .text("help_given", course.chance.weighted(&[("NONE", 80), ("READ_ALOUD", 12), ("INTERPRETER", 8)]));
    for (item, score) in items.iter().zip(scores) {
        if course.chance.happens(0.95) {
            answers = answers.text(item, score.to_string());
        }
    }
    course.add("outcome_assessment", at, answers);
}
