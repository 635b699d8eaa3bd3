//! The values of one record, written down field by field.

use alongside_domain::{ids::RecordId, record::Edit, time::Millis, value::Value};
use jiff::civil::Date;

/// Collects the values of one record.
#[derive(Clone, Default)]
pub(crate) struct Answers(Vec<Edit>);

impl Answers {
    /// A text or the code of a select-one.
    pub(crate) fn text(self, field: &str, text: impl Into<String>) -> Self {
        self.put(field, Value::Text(text.into()))
    }

    /// A whole number.
    pub(crate) fn number(self, field: &str, number: i64) -> Self {
        self.put(field, Value::Integer(number))
    }

    /// A date.
    pub(crate) fn date(self, field: &str, date: Date) -> Self {
        self.put(field, Value::from(date))
    }

    /// An instant.
    pub(crate) fn instant(self, field: &str, at: Millis) -> Self {
        self.put(field, Value::Instant(at))
    }

    /// A reference to another record.
    pub(crate) fn reference(self, field: &str, record: RecordId) -> Self {
        self.put(field, Value::Ref(record))
    }

    /// The codes of a set.
    pub(crate) fn codes(mut self, field: &str, codes: &[&str]) -> Self {
        for code in codes {
            self = self.put(&format!("{field}/{code}"), Value::Bool(true));
        }
        self
    }

    /// Codes kept as one value, in order.
    pub(crate) fn ranked(self, field: &str, codes: &[&str]) -> Self {
        if codes.is_empty() { self } else { self.text(field, codes.join(" ")) }
    }

    /// Something more, under this condition.
    pub(crate) fn when(self, condition: bool, more: impl FnOnce(Self) -> Self) -> Self {
        if condition { more(self) } else { self }
    }

    fn put(mut self, key: &str, value: Value) -> Self {
        self.0.push(Edit { key: key.to_owned(), value });
        self
    }

    /// The edits.
    pub(crate) fn edits(self) -> Vec<Edit> {
        self.0
    }
}
