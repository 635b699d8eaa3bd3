//! Shapes: the operations of a change without their values.

use std::{
    collections::{BTreeMap, HashMap},
    iter::repeat_n,
    rc::Rc,
};

use super::streams::{Column, Sink, Source};
use crate::{
    guard::chunk::{Action, Key, Object, Operation},
    record::OpId,
    wire::{limits, pack::PackError},
};

/// The object that an operation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ObjectForm {
    /// The root map.
    Root,
    /// The text that the operation before made or worked on.
    Same,
    /// An object named beside the shape.
    Named,
}

/// The place that an operation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum KeyForm {
    /// The field with this place among the keys of the pack.
    Field(usize),
    /// The start of a text.
    Head,
    /// The element that the operation before made.
    Previous,
    /// An element named beside the shape.
    Named,
}

/// How many operations an operation replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Replaced {
    None,
    One,
    /// As many as is said beside the shape.
    Many,
}

/// An operation without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) insert: bool,
    pub(super) object: ObjectForm,
    pub(super) key: KeyForm,
    pub(super) replaced: Replaced,
}

/// The operations of a change without their values.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Each with how many times it is taken in a row.
    steps: Rc<[(Step, usize)]>,
    /// The fields that are set, sorted, each with the last operation that does.
    sets: Rc<[(usize, u64)]>,
}

impl Shape {
    pub(super) fn new(steps: &[(Step, usize)]) -> Self {
        let mut after = 0;
        let mut sets = BTreeMap::new();
        for (step, times) in steps {
            after += *times as u64;
            if let (KeyForm::Field(field), Action::Put | Action::MakeText) = (step.key, step.action) {
                sets.insert(field, after - 1);
            }
        }
        Self { steps: steps.into(), sets: sets.into_iter().collect() }
    }

    /// Number of operations.
    pub(super) fn len(&self) -> usize {
        self.steps.iter().map(|(_, times)| times).sum()
    }

    /// A step for each operation.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> {
        self.steps.iter().flat_map(|(step, times)| repeat_n(*step, *times))
    }

    /// The place of the last operation that sets a field.
    pub(super) fn last_set(&self, field: usize) -> Option<u64> {
        let found = self.sets.binary_search_by_key(&field, |set| set.0).ok()?;
        Some(self.sets[found].1)
    }
}

/// The object that an operation after this one is expected to work on.
pub(super) fn object_after(id: OpId, action: Action, object: Object) -> Object {
    if action == Action::MakeText { Object::Made(id) } else { object }
}

/// Takes the values out of operations.
pub(super) fn shape_of<'a>(operations: &[Operation<'a>], keys: &mut Keys<'a>) -> Vec<(Step, usize)> {
    let mut steps: Vec<(Step, usize)> = Vec::new();
    let mut before: Option<&Operation<'_>> = None;
    for operation in operations {
        let expected = before.map(|before| object_after(before.id, before.action, before.object));
        let object = match operation.object {
            Object::Root => ObjectForm::Root,
            object if Some(object) == expected => ObjectForm::Same,
            Object::Made(_) => ObjectForm::Named,
        };
        let key = match operation.key {
            Key::Field(name) => KeyForm::Field(keys.place(name)),
            Key::Head => KeyForm::Head,
            Key::Element(id) if before.is_some_and(|before| before.id == id) => KeyForm::Previous,
            Key::Element(_) => KeyForm::Named,
        };
        let replaced = match operation.replaces.len() {
            0 => Replaced::None,
            1 => Replaced::One,
            _ => Replaced::Many,
        };
        let step = Step { action: operation.action, insert: operation.insert, object, key, replaced };
        match steps.last_mut() {
            Some((last, times)) if *last == step => *times += 1,
            _ => steps.push((step, 1)),
        }
        before = Some(operation);
    }
    steps
}

const REPEATED: u64 = 1 << 6;

impl Step {
    /// The step as a number, its field left out: for what is frequent a small one.
    fn code(self) -> u64 {
        let action = match self.action {
            Action::Put => 0,
            Action::Delete => 1,
            Action::MakeText => 2,
        };
        let replaced = match self.replaced {
            Replaced::None => 0,
            Replaced::One => 1,
            Replaced::Many => 2,
        };
        let object = match self.object {
            ObjectForm::Root => 0,
            ObjectForm::Same => 1,
            ObjectForm::Named => 2,
        };
        let key = match self.key {
            KeyForm::Field(_) => 0,
            KeyForm::Head => 1,
            KeyForm::Previous => 2,
            KeyForm::Named => 3,
        };
        action | replaced << 2 | object << 4 | key << 7 | u64::from(self.insert) << 9
    }

    fn from_code(code: u64, field: impl FnOnce() -> Result<usize, PackError>) -> Result<Self, PackError> {
        let action = match code & 3 {
            0 => Action::Put,
            1 => Action::Delete,
            2 => Action::MakeText,
            _ => return Err(PackError::Malformed),
        };
        let replaced = match code >> 2 & 3 {
            0 => Replaced::None,
            1 => Replaced::One,
            2 => Replaced::Many,
            _ => return Err(PackError::Malformed),
        };
        let object = match code >> 4 & 3 {
            0 => ObjectForm::Root,
            1 => ObjectForm::Same,
            2 => ObjectForm::Named,
            _ => return Err(PackError::Malformed),
        };
        let key = match code >> 7 & 3 {
            0 => KeyForm::Field(field()?),
            1 => KeyForm::Head,
            2 => KeyForm::Previous,
            _ => KeyForm::Named,
        };
        if code >> 10 != 0 {
            return Err(PackError::Malformed);
        }
        Ok(Self { action, insert: code >> 9 & 1 == 1, object, key, replaced })
    }
}

/// Writes a shape: the number of its steps, then each with its field.
pub(super) fn write(sink: &mut Sink, steps: &[(Step, usize)], keys: &mut Keys<'_>) {
    sink.number(Column::ShapeSteps, steps.len() as u64);
    let mut before = None;
    for (step, times) in steps {
        let repeated = if *times > 1 { REPEATED } else { 0 };
        sink.number(Column::ShapeSteps, step.code() | repeated);
        if *times > 1 {
            sink.number(Column::ShapeSteps, *times as u64 - 2);
        }
        if let KeyForm::Field(key) = step.key {
            keys.write(sink, key, before);
            before = Some(key);
        }
    }
}

/// Reads a shape of at most `most` operations.
pub(super) fn read<'a>(
    source: &mut Source<'a>,
    keys: &mut Keys<'a>,
    most: usize,
) -> Result<Shape, PackError> {
    let count = source.size(Column::ShapeSteps)?;
    let mut operations = 0_usize;
    let mut steps = Vec::new();
    let mut before = None;
    for _ in 0..count {
        let code = source.number(Column::ShapeSteps)?;
        let times = match code & REPEATED {
            0 => 1,
            _ => source.size(Column::ShapeSteps)?.saturating_add(2),
        };
        operations = operations.saturating_add(times);
        if operations > most {
            return Err(PackError::TooLarge);
        }
        let step = Step::from_code(code & !REPEATED, || {
            let key = keys.read(source, before)?;
            before = Some(key);
            Ok(key)
        })?;
        steps.push((step, times));
    }
    Ok(Shape::new(&steps))
}

/// The keys of a pack, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    names: Vec<&'a str>,
    lanes: Vec<usize>,
    places: HashMap<&'a str, usize>,
    lane_places: HashMap<String, usize>,
    /// How many of the keys were written out.
    written: usize,
    /// The key that last came after each key; the first place is for what comes first.
    follows: HashMap<Option<usize>, usize>,
}

/// The lane of what is in texts.
pub(super) const TEXT_LANE: usize = 0;

impl<'a> Keys<'a> {
    /// The place of a key.
    fn place(&mut self, name: &'a str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.names.len();
        self.places.insert(name, place);
        let next = self.lane_places.len() + TEXT_LANE + 1;
        self.lanes.push(*self.lane_places.entry(lane_name(name)).or_insert(next));
        self.names.push(name);
        place
    }

    pub(super) fn name(&self, place: usize) -> &'a str {
        self.names.get(place).copied().unwrap_or_default()
    }

    pub(super) fn lane(&self, key: KeyForm) -> usize {
        match key {
            KeyForm::Field(place) => self.lanes.get(place).copied().unwrap_or(TEXT_LANE),
            _ => TEXT_LANE,
        }
    }

    /// Writes a key: 0 for the one that last came after `before`, 1 and its name for a new one.
    fn write(&mut self, sink: &mut Sink, key: usize, before: Option<usize>) {
        if self.follows.insert(before, key) == Some(key) {
            sink.number(Column::ShapeSteps, 0);
        } else if key == self.written {
            self.written += 1;
            sink.number(Column::ShapeSteps, 1);
            sink.counted(Column::KeyText, self.name(key).as_bytes());
        } else {
            sink.number(Column::ShapeSteps, key as u64 + 2);
        }
    }

    fn read(&mut self, source: &mut Source<'a>, before: Option<usize>) -> Result<usize, PackError> {
        let key = match source.size(Column::ShapeSteps)? {
            0 => *self.follows.get(&before).ok_or(PackError::Malformed)?,
            1 => {
                let name = source.counted(Column::KeyText)?;
                if name.len() > limits::KEY_BYTES {
                    return Err(PackError::TooLarge);
                }
                let name = std::str::from_utf8(name).map_err(|_| PackError::Malformed)?;
                let new = self.names.len();
                if self.place(name) != new {
                    return Err(PackError::Malformed);
                }
                new
            }
            place => place - 2,
        };
        if key >= self.names.len() {
            return Err(PackError::Malformed);
        }
        self.follows.insert(before, key);
        Ok(key)
    }
}

/// Fields that are answered alike share a lane: the codes of one set (`field/CODE`), one question
/// in all rows of a repeat (`repeat/row/field`).
fn lane_name(key: &str) -> String {
    match key.split('/').collect::<Vec<_>>()[..] {
        [set, _] => format!("{set}/"),
        [repeat, _, field] => format!("{repeat}//{field}"),
        _ => key.to_owned(),
    }
}
