//! What a family agrees to, and from 16 who decides (domain.md 2.4.13).

use alongside_domain::ids::RecordId;
use jiff::civil::Date;

use super::{
    Answers, Chance, Draft,
    casework::{age, later},
};

/// The notice that families were given.
const NOTICE: &str = "Families 2014-09";

/// Who decides about whom, and since when.
#[derive(Clone, Copy)]
pub(super) struct Family {
    pub(super) author: usize,
    pub(super) child: RecordId,
    pub(super) parent: RecordId,
    pub(super) born: Date,
    /// The first talk about consent.
    pub(super) opened: Date,
    /// The last day that has happened.
    pub(super) until: Date,
    /// Whether the area is one of the case-study sites.
    pub(super) case_study: bool,
}

/// The decisions of a family, in the order in which they were taken; those on journeys and stories come
/// with the id of the consent to publish, where it was given.
pub(super) fn decisions(chance: &mut Chance, family: Family) -> (Vec<Draft>, Option<RecordId>) {
    let mut records = Vec::new();
    for (scope, given) in [
        ("SERVICE", 1.0),
        ("SHARE_LA", 0.82),
        ("SHARE_SCHOOL", 0.9),
        ("EVALUATION_DATA", 0.86),
        ("FEEDBACK_LINK", 0.9),
    ] {
        let decision = if chance.happens(given) { "GIVEN" } else { "REFUSED" };
        records.push(decision_of(chance, family, family.opened, scope, decision));
    }
    for (scope, asked) in
        [("SHARE_HEALTH", 0.3), ("SHARE_IASS", 0.25), ("PHOTO", 0.12), ("EVALUATION_CONTACT", 0.4)]
    {
        if chance.happens(asked) {
            let decision = if chance.happens(0.8) { "GIVEN" } else { "REFUSED" };
            records.push(decision_of(chance, family, family.opened, scope, decision));
        }
    }
    // Some think again: the later decision holds.
    let again = later(family.opened, chance.between(30, 150));
    if again <= family.until && chance.happens(0.04) {
        records.push(decision_of(chance, family, again, "EVALUATION_DATA", "WITHDRAWN"));
    }
    let mut publish = None;
    if family.case_study && chance.happens(0.3) {
        records.push(decision_of(chance, family, family.opened, "JOURNEY", "GIVEN"));
        let consent = decision_of(chance, family, family.opened, "STORY_PUBLISH", "GIVEN");
        publish = Some(consent.id);
        records.push(consent);
    }
    if age(family.born, family.opened) >= 16 {
        records.push(capacity(chance, family));
    }
    (records, publish)
}

fn decision_of(chance: &mut Chance, family: Family, day: Date, scope: &str, decision: &str) -> Draft {
    let at = chance.office_hours(day);
    let how = chance.weighted(&[
        ("SIGNED_SCREEN", 45),
        ("PAPER_SEEN", 25),
        ("VERBAL_RECORDED", 22),
        ("EASY_READ_FORM", 6),
        ("BSL", 2),
    ]);
    let years = age(family.born, day);
    let own = years >= 16 && chance.happens(0.6);
    let assent = if years >= 5 {
        chance.weighted(&[("YES", 78), ("NO", 4), ("NOT_SOUGHT_WITH_REASON", 18)])
    } else {
        "NOT_SOUGHT_WITH_REASON"
    };
    let understood = chance.weighted(&[("COMPETENT", 30), ("NOT_COMPETENT", 30), ("NOT_ASSESSED", 40)]);
    let kept = matches!(scope, "PHOTO" | "STORY_PUBLISH");
    let answers = Answers::default()
        .reference("subject", family.child)
        .reference("given_by", if own { family.child } else { family.parent })
        .text("scope", scope)
        .text("decision", decision)
        .instant("at", at)
        .text("how", how)
        .text("version_of_notice", NOTICE)
        .when(kept, |answers| answers.date("expires_on", later(day, 540)))
        .when(!own, |answers| answers.text("assent_of_child", assent))
        .when(!own && assent == "NOT_SOUGHT_WITH_REASON", |answers| {
            answers.text("assent_reason", "Too young to be asked about this")
        })
        .when((10..16).contains(&years), |answers| answers.text("gillick", understood));
    Draft {
        id: chance.record_id(at),
        form: "consent_record",
        at,
        author: family.author,
        edits: answers.edits(),
    }
}

fn capacity(chance: &mut Chance, family: Family) -> Draft {
    let at = chance.office_hours(family.opened);
    let result =
        chance.weighted(&[("PRESUMED_CAPACITY", 84), ("LACKS_FOR_THIS_DECISION", 10), ("FLUCTUATES", 6)]);
    let acts = match result {
        "PRESUMED_CAPACITY" => chance.weighted(&[("SELF", 55), ("SELF_WITH_SUPPORT", 45)]),
        "FLUCTUATES" => "SELF_WITH_SUPPORT",
        _ => "ALTERNATIVE_PERSON",
    };
    let supported = result != "PRESUMED_CAPACITY";
    let answers = Answers::default()
        .text("decision_about", "Having an Independent Supporter, and who is told what")
        .date("assessed_on", family.opened)
        .text("result", result)
        .when(supported, |answers| {
            answers
                .text("steps_taken_to_support", "Easy read, two short talks, somebody they trust was there")
        })
        .text("acts", acts)
        .when(acts == "ALTERNATIVE_PERSON", |answers| answers.reference("alternative_person", family.parent))
        .when(supported, |answers| answers.date("review_on", later(family.opened, 182)));
    Draft {
        id: chance.record_id(at),
        form: "capacity_record",
        at,
        author: family.author,
        edits: answers.edits(),
    }
}
