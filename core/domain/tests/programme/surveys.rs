//! The instruments of domain.md 7.2 and 7.3 as forms: every question by its name, each form runs, and what is
//! asked depends on what was answered.

use std::{collections::BTreeSet, sync::Arc};

use alongside_domain::{
    form::{
        expr::{Scalar, Surroundings},
        paper::{Asked, Paper, Piece, Room},
        session::{CompiledForm, Session},
        xlsform::{Dialect, Source, open},
    },
    programme::{builtin, entry::Answer},
};
use jiff::{Timestamp, tz::TimeZone};

/// The questions of the delivery partner survey, as 7.2 names them.
const DELIVERY_PARTNER: &str = "a1_area a2_partner a3_type a4_role a5_job a6_start a7_ready
    b1_needs b1_other b2_evidence b3_gaps b4_lo_link b5_lo_listed b6_lo_improve b7_adapt b7_how
    c1_provider c2_workforce c3_target c4_entry c5_intensity c6_mode c7_independence
    c8_models_considered c9_why c10_why_text c11_paid_fte c12_vol_n c13_caseload c14_hours_case c15_start_end c16_changes
    d1_relation_iass d2_handover d3_duplication d3_where d4_other_support d5_fund_after d6_fund_sources d7_exit
    d8_embedded d9_sustain_text
    e1_open e2_criteria e3_framework e4_rationale e5_decide e6_turned_away e6_where e7_wait e8_reach e9_miss e10_reach_how
    f1_measures f2_when f3_domains f4_title f4_type f4_year f4_link f4_can_share f5_use f6_burden f6_cut
    g1_design_parents g1_design_cyp g2_recruit_parents g2_recruit_cyp g3_train_parents g3_train_cyp
    g4_govern_parents g4_govern_cyp g5_review_parents g5_review_cyp g6_pcf g7_paid g8_change g9_voice_commission
    h1_la_sen h2_schools h3_colleges h4_health h5_social_care h6_iass h7_pcf h8_youth_justice
    h9_protocol h10_letter h11_barrier h12_effect h13_example
    i1_trained i2_met_needs i3_gaps i4_recruit i5_leavers i5_reasons i6_supervision i7_quality i8_independence
    j1_budget j2_spend j3_in_kind j4_in_kind_value j5_enough
    k1_what k1_for_whom k1_where k1_why k2_challenge k3_contact k4_fieldwork dp_unique";

#[test]
fn every_question_of_the_delivery_partner_survey_is_asked() {
    let programme = builtin::independent_support().unwrap();
    let form = programme.form("survey_delivery_partner").unwrap();
    let asked: BTreeSet<&str> = form.questions().map(|question| question.name.as_str()).collect();
    let mut wanted: BTreeSet<&str> = DELIVERY_PARTNER.split_whitespace().collect();
    // Asked so that the changes since the last round are asked in rounds 2 and 3 only.
    wanted.insert("c16_round");
    assert_eq!(asked, wanted);
}

#[test]
fn the_forms_of_all_surveys_have_no_problem_and_run() {
    let programme = builtin::independent_support().unwrap();
    let files = builtin::independent_support_files();
    let codes: Vec<&str> = programme.surveys.keys().map(String::as_str).collect();
    assert_eq!(
        codes,
        [
            "DEPLOY_LOG",
            "FB_CYP_ER",
            "FB_FAM",
            "FB_YP",
            "INT_GUIDE",
            "OBS",
            "SURV_DP",
            "SURV_LA",
            "SURV_PROF",
            "SURV_SUP"
        ]
    );
    for survey in programme.surveys.values() {
        let name = format!("forms/{}.md", survey.form);
        let opened = open(&name, Source::File(&files[&name]), Dialect::Programme);
        assert!(opened.problems.is_empty(), "{name}: {:#?}", opened.problems);
        let form = CompiledForm::new(&opened.form, &programme.code_lists);
        assert!(form.is_ok(), "{name}: {:#?}", form.unwrap_err());
    }
}

#[test]
fn what_is_asked_follows_from_what_was_answered() {
    let programme = builtin::independent_support().unwrap();
    let form = programme.form("survey_delivery_partner").unwrap();
    let compiled = Arc::new(CompiledForm::new(form, &programme.code_lists).unwrap());
    let now: Timestamp = "2015-03-16T10:00:00Z".parse().unwrap();
    let around = Surroundings::new(now, TimeZone::get("Europe/London").unwrap(), [7; 32]);
    let mut session = Session::open(compiled, "", &around);
    let mut say = |key: &str, said: &str| {
        session.answer(key, &Answer::Text(said.to_owned()), &around).unwrap();
        session.clone()
    };
    assert!(!say("b1_needs", "complex").is_relevant("b1_other"));
    assert!(say("b1_needs", "complex other").is_relevant("b1_other"));
    let seven = say("b1_needs", "volume_transfers new_requests yp16_25 complex asd semh eal");
    assert_eq!(seven.state("b1_needs", &around).unwrap().trouble.unwrap().message, "Choose up to 6");
    assert!(!say("d5_fund_after", "none").is_relevant("d6_fund_sources"));
    assert!(say("d5_fund_after", "likely").is_relevant("d6_fund_sources"));
    say("e1_open", "criteria");
    assert!(!say("e1_open", "criteria").state("e4_rationale", &around).unwrap().required);
    assert!(say("e2_criteria", "new").state("e4_rationale", &around).unwrap().required);
    assert!(!say("f1_measures", "none").is_relevant("f2_when"));
    assert!(!say("c16_round", "R1").is_relevant("c16_changes"));
    assert!(say("c16_round", "R2").is_relevant("c16_changes"));
    let early = say("a6_start", "2014-05-31");
    assert_eq!(
        early.state("a6_start", &around).unwrap().trouble.unwrap().message,
        "Enter a date from 1 June 2014"
    );
    say("a2_partner", "Families Together");
    let unique = say("a1_area", "840");
    assert_eq!(unique.value_of("dp_unique"), Some(&Scalar::from("Families Together-840")));
}

/// A form that was just opened.
fn started(name: &str) -> (Session, Surroundings) {
    let programme = builtin::independent_support().unwrap();
    let compiled = CompiledForm::new(programme.form(name).unwrap(), &programme.code_lists).unwrap();
    let now: Timestamp = "2015-03-16T10:00:00Z".parse().unwrap();
    let around = Surroundings::new(now, TimeZone::get("Europe/London").unwrap(), [7; 32]);
    (Session::open(Arc::new(compiled), "", &around), around)
}

/// 7.3 gives these instruments by topics: each topic is asked.
#[test]
fn the_topics_of_the_smaller_instruments_are_asked() {
    let programme = builtin::independent_support().unwrap();
    for (form, topics) in [
        (
            "deployment_log",
            "vacancies days_to_recruit days_to_ready covered not_covered coverage_map unmet_languages",
        ),
        ("survey_professional", "awareness usefulness impartiality effect_meetings"),
        (
            "interview",
            "guide_supporter guide_coordinator guide_la guide_iass guide_parent guide_yp for_whom offered thought came_of_it",
        ),
        ("observation", "talk_parent talk_child talk_professional decided voice_present"),
    ] {
        let form = programme.form(form).unwrap();
        let asked: BTreeSet<&str> = form.questions().map(|question| question.name.as_str()).collect();
        let missing: Vec<&str> = topics.split_whitespace().filter(|topic| !asked.contains(topic)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", form.id);
    }
}

#[test]
fn a_topic_guide_speaks_to_whom_it_is_with() {
    let (mut session, around) = started("interview");
    for (with, guide) in [("parent", "guide_parent"), ("yp", "guide_yp"), ("la", "guide_la")] {
        session.answer("interviewee", &Answer::Text(with.to_owned()), &around).unwrap();
        let shown: Vec<&str> =
            ["guide_supporter", "guide_coordinator", "guide_la", "guide_iass", "guide_parent", "guide_yp"]
                .into_iter()
                .filter(|name| session.is_relevant(name))
                .collect();
        assert_eq!(shown, [guide]);
    }
    let (row, _) = session.add_row("topic", None, &around).unwrap();
    let hypothesis = format!("{row}/hypothesis");
    session.answer(&hypothesis, &Answer::Text("seven".to_owned()), &around).unwrap();
    assert_eq!(
        session.state(&hypothesis, &around).unwrap().trouble.unwrap().message,
        "Write H and two figures, such as H07"
    );
    session.answer(&hypothesis, &Answer::Text("H07".to_owned()), &around).unwrap();
    assert!(session.state(&format!("{row}/direction"), &around).unwrap().required);
}

#[test]
fn nobody_talks_longer_than_the_meeting_and_the_share_of_the_child_is_worked_out() {
    let (mut session, around) = started("observation");
    for (key, minutes) in
        [("minutes", 60), ("talk_parent", 20), ("talk_child", 10), ("talk_professional", 31)]
    {
        session.answer(key, &Answer::Integer(minutes), &around).unwrap();
    }
    let trouble = session.state("talk_professional", &around).unwrap().trouble.unwrap();
    assert_eq!(trouble.message, "Together they cannot talk longer than the meeting lasted");
    session.answer("talk_professional", &Answer::Integer(20), &around).unwrap();
    assert!(session.state("talk_professional", &around).unwrap().trouble.is_none());
    assert_eq!(session.value_of("child_share").unwrap().text(&around.zone), "20");
}

#[test]
fn on_paper_every_question_has_a_number_its_code_and_room() {
    let programme = builtin::independent_support().unwrap();
    let form = programme.form("survey_delivery_partner").unwrap();
    let survey = &programme.surveys["SURV_DP"];
    let paper = Paper::new(form, &programme.code_lists, "", &|question| survey.leaves_out(&question.name));
    let asked: Vec<&Asked> = paper
        .pieces
        .iter()
        .filter_map(|piece| if let Piece::Asks(asked) = piece { Some(asked) } else { None })
        .collect();
    let of =
        |code: &str| *asked.iter().find(|asked| asked.code == code).unwrap_or_else(|| panic!("no {code}"));
    for (number, asked) in (1..).zip(&asked).take(20) {
        assert_eq!(asked.number, number, "{}", asked.code);
    }
    let printed: BTreeSet<&str> = asked.iter().map(|asked| asked.code.as_str()).collect();
    let wanted = form
        .questions()
        .filter(|question| !survey.leaves_out(&question.name) && question.calculation.is_none());
    for question in wanted {
        assert!(printed.contains(question.name.as_str()), "{} is not on paper", question.name);
    }
    assert!(
        !printed.contains("dp_unique") && !printed.contains("a1_area"),
        "worked out, and said by the link"
    );
    let needs = of("b1_needs").number;
    assert_eq!(
        of("b1_other").only.as_deref(),
        Some(format!("Only if you ticked “Other” in {needs}").as_str())
    );
    let funding = of("d5_fund_after").number;
    let none = of("d6_fund_sources").only.clone().unwrap();
    assert!(none.starts_with(&format!("Only if your answer to {funding} is not “")), "{none}");
    let away = of("e6_turned_away").number;
    assert_eq!(
        of("e6_where").only.as_deref(),
        Some(format!("Only if your answer to {away} is more than 0").as_str())
    );
    assert_eq!(of("b4_lo_link").room, Room::Scale(vec![1, 2, 3, 4, 5]));
    assert!(matches!(&of("c9_why").room, Room::Places(places) if places.len() == 8));
    assert_eq!(
        asked.iter().filter(|asked| asked.code == "f4_title").count(),
        3,
        "a repeat has room for three"
    );
}
