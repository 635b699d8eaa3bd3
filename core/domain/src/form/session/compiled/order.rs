//! The order in which the expressions of a form are computed, and the circles that have none.

use std::collections::VecDeque;

use super::{CompileError, Rule, T, graph::Graph};

/// Who is computed after whom.
struct Order {
    /// For every part those that are computed behind it.
    next: Vec<Vec<T>>,
    /// For every part how many it still waits for.
    waits: Vec<u32>,
}

impl Graph<'_> {
    /// Gives every part a rank above those of all that it depends on.
    ///
    /// # Errors
    ///
    /// Every circle: of those that share a question one, with the names of all that are in the others.
    pub(super) fn order(&mut self, own: &[(T, Rule)]) -> Result<(), Vec<CompileError>> {
        let count = self.parts.len();
        let mut waits = vec![0_u32; count];
        for at in 0..count {
            self.behind(at).for_each(|to| waits[to] += 1);
        }
        let mut ready: Vec<T> = (0..count).filter(|at| waits[*at] == 0).collect();
        let mut ranks = vec![usize::MAX; count];
        let mut rank = 0;
        while let Some(at) = ready.pop() {
            ranks[at] = rank;
            rank += 1;
            for to in self.behind(at) {
                waits[to] -= 1;
                if waits[to] == 0 {
                    ready.push(to);
                }
            }
        }
        self.rank = ranks;
        if rank == count && own.is_empty() {
            return Ok(());
        }
        let next = (0..count).map(|at| self.behind(at).collect()).collect();
        let order = Order { next, waits };
        let tangles = order.tangles();
        let mut circles: Vec<CompileError> =
            tangles.iter().map(|members| self.circle(&order, members)).collect();
        circles.extend(own.iter().map(|(at, rule)| {
            let part = &self.parts[*at];
            let names = vec![part.name.to_owned()];
            CompileError::Cycle { names, others: Vec::new(), row: part.row, rule: *rule }
        }));
        circles.sort_by_key(|circle| match circle {
            CompileError::Cycle { row, rule, .. } => (*row, *rule),
            _ => (0, Rule::Relevant),
        });
        Err(circles)
    }

    /// Those that are computed behind a part: whose expressions read it, and those in it, since a value comes
    /// and goes with the sections around it.
    fn behind(&self, at: T) -> impl Iterator<Item = T> {
        let readers = self.dependents[at]
            .iter()
            .filter(move |reader| reader.template != at && is_computed(reader.rule))
            .map(|reader| reader.template);
        readers.chain(self.parts[at].children.iter().copied())
    }

    /// A circle among parts that all depend on each other, and what else is among them.
    fn circle(&self, order: &Order, members: &[T]) -> CompileError {
        let circle = order.shortest(members);
        // Of a section and what is in it, the section has no expression to put right.
        let reason = |place: usize| {
            let (at, read) = (circle[place], circle[(place + 1) % circle.len()]);
            let mut dependents = self.dependents[read].iter();
            let found = dependents.find(|known| known.template == at && is_computed(known.rule))?;
            Some((self.parts[at].row, found.rule))
        };
        let (row, rule) = (0..circle.len()).filter_map(reason).min().unwrap_or((0, Rule::Relevant));
        let name = |at: &T| self.parts[*at].name.to_owned();
        CompileError::Cycle {
            names: circle.iter().map(name).collect(),
            others: members.iter().filter(|at| !circle.contains(at)).map(name).collect(),
            row,
            rule,
        }
    }
}

/// Whether an expression is computed before what reads its outcome is.
pub(super) fn is_computed(rule: Rule) -> bool {
    matches!(rule, Rule::Relevant | Rule::Count | Rule::Calculation)
}

impl Order {
    /// The sets of parts that all depend on each other (the strongly connected components of more than
    /// one, found as Tarjan does), each in the order of the sheet.
    fn tangles(&self) -> Vec<Vec<T>> {
        const NEW: usize = usize::MAX;
        let count = self.next.len();
        let (mut number, mut low) = (vec![NEW; count], vec![NEW; count]);
        let mut is_open = vec![false; count];
        let (mut open, mut way, mut tangles) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = 0;
        // What could be ordered is in no circle.
        for start in (0..count).filter(|at| self.waits[*at] > 0) {
            if number[start] != NEW {
                continue;
            }
            way.push((start, 0));
            while let Some((at, edge)) = way.pop() {
                if edge == 0 {
                    (number[at], low[at]) = (last, last);
                    last += 1;
                    open.push(at);
                    is_open[at] = true;
                } else {
                    let below = self.next[at][edge - 1];
                    if is_open[below] {
                        low[at] = low[at].min(low[below]);
                    }
                }
                let mut edges = self.next[at].iter().enumerate().skip(edge);
                let goes_on = edges.find(|(_, to)| {
                    if is_open[**to] {
                        low[at] = low[at].min(number[**to]);
                    }
                    number[**to] == NEW
                });
                if let Some((edge, to)) = goes_on {
                    way.push((at, edge + 1));
                    way.push((*to, 0));
                } else if low[at] == number[at] {
                    let begins = open.iter().rposition(|known| *known == at).unwrap_or_default();
                    let mut members = open.split_off(begins);
                    members.iter().for_each(|member| is_open[*member] = false);
                    if members.len() > 1 {
                        members.sort_unstable();
                        tangles.push(members);
                    }
                }
            }
        }
        tangles
    }

    /// The shortest circle through the first of these: each depends on the next, the last on the first.
    fn shortest(&self, members: &[T]) -> Vec<T> {
        let Some(&start) = members.first() else { return Vec::new() };
        let place = |at: T| members.binary_search(&at).ok();
        let mut before: Vec<Option<T>> = vec![None; members.len()];
        let mut open = VecDeque::from([start]);
        while let Some(at) = open.pop_front() {
            for to in &self.next[at] {
                let Some(place) = place(*to) else { continue };
                if before[place].is_some() {
                    continue;
                }
                before[place] = Some(at);
                if *to != start {
                    open.push_back(*to);
                    continue;
                }
                // Backwards along what was read.
                let steps = std::iter::successors(Some(start), |at| before[place_of(members, *at)]);
                let mut circle: Vec<T> = steps.skip(1).take_while(|at| *at != start).collect();
                circle.insert(0, start);
                return circle;
            }
        }
        vec![start]
    }
}

/// Where a member stands.
fn place_of(members: &[T], at: T) -> usize {
    members.binary_search(&at).unwrap_or_default()
}
