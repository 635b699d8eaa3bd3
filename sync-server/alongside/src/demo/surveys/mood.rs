//! How one respondent answers: what they think of it, and how much they write.

use alongside_domain::{
    form::{Question, QuestionKind},
    programme::entry::Answer,
};
use alongside_server::surveys::Respondent;
use anyhow::{Context as _, Result};

use super::super::generate::Chance;

/// Codes of those who do not answer.
const NO_ANSWER: [&str; 4] = ["NA", "NK", "REFU", "nk"];

/// What people write, by survey; none of it about anybody.
const SENTENCES: [(&str, &[&str]); 8] = [
    (
        "SURV_DP",
        &[
            "Outreach through community groups, because families trust them",
            "Families do not hear of us before the first letter",
            "A small team that covers a wide area by telephone and visits",
            "The steering group with parents changed our first leaflet",
            "Joint meetings with the local authority every month",
            "More time for young people over 16",
        ],
    ),
    (
        "SURV_LA",
        &[
            "Meetings are calmer, and families come prepared",
            "Fewer plans come back for changes",
            "It is too early to say for disputes",
            "It depends on the budget for the next year",
        ],
    ),
    (
        "DEPLOY_LOG",
        &["The towns and the coast", "The villages in the west", "All of the area, by telephone at least"],
    ),
    (
        "SURV_SUP",
        &[
            "The one-page profile, in nearly every case",
            "I could explain what comes next, and by when",
            "Parents speak for themselves in meetings",
            "More practice with appeals would have helped",
        ],
    ),
    (
        "SURV_PROF",
        &[
            "Parents say more in our meetings",
            "We did not know whom to call",
            "It takes a load off the school",
        ],
    ),
    (
        "INT_GUIDE",
        &[
            "What the first meeting was like",
            "They said that they felt heard for the first time",
            "Families who had quarrelled with the council before",
            "Somebody who came to the meeting and took no side",
        ],
    ),
    (
        "OBS",
        &[
            "A quieter place for the breaks",
            "An assessment by the therapist",
            "What was said was written down",
        ],
    ),
    (
        "FB_FAM",
        &[
            "Somebody who listened and knew the law",
            "I would have liked to meet sooner",
            "We knew what to say in the meeting",
        ],
    ),
];

/// One respondent.
pub(super) struct Mood {
    /// From 0, nothing is good, to 1, all is.
    kindness: f64,
    /// How often what need not be answered is.
    care: f64,
    sentences: &'static [&'static str],
}

impl Mood {
    pub(super) fn drawn(chance: &mut Chance, survey: &str) -> Self {
        let share = |chance: &mut Chance, low: i64, high: i64| chance.between(low, high) as f64 / 100.0;
        let sentences = SENTENCES.iter().find(|(code, _)| *code == survey);
        Self {
            kindness: share(chance, 35, 95),
            care: share(chance, 30, 95),
            sentences: sentences.map_or(&["As planned"], |(_, sentences)| sentences),
        }
    }

    /// Answers a question, or leaves it out where that is allowed.
    pub(super) fn answer(
        &mut self,
        chance: &mut Chance,
        respondent: &mut Respondent<'_>,
        key: &str,
        question: &Question,
    ) -> Result<()> {
        let state = respondent.state(key).context("a question that is asked")?;
        if !state.required && !chance.happens(self.care) {
            return Ok(());
        }
        for answer in self.candidates(chance, respondent, key, question) {
            respondent.answer(key, &answer).context("an answer of the demo")?;
            if respondent.state(key).is_some_and(|after| after.trouble.is_none()) {
                return Ok(());
            }
        }
        respondent.answer(key, &Answer::Cleared).context("an answer of the demo")
    }

    /// What they might say; the first that is right is said.
    fn candidates(
        &self,
        chance: &mut Chance,
        respondent: &Respondent<'_>,
        key: &str,
        question: &Question,
    ) -> Vec<Answer> {
        let codes = respondent.codes(key);
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let text = |text: &str| Answer::Text(text.to_owned());
        let owned = |codes: Vec<&str>| Answer::Codes(codes.into_iter().map(str::to_owned).collect());
        match &question.kind {
            QuestionKind::SelectOne(_) if codes.is_empty() => Vec::new(),
            QuestionKind::SelectOne(_) => vec![text(self.one(chance, &codes))],
            QuestionKind::SelectMultiple(_) if codes.is_empty() => Vec::new(),
            QuestionKind::SelectMultiple(_) => {
                let said: Vec<&str> =
                    codes.iter().copied().filter(|code| !NO_ANSWER.contains(code)).collect();
                vec![owned(chance.some(&said, 0.25, 4)), owned(vec![*chance.one(&said)])]
            }
            QuestionKind::Rank(_) => {
                let mut left = codes;
                let mut ranked = Vec::new();
                while ranked.len() < 3 && !left.is_empty() {
                    let at = usize::try_from(chance.between(0, left.len() as i64 - 1)).unwrap_or(0);
                    ranked.push(left.remove(at));
                }
                vec![owned(ranked)]
            }
            QuestionKind::Range => {
                let bound = |name: &str| question.parameters.get(name).and_then(|text| text.parse().ok());
                let (start, end): (i64, i64) = (bound("start").unwrap_or(1), bound("end").unwrap_or(5));
                vec![text(&self.between(chance, start, end).to_string())]
            }
            QuestionKind::Integer | QuestionKind::Decimal => {
                // Counts, days, years, sums of money, and the least there is: what the form does not take is
                // not said.
                let drawn = [(3, 30), (0, 6), (2012, 2016), (8_000, 190_000), (0, 0)];
                let numbers = drawn.map(|(low, high)| chance.between(low, high));
                numbers.into_iter().map(|number| text(&number.to_string())).collect()
            }
            QuestionKind::Date => {
                let month = chance.between(9, 12);
                vec![text(&format!("2014-{month:02}-01")), text("2015-12-01")]
            }
            QuestionKind::Text => vec![text(chance.one::<&str>(self.sentences))],
            QuestionKind::Acknowledge => vec![text("OK")],
            _ => Vec::new(),
        }
    }

    /// One of these: on a scale, near to what they think of it.
    fn one<'c>(&self, chance: &mut Chance, codes: &[&'c str]) -> &'c str {
        let said: Vec<&'c str> = codes.iter().copied().filter(|code| !NO_ANSWER.contains(code)).collect();
        if said.is_empty() || (said.len() < codes.len() && chance.happens(0.06)) {
            return chance.one::<&str>(codes);
        }
        let is_scale = said.len() > 2 && said.iter().all(|code| code.parse::<i64>().is_ok());
        if is_scale {
            let at = self.between(chance, 0, said.len() as i64 - 1);
            return said[usize::try_from(at).unwrap_or(0).min(said.len() - 1)];
        }
        chance.one::<&str>(&said)
    }

    /// A step of a scale.
    fn between(&self, chance: &mut Chance, low: i64, high: i64) -> i64 {
        let middle = low as f64 + self.kindness * (high - low) as f64;
        (middle.round() as i64 + chance.between(-1, 1)).clamp(low, high)
    }
}
