//! Who has to be computed again when something changes: found once, of what the expressions read.

use super::{
    Dependent, MOST_READS, Rule, T,
    graph::{Graph, PartKind},
    order::is_computed,
    trigger_names,
};
use crate::form::expr::{PathRead, PathStart, PathStep};

/// Stands above the top element.
const DOCUMENT: T = usize::MAX;

/// What is found beside who reads whom.
struct Found {
    /// Rules that read their own part.
    own: Vec<(T, Rule)>,
    /// Rules that read the place of their row.
    by_place: Vec<(T, Rule)>,
}

impl Graph<'_> {
    /// Finds for every part who reads it. Gives the rules that read their own part, which nothing can come
    /// before; `None` where it is more than can be kept track of.
    pub(super) fn connect(&mut self) -> Option<Vec<(T, Rule)>> {
        let mut dependents = vec![Vec::new(); self.parts.len()];
        let found = self.read_by(|read, reader| dependents[read].push(reader))?;
        for (at, part) in self.parts.iter().enumerate() {
            if let Some(source) = part.source.filter(|source| source.question != at) {
                let reader = Dependent { template: at, rule: Rule::Choices, is_wide: true };
                dependents[source.question].push(reader);
            }
        }
        for list in &mut dependents {
            list.sort_unstable();
            list.dedup();
        }
        self.dependents = dependents;
        self.by_place = found.by_place;
        Some(found.own)
    }

    /// Whether everything reads only what stands before it, as in most forms: then there is no circle, and
    /// none is to be looked for. `None` as [`Graph::connect`].
    pub(super) fn is_forward(&self) -> Option<bool> {
        let mut is_forward = true;
        let found = self.read_by(|read, reader| is_forward &= read < reader.template)?;
        Some(is_forward && found.own.is_empty())
    }

    /// Tells of every part who reads it.
    fn read_by(&self, mut tell: impl FnMut(T, Dependent)) -> Option<Found> {
        let mut own = Vec::new();
        let mut by_place = Vec::new();
        let mut all_reads = 0;
        let mut reads: Vec<(T, bool)> = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let triggers = if part.trigger.is_empty() { Vec::new() } else { trigger_names(part.trigger) };
            for (rule, expr) in part.rules.iter() {
                if rule == Rule::Default {
                    continue;
                }
                reads.clear();
                if rule == Rule::Calculation && !triggers.is_empty() {
                    reads.extend(triggers.iter().flat_map(|name| self.named(name)).map(|read| (read, false)));
                } else {
                    let all = expr.reads();
                    let indexed = all.functions.contains(&"indexed-repeat");
                    if matches!(rule, Rule::Relevant | Rule::Count)
                        && all.names.iter().any(|name| name == part.name)
                    {
                        own.push((at, rule));
                    }
                    reads.extend(
                        all.names.iter().flat_map(|name| self.named(name)).map(|read| (read, indexed)),
                    );
                    for path in &all.paths {
                        let (found, leaves) = self.resolve(at, path);
                        reads.extend(found.into_iter().map(|read| (read, part.in_rows && leaves)));
                    }
                    if all.functions.contains(&"position") || indexed {
                        by_place.push((at, rule));
                    }
                }
                all_reads += reads.len();
                if all_reads > MOST_READS {
                    return None;
                }
                if self.is_check && !is_computed(rule) {
                    continue;
                }
                // Every row of another repeat is looked at.
                let looks_at_rows = rule == Rule::Choices && part.source.is_some();
                for &(read, is_wide) in &reads {
                    let is_wide = is_wide || looks_at_rows;
                    if read != at || rule == Rule::Constraint {
                        tell(read, Dependent { template: at, rule, is_wide });
                    }
                }
            }
        }
        Some(Found { own, by_place })
    }

    /// The parts that a path leads to, and whether it leaves the row that it begins in. Where it cannot be
    /// told, every part of a name on it.
    fn resolve(&self, at: T, path: &PathRead) -> (Vec<T>, bool) {
        let mut leaves = false;
        let mut set: Vec<T> = match &path.from {
            PathStart::Root => {
                leaves = true;
                vec![DOCUMENT]
            }
            PathStart::Here => vec![at],
            PathStart::Named(name) => self.named(name).collect(),
            PathStart::Instance(_) => return (Vec::new(), false),
            PathStart::Inside | PathStart::Computed => {
                let names = path.steps.iter().filter_map(|step| match step {
                    PathStep::Child(name) => Some(self.named(name)),
                    _ => None,
                });
                return (names.flatten().collect(), true);
            }
        };
        let mut steps = path.steps.iter().peekable();
        while let Some(step) = steps.next() {
            let mut next = Vec::new();
            match (step, steps.peek()) {
                // Looked up by the name, and not for by a walk through the form.
                (PathStep::Below, Some(PathStep::Child(name))) => {
                    next.extend(self.named(name).filter(|found| self.is_below(*found, &set)));
                    steps.next();
                }
                (PathStep::Child(name), _) => {
                    let is_child = |found: &T| {
                        self.parts[*found].parent.is_some_and(|parent| set.binary_search(&parent).is_ok())
                    };
                    next.extend(self.named(name).filter(is_child));
                    if set.last() == Some(&DOCUMENT) {
                        next.push(0);
                    }
                }
                (PathStep::Up, _) => {
                    for from in set.iter().filter_map(|from| self.parts.get(*from)) {
                        leaves |= from.kind == PartKind::Repeat;
                        next.extend(from.parent);
                    }
                }
                (PathStep::AnyChild, _) => {
                    set.iter().for_each(|from| next.extend(self.children(*from)));
                }
                (PathStep::Below, _) => set.iter().for_each(|from| next.extend(self.below(*from))),
                (PathStep::Elsewhere, _) => {
                    leaves = true;
                    next.extend(self.below(DOCUMENT));
                }
            }
            next.sort_unstable();
            next.dedup();
            set = next;
        }
        set.retain(|found| *found != DOCUMENT);
        (set, leaves)
    }

    /// Whether a part lies anywhere below one of these, which are in their order.
    fn is_below(&self, at: T, of: &[T]) -> bool {
        of.last() == Some(&DOCUMENT) || self.above(at).any(|up| of.binary_search(&up).is_ok())
    }

    fn children(&self, at: T) -> &[T] {
        self.parts.get(at).map_or(&[0], |part| &part.children)
    }

    /// Every part below one.
    fn below(&self, at: T) -> Vec<T> {
        let mut found = self.children(at).to_vec();
        let mut next = 0;
        while let Some(at) = found.get(next) {
            found.extend(&self.parts[*at].children);
            next += 1;
        }
        found
    }
}
