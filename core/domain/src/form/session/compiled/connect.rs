//! Who has to be computed again when something changes: found once, of what the expressions read.

use super::{CompiledForm, Dependent, Kind, MOST_READS, Rule, T, trigger_names};
use crate::form::expr::{PathRead, PathStart, PathStep};

impl CompiledForm {
    /// Finds for every template who reads it. Gives the rules that read their own template, which nothing
    /// can come before; `None` where it is more than can be kept track of.
    pub(super) fn connect(&mut self) -> Option<Vec<(T, Rule)>> {
        let mut own = Vec::new();
        let mut dependents = vec![Vec::new(); self.templates.len()];
        let mut by_place = Vec::new();
        let mut all_reads = 0;
        for (at, template) in self.templates.iter().enumerate() {
            let in_rows = self.above(at).any(|up| matches!(self.templates[up].kind, Kind::Repeat));
            let triggers = match &template.kind {
                Kind::Question(question) => {
                    question.trigger.as_deref().map(trigger_names).unwrap_or_default()
                }
                _ => Vec::new(),
            };
            for (&rule, expr) in &template.rules {
                if rule == Rule::Default {
                    continue;
                }
                let mut reads: Vec<(T, bool)> = Vec::new();
                let named = |name: &str| self.by_name.get(name).into_iter().flatten().copied();
                if rule == Rule::Calculation && !triggers.is_empty() {
                    reads.extend(triggers.iter().flat_map(|name| named(name)).map(|read| (read, false)));
                } else {
                    let all = expr.reads();
                    let indexed = all.functions.contains("indexed-repeat");
                    if matches!(rule, Rule::Relevant | Rule::Count) && all.names.contains(&template.name) {
                        own.push((at, rule));
                    }
                    reads.extend(all.names.iter().flat_map(|name| named(name)).map(|read| (read, indexed)));
                    for path in &all.paths {
                        let (found, leaves) = self.resolve(at, path);
                        reads.extend(found.into_iter().map(|read| (read, in_rows && leaves)));
                    }
                    if all.functions.contains("position") || indexed {
                        by_place.push((at, rule));
                    }
                }
                all_reads += reads.len();
                if all_reads > MOST_READS {
                    return None;
                }
                // Every row of another repeat is looked at.
                let looks_at_rows = rule == Rule::Choices && template.source.is_some();
                for (read, is_wide) in reads {
                    let is_wide = is_wide || looks_at_rows;
                    if read != at || rule == Rule::Constraint {
                        dependents[read].push(Dependent { template: at, rule, is_wide });
                    }
                }
            }
        }
        for (at, template) in self.templates.iter().enumerate() {
            if let Some(source) = template.source.filter(|source| source.question != at) {
                let reader = Dependent { template: at, rule: Rule::Choices, is_wide: true };
                dependents[source.question].push(reader);
            }
        }
        for list in &mut dependents {
            list.sort();
            list.dedup();
        }
        self.dependents = dependents;
        self.by_place = by_place;
        Some(own)
    }

    /// The templates that a path leads to, and whether it leaves the row that it begins in. Where it
    /// cannot be told, every template of a name on it.
    fn resolve(&self, at: T, path: &PathRead) -> (Vec<T>, bool) {
        let mut leaves = false;
        let mut set: Vec<T> = match &path.from {
            PathStart::Root => {
                leaves = true;
                vec![usize::MAX]
            }
            PathStart::Here => vec![at],
            PathStart::Named(name) => self.by_name.get(name).cloned().unwrap_or_default(),
            PathStart::Instance(_) => return (Vec::new(), false),
            PathStart::Inside | PathStart::Computed => {
                let names = path.steps.iter().filter_map(|step| match step {
                    PathStep::Child(name) => self.by_name.get(name),
                    _ => None,
                });
                return (names.flatten().copied().collect(), true);
            }
        };
        for step in &path.steps {
            let mut next = Vec::new();
            for from in set {
                let children: &[T] = match self.templates.get(from) {
                    Some(template) => &template.children,
                    None => &[Self::TOP],
                };
                match step {
                    PathStep::Up => {
                        if let Some(template) = self.templates.get(from) {
                            leaves |= matches!(template.kind, Kind::Repeat);
                            next.extend(template.parent);
                        }
                    }
                    PathStep::Child(name) => {
                        next.extend(
                            children.iter().filter(|child| {
                                self.templates[**child].name == *name || **child == Self::TOP
                            }),
                        );
                    }
                    PathStep::AnyChild => next.extend(children),
                    PathStep::Below => next.extend(self.below(from)),
                    PathStep::Elsewhere => {
                        leaves = true;
                        next.extend(self.below(usize::MAX));
                    }
                }
            }
            next.sort_unstable();
            next.dedup();
            set = next;
        }
        set.retain(|found| *found != usize::MAX);
        (set, leaves)
    }
}
