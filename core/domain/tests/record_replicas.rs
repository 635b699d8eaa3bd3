//! However replicas of a record exchange their changes, they end alike and nothing that anybody
//! saved is lost.
//!
//! Two to five phones edit one record while changes are delivered late, twice, out of order or not
//! at all. Every state is compared with a model that knows nothing of automerge: a value is live
//! until somebody who had seen it writes the same field. `PROPTEST_CASES` sets the number of cases.

#![expect(clippy::unwrap_used, reason = "a test stops where something fails")]

use std::collections::{BTreeMap, BTreeSet};

use alongside_domain::{
    form::MergePolicy,
    ids::{ActorId, ChangeHash, GroupId, RecordId},
    record::{Circumstances, Disagreement, Document, Edit, LiveValue, RawChange, RecordView, Root},
    time::Millis,
    value::Value,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRng, TestRunner},
};

const TEXT: &str = "story";
const KEYS: [&str; 8] =
    ["school", "born", "confidential", "need/ASD", "need/HI", "sibling/r1/name", "sibling/r2/name", TEXT];

fn policy(key: &str) -> MergePolicy {
    match key {
        "born" => MergePolicy::Review,
        "confidential" => MergePolicy::Protect("yes".into()),
        TEXT => MergePolicy::Text,
        key if key.starts_with("need/") => MergePolicy::Set,
        _ => MergePolicy::Value,
    }
}

fn value(key: &str, pick: usize) -> Value {
    match (key, pick % 5) {
        (_, 0) => Value::Null,
        (key, pick) if key.starts_with("need/") => Value::Bool(pick % 2 == 0),
        (_, 1) => "yes".into(),
        (_, 2) => "no".into(),
        (TEXT, _) => "yes, no".into(),
        (_, 3) => Value::Integer(3),
        (_, _) => "".into(),
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A phone saves some fields, its clock saying `at`.
    Save { who: usize, at: i64, edits: Vec<(usize, usize)> },
    /// A phone writes one of the live values of a field once more.
    Decide { who: usize, at: i64, key: usize, pick: usize },
    /// One phone sends another some of its changes: some twice, some before what they depend on.
    Send { from: usize, to: usize, picks: Vec<usize> },
    /// From now on only phones on the same side reach each other.
    Part { sides: u8 },
    /// A phone starts again from its log, read from some place on and around.
    Reload { who: usize, turn: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let edits = prop::collection::vec((0..KEYS.len(), 0..5_usize), 1..4);
    prop_oneof![
        6 => (0..5_usize, 0..4_i64, edits).prop_map(|(who, at, edits)| Step::Save { who, at, edits }),
        2 => (0..5_usize, 0..4_i64, 0..KEYS.len(), 0..5_usize)
            .prop_map(|(who, at, key, pick)| Step::Decide { who, at, key, pick }),
        6 => (0..5_usize, 0..5_usize, prop::collection::vec(0..64_usize, 1..6))
            .prop_map(|(from, to, picks)| Step::Send { from, to, picks }),
        1 => any::<u8>().prop_map(|sides| Step::Part { sides }),
        1 => (0..5_usize, 0..64_usize).prop_map(|(who, turn)| Step::Reload { who, turn }),
    ]
}

fn story() -> impl Strategy<Value = (usize, Vec<Step>)> {
    (2..=5_usize, prop::collection::vec(step(), 1..40))
}

/// A change as the model knows it.
struct Known {
    raw: RawChange,
    /// All changes that its writer had.
    seen: BTreeSet<usize>,
    /// What it wrote.
    writes: BTreeMap<&'static str, Value>,
}

struct Replica {
    document: Document,
    has: BTreeSet<usize>,
    /// Arrived, but something it depends on has not.
    held: Vec<usize>,
    side: bool,
}

struct World {
    log: Vec<Known>,
    replicas: Vec<Replica>,
    /// What a wrong merge would do to each view; does nothing in the real test.
    spoil: fn(&mut RecordView),
}

/// What a check found wrong.
type Finding = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Finding {
    if holds { Ok(()) } else { Err(what()) }
}

impl World {
    fn new(replicas: usize, spoil: fn(&mut RecordView)) -> Self {
        let root = Root {
            id: RecordId([1; 16]),
            form: "child_profile".into(),
            form_version: "1".into(),
            group: GroupId([2; 16]),
        };
        let first = Edit { key: "school".into(), value: "Moss Lane".into() };
        let (document, raw) = Document::create_with_texts(&root, &[TEXT], &[first], &writer(9, 0)).unwrap();
        let writes = BTreeMap::from([("school", "Moss Lane".into())]);
        let replica = || Replica {
            document: document.clone(),
            has: BTreeSet::from([0]),
            held: Vec::new(),
            side: false,
        };
        Self {
            log: vec![Known { raw, seen: BTreeSet::new(), writes }],
            replicas: (0..replicas).map(|_| replica()).collect(),
            spoil,
        }
    }

    /// The writes of a field that nobody among these changes has written over.
    fn live(&self, has: &BTreeSet<usize>, key: &str) -> Vec<(usize, &Value)> {
        let writes = |change: &usize| self.log[*change].writes.get(key).map(|value| (*change, value));
        let over = |change: usize| {
            has.iter().any(|later| writes(later).is_some() && self.log[*later].seen.contains(&change))
        };
        has.iter().filter_map(writes).filter(|(change, _)| !over(*change)).collect()
    }

    fn view(&self, who: usize) -> RecordView {
        let mut view = self.replicas[who].document.view(&policy, &BTreeMap::new()).unwrap();
        (self.spoil)(&mut view);
        view
    }

    fn play(&mut self, step: &Step) -> Finding {
        let count = self.replicas.len();
        match step {
            Step::Save { who, at, edits } => {
                let edits = edits.iter().map(|&(key, pick)| (KEYS[key], value(KEYS[key], pick))).collect();
                self.save(who % count, *at, edits)
            }
            Step::Decide { who, at, key, pick } => {
                let (who, key) = (who % count, KEYS[*key]);
                let live = self.live(&self.replicas[who].has, key);
                if live.is_empty() {
                    return Ok(());
                }
                let chosen = live[pick % live.len()].1.clone();
                self.save(who, *at, BTreeMap::from([(key, chosen)]))
            }
            Step::Send { from, to, picks } => {
                let (from, to) = (from % count, to % count);
                if self.replicas[from].side != self.replicas[to].side {
                    return Ok(());
                }
                let has: Vec<usize> = self.replicas[from].has.iter().copied().collect();
                self.receive(to, picks.iter().map(|pick| has[pick % has.len()]).collect())
            }
            Step::Part { sides } => {
                for (place, replica) in self.replicas.iter_mut().enumerate() {
                    replica.side = (sides >> place) & 1 == 1;
                }
                Ok(())
            }
            Step::Reload { who, turn } => {
                let replica = &mut self.replicas[who % count];
                let mut changes: Vec<&[u8]> =
                    replica.has.iter().map(|at| &*self.log[*at].raw.bytes).collect();
                let turn = turn % changes.len();
                changes.rotate_left(turn);
                changes.extend_from_within(..turn);
                replica.document = Document::load(changes).unwrap();
                self.check(who % count)
            }
        }
    }

    fn save(&mut self, who: usize, at: i64, edits: BTreeMap<&'static str, Value>) -> Finding {
        let has = self.replicas[who].has.clone();
        let before = self.replicas[who].document.view(&policy, &BTreeMap::new()).unwrap();
        let is_new = |key: &str, value: &Value| {
            let live = self.live(&has, key);
            if key == TEXT {
                let merged = before.text(TEXT).unwrap_or_default();
                return live.len() > 1 || merged != value.as_text().unwrap_or_default();
            }
            live.iter().any(|(_, live)| *live != value) || (live.is_empty() && *value != Value::Null)
        };
        let writes: BTreeMap<_, _> =
            edits.clone().into_iter().filter(|(key, value)| is_new(key, value)).collect();
        let edits: Vec<_> =
            edits.into_iter().map(|(key, value)| Edit { key: key.to_owned(), value }).collect();
        let replica = &mut self.replicas[who];
        let written = replica.document.edit(&edits, &writer(who, at)).unwrap();
        ensure(written.is_some() != writes.is_empty(), || format!("{edits:?} should write {writes:?}"))?;
        if let Some(raw) = written {
            replica.has.insert(self.log.len());
            self.log.push(Known { raw, seen: has, writes });
        }
        self.check(who)
    }

    fn receive(&mut self, who: usize, changes: Vec<usize>) -> Finding {
        let replica = &mut self.replicas[who];
        replica.held.extend(changes);
        loop {
            let has = replica.has.clone();
            let ready: Vec<usize> =
                replica.held.extract_if(.., |change| self.log[*change].seen.is_subset(&has)).collect();
            if ready.is_empty() {
                break;
            }
            replica.document.apply(ready.iter().map(|at| self.log[*at].raw.bytes.as_slice())).unwrap();
            replica.has.extend(ready);
        }
        self.check(who)
    }

    /// All phones reach each other, each getting everything from another place on.
    fn heal(&mut self) -> Finding {
        for who in 0..self.replicas.len() {
            let mut all: Vec<usize> = (0..self.log.len()).rev().collect();
            let turn = who % all.len();
            all.rotate_left(turn);
            self.receive(who, all)?;
        }
        Ok(())
    }

    /// Compares a replica with the model.
    fn check(&self, who: usize) -> Finding {
        let replica = &self.replicas[who];
        let view = self.view(who);
        let mut heads = BTreeSet::new();
        for change in &replica.has {
            let known = &self.log[*change];
            heads.retain(|head| !known.raw.deps.contains(head));
            heads.insert(known.raw.hash);
        }
        ensure(view.heads.iter().eq(&heads), || format!("heads are {:?}, not {heads:?}", view.heads))?;
        for key in KEYS {
            self.check_field(&view, &replica.has, key).map_err(|finding| format!("{key}: {finding}"))?;
        }
        Ok(())
    }

    fn check_field(&self, view: &RecordView, has: &BTreeSet<usize>, key: &str) -> Finding {
        let live = self.live(has, key);
        let Some(field) = view.fields.get(key) else {
            return ensure(live.is_empty(), || format!("not there, but {live:?} are live"));
        };
        let merged = key == TEXT && live.len() > 1;
        let stated = |live: &LiveValue| (live.change, live.value.clone());
        let mut found: Vec<(ChangeHash, Value)> = field.others.iter().map(stated).collect();
        if !merged {
            found.push(stated(&field.shown));
        }
        let as_kept = |value: &Value| match value {
            Value::Null if key == TEXT => "".into(),
            value => value.clone(),
        };
        let mut expected: Vec<_> =
            live.iter().map(|(at, value)| (self.log[*at].raw.hash, as_kept(value))).collect();
        found.sort();
        expected.sort();
        ensure(found == expected, || format!("live are {found:?}, not {expected:?}"))?;

        for live in field.others.iter().chain([&field.shown]) {
            let known = self.log.iter().find(|known| known.raw.hash == live.change).unwrap();
            let inside = (known.raw.start_op..=known.raw.max_op).contains(&live.op.counter);
            ensure(inside && live.op.actor == known.raw.actor && live.at == known.raw.at, || {
                format!("{live:?} is not of its change")
            })?;
        }
        let differ = expected.iter().any(|(_, value)| *value != expected[0].1);
        let is_first = |value: &Value| match policy(key) {
            MergePolicy::Set => *value == Value::Bool(true),
            MergePolicy::Protect(protected) => value.as_text() == Some(&protected),
            _ => false,
        };
        let any_first = expected.iter().any(|(_, value)| is_first(value));
        let asked = match policy(key) {
            MergePolicy::Text if merged => Disagreement::Shown,
            _ if !differ => Disagreement::None,
            MergePolicy::Review => Disagreement::NeedsDecision,
            MergePolicy::Set | MergePolicy::Protect(_) if any_first => Disagreement::Settled,
            MergePolicy::Set => Disagreement::None,
            _ => Disagreement::Shown,
        };
        ensure(field.disagreement == asked, || format!("asks {:?}, not {asked:?}", field.disagreement))?;
        if merged {
            return Ok(());
        }
        ensure(is_first(&field.shown.value) == any_first, || "the wrong value is protected".into())?;
        let later = |other: &&LiveValue| {
            is_first(&other.value) == any_first && (other.at, other.op) > (field.shown.at, field.shown.op)
        };
        ensure(!field.others.iter().any(|other| later(&other)), || "an earlier value is shown".into())
    }

    /// What holds once everybody has everything.
    fn check_end(&self) -> Finding {
        let first = self.view(0);
        let json = serde_json::to_string(&first).unwrap();
        let history = self.replicas[0].document.history(&BTreeMap::new()).unwrap();
        for (who, replica) in self.replicas.iter().enumerate() {
            ensure(replica.has.len() == self.log.len(), || format!("{who} lacks changes"))?;
            let view = self.view(who);
            ensure(view == first, || format!("{who} sees another record"))?;
            ensure(serde_json::to_string(&view).unwrap() == json, || format!("{who} writes it otherwise"))?;
            let other = replica.document.history(&BTreeMap::new()).unwrap();
            ensure(other == history, || format!("{who} tells another history"))?;
        }
        for (change, known) in self.log.iter().enumerate() {
            let then =
                self.replicas[0].document.view_at(&[known.raw.hash], &policy, &BTreeMap::new()).unwrap();
            let had = known.seen.iter().copied().chain([change]).collect();
            for key in KEYS {
                self.check_field(&then, &had, key)
                    .map_err(|finding| format!("{key} in the past: {finding}"))?;
            }
            let entry = history.iter().find(|entry| entry.change == known.raw.hash);
            let entry = entry.ok_or("a change is not in the history")?;
            ensure(entry.fields.len() == known.writes.len(), || format!("{entry:?} tells too much"))?;
            for (key, value) in &known.writes {
                let told = entry.fields.iter().find(|field| field.key == *key);
                let told = told.ok_or_else(|| format!("{key} is not in the history"))?;
                let saved =
                    if *key == TEXT { value.as_text().unwrap_or_default().into() } else { value.clone() };
                ensure(told.to == saved, || format!("{told:?} should tell {value:?}"))?;
                if *key != TEXT {
                    let mut seen: Vec<_> =
                        self.live(&known.seen, key).into_iter().map(|(_, value)| value).collect();
                    let mut from: Vec<_> = told.from.iter().collect();
                    seen.sort();
                    from.sort();
                    ensure(from == seen, || format!("{told:?} should come from {seen:?}"))?;
                }
            }
        }
        Ok(())
    }
}

fn writer(who: usize, at: i64) -> Circumstances {
    Circumstances {
        actor: ActorId([u8::try_from(who).unwrap() + 1; 16]),
        at: Millis(1_425_373_200_000 + at),
        zone: "Europe/London".into(),
        offline: false,
        reason: None,
    }
}

fn play(replicas: usize, steps: &[Step], spoil: fn(&mut RecordView)) -> Finding {
    let mut world = World::new(replicas, spoil);
    for step in steps {
        world.play(step)?;
    }
    world.heal()?;
    world.check_end()
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(Config::with_cases(cases()))]

    #[test]
    fn replicas_end_alike_and_nothing_saved_is_lost((replicas, steps) in story()) {
        play(replicas, &steps, |_| ()).map_err(TestCaseError::fail)?;
    }
}

/// The same stories have to find a merge that is wrong: `spoil` does to every view what it would do.
fn is_caught(spoil: fn(&mut RecordView)) -> String {
    let config = Config { cases: 64, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let outcome = TestRunner::new_with_rng(config, rng)
        .run(&story(), |(replicas, steps)| play(replicas, &steps, spoil).map_err(TestCaseError::fail));
    match outcome {
        Err(TestError::Fail(reason, _)) => reason.to_string(),
        other => panic!("the wrong merge passed: {other:?}"),
    }
}

#[test]
fn a_merge_that_drops_the_losers_is_caught() {
    let finding = is_caught(|view| view.fields.values_mut().for_each(|field| field.others.clear()));
    assert!(finding.contains("live are"), "{finding}");
}

#[test]
fn a_merge_that_shows_the_earlier_value_is_caught() {
    is_caught(|view| {
        for field in view.fields.values_mut() {
            if let Some(last) = field.others.last_mut() {
                std::mem::swap(last, &mut field.shown);
            }
        }
    });
}

#[test]
fn a_merge_that_hides_a_disagreement_is_caught() {
    let finding = is_caught(|view| {
        for field in view.fields.values_mut() {
            field.disagreement = Disagreement::None;
        }
    });
    assert!(finding.contains("asks None"), "{finding}");
}

#[test]
fn a_merge_that_forgets_clearings_is_caught() {
    is_caught(|view| view.fields.retain(|_, field| field.shown.value != Value::Null));
}
