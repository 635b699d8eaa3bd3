//! Who has which units: what the page of an area's people shows.

use alongside_domain::ids::{GroupId, PartnerId, PersonId};
use rusqlite::{Connection, named_params};

use super::{
    ReadModelError,
    list::{COLUMNS, UnitLine, unit_line},
    number,
};

/// A person of a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub id: PersonId,
    /// Work name.
    pub name: String,
    /// Role code.
    pub role: String,
}

/// How many units of an area that have not ended somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caseload {
    /// Those that they support.
    pub own: u64,
    /// Those that they were granted beside.
    pub beside: u64,
}

/// The area whose units are meant, and the codes of the status that end one.
#[derive(Debug, Clone, Copy)]
pub struct Area<'a> {
    /// The partner whose units they are.
    pub partner: PartnerId,
    /// Code of the area.
    pub code: &'a str,
    /// Codes of the status that end a unit.
    pub ended: &'a [String],
}

impl Area<'_> {
    fn ended(&self) -> String {
        serde_json::to_string(self.ended).expect("a list of texts is JSON")
    }
}

/// What keeps ended units out.
const OPEN: &str = "(u.status IS NULL OR u.status NOT IN (SELECT value FROM json_each(:ended)))";

/// The people of a partner, by name.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn of_partner(connection: &Connection, partner: PartnerId) -> Result<Vec<Person>, ReadModelError> {
    let mut statement = connection
        .prepare_cached("SELECT person, name, role FROM person WHERE partner = ?1 ORDER BY name, person")?;
    let people = statement
        .query_map([&partner.0[..]], |row| {
            Ok(Person { id: PersonId(row.get(0)?), name: row.get(1)?, role: row.get(2)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(people)
}

/// How many units of an area a person has.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn caseload(
    connection: &Connection,
    area: Area<'_>,
    person: PersonId,
) -> Result<Caseload, ReadModelError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT COALESCE(SUM(u.supporter IS a.person), 0), COALESCE(SUM(u.supporter IS NOT a.person), 0)
         FROM access a JOIN unit_row u ON u.\"group\" = a.\"group\"
         WHERE a.person = :person AND u.partner = :partner AND u.area = :area AND {OPEN}"
    ))?;
    let parameters = named_params! {
        ":person": &person.0[..], ":partner": &area.partner.0[..], ":area": area.code, ":ended": area.ended(),
    };
    Ok(statement
        .query_row(parameters, |row| Ok(Caseload { own: number(row, 0)?, beside: number(row, 1)? }))?)
}

/// The units of an area that a person has and that have not ended, by reference, at most `limit`.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn units_of(
    connection: &Connection,
    area: Area<'_>,
    person: PersonId,
    limit: u32,
) -> Result<Vec<UnitLine>, ReadModelError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM unit_row WHERE \"group\" IN (
             SELECT u.\"group\" FROM access a JOIN unit_row u ON u.\"group\" = a.\"group\"
             WHERE a.person = :person AND u.partner = :partner AND u.area = :area AND {OPEN})
         ORDER BY reference, \"group\" LIMIT :limit"
    ))?;
    let parameters = named_params! {
        ":person": &person.0[..], ":partner": &area.partner.0[..], ":area": area.code, ":ended": area.ended(),
        ":limit": limit,
    };
    let lines = statement.query_map(parameters, unit_line)?.collect::<Result<_, _>>()?;
    Ok(lines)
}

/// The units of an area that have not ended and that nobody with one of these roles has, by reference, at most
/// `limit`.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn units_of_nobody(
    connection: &Connection,
    area: Area<'_>,
    roles: &[&str],
    limit: u32,
) -> Result<Vec<UnitLine>, ReadModelError> {
    let roles = serde_json::to_string(roles).expect("a list of texts is JSON");
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM unit_row WHERE \"group\" IN (
             SELECT u.\"group\" FROM unit_row u
             WHERE u.partner = :partner AND u.area = :area AND {OPEN} AND NOT EXISTS (
                 SELECT 1 FROM access a JOIN person p ON p.person = a.person
                 WHERE a.\"group\" = u.\"group\" AND p.role IN (SELECT value FROM json_each(:roles))))
         ORDER BY reference, \"group\" LIMIT :limit"
    ))?;
    let parameters = named_params! {
        ":partner": &area.partner.0[..], ":area": area.code, ":ended": area.ended(), ":roles": roles,
        ":limit": limit,
    };
    let lines = statement.query_map(parameters, unit_line)?.collect::<Result<_, _>>()?;
    Ok(lines)
}

/// The people who were granted a group, by name.
///
/// # Errors
/// [`ReadModelError::Database`].
pub fn with_access(connection: &Connection, group: GroupId) -> Result<Vec<Person>, ReadModelError> {
    let mut statement = connection.prepare_cached(
        "SELECT p.person, p.name, p.role FROM access a JOIN person p ON p.person = a.person
         WHERE a.\"group\" = ?1 ORDER BY p.name, p.person",
    )?;
    let people = statement
        .query_map([&group.0[..]], |row| {
            Ok(Person { id: PersonId(row.get(0)?), name: row.get(1)?, role: row.get(2)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(people)
}
