//! The columns of long choice lists, looked up by what a filter wants.

use std::{borrow::Cow, collections::HashMap};

use super::{Rule, Session, SessionNode, compiled::List};
use crate::form::{
    Choice,
    expr::{LookUp, Meaning, Surroundings, meaning},
};

/// A column of a list by what its cells say.
#[derive(Debug, Default)]
pub(super) struct Column {
    texts: HashMap<Box<str>, Vec<u32>>,
    /// By [`bucket`].
    numbers: HashMap<i64, Vec<u32>>,
    /// Rows whose cell is a date or time: what number that is, the zone says.
    moments: Vec<u32>,
}

/// Numbers that are as good as equal lie in one bucket or in two beside each other.
fn bucket(number: f64) -> i64 {
    (number * 1e6).floor() as i64
}

/// The cell of a choice; empty where the list does not have the column.
fn cell<'c>(choice: &'c Choice, column: &str) -> &'c str {
    match column {
        "name" => &choice.name,
        "label" => choice.label.text(),
        other => choice.extra.get(other).map(String::as_str).unwrap_or_default(),
    }
}

impl Column {
    fn new(choices: &[Choice], name: &str) -> Self {
        let mut column = Self::default();
        for (row, choice) in (0..).zip(choices) {
            let text = cell(choice, name);
            column.texts.entry(text.into()).or_default().push(row);
            if text.trim() != text {
                // `selected` looks at no blanks around a code.
                column.texts.entry(text.trim().into()).or_default().push(row);
            }
            match meaning(text) {
                Meaning::Text => {}
                Meaning::Number(number) => column.numbers.entry(bucket(number)).or_default().push(row),
                Meaning::Moment => column.moments.push(row),
            }
        }
        column
    }

    /// The rows that can equal what is wanted, and perhaps others.
    fn rows(&self, wanted: &LookUp<'_>, rows: &mut Vec<u32>) {
        match wanted {
            LookUp::Text(text) => rows.extend(self.texts.get(*text).into_iter().flatten()),
            LookUp::Number(number) => {
                let here = bucket(*number);
                for bucket in here.saturating_sub(1)..=here.saturating_add(1) {
                    rows.extend(self.numbers.get(&bucket).into_iter().flatten());
                }
                rows.extend(&self.moments);
            }
        }
    }
}

impl List {
    fn column(&self, name: &str) -> Option<&Column> {
        Some(self.columns.get(name)?.get_or_init(|| Column::new(&self.choices, name)))
    }
}

impl Session {
    /// The choices that a filter leaves.
    pub(super) fn offered(&self, node: u32, around: &Surroundings) -> Vec<Cow<'_, Choice>> {
        match self.form.templates[self.nodes[node as usize].template].source {
            Some(source) => self.row_choices(node, source, around).into_iter().map(Cow::Owned).collect(),
            None => self.of_list(node, around).into_iter().map(Cow::Borrowed).collect(),
        }
    }

    /// Whether the filter of a question leaves this choice of its list.
    pub(super) fn passes(&self, node: u32, list: usize, row: u32, around: &Surroundings) -> bool {
        let template = &self.form.templates[self.nodes[node as usize].template];
        let item = SessionNode::Item(u32::try_from(list).unwrap_or(u32::MAX), row);
        template.rules.get(&Rule::Choices).is_none_or(|filter| {
            // A filter that cannot be computed leaves every choice.
            filter.boolean_in(self, SessionNode::Record(node), item, around).unwrap_or(true)
        })
    }

    /// Those of a list.
    fn of_list(&self, node: u32, around: &Surroundings) -> Vec<&Choice> {
        let template = &self.form.templates[self.nodes[node as usize].template];
        let Some(at) = template.list else { return Vec::new() };
        let list = &self.form.lists[at];
        let Some(filter) = template.rules.get(&Rule::Choices) else { return list.choices.iter().collect() };
        let passes = |row: u32| self.passes(node, at, row, around);
        let equalities = filter.equalities();
        let Some(wanted) = equalities.wanted(self, SessionNode::Record(node), around) else {
            return (0..)
                .zip(&list.choices)
                .filter(|(row, _)| passes(*row))
                .map(|(_, choice)| choice)
                .collect();
        };
        let columns: Vec<&str> = equalities.columns().collect();
        let mut fewest: Option<Vec<u32>> = None;
        for (place, name) in columns.iter().enumerate() {
            let Some(column) = list.column(name) else { continue };
            let mut rows = Vec::new();
            wanted.look_ups(place).for_each(|wanted| column.rows(&wanted, &mut rows));
            if fewest.as_ref().is_none_or(|fewest| rows.len() < fewest.len()) {
                fewest = Some(rows);
            }
        }
        let mut rows =
            fewest.unwrap_or_else(|| (0..u32::try_from(list.choices.len()).unwrap_or(u32::MAX)).collect());
        rows.sort_unstable();
        rows.dedup();
        let choices = rows.into_iter().filter_map(|row| Some((row, list.choices.get(row as usize)?)));
        choices
            .filter(|(row, choice)| {
                let cells = columns.iter().map(|column| cell(choice, column));
                wanted.passes(cells, around).unwrap_or_else(|| passes(*row))
            })
            .map(|(_, choice)| choice)
            .collect()
    }
}
