//! A tree of nodes in memory that anybody can fill: a record, a set of records, a test.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use super::context::{Context, Scalar};

/// A node of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

#[derive(Debug, Clone)]
struct TreeNode {
    parent: Option<NodeId>,
    name: Box<str>,
    value: Scalar<'static>,
    children: Vec<NodeId>,
    attributes: Vec<NodeId>,
}

/// A tree of nodes in memory, with the instances and texts around it.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<TreeNode>,
    /// The nodes of the record itself, by name, from when an expression first names one (`${name}`).
    names: OnceLock<HashMap<Box<str>, Vec<NodeId>>>,
    instances: BTreeMap<String, NodeId>,
    last_saved: Option<NodeId>,
    labels: BTreeMap<(String, String), String>,
    texts: BTreeMap<String, String>,
    properties: BTreeMap<String, String>,
    variables: BTreeMap<String, Scalar<'static>>,
    version: String,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The document node of a tree.
    pub const ROOT: NodeId = NodeId(0);

    /// A tree with a document node and nothing below it.
    #[must_use]
    pub fn new() -> Self {
        let root = TreeNode {
            parent: None,
            name: "".into(),
            value: Scalar::Empty,
            children: Vec::new(),
            attributes: Vec::new(),
        };
        Self {
            nodes: vec![root],
            names: OnceLock::new(),
            instances: BTreeMap::new(),
            last_saved: None,
            labels: BTreeMap::new(),
            texts: BTreeMap::new(),
            properties: BTreeMap::new(),
            variables: BTreeMap::new(),
            version: String::new(),
        }
    }

    /// Adds a node below another, behind those that are there.
    pub fn add(&mut self, parent: NodeId, name: &str, value: Scalar<'static>) -> NodeId {
        let id = self.push(Some(parent), name, value);
        self.nodes[parent.0 as usize].children.push(id);
        let is_of_record = self.names.get().is_some() && self.top_of(parent) == Self::ROOT;
        if let Some(names) = self.names.get_mut().filter(|_| is_of_record) {
            names.entry(name.into()).or_default().push(id);
        }
        id
    }

    /// Adds an attribute to a node.
    pub fn add_attribute(&mut self, parent: NodeId, name: &str, value: Scalar<'static>) -> NodeId {
        let id = self.push(Some(parent), name, value);
        self.nodes[parent.0 as usize].attributes.push(id);
        id
    }

    /// Sets the value of a node.
    pub fn set(&mut self, node: NodeId, value: Scalar<'static>) {
        self.nodes[node.0 as usize].value = value;
    }

    /// The document node of a secondary instance, made where there is none.
    pub fn add_instance(&mut self, id: &str) -> NodeId {
        if let Some(document) = self.instances.get(id) {
            return *document;
        }
        let document = self.push(None, "", Scalar::Empty);
        self.instances.insert(id.to_owned(), document);
        document
    }

    /// Adds a row to a secondary instance: `/root/item` with these columns.
    pub fn add_row<'r>(
        &mut self,
        instance: &str,
        columns: impl IntoIterator<Item = (&'r str, &'r str)>,
    ) -> NodeId {
        let document = self.add_instance(instance);
        let root = match self.nodes[document.0 as usize].children.first() {
            Some(root) => *root,
            None => self.add(document, "root", Scalar::Empty),
        };
        let item = self.add(root, "item", Scalar::Empty);
        for (name, value) in columns {
            self.add(item, name, value.to_owned().into());
        }
        item
    }

    /// Sets what `${last-saved#name}` means.
    pub fn set_last_saved(&mut self, name: &str, value: Scalar<'static>) {
        let document = match self.last_saved {
            Some(document) => document,
            None => self.push(None, "", Scalar::Empty),
        };
        self.last_saved = Some(document);
        self.add(document, name, value);
    }

    /// Sets the label of a code in the list of a question.
    pub fn set_label(&mut self, question: &str, code: &str, label: &str) {
        self.labels.insert((question.to_owned(), code.to_owned()), label.to_owned());
    }

    /// Sets a text of the form (`jr:itext`).
    pub fn set_text(&mut self, id: &str, text: &str) {
        self.texts.insert(id.to_owned(), text.to_owned());
    }

    /// Sets a property of the device or the person.
    pub fn set_property(&mut self, name: &str, value: &str) {
        self.properties.insert(name.to_owned(), value.to_owned());
    }

    /// Sets the value of `$name`.
    pub fn set_variable(&mut self, name: &str, value: Scalar<'static>) {
        self.variables.insert(name.to_owned(), value);
    }

    /// Sets the version of the form.
    pub fn set_version(&mut self, version: &str) {
        version.clone_into(&mut self.version);
    }

    /// Adds the values of a record to a node, by the keys of its document: `field`, `field/code` of a
    /// set (the codes that are true become one answer), `repeat/row/field`, `repeat/row/field/code`.
    ///
    /// Rows come in the order in which their keys do.
    pub fn add_record<'r>(
        &mut self,
        parent: NodeId,
        values: impl IntoIterator<Item = (&'r str, Scalar<'static>)>,
    ) {
        let mut rows: HashMap<(NodeId, String, String), NodeId> = HashMap::new();
        let mut sets: HashMap<(NodeId, String), NodeId> = HashMap::new();
        for (key, value) in values {
            let parts: Vec<&str> = key.split('/').collect();
            let mut at = parent;
            let mut rest = parts.as_slice();
            while let [repeat, row, more @ ..] = rest
                && !more.is_empty()
            {
                let place = (at, (*repeat).to_owned(), (*row).to_owned());
                at = match rows.get(&place) {
                    Some(known) => *known,
                    None => {
                        let node = self.add(at, repeat, Scalar::Empty);
                        rows.insert(place, node);
                        node
                    }
                };
                rest = more;
            }
            match rest {
                [field] => {
                    self.add(at, field, value);
                }
                [field, code] => {
                    let place = (at, (*field).to_owned());
                    let node = match sets.get(&place) {
                        Some(known) => *known,
                        None => {
                            let node = self.add(at, field, Scalar::Empty);
                            sets.insert(place, node);
                            node
                        }
                    };
                    if value == Scalar::Boolean(true) {
                        let known = match &self.nodes[node.0 as usize].value {
                            Scalar::Text(text) => format!("{text} {code}"),
                            _ => (*code).to_owned(),
                        };
                        self.set(node, Scalar::Text(Cow::Owned(known)));
                    }
                }
                _ => {}
            }
        }
    }

    /// The node at a path such as `/data/visit[2]/name`, made with all that is missing on the way; a
    /// path that does not begin with `/` begins below the top element.
    pub fn node_at(&mut self, path: &str) -> NodeId {
        let mut at = Self::ROOT;
        let mut steps = path.split('/').filter(|step| !step.is_empty() && *step != ".").peekable();
        if !path.starts_with('/') {
            at = match self.nodes[0].children.first() {
                Some(top) => *top,
                None => self.add(Self::ROOT, "data", Scalar::Empty),
            };
        }
        while let Some(step) = steps.next() {
            let (name, index) = match step.split_once('[') {
                Some((name, index)) => {
                    (name, index.trim_end_matches(']').parse::<usize>().unwrap_or(1).clamp(1, 10_000))
                }
                None => (step, 1),
            };
            if let Some(attribute) = name.strip_prefix('@') {
                return self.add_attribute(at, attribute, Scalar::Empty);
            }
            let mut found = Vec::new();
            self.children_named(at, name, &mut found);
            while found.len() < index {
                found.push(self.add(at, name, Scalar::Empty));
            }
            at = found[index - 1];
            if steps.peek().is_none() {
                break;
            }
        }
        at
    }

    fn push(&mut self, parent: Option<NodeId>, name: &str, value: Scalar<'static>) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(TreeNode {
            parent,
            name: name.into(),
            value,
            children: Vec::new(),
            attributes: Vec::new(),
        });
        id
    }

    /// Every node below the document node, by name, in the order in which they were added. Attributes are not
    /// named so.
    fn by_name(&self) -> HashMap<Box<str>, Vec<NodeId>> {
        let mut names: HashMap<Box<str>, Vec<NodeId>> = HashMap::new();
        let mut below = Vec::new();
        let mut open = vec![Self::ROOT];
        while let Some(node) = open.pop() {
            let children = &self.nodes[node.0 as usize].children;
            below.extend_from_slice(children);
            open.extend_from_slice(children);
        }
        below.sort_unstable();
        for node in below {
            names.entry(self.nodes[node.0 as usize].name.clone()).or_default().push(node);
        }
        names
    }

    fn top_of(&self, node: NodeId) -> NodeId {
        let mut top = node;
        while let Some(parent) = self.nodes[top.0 as usize].parent {
            top = parent;
        }
        top
    }

    fn lineage(&self, node: NodeId) -> Vec<NodeId> {
        let mut up: Vec<NodeId> = std::iter::successors(Some(node), |node| self.parent(*node)).collect();
        up.reverse();
        up
    }
}

impl Context for Tree {
    type Node = NodeId;

    fn root(&self) -> NodeId {
        Self::ROOT
    }

    fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.nodes[node.0 as usize].parent
    }

    fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.nodes[node.0 as usize].children.iter().copied()
    }

    fn attributes(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.nodes[node.0 as usize].attributes.iter().copied()
    }

    fn name(&self, node: NodeId) -> &str {
        &self.nodes[node.0 as usize].name
    }

    fn value(&self, node: NodeId) -> Scalar<'_> {
        match &self.nodes[node.0 as usize].value {
            Scalar::Text(text) => Scalar::Text(Cow::Borrowed(text)),
            Scalar::Decimal(text) => Scalar::Decimal(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }

    /// The nodes of this name whose way from `from` changes no row: where the ways part, they do not
    /// part into two rows of one repeat. Of those, the ones that part last.
    fn named(&self, name: &str, from: Option<NodeId>, found: &mut Vec<NodeId>) {
        let Some(all) = self.names.get_or_init(|| self.by_name()).get(name) else { return };
        let Some(from) = from else {
            found.extend(all);
            return;
        };
        let here = self.lineage(from);
        let mut deepest = 0;
        for node in all {
            let there = self.lineage(*node);
            let shared = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
            if let (Some(a), Some(b)) = (here.get(shared), there.get(shared))
                && self.name(*a) == self.name(*b)
            {
                continue;
            }
            if shared > deepest {
                deepest = shared;
                found.clear();
            }
            if shared == deepest {
                found.push(*node);
            }
        }
    }

    fn last_saved(&self, name: &str, found: &mut Vec<NodeId>) {
        if let Some(document) = self.last_saved {
            self.children_named(document, name, found);
        }
    }

    fn instance(&self, id: &str) -> Option<NodeId> {
        self.instances.get(id).copied()
    }

    fn choice_label(&self, question: &str, code: &str, _from: NodeId) -> Option<Cow<'_, str>> {
        let label = self.labels.get(&(question.to_owned(), code.to_owned()))?;
        Some(Cow::Borrowed(label))
    }

    fn itext(&self, id: &str) -> Option<Cow<'_, str>> {
        self.texts.get(id).map(|text| Cow::Borrowed(text.as_str()))
    }

    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        self.properties.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn variable(&self, name: &str) -> Option<Scalar<'_>> {
        self.variables.get(name).cloned()
    }

    fn version(&self) -> &str {
        &self.version
    }
}
