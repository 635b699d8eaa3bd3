//! The instruments of domain.md 7.2 and 7.3 as forms: every question by its name, each form runs, and what is
//! asked depends on what was answered.

use std::{collections::BTreeSet, sync::Arc};

use alongside_domain::{
    form::{
        expr::{Scalar, Surroundings},
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
    assert_eq!(codes, ["FB_CYP_ER", "FB_FAM", "FB_YP", "SURV_DP", "SURV_LA", "SURV_SUP"]);
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
