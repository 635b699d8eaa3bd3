//! Who has the case, the services it leads to, how it ends, and what families say about it afterwards
//! (domain.md 2.4.4, 2.4.11, 2.4.12, 4.4).

use alongside_domain::ids::{PersonId, RecordId};
use jiff::civil::Date;

use super::{
    Answers, Draft,
    casework::{Course, later},
    phrases,
};

/// Who supports the case; for some, who covered for a time. Written by the coordinator.
pub(super) fn allocation(
    course: &mut Course<'_>,
    supporter: PersonId,
    colleague: Option<PersonId>,
    open: bool,
) {
    let at = course.chance.office_hours(course.opened);
    let until = course.until;
    let answers = Answers::default()
        .text("supporter", supporter.to_string())
        .date("from", course.opened)
        .when(!open, |answers| answers.date("to", until))
        .text("reason", "NEW");
    course.add_by(course.coordinator, "allocation", at, answers);
    let Some(colleague) = colleague else { return };
    if !course.chance.happens(0.12) || course.days() < 40 {
        return;
    }
    let from = course.some_day(60);
    let at = course.chance.office_hours(from);
    let reason = course.chance.weighted(&[("LEAVE", 60), ("SICKNESS", 40)]);
    let answers = Answers::default()
        .text("supporter", colleague.to_string())
        .date("from", from)
        .date("to", later(from, 13))
        .text("reason", reason)
        .text("handover_note", "Comments on the draft are due. Family prefers texts.");
    course.add_by(course.coordinator, "cover", at, answers);
}

/// Other services the family was told about or referred to.
pub(super) fn onward(course: &mut Course<'_>, open: bool) {
    for _ in 0..course.chance.weighted(&[(0, 45), (1, 38), (2, 17)]) {
        let day = course.some_day(95);
        let at = course.chance.office_hours(day);
        let to = course.chance.weighted(&[
            ("IASS", 18),
            ("PCF", 14),
            ("PARENT_GROUP", 14),
            ("SHORT_BREAKS", 10),
            ("BENEFITS_ADVICE", 10),
            ("CAMHS", 9),
            ("SCHOOL_SENCO", 9),
            ("EARLY_HELP", 6),
            ("LEGAL_IPSEA_SOSSEN", 5),
            ("YP_GROUP", 5),
        ]);
        let kind =
            course.chance.weighted(&[("SIGNPOST", 60), ("SUPPORTED_REFERRAL", 28), ("FORMAL_REFERRAL", 12)]);
        let result = if open {
            course.chance.weighted(&[("WAITING", 60), ("TAKEN_UP", 40)])
        } else {
            course.chance.weighted(&[
                ("TAKEN_UP", 58),
                ("NOT_TAKEN_UP", 16),
                ("REFUSED_BY_SERVICE", 6),
                ("NK", 20),
            ])
        };
        let settled = matches!(result, "TAKEN_UP" | "NOT_TAKEN_UP" | "REFUSED_BY_SERVICE");
        let settled_on = later(day, course.chance.between(3, 40)).min(course.until).max(day);
        let answers = Answers::default()
            .text("to_type", to)
            .text("kind", kind)
            .date("date", day)
            .text("consent", "yes")
            .text("result", result)
            .when(settled, |answers| answers.date("result_date", settled_on));
        course.add("onward", at, answers);
    }
}

/// A question of the coordinator about one record, and mostly its answer.
pub(super) fn query(course: &mut Course<'_>) {
    let target =
        course.records.iter().find(|draft| draft.form == "contact").map(|draft| (draft.id, draft.at));
    let Some((target, _)) = target.filter(|_| course.chance.happens(0.06)) else { return };
    let day = course.some_day(100);
    let at = course.chance.office_hours(day);
    let status = course.chance.weighted(&[("OPEN", 30), ("ANSWERED", 25), ("RESOLVED", 40), ("WAIVED", 5)]);
    let text = *course.chance.one(phrases::QUESTIONS);
    let answered = matches!(status, "ANSWERED" | "RESOLVED");
    let answers = Answers::default()
        .reference("target", target)
        .text("target_field", "occurred_at")
        .text("rule_id", "FREE")
        .text("text", text)
        .date("due_on", later(day, 7))
        .text("status", status)
        .when(answered, |answers| answers.text("answer", "Checked against my diary: it is right now."));
    course.add_by(course.coordinator, "data_query", at, answers);
}

/// A lone visit of the last days: they are kept for 30.
pub(super) fn visit(course: &mut Course<'_>, supporter: PersonId, today: Date) {
    if course.until < later(today, -25) || !course.chance.happens(0.35) {
        return;
    }
    let day = later(course.until, -course.chance.between(0, 4)).max(course.received);
    let at = course.chance.office_hours(day);
    let minutes = course.chance.between(6, 18) * 5;
    let after = |minutes: i64| alongside_domain::time::Millis(at.0 + minutes * 60_000);
    let answers = Answers::default()
        .text("supporter", supporter.to_string())
        .text("place", "CASE_ADDRESS")
        .text("risk_note_read", "yes")
        .text("address_checked", "yes")
        .text("buddy", "Office")
        .text("two_person", "no")
        .instant("started_at", at)
        .instant("expected_end_at", after(90))
        .instant("ended_at", after(minutes))
        .text("overdue_step", "NONE");
    course.add("visit_session", at, answers);
}

/// The end of the case and what the family says about the support.
pub(super) fn closure(course: &mut Course<'_>, stage: &str) {
    let day = course.until;
    let at = course.chance.office_hours(day);
    let finished = matches!(stage, "S40" | "S45" | "S70");
    let reason = match stage {
        "S40" if course.route.starts_with("TRANSFER") => "TRANSFER_DONE",
        "S40" => "PLAN_FINAL_AGREED",
        "S45" => "PLAN_FINAL_NOT_AGREED",
        "S15" => "NOT_ASSESSED_ACCEPTED",
        "S50" | "S55" => course.chance.weighted(&[("APPEAL_CONCLUDED", 60), ("PASSED_TO_IASS", 40)]),
        _ => course.chance.weighted(&[
            ("AIMS_MET", 45),
            ("PASSED_TO_IASS", 20),
            ("FAMILY_CHOSE_TO_END", 15),
            ("LOST_CONTACT", 15),
            ("MOVED_AREA", 5),
        ]),
    };
    // Some stages are on the way to others: a case does not end in them.
    let ended_in = match stage {
        "S20" => "S10",
        "S35" => "S30",
        stage => stage,
    };
    let named = course.chance.weighted(&[("YES_FIRST", 72), ("YES_OTHER", 12), ("NO", 10), ("NOT_NAMED", 6)]);
    let budget = course.chance.weighted(&[
        ("NONE", 50),
        ("DISCUSSED", 28),
        ("REQUESTED", 10),
        ("AGREED", 7),
        ("DIRECT_PAYMENT", 5),
    ]);
    let view = course.chance.weighted(&[(1, 4), (2, 10), (3, 24), (4, 38), (5, 24)]);
    let next = *course.chance.one(phrases::NEXT_STEPS);
    let again = course.chance.weighted(&[("yes", 70), ("no", 30)]);
    let mediated = course.records.iter().any(|draft| {
        draft.form == "ehc_event"
            && draft.edits.iter().any(|edit| edit.key == "type" && edit.value.as_text() == Some("E14"))
    });
    let answers = Answers::default()
        .date("closed_on", day)
        .text("reason", reason)
        .text("ehc_outcome", ended_in)
        .when(finished, |answers| {
            answers.number("plan_quality_view", view).text("named_setting_is_preferred", named)
        })
        .text("personal_budget", budget)
        .text("went_to_mediation", if mediated { "yes" } else { "no" })
        .text("appeal_lodged", if stage == "S55" { "yes" } else { "no" })
        .text("next_step_note", next)
        .date("feedback_sent_on", day)
        .text("consent_followup", again);
    course.add("closure", at, answers);
    if reason != "LOST_CONTACT" && course.chance.happens(0.58) {
        feedback(course, day);
    }
}

/// About nine in ten find it very or extremely useful, as the programme's evaluators published
/// (domain.md 0.3).
fn feedback(course: &mut Course<'_>, day: Date) {
    let at = course.chance.office_hours(day);
    let years = course.age_on(day);
    let mode = course.chance.weighted(&[
        ("SELF_LINK", 55),
        ("TOGETHER_REMOTE", 20),
        ("PAPER", 15),
        ("TOGETHER_IN_PERSON", 10),
    ]);
    let answers = Answers::default().text("point", "END").date("done_on", day).text("mode", mode);
    let worked = *course.chance.one(phrases::WORKED);
    let better = *course.chance.one(phrases::BETTER);
    if (8..16).contains(&years) && course.chance.happens(0.25) {
        let mut answers = answers.clone();
        for item in ["ease_of_contact", "helpfulness", "impartial", "difference", "useful", "recommend"] {
            answers = answers.text(item, course.chance.weighted(&[("3", 74), ("2", 20), ("1", 6)]));
        }
        course.add("feedback_child", at, answers.text("what_worked", "She listened"));
    }
    let own = years >= 16 && course.chance.happens(0.5);
    let mut answers = answers;
    for item in ["ease_of_contact", "helpfulness", "impartial", "difference"] {
        answers =
            answers.text(item, course.chance.weighted(&[("5", 52), ("4", 34), ("3", 9), ("2", 4), ("1", 1)]));
    }
    let answers = answers
        .text("useful", course.chance.weighted(&[("5", 58), ("4", 32), ("3", 7), ("2", 2), ("1", 1)]))
        .text("satisfied", course.chance.weighted(&[("5", 56), ("4", 31), ("3", 8), ("2", 4), ("1", 1)]))
        .number("recommend", course.chance.weighted(&[(10, 46), (9, 22), (8, 16), (7, 8), (5, 6), (2, 2)]))
        .text("what_worked", worked)
        .text("what_better", better)
        .text(
            "without_support",
            course.chance.weighted(&[("1", 34), ("2", 36), ("3", 18), ("4", 9), ("5", 3)]),
        )
        .text("would_have_appealed", course.chance.weighted(&[("no", 48), ("yes", 24), ("NK", 28)]));
    course.add(if own { "feedback_young_person" } else { "feedback_family" }, at, answers);
}

/// A safeguarding concern and, mostly, what was decided: in the restricted group beside the case.
pub(super) fn concern(course: &mut Course<'_>, child: RecordId, lead: usize) -> Vec<Draft> {
    if !course.chance.happens(0.03) {
        return Vec::new();
    }
    let day = course.some_day(90);
    let at = course.chance.office_hours(day);
    let kind = course.chance.weighted(&[("NEGLECT", 40), ("PHYSICAL", 20), ("DA", 30), ("EMOTIONAL", 10)]);
    let facts = *course.chance.one(phrases::CONCERNS);
    let known = course.chance.weighted(&[("TOLD", 60), ("SEEN", 25), ("HEARD", 15)]);
    let agreed = course.chance.happens(0.6);
    let edits = Answers::default()
        .text("who_at_risk", "CHILD")
        .reference("person_at_risk", child)
        .codes("types", &[kind])
        .text("immediate_danger", "no")
        .text("facts_own_words", facts)
        .codes("how_known", &[known])
        .instant("when_at", at)
        .text("consent_to_share", if agreed { "yes" } else { "no" })
        .when(!agreed, |answers| answers.text("override_reason", "A child may be at risk of harm"))
        .text("spoke_to_dsl", "SPOKEN")
        .instant("spoke_at", at)
        .edits();
    let concern =
        Draft { id: course.chance.record_id(at), form: "concern", at, author: course.supporter, edits };
    let noted = alongside_domain::time::Millis(at.0 + course.chance.between(10, 200) * 60_000);
    let decision = course.chance.weighted(&[("EARLY_HELP", 45), ("SOCIAL_CARE", 30), ("NFA", 25)]);
    let edits = Answers::default()
        .reference("concern", concern.id)
        .instant("acknowledged_at", noted)
        .codes("decision", &[decision])
        .date("decided_on", day)
        .when(decision == "SOCIAL_CARE", |answers| answers.instant("phoned_at", noted))
        .text("reason", "Discussed with the supporter the same day")
        .edits();
    let decided = Draft {
        id: course.chance.record_id(noted),
        form: "concern_decision",
        at: noted,
        author: lead,
        edits,
    };
    vec![concern, decided]
}
