//! Computes again what a change affects, in the order of who depends on whom.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Kind, MOST_ROWS, Rule, Session, SessionNode, Slot, T,
    compiled::{CompiledForm, Dependent},
    grow, values,
};
use crate::form::expr::{Scalar, Surroundings};

/// What waits to be computed: by rank, then rule, so that nothing is computed before what it reads.
type Waiting = BTreeSet<(usize, Rule, u32)>;

/// Most rules computed for one change: no honest form comes near it.
const MOST_WORK: usize = 2_000_000;

impl Session {
    /// Computes what depends on a node whose value changed.
    pub(super) fn changed(&mut self, node: u32, touched: &mut BTreeSet<u32>, around: &Surroundings) {
        let mut waiting = Waiting::new();
        self.wake(node, &mut waiting);
        self.run(waiting, touched, around);
    }

    pub(super) fn compute_everything(&mut self, around: &Surroundings) {
        let waiting = self.rules_below(0).into_iter().collect();
        self.run(waiting, &mut BTreeSet::new(), around);
    }

    /// Every rule at and below a node.
    fn wait_for_all(&self, from: u32, waiting: &mut Waiting) {
        waiting.extend(self.rules_below(from));
    }

    fn rules_below(&self, from: u32) -> Vec<(usize, Rule, u32)> {
        let mut found = Vec::new();
        for node in self.below(from) {
            let template = self.nodes[node as usize].template;
            for rule in self.form.templates[template].rules.keys() {
                // What is triggered waits for an answer; where codes are kept, there are none to take back.
                let is_computed = match rule {
                    Rule::Relevant => true,
                    Rule::Calculation => !self.form.templates[template].is_triggered,
                    Rule::Choices => !self.keeps,
                    _ => false,
                };
                if is_computed {
                    found.push((self.form.rank[template], *rule, node));
                }
            }
            if self.form.templates[template].source.is_some() && !self.keeps {
                found.push((self.form.rank[template], Rule::Choices, node));
            }
            for child in &self.form.templates[template].children {
                if self.form.templates[*child].rules.contains_key(&Rule::Count) {
                    found.push((self.form.rank[*child], Rule::Count, node));
                }
            }
        }
        found
    }

    /// Puts what reads a node, whose value changed, among what waits.
    fn wake(&self, node: u32, waiting: &mut Waiting) {
        let template = self.nodes[node as usize].template;
        for dependent in &self.form.dependents[template] {
            self.wake_dependent(node, *dependent, waiting);
        }
    }

    /// Whether it waits for an answer: that a question is asked or not, or that rows came or went, is none.
    fn waits_for_an_answer(&self, dependent: Dependent) -> bool {
        dependent.rule == Rule::Calculation && self.form.templates[dependent.template].is_triggered
    }

    fn wake_dependent(&self, node: u32, dependent: Dependent, waiting: &mut Waiting) {
        let above = if dependent.is_wide { 0 } else { self.shared(node, dependent.template) };
        self.wake_below(above, dependent.template, dependent.rule, waiting);
    }

    fn wake_below(&self, above: u32, template: T, rule: Rule, waiting: &mut Waiting) {
        let mut found = Vec::new();
        // Rows are counted where they are held.
        let target = match rule {
            Rule::Count => self.form.templates[template].parent.unwrap_or(CompiledForm::TOP),
            _ => template,
        };
        let above = if rule == Rule::Count { self.shared(above, target) } else { above };
        self.instances(above, target, false, &mut found);
        waiting.extend(found.into_iter().map(|found| (self.form.rank[template], rule, found)));
    }

    fn run(&mut self, mut waiting: Waiting, touched: &mut BTreeSet<u32>, around: &Surroundings) {
        let mut work = 0;
        while let Some((rank, rule, node)) = waiting.pop_first() {
            work += 1;
            if work > MOST_WORK {
                return;
            }
            match rule {
                Rule::Relevant => self.relevance(node, &mut waiting, touched, around),
                Rule::Calculation => self.calculation(node, &mut waiting, touched, around),
                Rule::Count => self.count(rank, node, &mut waiting, touched, around),
                Rule::Choices => self.filtered(node, &mut waiting, touched, around),
                // Computed when they are shown.
                Rule::Required | Rule::Constraint | Rule::ReadOnly | Rule::Default => {
                    touched.insert(node);
                }
            }
        }
    }

    fn relevance(
        &mut self,
        node: u32,
        waiting: &mut Waiting,
        touched: &mut BTreeSet<u32>,
        around: &Surroundings,
    ) {
        let form = Arc::clone(&self.form);
        let template = self.nodes[node as usize].template;
        let Some(expr) = form.templates[template].rules.get(&Rule::Relevant) else { return };
        let is = match expr.boolean(&*self, SessionNode::Record(node), around) {
            Ok(is) => {
                self.faults.remove(&(node, Rule::Relevant));
                is
            }
            Err(error) => {
                // What cannot be computed hides nothing.
                self.faults.insert((node, Rule::Relevant), error);
                true
            }
        };
        if self.nodes[node as usize].relevant == is {
            return;
        }
        self.nodes[node as usize].relevant = is;
        for below in self.below(node) {
            touched.insert(below);
            for dependent in &form.dependents[self.nodes[below as usize].template] {
                if !self.waits_for_an_answer(*dependent) {
                    self.wake_dependent(below, *dependent, waiting);
                }
            }
        }
    }

    fn calculation(
        &mut self,
        node: u32,
        waiting: &mut Waiting,
        touched: &mut BTreeSet<u32>,
        around: &Surroundings,
    ) {
        let form = Arc::clone(&self.form);
        let template = self.nodes[node as usize].template;
        let Some(expr) = form.templates[template].rules.get(&Rule::Calculation) else { return };
        let Kind::Question(question) = &form.templates[template].kind else { return };
        match expr.answer(&*self, SessionNode::Record(node), around) {
            Ok(value) => {
                self.faults.remove(&(node, Rule::Calculation));
                self.set(node, values::typed(question, value, &around.zone), waiting, touched);
            }
            Err(error) => {
                self.faults.insert((node, Rule::Calculation), error);
                self.set(node, Scalar::Empty, waiting, touched);
            }
        }
    }

    fn set(&mut self, node: u32, value: Scalar<'static>, waiting: &mut Waiting, touched: &mut BTreeSet<u32>) {
        if self.nodes[node as usize].value != value {
            self.nodes[node as usize].value = value;
            touched.insert(node);
            self.wake(node, waiting);
        }
    }

    /// Gives the repeats of this rank that a node holds as many rows as they count.
    fn count(
        &mut self,
        rank: usize,
        holder: u32,
        waiting: &mut Waiting,
        touched: &mut BTreeSet<u32>,
        around: &Surroundings,
    ) {
        let form = Arc::clone(&self.form);
        let children = &form.templates[self.nodes[holder as usize].template].children;
        let Some(template) = children.iter().copied().find(|child| form.rank[*child] == rank) else { return };
        let Some(expr) = form.templates[template].rules.get(&Rule::Count) else { return };
        let wanted = match expr.number(&*self, SessionNode::Record(holder), around) {
            Ok(number) => {
                self.faults.remove(&(holder, Rule::Count));
                (0..MOST_ROWS).take_while(|row| number >= (row + 1) as f64).count()
            }
            Err(error) => {
                self.faults.insert((holder, Rule::Count), error);
                return;
            }
        };
        let rows = self.rows(holder, template);
        for row in rows.len()..wanted {
            // Counted rows are named by their place: two phones that count to three mean the same three.
            self.push_row_later(holder, template, &format!("{}", row + 1), waiting, touched, around);
        }
        if rows.len() > wanted {
            self.drop_rows_later(holder, template, &rows[wanted..], waiting, touched);
        }
    }

    pub(super) fn push_row(
        &mut self,
        holder: u32,
        template: T,
        row: &str,
        touched: &mut BTreeSet<u32>,
        around: &Surroundings,
    ) -> u32 {
        let mut waiting = Waiting::new();
        let node = self.push_row_later(holder, template, row, &mut waiting, touched, around);
        self.run(waiting, touched, around);
        node
    }

    fn push_row_later(
        &mut self,
        holder: u32,
        template: T,
        row: &str,
        waiting: &mut Waiting,
        touched: &mut BTreeSet<u32>,
        around: &Surroundings,
    ) -> u32 {
        let node = self.add_bare_row(holder, template, row);
        self.start(node, around);
        self.wait_for_all(node, waiting);
        self.structure_changed(holder, template, waiting);
        touched.extend(self.below(node));
        node
    }

    pub(super) fn add_bare_row(&mut self, holder: u32, template: T, row: &str) -> u32 {
        let node = grow(&Arc::clone(&self.form), &mut self.nodes, template, Some(holder), row);
        let slot = self.form.templates[template].slot;
        if let Some(Slot::Rows(rows)) = self.nodes[holder as usize].slots.get_mut(slot) {
            rows.push(node);
        }
        node
    }

    pub(super) fn drop_rows(
        &mut self,
        holder: u32,
        template: T,
        gone: &[u32],
        touched: &mut BTreeSet<u32>,
        around: &Surroundings,
    ) {
        let mut waiting = Waiting::new();
        self.drop_rows_later(holder, template, gone, &mut waiting, touched);
        self.run(waiting, touched, around);
    }

    fn drop_rows_later(
        &mut self,
        holder: u32,
        template: T,
        gone: &[u32],
        waiting: &mut Waiting,
        touched: &mut BTreeSet<u32>,
    ) {
        let slot = self.form.templates[template].slot;
        if let Some(Slot::Rows(rows)) = self.nodes[holder as usize].slots.get_mut(slot) {
            rows.retain(|row| !gone.contains(row));
        }
        let all: BTreeSet<u32> = gone.iter().flat_map(|row| self.below(*row)).collect();
        waiting.retain(|(_, _, node)| !all.contains(node));
        self.faults.retain(|(node, _), _| !all.contains(node));
        if self.at.is_some_and(|at| all.contains(&at)) {
            self.at = None;
        }
        touched.insert(holder);
        self.structure_changed(holder, template, waiting);
    }

    /// Rows came or went: what reads the repeat or anything in it, and what reads its own place.
    fn structure_changed(&self, holder: u32, template: T, waiting: &mut Waiting) {
        for read in std::iter::once(template).chain(self.form.below(template)) {
            for dependent in &self.form.dependents[read] {
                let is_outside = !self.form.is_ancestor_or_self(template, dependent.template);
                if (dependent.is_wide || is_outside) && !self.waits_for_an_answer(*dependent) {
                    self.wake_dependent(holder, *dependent, waiting);
                }
            }
        }
        for (at, rule) in &self.form.by_place {
            if *rule <= Rule::Choices && self.form.is_ancestor_or_self(template, *at) {
                self.wake_below(self.shared(holder, *at), *at, *rule, waiting);
            }
        }
    }

    /// Takes back codes that are not offered any more.
    fn filtered(
        &mut self,
        node: u32,
        waiting: &mut Waiting,
        touched: &mut BTreeSet<u32>,
        around: &Surroundings,
    ) {
        touched.insert(node);
        if self.keeps {
            return;
        }
        let Scalar::Text(text) = &self.nodes[node as usize].value else { return };
        let offered = self.offered(node, around);
        // The whole of it, which may have blanks where it is an answer of a row.
        if offered.iter().any(|choice| choice.name == **text) {
            return;
        }
        let is_offered = |code: &&str| offered.iter().any(|choice| choice.name == **code);
        let left: Vec<&str> = text.split_whitespace().filter(is_offered).collect();
        let left = left.join(" ");
        if left != **text {
            self.set(node, left.into(), waiting, touched);
        }
    }
}
