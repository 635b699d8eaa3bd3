//! The machine that runs the rules over the events of one case. What it decides in doubt is written
//! at the top of [`super`].

use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::{
    Deadline, DeadlineRules, Event, Nature, Resolution,
    rules::{Count, CountFrom, EventPattern, Pick, Repeats, Rule, any},
    words::{Filling, Template},
};
use crate::ids::RecordId;

pub(super) fn evaluate(rules: &DeadlineRules, events: &[Event]) -> Vec<Deadline> {
    let mut events: Vec<&Event> = events.iter().collect();
    // The codes are in the key so that two readings of one record also have one order.
    events.sort_by_key(|e| (e.date, e.record, &e.kind, &e.outcome, &e.exemption));
    events.dedup();

    let mut found: Vec<Deadline> = rules
        .rules
        .iter()
        .flat_map(|rule| Run::all(rule, &events).into_iter().filter_map(|run| run.deadline(rules)))
        .collect();
    // Stable: runs of one rule that end on one day stay in the order of their triggers.
    found.sort_by(|a, b| (a.due, &a.rule).cmp(&(b.due, &b.rule)));
    found
}

/// One trigger of a rule with the events that belong to it.
struct Run<'a> {
    rule: &'a Rule,
    /// Every event of the case, in order.
    events: &'a [&'a Event],
    /// Index of the trigger.
    trigger: usize,
    /// Indexes of the events that may meet or close it.
    span: RangeInclusive<usize>,
    /// The next trigger, where it takes this one's place.
    next: Option<usize>,
    /// The event that meets it.
    met: Option<usize>,
}

impl<'a> Run<'a> {
    fn all(rule: &'a Rule, events: &'a [&'a Event]) -> Vec<Self> {
        let triggers: Vec<usize> = (0..events.len()).filter(|i| any(&rule.triggers, events[*i])).collect();
        let mut runs = Vec::with_capacity(triggers.len());
        let mut dealt = vec![false; events.len()];
        for (nth, &trigger) in triggers.iter().enumerate() {
            let next = match rule.repeats {
                Repeats::Replace => triggers.get(nth + 1).copied(),
                Repeats::Each => None,
            };
            // What happened on the trigger's day counts whatever its place in the order, unless
            // there is an earlier run that it belongs to.
            let start = match rule.repeats {
                Repeats::Replace if nth > 0 => trigger,
                _ => events.partition_point(|event| event.date < events[trigger].date),
            };
            let end = next.unwrap_or(events.len() - 1);
            let mut run = Self { rule, events, trigger, span: start..=end, next, met: None };
            run.met = match rule.repeats {
                Repeats::Replace => run.first(|event| any(&rule.met_by, event)),
                Repeats::Each => {
                    let met = (start..=end).find(|&i| i != trigger && !dealt[i] && run.answers(events[i]));
                    if let Some(met) = met {
                        dealt[met] = true;
                    }
                    met
                }
            };
            runs.push(run);
        }
        runs
    }

    /// Whether this event meets this very trigger: where both say whom they concern, by their outcome,
    /// it has to be the same.
    fn answers(&self, event: &Event) -> bool {
        any(&self.rule.met_by, event)
            && match (&self.events[self.trigger].outcome, &event.outcome) {
                (Some(asked), Some(answered)) => asked == answered,
                _ => true,
            }
    }

    /// The first event of the run, other than its trigger. The next trigger is among them where it
    /// comes on a later day: the next review is what meets the duty to hold one.
    fn first(&self, mut fits: impl FnMut(&Event) -> bool) -> Option<usize> {
        self.span.clone().find(|&i| {
            i != self.trigger
                && (Some(i) != self.next || self.events[i].date > self.events[self.trigger].date)
                && fits(self.events[i])
        })
    }

    /// The last such event up to the trigger, which may be the trigger itself.
    fn last_before(&self, patterns: &[EventPattern]) -> Option<&'a Event> {
        self.events[..=self.trigger].iter().rev().copied().find(|event| any(patterns, event))
    }

    /// The deadline, or `None` where the rule does not hold for this trigger or the date leaves the
    /// calendar.
    fn deadline(&self, rules: &DeadlineRules) -> Option<Deadline> {
        let rule = self.rule;
        let trigger = self.events[self.trigger];
        let decides = self.last_before(&rule.valid_by).unwrap_or(trigger);
        if !rule.valid.touches(decides.date, decides.date)
            || (!rule.only_after.is_empty() && self.last_before(&rule.only_after).is_none())
        {
            return None;
        }
        let Dated { due, why, inputs } = self.date(rules)?;
        Some(Deadline {
            rule: rule.id.clone(),
            rule_version: rule.version,
            rules_version: rules.version.clone(),
            nature: rule.nature,
            due,
            whose: rule.whose.clone(),
            label: rule.label.clone(),
            why,
            basis: rule.basis.clone(),
            inputs,
            resolution: self.resolution(rules, due),
        })
    }

    fn date(&self, rules: &DeadlineRules) -> Option<Dated> {
        let rule = self.rule;
        let trigger = self.events[self.trigger];
        let mut inputs = vec![trigger.record];
        let mut why = Vec::new();
        let mut dates = Vec::new();
        for count in &rule.counts {
            let Some(from) = self.counted_from(count) else { continue };
            let due = count.step.apply(&rules.calendar, from.date)?;
            why.push(fill(&count.why, rules, from, count.step.number(), due));
            dates.push(due);
            if !inputs.contains(&from.record) {
                inputs.push(from.record);
            }
        }
        let mut due = match rule.pick {
            Pick::Later => dates.iter().max(),
            Pick::Earlier => dates.iter().min(),
        }
        .copied()?;
        if let Some(template) = rule.pick_why.as_ref().filter(|_| dates.len() > 1) {
            why.push(fill(template, rules, trigger, 0, due));
        }
        if let Some(template) = &rule.tribunal_roll {
            let rolled = rules.calendar.trib_roll(due)?;
            if rolled != due {
                why.push(fill(template, rules, trigger, 0, rolled));
                due = rolled;
            }
        }
        let by_holidays =
            rule.tribunal_roll.is_some() || rule.counts.iter().any(|count| count.step.needs_bank_holidays());
        if by_holidays && !rules.calendar.knows(due) {
            why.push(rules.holidays_unknown.clone());
        }
        Some(Dated { due, why: why.join(" "), inputs })
    }

    fn counted_from(&self, count: &Count) -> Option<&'a Event> {
        if self.first(|event| any(&count.unless, event)).is_some() {
            return None;
        }
        match &count.from {
            CountFrom::Trigger => Some(self.events[self.trigger]),
            CountFrom::Run(patterns) => self.first(|event| any(patterns, event)).map(|i| self.events[i]),
            CountFrom::Earlier(patterns) => self.last_before(patterns),
        }
    }

    fn resolution(&self, rules: &DeadlineRules, due: Date) -> Resolution {
        let rule = self.rule;
        let excluded = rule
            .not_applicable
            .iter()
            .filter(|exclusion| !(exclusion.unless_met && self.met.is_some()))
            .filter_map(|exclusion| Some((self.first(|event| exclusion.event.matches(event))?, exclusion)))
            .min_by_key(|(i, _)| *i);
        let ended = self.first(|event| any(&rule.superseded_by, event));
        let comes_first =
            |i: usize, others: [Option<usize>; 2]| others.iter().flatten().all(|other| i <= *other);
        let excluded_at = excluded.map(|(i, _)| i);

        if let Some(met) = self.met.filter(|met| comes_first(*met, [excluded_at, ended])) {
            let on = self.events[met].date;
            return match (rule.nature, &rule.too_early) {
                (Nature::NotBefore, Some(template)) if on < due => {
                    Resolution::NotApplicable { why: fill(template, rules, self.events[met], 0, due) }
                }
                (Nature::NotBefore, _) => Resolution::Met { on },
                _ => match self.claim(rules, due).filter(|_| on > due) {
                    Some(exemption) => Resolution::Exempt { exemption, met_on: Some(on) },
                    None => Resolution::Met { on },
                },
            };
        }
        if let Some((i, exclusion)) = excluded.filter(|(i, _)| comes_first(*i, [ended, None])) {
            return Resolution::NotApplicable { why: fill(&exclusion.why, rules, self.events[i], 0, due) };
        }
        if ended.is_some() || self.next.is_some() {
            return Resolution::Superseded;
        }
        match self.claim(rules, due) {
            Some(exemption) => Resolution::Exempt { exemption, met_on: None },
            None => Resolution::Open,
        }
    }

    /// The first exemption claimed in the run that this rule admits. Where every trigger stands on
    /// its own, only a claim on it or on its own answer counts.
    fn claim(&self, rules: &DeadlineRules, due: Date) -> Option<String> {
        let started = self.events[self.trigger].date;
        let its_own = |i: usize| match self.rule.repeats {
            Repeats::Replace => Some(i) != self.next,
            Repeats::Each => i == self.trigger || Some(i) == self.met,
        };
        self.span.clone().filter(|i| its_own(*i)).find_map(|i| {
            let event = self.events[i];
            let code = event.exemption.as_ref().filter(|_| any(&self.rule.claims_on, event))?;
            rules
                .exemptions
                .iter()
                .any(|exemption| {
                    exemption.code == *code
                        && exemption.rules.contains(&self.rule.id)
                        && exemption.valid.touches(started, due)
                })
                .then(|| code.clone())
        })
    }
}

/// A date with its reason.
struct Dated {
    due: Date,
    why: String,
    inputs: Vec<RecordId>,
}

fn fill(template: &Template, rules: &DeadlineRules, event: &Event, number: i32, due: Date) -> String {
    template.fill(Filling { event: rules.event_name(event), date: event.date, number, due })
}
