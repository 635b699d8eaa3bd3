//! The values that a field can hold.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{ids::RecordId, time::Millis};

/// One stored value, as it stands in a document.
///
/// Dates and exact decimals are kept as text (`2015-03-16`, `12.50`); which of them a text is, the
/// question's type says. Nothing is ever rejected on reading: what this version does not know comes
/// back as [`Value::Other`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The field was cleared. Clearing is a value of its own, so that a clearing and a concurrent
    /// entry both stay visible.
    Null,
    /// Text, a code of a choice list, an ISO date, or an exact decimal.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Whether a code of a set is chosen.
    Bool(bool),
    /// An instant; its zone is that of the change that wrote it.
    Instant(Millis),
    /// A reference to another record.
    Ref(RecordId),
    /// Something a newer version wrote: shown as it is, kept untouched.
    Other(String),
}

impl Value {
    /// The text of a text value.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The date of a text value that is an ISO date.
    #[must_use]
    pub fn as_date(&self) -> Option<Date> {
        self.as_text()?.parse().ok()
    }

    /// The instant of an instant value.
    #[must_use]
    pub fn as_instant(&self) -> Option<Millis> {
        match self {
            Self::Instant(at) => Some(*at),
            _ => None,
        }
    }

    /// Whether this is a value at all: `false` for a cleared field and for an empty text.
    #[must_use]
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Null) && self.as_text() != Some("")
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Date> for Value {
    fn from(date: Date) -> Self {
        Self::Text(date.to_string())
    }
}
