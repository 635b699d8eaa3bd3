//! Judges rules over records. What it decides in doubt is written at the top of [`super`].

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::civil::Date;

use super::{
    Asked, Finding, Outcome, Place, Rule, Rules, Scope, Severity, Source, Take, Touched, UnitRecords, Views,
    Where, scene::Scene,
};
use crate::{
    deadline::Deadline,
    form::expr::{ExprError, NodeId, Surroundings, Tree, Value},
    ids::{GroupId, PersonId, RecordId},
    programme::{Programme, live::OWN_FORM},
    record::RecordView,
    time::Millis,
};

/// Judges one unit.
pub(super) fn unit<S: Source>(
    rules: &Rules,
    programme: &Programme,
    source: &S,
    asked: Asked,
    touched: Option<&[Touched<'_>]>,
) -> Result<Outcome, S::Error> {
    let mut court = Court::new(rules, programme, asked);
    let explained_by = rules.explained.as_ref().map(|explained| explained.form.as_str());
    // An explanation can be about any rule.
    let touched = touched.filter(|touched| touched.iter().all(|one| Some(one.form) != explained_by));
    // Rules about the records of one form share what they look at, if the same is judged.
    let mut of_form: BTreeMap<(&str, bool), Vec<&Rule>> = BTreeMap::new();
    // So do rules about the unit that get the same of each form.
    let mut of_unit: BTreeMap<&BTreeMap<String, Take>, Vec<&Rule>> = BTreeMap::new();
    for rule in &rules.rules {
        let is_of_unit = match rule.scope {
            Scope::Record | Scope::Unit | Scope::Day => true,
            Scope::Extract => asked.place == Place::Extract,
            Scope::Caseload | Scope::Area => false,
        };
        if !court.is_on(rule) || !is_of_unit {
            continue;
        }
        let touched: Option<Vec<Touched<'_>>> =
            touched.map(|touched| touched.iter().copied().filter(|one| rule.minds(one.form)).collect());
        if touched.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        let touched = touched.as_deref();
        if !rule.places.contains(&asked.place) {
            court.outcome.not_here.insert(rule.id.clone());
            continue;
        }
        match rule.scope {
            Scope::Record => match rule.form.as_deref() {
                Some(form) if rule.near() => court.records(&[rule], form, source, own(touched, form))?,
                Some(form) => of_form.entry((form, own(touched, form).is_none())).or_default().push(rule),
                None => {}
            },
            Scope::Day => court.days(rule, source, touched)?,
            _ => of_unit.entry(&rule.takes).or_default().push(rule),
        }
    }
    for ((form, whole), rules) in of_form {
        court.records(&rules, form, source, touched.filter(|_| !whole))?;
    }
    // Those that get many of a form before those that get few of them: these are among those.
    for rules in of_unit.into_values().rev() {
        court.whole(&rules, source)?;
    }
    court.forms(source, touched)?;
    court.explain(source)?;
    Ok(court.done())
}

/// What was touched of a form, where nothing else was that a rule minds: then it is judged for that alone.
fn own<'a, 'b>(touched: Option<&'a [Touched<'b>]>, form: &str) -> Option<&'a [Touched<'b>]> {
    touched.filter(|touched| touched.iter().all(|one| one.form == form))
}

/// Judges many units at once.
pub(super) fn units(
    rules: &Rules,
    programme: &Programme,
    scope: Scope,
    units: &[(GroupId, UnitRecords)],
    asked: Asked,
) -> Outcome {
    let mut court = Court::new(rules, programme, asked);
    let mut units: Vec<&(GroupId, UnitRecords)> = units.iter().collect();
    units.sort_by_key(|(group, _)| *group);
    let on: Vec<&Rule> = rules.rules.iter().filter(|rule| rule.scope == scope && court.is_on(rule)).collect();
    if on.is_empty() {
        return court.done();
    }
    let mut scene = Scene::new(rules, programme, &on);
    let top = scene.tree.add(Tree::ROOT, "units", crate::form::expr::Scalar::Empty);
    for (_, records) in units {
        let unit = scene.unit(top);
        for view in in_order(records.records.values().flatten().collect()) {
            scene.record(unit, "", view);
        }
        scene.deadlines(unit, &records.deadlines, court.as_of);
    }
    for rule in on {
        if rule.places.contains(&asked.place) {
            court.judge(rule, &scene, top, None);
        } else {
            court.outcome.not_here.insert(rule.id.clone());
        }
    }
    court.done()
}

/// What was judged so far.
struct Court<'a> {
    rules: &'a Rules,
    programme: &'a Programme,
    around: Surroundings,
    as_of: Date,
    outcome: Outcome,
    found: BTreeSet<Finding>,
}

impl<'a> Court<'a> {
    fn new(rules: &'a Rules, programme: &'a Programme, asked: Asked) -> Self {
        Self {
            rules,
            programme,
            around: Surroundings::new(asked.now.timestamp(), programme.time_zone(), [0; 32]),
            as_of: programme.day(asked.now),
            outcome: Outcome::default(),
            found: BTreeSet::new(),
        }
    }

    fn is_on(&self, rule: &Rule) -> bool {
        rule.from.is_none_or(|from| from <= self.as_of) && rule.to.is_none_or(|to| self.as_of <= to)
    }

    fn done(mut self) -> Outcome {
        self.outcome.findings = self.found.into_iter().collect();
        self.outcome
    }

    /// Rules about single records of a form.
    fn records<S: Source>(
        &mut self,
        rules: &[&'a Rule],
        form: &str,
        source: &S,
        touched: Option<&[Touched<'_>]>,
    ) -> Result<(), S::Error> {
        let near = rules.iter().any(|rule| rule.near());
        // Those whose own record changed are judged for that record; where something that they read
        // beside it changed, for all.
        let views = match touched {
            Some(touched) => {
                let mut views: Vec<Arc<RecordView>> = Vec::new();
                let mut judged = Vec::new();
                for one in touched.iter().filter(|one| one.form == form) {
                    views.extend(source.record(one.record)?);
                    judged.push(one.record);
                }
                if near {
                    // Its neighbours are judged with it, and those that were its neighbours before.
                    for view in views.clone() {
                        if let Some(at) = self.at(&view) {
                            views.extend(source.records(form, Take::Near(at))?);
                        }
                    }
                    let moved = touched.iter().any(|one| one.form == form && !one.is_new);
                    for rule in rules.iter().filter(|_| moved) {
                        for record in source.found_before(&rule.id)? {
                            views.extend(source.record(record)?);
                            judged.push(record);
                        }
                    }
                }
                judged.extend(views.iter().map(|view| view.root.id));
                for rule in rules {
                    let judged = judged.iter().map(|record| (rule.id.clone(), Some(*record)));
                    self.outcome.judged.extend(judged);
                }
                views
            }
            None => {
                self.outcome.judged.extend(rules.iter().map(|rule| (rule.id.clone(), None)));
                source.records(form, Take::All)?
            }
        };
        let views = in_order(views);
        if views.is_empty() {
            return Ok(());
        }
        // What they read beside the record is the same for all of them.
        let beside = self.beside(rules, source, Some(form))?;
        let dates =
            if rules.iter().any(|rule| rule.reads_deadlines) { source.deadlines()? } else { Vec::new() };
        // Who reads only some of a record's siblings sees no others.
        let some = |take: &Take| matches!(take, Take::Latest(_) | Take::First(_));
        if near || rules.iter().any(|rule| rule.takes.get(form).is_some_and(some)) {
            for view in &views {
                let mut seen = vec![Arc::clone(view)];
                if near && let Some(at) = self.at(view) {
                    seen.extend(source.records(form, Take::Near(at))?);
                }
                self.sit(rules, (&seen, &beside, &dates), &[view.root.id]);
            }
        } else {
            // One scene for all of them: a rule that does not read a record's siblings does not mind them.
            let judged: Vec<RecordId> = views.iter().map(|view| view.root.id).collect();
            self.sit(rules, (&views, &beside, &dates), &judged);
        }
        Ok(())
    }

    /// Judges rules for these (in order) of the records seen, which are of one form, and beside which there are
    /// others.
    fn sit(
        &mut self,
        rules: &[&'a Rule],
        (seen, beside, dates): (&[Arc<RecordView>], &Beside, &[Deadline]),
        judged: &[RecordId],
    ) {
        let mut scene = Scene::new(self.rules, self.programme, rules);
        let unit = scene.unit(Tree::ROOT);
        let mut nodes = Vec::with_capacity(judged.len());
        for view in in_order(seen.iter().chain(&beside.siblings).map(Arc::as_ref).collect()) {
            let node = scene.record(unit, "", view);
            if judged.binary_search(&view.root.id).is_ok() {
                nodes.push(node);
            }
        }
        self.fill(&mut scene, unit, beside);
        scene.deadlines(unit, dates, self.as_of);
        for node in nodes {
            for rule in rules {
                self.judge(rule, &scene, node, Some(node));
            }
        }
    }

    /// What the forms of the records find by themselves.
    fn forms<S: Source>(&mut self, source: &S, touched: Option<&[Touched<'_>]>) -> Result<(), S::Error> {
        let programme = self.programme;
        let mut views = Vec::new();
        match touched {
            Some(touched) => {
                for one in touched {
                    self.outcome.judged.insert((OWN_FORM.to_owned(), Some(one.record)));
                    if programme.checks_itself(one.form) {
                        views.extend(source.record(one.record)?);
                    }
                }
            }
            None => {
                self.outcome.judged.insert((OWN_FORM.to_owned(), None));
                for form in programme.records.keys().filter(|form| programme.checks_itself(form)) {
                    views.extend(source.records(form, Take::All)?);
                }
            }
        }
        for view in in_order(views) {
            self.found.extend(programme.found_by_form(&view, &self.around));
        }
        Ok(())
    }

    /// Rules about a unit that get the same of each form.
    fn whole<S: Source>(&mut self, rules: &[&'a Rule], source: &S) -> Result<(), S::Error> {
        self.outcome.judged.extend(rules.iter().map(|rule| (rule.id.clone(), None)));
        let beside = self.beside(rules, source, None)?;
        let mut scene = Scene::new(self.rules, self.programme, rules);
        let unit = scene.unit(Tree::ROOT);
        self.fill(&mut scene, unit, &beside);
        if rules.iter().any(|rule| rule.reads_deadlines) {
            scene.deadlines(unit, &source.deadlines()?, self.as_of);
        }
        for rule in rules {
            self.judge(rule, &scene, unit, None);
        }
        Ok(())
    }

    /// A rule about the day of the person who wrote a record.
    fn days<S: Source>(
        &mut self,
        rule: &'a Rule,
        source: &S,
        touched: Option<&[Touched<'_>]>,
    ) -> Result<(), S::Error> {
        for form in &rule.forms {
            let records = match own(touched, form) {
                Some(touched) => {
                    let mut records: Vec<Arc<RecordView>> = Vec::new();
                    for one in touched {
                        records.extend(source.record(one.record)?);
                        self.outcome.judged.insert((rule.id.clone(), Some(one.record)));
                    }
                    for record in source.found_before(&rule.id)? {
                        records.extend(source.record(record)?);
                        self.outcome.judged.insert((rule.id.clone(), Some(record)));
                    }
                    records
                }
                None => {
                    self.outcome.judged.insert((rule.id.clone(), None));
                    source.records(form, Take::All)?
                }
            };
            let mut days: BTreeSet<(PersonId, Date)> = BTreeSet::new();
            let mut own: BTreeSet<RecordId> = BTreeSet::new();
            for view in &records {
                own.insert(view.root.id);
                if let (Some(author), Some(at)) = (view.created.author, self.at(view)) {
                    days.insert((author, self.programme.day(at)));
                }
            }
            for (person, day) in days {
                let Some(views) = source.day(form, person, day)? else {
                    self.outcome.not_here.insert(rule.id.clone());
                    continue;
                };
                let mut scene = Scene::new(self.rules, self.programme, &[rule]);
                let top = scene.unit(Tree::ROOT);
                let views = in_order(views);
                for view in &views {
                    scene.record(top, "", view);
                    own.insert(view.root.id);
                }
                // Told at every record of the day, so that it is seen in each of its units.
                for node in scene.records.keys().copied().collect::<Vec<NodeId>>() {
                    let record = scene.records[&node].0;
                    self.outcome.judged.insert((rule.id.clone(), Some(record)));
                    self.judge(rule, &scene, top, Some(node));
                }
            }
        }
        Ok(())
    }

    /// The records that rules read beside the one they are about; each form is read once.
    fn beside<S: Source>(
        &self,
        rules: &[&'a Rule],
        source: &S,
        own: Option<&str>,
    ) -> Result<Beside, S::Error> {
        let mut takes: BTreeMap<&str, Take> = BTreeMap::new();
        let mut others: BTreeSet<&str> = BTreeSet::new();
        let mut reads_siblings = false;
        for rule in rules {
            for form in rule.forms.iter().filter(|form| Some(form.as_str()) != own) {
                takes.insert(form, rule.takes.get(form).copied().unwrap_or(Take::All));
            }
            others.extend(rule.others.iter().map(String::as_str));
            // Where a record's own siblings are read, all of them are, unless only the near ones are.
            reads_siblings |= own.is_some_and(|own| rule.takes.get(own) == Some(&Take::All));
        }
        let mut beside = Beside::default();
        for (form, take) in takes {
            beside.records.push(in_order(source.records(form, take)?));
        }
        if let Some(own) = own.filter(|_| reads_siblings) {
            beside.siblings = in_order(source.records(own, Take::All)?);
        }
        for form in others {
            beside.others.extend(source.records(form, Take::Others)?);
        }
        beside.others = in_order(beside.others);
        Ok(beside)
    }

    fn fill(&self, scene: &mut Scene<'_>, unit: NodeId, beside: &Beside) {
        for view in beside.records.iter().flatten() {
            scene.record(unit, "", view);
        }
        for view in &beside.others {
            scene.record(unit, "other_", view);
        }
    }

    /// When a record says that it took place.
    fn at(&self, view: &RecordView) -> Option<Millis> {
        let kind = self.programme.record_kind(&view.root.form)?;
        let value = view.value(kind.at.as_deref()?)?;
        value.as_instant().or_else(|| {
            let midnight = value.as_date()?.to_zoned_datetime(self.programme.time_zone()).ok()?;
            Some(Millis(midnight.timestamp().as_millisecond()))
        })
    }

    /// Evaluates a rule: at one node, or at each of those it names. `about` is the record that it is
    /// about where the expression belongs to another node.
    fn judge(&mut self, rule: &Rule, scene: &Scene<'_>, node: NodeId, about: Option<NodeId>) {
        let nodes = match &rule.each {
            None => vec![node],
            Some(each) => match each.evaluate(&scene.tree, node, &self.around) {
                Ok(Value::Nodes(nodes)) => nodes,
                Ok(_) => Vec::new(),
                Err(error) => return self.not_made(rule, scene, about, &error),
            },
        };
        if !rule.alike.is_empty() {
            return self.alike(rule, scene, &nodes);
        }
        let Some(problem_if) = &rule.problem_if else { return };
        for at in nodes {
            let about = about.or_else(|| scene.records.contains_key(&at).then_some(at));
            match problem_if.boolean(&scene.tree, at, &self.around) {
                Ok(true) => self.find(rule, scene, about),
                Ok(false) => {}
                Err(error) => self.not_made(rule, scene, about, &error),
            }
        }
    }

    /// Finds the nodes that have the same keys as another one.
    fn alike(&mut self, rule: &Rule, scene: &Scene<'_>, nodes: &[NodeId]) {
        for keys in &rule.alike {
            let mut by_key: BTreeMap<Vec<String>, Vec<NodeId>> = BTreeMap::new();
            'nodes: for node in nodes {
                let mut key = Vec::with_capacity(keys.len());
                for part in keys {
                    match part.text(&scene.tree, *node, &self.around) {
                        Ok(text) if !text.is_empty() => key.push(text),
                        // Two that say nothing are not alike.
                        Ok(_) => continue 'nodes,
                        Err(error) => {
                            self.not_made(rule, scene, Some(*node), &error);
                            continue 'nodes;
                        }
                    }
                }
                by_key.entry(key).or_default().push(*node);
            }
            for node in by_key.into_values().filter(|nodes| nodes.len() > 1).flatten() {
                self.find(rule, scene, Some(node));
            }
        }
    }

    fn find(&mut self, rule: &Rule, scene: &Scene<'_>, about: Option<NodeId>) {
        let finding = self.finding(rule, scene, about);
        self.found.insert(finding);
    }

    fn finding(&self, rule: &Rule, scene: &Scene<'_>, about: Option<NodeId>) -> Finding {
        use crate::form::expr::Context as _;
        let mut record = about.and_then(|node| scene.records.get(&node)).cloned();
        let field = match &rule.field {
            None => None,
            Some(Where::Own(field)) => Some(field.clone()),
            Some(Where::Named(name)) => about.and_then(|node| {
                let tree = &scene.tree;
                let attribute = tree.attributes(node).find(|attribute| tree.name(*attribute) == name)?;
                let text = tree.value(attribute).text(&self.around.zone);
                text.split(' ').next().filter(|word| !word.is_empty()).map(str::to_owned)
            }),
            Some(Where::Of(of)) => {
                let first = scene.records.values().find(|(_, form)| *form == of.form);
                record = first.cloned();
                Some(of.field.clone())
            }
        };
        let missing = match &rule.field {
            Some(Where::Of(of)) => Some(of.form.clone()),
            _ => None,
        };
        Finding {
            severity: rule.severity,
            rule: rule.id.clone(),
            form: record.as_ref().map(|(_, form)| form.clone()).or(missing),
            record: record.map(|(record, _)| record),
            field,
            message: rule.message.clone(),
            help: rule.help.clone(),
            rules_version: self.rules.version.clone(),
            explained: false,
            not_made: false,
            own_form: false,
        }
    }

    /// Tells that a check could not be made. An [`ExprError`] holds no value of a record.
    fn not_made(&mut self, rule: &Rule, scene: &Scene<'_>, about: Option<NodeId>, error: &ExprError) {
        let finding = Finding {
            severity: Severity::Info,
            message: format!("This could not be checked: {}", error.what),
            help: error.help.clone(),
            not_made: true,
            ..self.finding(rule, scene, about)
        };
        self.found.insert(finding);
    }

    /// Marks what somebody has explained.
    fn explain<S: Source>(&mut self, source: &S) -> Result<(), S::Error> {
        let Some(explained) = &self.rules.explained else { return Ok(()) };
        if !self.found.iter().any(|finding| finding.severity == Severity::Query) {
            return Ok(());
        }
        let mut answers: BTreeSet<(String, Option<RecordId>)> = BTreeSet::new();
        for view in source.records(&explained.form, Take::All)? {
            let status = view.text(&explained.status).unwrap_or_default();
            if let Some(rule) = view.text(&explained.rule)
                && explained.codes.iter().any(|code| code == status)
            {
                let target = view.text(&explained.target).and_then(|target| target.parse().ok());
                answers.insert((rule.to_owned(), target));
            }
        }
        self.found = std::mem::take(&mut self.found)
            .into_iter()
            .map(|finding| {
                let is_explained = finding.severity == Severity::Query
                    && [finding.record, None]
                        .into_iter()
                        .any(|target| answers.contains(&(finding.rule.clone(), target)));
                Finding { explained: is_explained, ..finding }
            })
            .collect();
        Ok(())
    }
}

/// What rules read beside the record that they are about.
#[derive(Default)]
struct Beside {
    /// Of one form after the other, in the order of their names.
    records: Vec<Views>,
    siblings: Views,
    others: Views,
}

impl Rule {
    /// Whether it reads records of a form, or is judged when one changes.
    pub(super) fn minds(&self, form: &str) -> bool {
        [&self.forms, &self.others, &self.stirred_by].iter().any(|forms| forms.contains(form))
    }

    /// Whether it compares a record with those near it.
    fn near(&self) -> bool {
        let own = self.form.as_ref().and_then(|form| self.takes.get(form));
        matches!(own, Some(Take::Near(_)))
    }
}

/// By id, each once: the order in which records are handed over must not matter.
fn in_order<V: Borrow<RecordView>>(mut views: Vec<V>) -> Vec<V> {
    views.sort_by_key(|view| (*view).borrow().root.id);
    views.dedup_by(|one, other| (*one).borrow().root.id == (*other).borrow().root.id);
    views
}
