//! The machine that runs the rules over the events of one case. What it decides in doubt is written
//! at the top of [`super`].

use std::{collections::BTreeMap, ops::RangeInclusive};

use jiff::civil::Date;

use super::{
    Correction, Deadline, DeadlineRules, Event, Facts, Nature, Resolution, SetDate, calendar,
    rules::{Count, CountDate, CountFrom, EnteredHolds, EventPattern, Pick, Repeats, Rule, Step, any},
    words::{Filling, Template},
};
use crate::ids::RecordId;

pub(super) fn evaluate(rules: &DeadlineRules, facts: &Facts) -> Vec<Deadline> {
    let mut events: Vec<&Event> = facts.events.iter().collect();
    // The codes are in the key so that two readings of one record also have one order.
    events.sort_by_key(|e| (e.date, e.record, &e.kind, &e.outcome, &e.exemption, &e.dates));
    events.dedup();
    let mut corrections: Vec<&Correction> = facts.corrections.iter().collect();
    corrections.sort();

    let runs: Vec<Run<'_>> =
        rules.rules.iter().flat_map(|rule| Run::all(rule, &events)).filter(Run::holds).collect();
    let mut latest: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &runs {
        let last = latest.entry(&run.rule.id).or_default();
        *last = run.trigger.max(*last);
    }
    let mut found: Vec<Deadline> = runs
        .iter()
        .filter_map(|run| {
            // One that names no event is about the latest run.
            let is_latest = latest.get(run.rule.id.as_str()) == Some(&run.trigger);
            let its = |correction: &&&Correction| {
                correction.rule == run.rule.id
                    && correction.event.map_or(is_latest, |event| event == events[run.trigger].record)
            };
            run.deadline(rules, corrections.iter().rev().find(its).copied())
        })
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
        let first = events.iter().position(|event| any(&rule.triggers, event));
        let starts = |i: usize| {
            any(&rule.triggers, events[i])
                || (any(&rule.or_triggers, events[i]) && first.is_none_or(|first| i < first))
        };
        let triggers: Vec<usize> = (0..events.len()).filter(|i| starts(*i)).collect();
        let mut runs = Vec::with_capacity(triggers.len());
        let mut dealt = vec![false; events.len()];
        for (nth, &trigger) in triggers.iter().enumerate() {
            let next = match rule.repeats {
                Repeats::Replace => triggers.get(nth + 1).copied(),
                Repeats::Each => None,
            };
            // What happened on the trigger's day counts whatever its place in the order, unless
            // there is an earlier run that it belongs to.
            let from = rule
                .looks_back
                .and_then(|months| calendar::months(events[trigger].date, -months))
                .unwrap_or(events[trigger].date);
            let since = events.partition_point(|event| event.date < from);
            let start = match (rule.repeats, nth.checked_sub(1).map(|before| triggers[before])) {
                (Repeats::Replace, Some(_)) if rule.looks_back.is_none() => trigger,
                (Repeats::Replace, Some(before)) => since.max(before + 1),
                _ => since,
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

    /// Whether the rule holds for this trigger.
    fn holds(&self) -> bool {
        let rule = self.rule;
        let trigger = self.events[self.trigger];
        let decides = self.last_before(&rule.valid_by).unwrap_or(trigger);
        rule.valid.touches(decides.date, decides.date)
            && (rule.only_after.is_empty() || self.came_last(&rule.only_after))
            && rule.only_under.as_ref().is_none_or(|under| {
                let birth = self.events.iter().find(|event| any(&under.birth, event));
                let grown = birth.and_then(|birth| calendar::months(birth.date, under.years * 12));
                grown.is_some_and(|grown| trigger.date < grown)
            })
    }

    /// Whether, of the events of these kinds up to the trigger, the last one is as the patterns say: an
    /// order about the appeal that was lodged last.
    fn came_last(&self, patterns: &[EventPattern]) -> bool {
        let of_kind = |event: &&Event| patterns.iter().any(|pattern| pattern.kind == event.kind);
        let last = self.events[..=self.trigger].iter().rev().copied().find(of_kind);
        last.is_some_and(|event| any(patterns, event))
    }

    /// The deadline, or `None` where the date leaves the calendar or nothing gives one.
    fn deadline(&self, rules: &DeadlineRules, correction: Option<&Correction>) -> Option<Deadline> {
        let rule = self.rule;
        let Dated { due, computed, set, why, inputs } = self.date(rules, correction)?;
        Some(Deadline {
            rule: rule.id.clone(),
            rule_version: rule.version,
            rules_version: rules.version.clone(),
            nature: rule.nature,
            due,
            computed,
            set,
            whose: rule.whose.clone(),
            label: rule.label.clone(),
            why,
            basis: rule.basis.clone(),
            inputs,
            resolution: self.resolution(rules, due),
        })
    }

    fn date(&self, rules: &DeadlineRules, correction: Option<&Correction>) -> Option<Dated> {
        let trigger = self.events[self.trigger];
        let mut why = Vec::new();
        let mut inputs = vec![trigger.record];
        let computed = match self.counted(rules, &mut why, &mut inputs) {
            Ok(computed) => computed,
            Err(OutOfCalendar) => return None,
        };
        let mut due = computed;
        let mut set = None;
        if let Some(entered) = &self.rule.entered
            && let Some(typed) = trigger.dates.get(&entered.field)
        {
            let holds = match entered.holds {
                EnteredHolds::Always => true,
                EnteredHolds::IfLater => computed.is_none_or(|computed| computed < typed.date),
            };
            if holds {
                due = Some(typed.date);
                set = Some(SetDate { record: trigger.record, reason: None, by: typed.by });
            } else if let Some(template) = entered.too_early.as_ref().filter(|_| computed != Some(typed.date))
            {
                why.push(fill(template, rules, trigger, typed.date, 0, typed.date));
            }
        }
        if let Some(correction) = correction {
            due = Some(correction.date);
            set = Some(SetDate {
                record: correction.record,
                reason: correction.reason.clone(),
                by: correction.by,
            });
            if !inputs.contains(&correction.record) {
                inputs.push(correction.record);
            }
        }
        let due = due?;
        let said = if correction.is_some() { &rules.corrected_why } else { &rules.entered_why };
        if let Some(template) = said.as_ref().filter(|_| set.is_some()) {
            why.push(fill(template, rules, trigger, trigger.date, 0, due));
        }
        Some(Dated { due, computed, set, why: why.join(" "), inputs })
    }

    /// The date that the rule counts, where one of its counts has what it counts from.
    fn counted(
        &self,
        rules: &DeadlineRules,
        why: &mut Vec<String>,
        inputs: &mut Vec<RecordId>,
    ) -> Result<Option<Date>, OutOfCalendar> {
        let rule = self.rule;
        let trigger = self.events[self.trigger];
        let mut dates = Vec::new();
        for count in &rule.counts {
            let Some((from, day)) = self.counted_from(count) else { continue };
            let step = count.step.apply(&rules.calendar, day);
            let due = match count.then {
                Some(then) => step.and_then(|between| then.apply(&rules.calendar, between)),
                None => step,
            };
            let due = due.ok_or(OutOfCalendar)?;
            why.push(fill(&count.why, rules, from, day, count.step.number(), due));
            dates.push(due);
            if !inputs.contains(&from.record) {
                inputs.push(from.record);
            }
            if rule.pick == Pick::First {
                break;
            }
        }
        let picked = match rule.pick {
            Pick::Later => dates.iter().max(),
            Pick::Earlier => dates.iter().min(),
            Pick::First => dates.first(),
        };
        let Some(mut due) = picked.copied() else { return Ok(None) };
        if let Some(template) = rule.pick_why.as_ref().filter(|_| dates.len() > 1) {
            why.push(fill(template, rules, trigger, trigger.date, 0, due));
        }
        if let Some(template) = &rule.tribunal_roll {
            let rolled = rules.calendar.trib_roll(due).ok_or(OutOfCalendar)?;
            if rolled != due {
                why.push(fill(template, rules, trigger, trigger.date, 0, rolled));
                due = rolled;
            }
        }
        let by_holidays = rule.tribunal_roll.is_some()
            || rule.counts.iter().any(|count| {
                count.step.needs_bank_holidays() || count.then.is_some_and(Step::needs_bank_holidays)
            });
        if by_holidays && !rules.calendar.knows(due) {
            why.push(rules.holidays_unknown.clone());
        }
        Ok(Some(due))
    }

    /// The event and the day that a count starts from.
    fn counted_from(&self, count: &Count) -> Option<(&'a Event, Date)> {
        let trigger = self.events[self.trigger];
        if self.first(|event| any(&count.unless, event)).is_some()
            || (!count.at.is_empty() && !any(&count.at, trigger))
        {
            return None;
        }
        let event = match &count.from {
            CountFrom::Trigger => Some(trigger),
            CountFrom::Run(patterns) => self.first(|event| any(patterns, event)).map(|i| self.events[i]),
            CountFrom::Earlier(patterns) => self.last_before(patterns),
        }?;
        let day = count.dates.iter().find_map(|date| match date {
            CountDate::Event => Some(event.date),
            CountDate::Field(name) => event.dates.get(name).map(|typed| typed.date),
        })?;
        Some((event, day))
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
                    Resolution::NotApplicable { why: fill(template, rules, self.events[met], on, 0, due) }
                }
                (Nature::NotBefore, _) => Resolution::Met { on },
                _ => match self.claim(rules, due).filter(|_| on > due) {
                    Some((exemption, expected_on)) => {
                        Resolution::Exempt { exemption, met_on: Some(on), expected_on }
                    }
                    None => Resolution::Met { on },
                },
            };
        }
        if let Some((i, exclusion)) = excluded.filter(|(i, _)| comes_first(*i, [ended, None])) {
            let event = self.events[i];
            return Resolution::NotApplicable { why: fill(&exclusion.why, rules, event, event.date, 0, due) };
        }
        if ended.is_some() || self.next.is_some() {
            return Resolution::Superseded;
        }
        match self.claim(rules, due) {
            Some((exemption, expected_on)) => Resolution::Exempt { exemption, met_on: None, expected_on },
            None => Resolution::Open,
        }
    }

    /// The first exemption claimed in the run that this rule admits. Where every trigger stands on
    /// its own, only a claim on it or on its own answer counts.
    fn claim(&self, rules: &DeadlineRules, due: Date) -> Option<(String, Option<Date>)> {
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
                        && exemption.covers(&self.rule.id)
                        && exemption.valid.touches(started, due)
                })
                .then(|| {
                    let expected = rules.expected_field.as_ref().and_then(|field| event.dates.get(field));
                    (code.clone(), expected.map(|typed| typed.date))
                })
        })
    }
}

/// A date with its reason.
struct Dated {
    due: Date,
    computed: Option<Date>,
    set: Option<SetDate>,
    why: String,
    inputs: Vec<RecordId>,
}

/// A date beyond what a calendar has.
struct OutOfCalendar;

fn fill(
    template: &Template,
    rules: &DeadlineRules,
    event: &Event,
    date: Date,
    number: i32,
    due: Date,
) -> String {
    template.fill(Filling { event: rules.event_name(event), date, number, due })
}
