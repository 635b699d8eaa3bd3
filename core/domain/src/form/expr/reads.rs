//! What an expression reads, found without evaluating it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    ast::{Axis, Call, Kind, Node, Path, Start, Test},
    evaluate::sets::named_question,
    functions::Function,
};

/// What an expression reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Reads {
    /// Names of questions, groups and repeats (`${name}`), in their order.
    pub names: Vec<String>,
    /// Names of questions of the record saved before (`${last-saved#name}`), in their order.
    pub last_saved: Vec<String>,
    /// Paths that begin at the root, at the context node or at a name.
    pub paths: Vec<PathRead>,
    /// Functions that it calls, in the order of their names.
    pub functions: Vec<&'static str>,
    /// Functions that it calls whose value changes though no answer does: `today`, `now`, `random`,
    /// `uuid`.
    pub volatile: BTreeSet<&'static str>,
    /// Secondary instances that it names in quotes.
    pub instances: BTreeSet<String>,
    /// Questions whose labels it reads (`jr:choice-name`).
    pub labels_of: BTreeSet<String>,
    /// `$name`.
    pub variables: BTreeSet<String>,
    /// Whether it reads the node that it belongs to: `.`, `current()`, `once`.
    pub reads_itself: bool,
    /// Whether it names an instance, a question or a property by a text that is computed: what it reads
    /// is known only when it is evaluated.
    pub is_open: bool,
}

/// A path that an expression follows; each part of it that stands in a predicate is a path of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PathRead {
    /// Where it begins.
    pub from: PathStart,
    /// The steps.
    pub steps: Vec<PathStep>,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathStart {
    /// The root of the record.
    Root,
    /// The node that the expression belongs to.
    Here,
    /// The node that a predicate looks at.
    Inside,
    /// The nodes of a name.
    Named(String),
    /// A secondary instance.
    Instance(String),
    /// Something that only an evaluation tells.
    Computed,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathStep {
    /// To the node above.
    Up,
    /// To the nodes of a name below.
    Child(String),
    /// To every node below.
    AnyChild,
    /// To every node at any depth.
    Below,
    /// Along another axis.
    Elsewhere,
}

pub(super) fn reads(root: &Node) -> Reads {
    let mut reads = Reads::default();
    reads.node(root, false);
    reads.paths.sort_unstable();
    reads.paths.dedup();
    for names in [&mut reads.names, &mut reads.last_saved] {
        names.sort_unstable();
        names.dedup();
    }
    reads.functions.sort_unstable();
    reads.functions.dedup();
    reads
}

impl Reads {
    fn node(&mut self, node: &Node, is_inside: bool) {
        match &node.kind {
            Kind::Number(_) | Kind::Text(_) => {}
            Kind::Variable(name) => {
                self.variables.insert(name.to_string());
            }
            Kind::Negate(inner) => self.node(inner, is_inside),
            Kind::Chain(first, rest) => {
                self.node(first, is_inside);
                for (_, operand) in rest {
                    self.node(operand, is_inside);
                }
            }
            Kind::Union(parts) => {
                for part in parts {
                    self.node(part, is_inside);
                }
            }
            Kind::Path(path) => self.path(path, is_inside),
            Kind::Call(call) => self.call(call, is_inside),
        }
    }

    fn path(&mut self, path: &Path, is_inside: bool) {
        let from = match &path.start {
            Start::Root => PathStart::Root,
            Start::Context if is_inside => PathStart::Inside,
            Start::Context => PathStart::Here,
            Start::Named { name, last_saved } => {
                let names = if *last_saved { &mut self.last_saved } else { &mut self.names };
                names.push(name.to_string());
                if path.steps.is_empty() {
                    return;
                }
                PathStart::Named(name.to_string())
            }
            Start::Inner(inner) => {
                self.node(inner, is_inside);
                match &inner.kind {
                    Kind::Call(call) => {
                        match (call.function, call.arguments.first().map(|first| &first.kind)) {
                            (Some(Function::Current), _) => PathStart::Here,
                            (Some(Function::Instance), Some(Kind::Text(id))) => {
                                PathStart::Instance(id.to_string())
                            }
                            _ => PathStart::Computed,
                        }
                    }
                    _ => PathStart::Computed,
                }
            }
        };
        let mut steps = Vec::new();
        for step in &path.steps {
            for predicate in &step.predicates {
                self.node(predicate, true);
            }
            match (step.axis, &step.test) {
                (Axis::Filter | Axis::SelfNode, _) | (Axis::Child, Test::Text) => {}
                (Axis::Parent, _) => steps.push(PathStep::Up),
                (Axis::Child, Test::Name(name)) => steps.push(PathStep::Child(name.to_string())),
                (Axis::Child, _) => steps.push(PathStep::AnyChild),
                (Axis::Descendant | Axis::DescendantOrSelf, Test::Name(name)) => {
                    steps.push(PathStep::Below);
                    steps.push(PathStep::Child(name.to_string()));
                }
                (Axis::Descendant | Axis::DescendantOrSelf, _) => steps.push(PathStep::Below),
                _ => steps.push(PathStep::Elsewhere),
            }
        }
        self.reads_itself |= from == PathStart::Here && steps.is_empty();
        if !(steps.is_empty() && matches!(from, PathStart::Named(_))) {
            if self.paths.is_empty() {
                self.paths.reserve_exact(1);
            }
            self.paths.push(PathRead { from, steps });
        }
    }

    fn call(&mut self, call: &Call, is_inside: bool) {
        for argument in &call.arguments {
            self.node(argument, is_inside);
        }
        let Some(function) = call.function else { return };
        let name = function.signature().name;
        self.functions.push(name);
        if function.is_volatile() || (function == Function::Randomize && call.arguments.len() == 1) {
            self.volatile.insert(name);
        }
        let literal = call.arguments.first().and_then(|first| match &first.kind {
            Kind::Text(text) => Some(text.to_string()),
            _ => None,
        });
        match function {
            Function::Current | Function::Once => self.reads_itself = true,
            Function::Position if call.arguments.is_empty() && !is_inside => self.reads_itself = true,
            Function::Instance | Function::Pulldata => match literal {
                Some(id) => {
                    self.instances.insert(id.strip_suffix(".csv").unwrap_or(&id).to_owned());
                }
                None => self.is_open = true,
            },
            Function::ChoiceName => match named_question(&call.arguments) {
                Some(question) => {
                    self.labels_of.insert(question.to_owned());
                }
                None => self.is_open = true,
            },
            _ => {}
        }
    }
}
