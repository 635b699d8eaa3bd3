//! A record being entered: how its questions stand, and what its form works out when it is saved.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    form::{
        Form, MergePolicy,
        expr::Surroundings,
        session::{QuestionState, Session},
    },
    problem::Severity,
    programme::{
        Programme,
        entry::{self, Answer, EntryProblem},
    },
    record::{Edit, RecordView},
};

/// What answers become, and what there is to say about them.
pub type Entered = (Vec<Edit>, Vec<EntryProblem>);

/// How every question of a form stands, and what it holds, with the record as it is (`None` for a new one, which begins with what
/// the form says) and the answers that are being entered. `None` where the form cannot be run.
///
/// Answers that are not of their question's kind are left out: [`entered`] says what is wrong with them.
#[must_use]
pub fn states(
    programme: &Programme,
    form: &Form,
    answers: &BTreeMap<String, Answer>,
    current: Option<&RecordView>,
    around: &Surroundings,
) -> Option<Vec<(QuestionState, Option<Answer>)>> {
    let live = programme.live_form(&form.id)?;
    let mut session = match current {
        Some(view) => live.session(view, around),
        None => Session::of_new_record(Arc::clone(live.compiled()), "", around),
    };
    put(&mut session, answers, around);
    let states = session.states(around).into_iter();
    Some(
        states
            .map(|state| {
                let answer = session.as_answer(&state.key, around);
                (state, answer)
            })
            .collect(),
    )
}

/// Turns answers into the edits that store them, as [`entry::edits`] does, with what the form works out from
/// them, and with all that it has to say about the record as it then stands.
///
/// A calculation is stored where its question is one that people answer too, and only when these answers change
/// what comes out; a value of the kind `calculate` is stored by no record. What is missing, wrong or not asked is
/// a warning: it is stored all the same.
#[must_use]
pub fn entered(
    programme: &Programme,
    form: &Form,
    answers: &BTreeMap<String, Answer>,
    current: Option<&RecordView>,
    around: &Surroundings,
) -> Entered {
    let on = around.wall().date();
    // What somebody writes into a calculation gives way to it.
    let (given_way, answers): (BTreeMap<_, _>, BTreeMap<_, _>) =
        answers.iter().map(|(key, answer)| (key.clone(), answer.clone())).partition(|(key, _)| {
            let question = form.question_of_key(key);
            question.is_some_and(|question| {
                question.kind.is_kept() && question.calculation.is_some() && question.trigger.is_none()
            })
        });
    let answers = &answers;
    let (mut edits, mut problems) = entry::edits(programme, form, answers, current, on);
    let Some(live) = programme.live_form(&form.id) else { return (edits, problems) };
    let none = BTreeMap::new();
    let before = match current {
        Some(view) => live.session(view, around),
        None => Session::of_record(Arc::clone(live.compiled()), "", &none, around),
    };
    let mut session = before.clone();
    put(&mut session, answers, around);
    let known = before.calculated();
    let worked_out: BTreeMap<String, Answer> = session
        .calculated()
        .into_iter()
        .filter(|(key, value)| current.is_none() || known.get(key) != Some(value))
        .map(|(key, _)| {
            let answer = session.as_answer(&key, around).unwrap_or(Answer::Cleared);
            (key, answer)
        })
        .collect();
    if !worked_out.is_empty() {
        // So does what a trigger works out anew.
        edits.retain(|edit| {
            let is_set = |key: &str| {
                edit.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('/'))
                    && form.question_of_key(key).is_some_and(|question| question.merge == MergePolicy::Set)
            };
            !worked_out.keys().any(|key| *key == edit.key || is_set(key))
        });
        edits.extend(entry::edits(programme, form, &worked_out, current, on).0);
        edits.sort_by(|one, other| one.key.cmp(&other.key));
    }
    // The form itself says better what is missing.
    problems.retain(|problem| problem.code != "missing_answer");
    let mut say = |key: String, code, what, help: &str| {
        let help = help.to_owned();
        problems.push(EntryProblem { key, severity: Severity::Warning, code, what, help });
    };
    for (key, trouble) in session.troubles(&|_| true, around) {
        say(key, trouble.code, trouble.message, "It is saved as it is, and can be put right later.");
    }
    for key in given_way.into_keys() {
        let what = "This is worked out from the other answers.".to_owned();
        say(key, "worked_out", what, "Change the answers that it follows from.");
    }
    for key in session.not_asked().filter(|key| answers.contains_key(key)) {
        let what = "With the other answers, this is not asked.".to_owned();
        say(key, "not_asked", what, "It is kept, and does not count until it is asked again.");
    }
    (edits, problems)
}

fn put(session: &mut Session, answers: &BTreeMap<String, Answer>, around: &Surroundings) {
    for (key, answer) in answers {
        // What is not of its question's kind is told by `entry::edits`.
        let _ = session.put(key, answer, around);
    }
}
