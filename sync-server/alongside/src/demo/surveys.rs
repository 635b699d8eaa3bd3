//! Surveys by link: partners, local authorities and supporters are asked in the weeks before; some have
//! answered, some have begun, some have to be reminded. The answers follow from the seed, the links do not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alongside_domain::{
    form::session::{CompiledForm, Finished},
    ids::GroupId,
    programme::{Programme, entry::Answer},
    time::Millis,
};
use alongside_server::{
    people::{self, NewPerson},
    store::Store,
    surveys::{self, DAY_MS, Invitation, LinkState, Respondent, Run, export},
};
use anyhow::{Context, Result, ensure};

use super::{
    checks::Check,
    generate::{Chance, World},
    server::Stage,
};
use mood::Mood;

mod mood;

/// The partner that runs the surveys, and who works there.
const EVALUATORS: (&str, &str) = ("The Evaluators", "Edda Vale");
/// How many days before the simulated week the surveys were opened.
pub(crate) const BEFORE: i64 = 20;
/// Answers of an anonymous survey are shown from this many on: enough are asked.
const ENOUGH: usize = 12;

/// Somebody to ask, as the demo knows them.
struct Asked {
    label: String,
    says: Vec<(&'static str, String)>,
    group: Option<GroupId>,
}

/// How many did what.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct SurveyFigures {
    pub(crate) runs: usize,
    pub(crate) asked: usize,
    pub(crate) answered: usize,
    pub(crate) begun: usize,
    pub(crate) reminders_due: usize,
}

/// What was asked and said.
#[derive(Default)]
pub(crate) struct Surveys {
    runs: Vec<Run>,
    /// What each respondent said, by run and name; of an anonymous run, all of it without names.
    said: BTreeMap<(GroupId, String), BTreeMap<String, String>>,
    forms: BTreeMap<String, Arc<CompiledForm>>,
}

/// Opens the surveys of the evaluators, on the day that the stage stands at, and lets the days pass on which
/// they are answered.
pub(crate) fn ask(
    stage: &Stage,
    programme: &Programme,
    world: &World,
    chance: &mut Chance,
    now: Millis,
) -> Result<Surveys> {
    let store = &stage.store;
    let partner = people::partner(store, now, EVALUATORS.0).context("the evaluators could not be added")?;
    let new =
        NewPerson { name: EVALUATORS.1.to_owned(), role: "EVALUATOR".to_owned(), partner, areas: Vec::new() };
    people::add_person(store, now, programme, &new).context("nobody runs the surveys")?;
    let mut surveys = Surveys::default();
    let partners = world.partners.iter().map(|partner| Asked {
        label: format!("Lead contact, {}", partner.name),
        says: vec![("a2_partner", partner.name.clone()), ("a1_area", partner.areas.join(" "))],
        group: None,
    });
    let areas: BTreeSet<&String> = world.partners.iter().flat_map(|partner| &partner.areas).collect();
    let of_areas = |who: &str, more: Option<(&'static str, &str)>| -> Vec<Asked> {
        let each = areas.iter().map(|area| Asked {
            label: format!("{who}, area {area}"),
            says: std::iter::once(("area", (*area).clone()))
                .chain(more.map(|(name, code)| (name, code.to_owned())))
                .collect(),
            group: None,
        });
        each.collect()
    };
    let supporters = world.people.iter().filter(|person| person.role == "SUPPORTER").count().max(ENOUGH);
    let supporters = (1..=supporters).map(|number| Asked {
        label: format!("Supporter {number}"),
        says: Vec::new(),
        group: None,
    });
    let kinds = ["supporter", "coordinator", "la", "iass", "parent", "yp"];
    let interviews = areas.iter().zip(kinds).map(|(area, with)| Asked {
        label: format!("Interview with {with}, area {area}"),
        says: vec![("area", (*area).clone()), ("interviewee", with.to_owned())],
        group: None,
    });
    let mut meetings = of_areas("Meeting", None);
    meetings.truncate(6);
    let plan: [(&str, &str, Vec<Asked>); 7] = [
        ("SURV_DP", "Round 3", partners.collect()),
        ("SURV_LA", "Round 3", of_areas("SEN lead", Some(("round", "R3")))),
        ("DEPLOY_LOG", "December 2015", of_areas("Coordinator", None)),
        ("SURV_SUP", "Round 3", supporters.collect()),
        ("SURV_PROF", "Autumn 2015", of_areas("A school", None)),
        ("INT_GUIDE", "Fieldwork sites, winter", interviews.collect()),
        ("OBS", "Case-study sites, winter", meetings),
    ];
    for (code, name, asked) in plan {
        let run = surveys::open(store, now, programme, code, name, partner)
            .with_context(|| format!("{code} could not be opened"))?;
        surveys.run(stage, programme, chance, (run, now), &asked)?;
    }
    Ok(surveys)
}

/// Asks families whose case is closed what they think, for each coordinator's partner.
pub(crate) fn ask_families(
    stage: &Stage,
    programme: &Programme,
    world: &World,
    chance: &mut Chance,
    surveys: &mut Surveys,
    now: Millis,
) -> Result<()> {
    for (at, partner) in world.partners.iter().enumerate() {
        let closed = world.cases().filter(|(family, _, case)| family.partner == at && !case.open);
        let asked: Vec<Asked> = closed
            .take(6)
            .enumerate()
            .map(|(number, (_, _, case))| Asked {
                label: format!("Parent {}", number + 1),
                says: vec![("point", "FOLLOWUP_3M".to_owned())],
                group: Some(case.group),
            })
            .collect();
        if asked.is_empty() {
            continue;
        }
        let run = surveys::open(&stage.store, now, programme, "FB_FAM", "Winter 2016", partner.id)
            .context("feedback could not be asked for")?;
        surveys.run(stage, programme, chance, (run, now), &asked)?;
    }
    Ok(())
}

impl Surveys {
    /// Asks everybody, and lets some of them answer: now, where the answers go into cases; else in the weeks
    /// that follow.
    fn run(
        &mut self,
        stage: &Stage,
        programme: &Programme,
        chance: &mut Chance,
        (run, now): (Run, Millis),
        asked: &[Asked],
    ) -> Result<()> {
        let survey = surveys::survey(programme, &run.survey)?;
        let form = match self.forms.get(&survey.form) {
            Some(form) => Arc::clone(form),
            None => {
                let form = programme.forms.get(&survey.form).context("a survey has no form")?;
                let form = CompiledForm::new(form, &programme.code_lists)
                    .map_err(|errors| anyhow::anyhow!("a form of a survey has {} mistakes", errors.len()))?;
                let form = Arc::new(form);
                self.forms.insert(survey.form.clone(), Arc::clone(&form));
                form
            }
        };
        for (at, asked) in asked.iter().enumerate() {
            let invitation = Invitation {
                label: asked.label.clone(),
                says: asked.says.iter().map(|(name, code)| ((*name).to_owned(), code.clone())).collect(),
                group: asked.group,
                days: None,
            };
            let (number, token) = surveys::invite(&stage.store, now, programme, run.id, &invitation)?;
            // Enough answer an anonymous one to be shown.
            let ends = survey.anonymous && at < ENOUGH || chance.happens(0.55);
            let begins = ends || chance.happens(0.5);
            if begins {
                let respondent =
                    Respondent::open(&stage.store, programme, &form, &token, now, chance.bytes())?;
                let sent = answer(stage, chance, respondent, (&run.survey, ends))?;
                if let Some(sent) = sent {
                    self.said.insert((run.id, asked.label.clone()), in_words(&sent));
                }
            } else if chance.happens(0.3) {
                surveys::reminded(&stage.store, now, run.id, number)?;
            }
        }
        if survey.anonymous {
            surveys::close(&stage.store, now, run.id)?;
        }
        self.runs.push(run);
        Ok(())
    }

    /// How far everybody is by now.
    pub(crate) fn figures(&self, store: &Store, programme: &Programme, now: Millis) -> Result<SurveyFigures> {
        let mut figures = SurveyFigures { runs: self.runs.len(), ..SurveyFigures::default() };
        for run in &self.runs {
            let run = surveys::find_run(store, run.id)?;
            let survey = surveys::survey(programme, &run.survey)?;
            for link in surveys::links(store, run.id)? {
                let state = link.state(&run, now);
                figures.asked += 1;
                figures.answered += usize::from(state == LinkState::Answered);
                figures.begun += usize::from(state == LinkState::Begun);
                figures.reminders_due += usize::from(link.reminder_due(survey, &run, now));
            }
        }
        Ok(figures)
    }

    /// What can be taken away is what was said, all of it and nothing else.
    pub(crate) fn come_back(&self, store: &Store, programme: &Programme) -> Result<Check> {
        let (mut compared, mut differ) = (0, 0);
        for run in &self.runs {
            let run = surveys::find_run(store, run.id)?;
            let survey = surveys::survey(programme, &run.survey)?;
            if run.group.is_none() {
                continue;
            }
            let links = surveys::links(store, run.id)?;
            ensure!(
                export::withheld(survey, &run, &links).is_none(),
                "the answers to {} are not shown",
                survey.code
            );
            let mut had: Vec<_> = export::responses(store, programme, survey, &run, &links)?
                .into_iter()
                .map(|answer| (answer.respondent.unwrap_or_default(), sorted(answer.values)))
                .collect();
            let of_run = self.said.iter().filter(|((of, _), _)| *of == run.id);
            let mut said: Vec<_> = of_run
                .map(|((_, who), said)| {
                    (if survey.anonymous { String::new() } else { who.clone() }, said.clone())
                })
                .collect();
            had.sort();
            said.sort();
            compared += said.len();
            differ += said.iter().filter(|one| !had.contains(one)).count() + had.len().abs_diff(said.len());
        }
        Ok(Check {
            name: "what was answered by link is what can be taken away",
            holds: differ == 0 && compared > 0,
            detail: format!("{compared} answers compared, {differ} differ"),
        })
    }
}

/// Answers a form, to its end or up to somewhere on the way; what was sent, where it was.
fn answer(
    stage: &Stage,
    chance: &mut Chance,
    mut respondent: Respondent<'_>,
    (code, ends): (&str, bool),
) -> Result<Option<Finished>> {
    let mut mood = Mood::drawn(chance, code);
    let mut answered = BTreeSet::new();
    let mut grown = BTreeSet::new();
    let mut left = if ends { usize::MAX } else { usize::try_from(chance.between(1, 9)).unwrap_or(1) };
    loop {
        let next = respondent.asked().into_iter().find(|(key, _)| !answered.contains(key));
        let Some((key, question)) = next.filter(|_| left > 0) else {
            let grows = respondent.growing().into_iter().find(|repeat| !grown.contains(repeat));
            let Some(repeat) = grows.filter(|_| left > 0) else { break };
            for _ in 0..chance.between(0, 3) {
                respondent.add_row(&repeat).context("a row of the demo")?;
            }
            grown.insert(repeat);
            continue;
        };
        mood.answer(chance, &mut respondent, &key, question)?;
        answered.insert(key);
        left -= 1;
    }
    if !ends {
        respondent.keep(&stage.store)?;
        return Ok(None);
    }
    let finished = respondent.send(&stage.store, &stage.ingest)?;
    ensure!(finished.troubles.is_empty(), "the demo answers {code} wrongly: {:?}", finished.troubles);
    Ok(Some(finished))
}

/// What was sent, as an export writes it.
fn in_words(finished: &Finished) -> BTreeMap<String, String> {
    let words = finished.answers.iter().filter_map(|(key, answer)| {
        let text = match answer {
            Answer::Text(text) => text.clone(),
            Answer::Codes(codes) => codes.join(" "),
            Answer::Integer(number) => number.to_string(),
            Answer::Instant(at) => at.timestamp().to_string(),
            Answer::Ref(record) => record.to_string(),
            Answer::Cleared => return None,
        };
        Some((key.clone(), text))
    });
    sorted(words.collect())
}

/// Codes of a set stand in no order.
fn sorted(values: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let sort = |text: String| {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        words.sort_unstable();
        words.join(" ")
    };
    values.into_iter().map(|(key, text)| (key, sort(text))).collect()
}

/// The day on which the surveys were opened, for a simulated week that begins at `monday`.
pub(crate) fn opened_at(monday: Millis) -> Millis {
    Millis(monday.0 - BEFORE * DAY_MS)
}
