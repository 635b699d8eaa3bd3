//! What a phone is told of people whose groups it does not have: brothers and sisters, by the name they are known
//! by and their age, and nothing else.

use serde::{Deserialize, Serialize};

use crate::ids::GroupId;

/// The others who are supported in the same families, for every unit that the phone's person is granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Relatives {
    /// Units that have some; others have none.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<RelativesOf>,
}

/// The relatives of the person that one unit is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelativesOf {
    /// The unit.
    #[serde(rename = "g")]
    pub unit: GroupId,
    /// The relatives. Their groups are not named.
    #[serde(rename = "o")]
    pub others: Vec<Relative>,
}

/// One relative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relative {
    /// The name they are known by; empty where nobody has given one.
    #[serde(rename = "n")]
    pub known_as: String,
    /// Age in whole years on the server's day; absent where the birth date is not known.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub age: Option<u16>,
}
