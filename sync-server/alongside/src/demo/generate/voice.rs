//! The child's own voice: what they said, the tools that helped them to say it, and in the case-study
//! sites their journey (domain.md 4.5, 4.6).

use alongside_domain::ids::RecordId;
use jiff::civil::Date;

use super::{
    Answers,
    casework::{Course, later},
    phrases::{self, Tool},
};

/// What the child or young person said, and the tools used. Supporters with very many cases get round to
/// it less often: an effect planted for the evaluation (H08, domain.md 6.3).
pub(super) fn voice(course: &mut Course<'_>) {
    let often = if course.plant.overloaded { 0.42 } else { 0.8 };
    if course.chance.happens(often) {
        said(course);
    }
    let tools = if course.chance.happens(0.55) { course.chance.between(1, 2) } else { 0 };
    for _ in 0..tools {
        let tool = *course.chance.one(phrases::TOOLS);
        let day = course.some_day(80);
        use_tool(course, tool, day);
    }
}

fn said(course: &mut Course<'_>) {
    let day = course.some_day(70);
    let at = course.chance.office_hours(day);
    let young = course.age_on(day) < 6;
    let method = if young {
        course.chance.weighted(&[("DRAWN", 40), ("OBSERVED", 30), ("SYMBOLS", 20), ("SPOKEN", 10)])
    } else {
        course.chance.weighted(&[
            ("SPOKEN", 62),
            ("WRITTEN", 14),
            ("DRAWN", 10),
            ("SYMBOLS", 8),
            ("SIGNED", 6),
        ])
    };
    let words = *course.chance.one(phrases::SAID);
    let prompt = *course.chance.one(phrases::PROMPTS);
    let used = course.chance.some(&["PLAN_SECTION_A", "MEETING"], 0.6, 2);
    let unused = course.chance.happens(0.12);
    let used = if unused { vec!["NOT_USED"] } else { used };
    let mut present = vec![if course.age_on(day) >= 16 { "YP" } else { "CHILD" }];
    if course.chance.happens(0.6) {
        present.push("PARENT_MOTHER");
    }
    let interpreted = course.chance.happens(0.4);
    let assent = course.chance.weighted(&[("YES", 90), ("NOT_SOUGHT", 10)]);
    let answers = Answers::default()
        .text("method", method)
        .date("said_on", day)
        .when(method != "OBSERVED", |answers| answers.text("verbatim", words))
        .text("prompt_used", prompt)
        .codes("who_present", &present)
        .when(interpreted || method == "OBSERVED", |answers| {
            answers.text(
                "interpretation",
                "Calm and sure about this. Came back to it twice without being asked.",
            )
        })
        .codes("used_in", &used)
        .text("assent", assent);
    course.add("child_voice", at, answers);
}

fn use_tool(course: &mut Course<'_>, tool: Tool, day: Date) {
    let at = course.chance.office_hours(day);
    let mut answers = Answers::default().date("done_on", day);
    for part in tool.parts {
        let rows = course.chance.between(1, 3);
        for row in 1..=rows {
            let base = format!("{}/{row}", part.repeat);
            for (field, texts) in part.texts {
                let text = *course.chance.one(texts);
                answers = answers.text(&format!("{base}/{field}"), text);
            }
            for (field, codes) in part.codes {
                let code = *course.chance.one(codes);
                answers = answers.text(&format!("{base}/{field}"), code);
            }
            let whose = course.chance.weighted(&[
                ("CHILD_VERBATIM", 45),
                ("PARENT", 30),
                ("SUPPORTER_SUMMARY", 13),
                ("SCHOOL", 8),
                ("CHILD_SIGNED_OR_SYMBOL", 4),
            ]);
            answers = answers.text(&format!("{base}/{}", part.whose), whose);
        }
    }
    for (field, texts) in tool.alone {
        let text = *course.chance.one(texts);
        answers = answers.text(field, text);
    }
    if let Some(field) = tool.review {
        answers = answers.date(field, later(day, 90));
    }
    course.add(tool.form, at, answers);
}

/// A family's journey and, where they let it be published, the story made of it. Case-study sites only.
pub(super) fn journey(course: &mut Course<'_>, parent: RecordId, publish: RecordId) {
    let span = course.days();
    let mut entries = Vec::new();
    for (seq, moment) in (1..).zip(phrases::JOURNEY) {
        let day = later(course.opened, span * moment.part / 100);
        if day > course.until {
            break;
        }
        entries.push(entry(course, seq, moment, day));
    }
    if entries.len() < 3 {
        return;
    }
    let day = course.until;
    let at = course.chance.office_hours(day);
    let title = *course.chance.one(phrases::STORY_TITLES);
    let mut answers = Answers::default()
        .text("title", title)
        .codes("audience", &["FAMILIES", "COUNCILS"])
        .text("body", phrases::STORY)
        .text("easy_read_body", phrases::STORY_EASY)
        .text("changed_details/1/changed_text", "The child's name and the town are others")
        .text("quotes/1/quote_text", "Someone was on my side of the table.")
        .reference("consent_ref", publish)
        .text("reader_risk_check", "NO")
        .text("reader_risk_note", "Read as a neighbour would: nothing points to the family");
    for (row, id) in entries.iter().take(3).enumerate() {
        answers = answers.reference(&format!("entries/{}/entry", row + 1), *id);
    }
    let approved = course.chance.happens(0.7);
    let answers = answers.text("status", if approved { "APPROVED" } else { "FAMILY_REVIEW" });
    let story = course.add("story", at, answers).id;
    if approved {
        let how = course.chance.weighted(&[("READ", 60), ("READ_ALOUD", 25), ("EASY_READ", 15)]);
        let print: [u8; 8] = course.chance.bytes();
        let print: String = print.iter().map(|byte| format!("{byte:02x}")).collect();
        let approval = Answers::default()
            .reference("story", story)
            .text("text_version", print)
            .text("decision", "APPROVED")
            .reference("given_by", parent)
            .instant("at", at)
            .text("how", how);
        course.add("story_approval", at, approval);
    }
}

fn entry(course: &mut Course<'_>, seq: i64, moment: &phrases::Moment, day: Date) -> RecordId {
    let at = course.chance.office_hours(day);
    let sign = if moment.feeling >= 0 { "PLUS" } else { "MINUS" };
    let answers = Answers::default()
        .number("seq", seq)
        .date("happened_on", day)
        .text("happened_precision", course.chance.weighted(&[("DAY", 70), ("MONTH", 30)]))
        .text("stage", moment.stage)
        .text("teller", course.chance.weighted(&[("PARENT", 70), ("CYP", 15), ("SUPPORTER", 15)]))
        .text("what_happened", moment.what)
        .text("touchpoint", moment.touchpoint)
        .number("feeling", (moment.feeling + course.chance.between(-1, 1)).clamp(-2, 2))
        .text(
            if moment.feeling >= 0 { "helped/1/helped_text" } else { "hindered/1/hindered_text" },
            moment.why,
        )
        .text("turning_point", if moment.turning { "yes" } else { "no" })
        .text("quote", moment.quote)
        .text("cmo_links/1/hypothesis", "H01")
        .text("cmo_links/1/link_sign", sign)
        .text("validated_with_participant", course.chance.weighted(&[("yes", 70), ("no", 30)]));
    course.add("journey_entry", at, answers).id
}
