//! A form behind a link as a program fills it in: what the pages do, without the pages.

use std::sync::Arc;

use alongside_domain::{
    form::{
        Question, QuestionKind,
        expr::Surroundings,
        session::{self, CompiledForm, Finished, QuestionState},
    },
    programme::{Programme, entry::Answer, surveys::Survey},
    time::Millis,
};

use super::{
    Link, LinkState, Run,
    answer::{self, AnswerError, Filling},
};
use crate::{ingest::Ingest, secret::Secret, store::Store};

/// Whoever has a link, on their way through its form.
pub struct Respondent<'p> {
    programme: &'p Programme,
    survey: &'p Survey,
    token: &'p Secret,
    run: Run,
    link: Link,
    filling: Filling,
    around: Surroundings,
    now: Millis,
}

impl std::fmt::Debug for Respondent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Respondent").field("run", &self.run.id).finish_non_exhaustive()
    }
}

impl<'p> Respondent<'p> {
    /// Goes on where the link stopped, or begins. `chance` names the rows that are added.
    ///
    /// # Errors
    /// [`AnswerError::NotWaiting`] where the link does not wait for an answer, and what else fails.
    pub fn open(
        store: &Store,
        programme: &'p Programme,
        form: &Arc<CompiledForm>,
        token: &'p Secret,
        now: Millis,
        chance: [u8; 32],
    ) -> Result<Self, AnswerError> {
        let (run, link) = answer::find(store, token.reveal())?.ok_or(AnswerError::NotWaiting)?;
        if !matches!(link.state(&run, now), LinkState::Waiting | LinkState::Begun) {
            return Err(AnswerError::NotWaiting);
        }
        let survey = programme.surveys.get(&run.survey).ok_or(AnswerError::NoPlace)?;
        let around = Surroundings::new(now.timestamp(), programme.time_zone(), chance);
        let filling = Filling::open(form, survey, &link, token.reveal(), &around)?;
        Ok(Self { programme, survey, token, run, link, filling, around, now })
    }

    /// How a question stands; `None` where the form has none of this key.
    #[must_use]
    pub fn state(&self, key: &str) -> Option<QuestionState> {
        self.filling.session.state(key, &self.around)
    }

    /// The codes that a question offers now.
    #[must_use]
    pub fn codes(&self, key: &str) -> Vec<String> {
        let choices = self.filling.session.choices(key, i64::from(self.link.number), &self.around);
        choices.iter().map(|choice| choice.name.clone()).collect()
    }

    /// Answers a question.
    ///
    /// # Errors
    /// Where the form has no such question, or the answer is not of its kind.
    pub fn answer(&mut self, key: &str, answer: &Answer) -> Result<(), session::AnswerError> {
        self.filling.session.answer(key, answer, &self.around).map(drop)
    }

    /// Adds a row to a repeat, as [`Respondent::growing`] names it.
    ///
    /// # Errors
    /// Where the form has no such repeat, or it has as many rows as it may.
    pub fn add_row(&mut self, repeat: &str) -> Result<(), session::AnswerError> {
        let (within, name) = match repeat.rsplit_once('/') {
            Some((within, name)) => (Some(within), name),
            None => (None, repeat),
        };
        self.filling.session.add_row(name, within, &self.around).map(drop)
    }

    /// What the pages ask now, in order: each question with its key.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, &'p Question)> {
        let Some(form) = self.programme.forms.get(&self.survey.form) else { return Vec::new() };
        let pages = self.filling.session.pages_with_rows(&self.around);
        let keys = pages.into_iter().flat_map(|page| page.questions);
        keys.filter_map(|key| {
            let question = form.question(key.rsplit('/').next().unwrap_or(&key))?;
            let is_asked = answer::is_shown(&question.kind)
                && question.kind != QuestionKind::Note
                && !self.survey.leaves_out(&question.name)
                && !self.filling.session.state(&key, &self.around)?.read_only;
            is_asked.then_some((key, question))
        })
        .collect()
    }

    /// The repeats that can grow now, such as `visit` or `house/a1/visit`.
    #[must_use]
    pub fn growing(&self) -> Vec<String> {
        self.filling.session.pages_with_rows(&self.around).into_iter().flat_map(|page| page.rows).collect()
    }

    /// Keeps what was answered so far behind the link.
    ///
    /// # Errors
    /// [`AnswerError::Overtaken`] where somebody else went on meanwhile, and what else fails.
    pub fn keep(&self, store: &Store) -> Result<(), AnswerError> {
        let place = (self.token.reveal(), self.now);
        let is_kept =
            self.filling.save(store, self.programme, self.survey, &self.link, place, &self.around)?;
        if is_kept { Ok(()) } else { Err(AnswerError::Overtaken) }
    }

    /// Sends it, and gives what was sent. What is missing or wrong keeps it from being sent, and is given.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn send(mut self, store: &Store, ingest: &Ingest) -> Result<Finished, AnswerError> {
        let finished = self.filling.session.finish(&self.around);
        if !finished.troubles.is_empty() {
            return Ok(finished);
        }
        self.keep(store)?;
        // The page before was saved: what was kept counts what is asked.
        let found = answer::find(store, self.token.reveal())?.ok_or(AnswerError::NotWaiting)?;
        (self.run, self.link) = found;
        self.filling.send(
            (store, ingest),
            self.programme,
            self.survey,
            (&self.run, &self.link),
            (self.token.reveal(), self.now),
            &self.around,
        )?;
        Ok(finished)
    }
}
