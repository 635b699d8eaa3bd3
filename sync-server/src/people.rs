//! Partners and people, and the links and codes that let them in.

use alongside_domain::{
    ids::{DeviceId, PartnerId, PersonId},
    programme::Programme,
    time::Millis,
    wire::ControlEvent,
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::{
    secret::{Secret, TypedCode},
    store::{Store, StoreError, TENANT, devices, log::Appender, rows::Sql, sessions},
};

/// A person as the store knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The person.
    pub id: PersonId,
    /// Partner organisation.
    pub partner: PartnerId,
    /// Work name.
    pub name: String,
    /// Role code.
    pub role: String,
    /// Codes of the areas the person works in.
    pub areas: Vec<String>,
}

/// A person to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// Work name.
    pub name: String,
    /// Role code, as the programme has it.
    pub role: String,
    /// Partner organisation.
    pub partner: PartnerId,
    /// Codes of the areas the person works in.
    pub areas: Vec<String>,
}

/// Why somebody or something could not be added or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// The programme has no such role.
    #[error("the programme has no role `{role}`: choose one of {known}")]
    UnknownRole {
        /// What was given.
        role: String,
        /// The roles there are.
        known: String,
    },
    /// The programme has no such area.
    #[error("the programme has no area `{area}`: give the areas by code, with commas between them{}", .near.as_ref().map_or_else(String::new, |near| format!(". Did you mean {near}?")))]
    UnknownArea {
        /// What was given.
        area: String,
        /// The code and name of the area that was perhaps meant.
        near: Option<String>,
    },
    /// A name is empty or too long.
    #[error("the name of a person or partner has 1 to 200 characters")]
    BadName,
    /// There is no such partner.
    #[error("there is no such partner: add the partner first")]
    UnknownPartner,
    /// There is no such person.
    #[error("there is no such person: `user list` shows who is there")]
    UnknownPerson,
    /// There is no such device in use.
    #[error("there is no such device in use: `device list` shows which there are")]
    UnknownDevice,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The partner with this name, added where it is new.
///
/// # Errors
/// See [`PeopleError`].
pub fn partner(store: &Store, now: Millis, name: &str) -> Result<PartnerId, PeopleError> {
    let name = checked_name(name)?;
    Ok(store.write(|tx| {
        let found: Option<Sql<PartnerId>> = tx
            .query_row(
                "SELECT id FROM partners WHERE tenant = ?1 AND name = ?2",
                params![TENANT, name],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(Sql(id)) = found {
            return Ok(id);
        }
        let id = PartnerId::new(now, rand::random());
        tx.execute(
            "INSERT INTO partners (tenant, id, name) VALUES (?1, ?2, ?3)",
            params![TENANT, Sql(id), name],
        )?;
        Ok(id)
    })?)
}

/// Every partner with its name, by name.
///
/// # Errors
/// See [`StoreError`].
pub fn partners(store: &Store) -> Result<Vec<(PartnerId, String)>, StoreError> {
    store.read(|tx| {
        let mut statement =
            tx.prepare_cached("SELECT id, name FROM partners WHERE tenant = ?1 ORDER BY name")?;
        let partners = statement
            .query_map([TENANT], |row| Ok((row.get::<_, Sql<_>>(0)?.0, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(partners)
    })
}

/// Adds a person; everyone of the partner is told.
///
/// # Errors
/// See [`PeopleError`].
pub fn add_person(
    store: &Store,
    now: Millis,
    programme: &Programme,
    new: &NewPerson,
) -> Result<PersonId, PeopleError> {
    let name = checked_name(&new.name)?;
    if !programme.roles.contains_key(&new.role) {
        let known: Vec<&str> = programme.roles.keys().map(String::as_str).collect();
        return Err(PeopleError::UnknownRole { role: new.role.clone(), known: known.join(", ") });
    }
    let areas = checked_areas(programme, &new.areas)?;
    let id = PersonId::new(now, rand::random());
    let areas = serde_json::to_string(&areas).expect("a list of texts is JSON");
    let added = store.write(|tx| {
        let partner_exists: bool = tx.query_row(
            "SELECT EXISTS (SELECT 1 FROM partners WHERE tenant = ?1 AND id = ?2)",
            params![TENANT, Sql(new.partner)],
            |row| row.get(0),
        )?;
        if !partner_exists {
            return Ok(false);
        }
        tx.execute(
            "INSERT INTO people (tenant, id, partner, name, role, areas) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![TENANT, Sql(id), Sql(new.partner), name, new.role, areas],
        )?;
        let event = ControlEvent::Person {
            person: id,
            name: name.to_owned(),
            role: new.role.clone(),
            partner: new.partner,
        };
        Appender::new(tx, now)?.person_entry(&event, new.partner)?;
        Ok(true)
    })?;
    if added { Ok(id) } else { Err(PeopleError::UnknownPartner) }
}

/// The areas without blanks around them, each known to the programme, where it has a list of them.
fn checked_areas<'a>(programme: &Programme, areas: &'a [String]) -> Result<Vec<&'a str>, PeopleError> {
    let areas: Vec<&str> = areas.iter().map(|area| area.trim()).collect();
    let listed = programme.parts.area.as_ref().and_then(|part| {
        let form = programme.forms.get(&part.form)?;
        programme.choices(form, form.question(&part.field)?)
    });
    if let Some(listed) = listed {
        for area in &areas {
            if !listed.iter().any(|known| known.name == *area) {
                let near = listed.iter().find(|known| known.label.text().eq_ignore_ascii_case(area));
                let near = near.map(|known| format!("{} ({})", known.name, known.label.text()));
                return Err(PeopleError::UnknownArea { area: (*area).to_owned(), near });
            }
        }
    }
    Ok(areas)
}

/// Everybody, by id.
///
/// # Errors
/// See [`StoreError`].
pub fn list(store: &Store) -> Result<Vec<PersonRow>, StoreError> {
    store.read(|tx| {
        let mut statement = tx.prepare_cached(
            "SELECT id, partner, name, role, areas FROM people WHERE tenant = ?1 ORDER BY id",
        )?;
        let mut rows = statement.query([TENANT])?;
        let mut people = Vec::new();
        while let Some(row) = rows.next()? {
            people.push(person(row)?);
        }
        Ok(people)
    })
}

/// Makes a one-time token for the console, valid for `valid_ms`.
///
/// # Errors
/// See [`PeopleError`].
pub fn console_link(
    store: &Store,
    now: Millis,
    person: PersonId,
    valid_ms: i64,
) -> Result<Secret, PeopleError> {
    store
        .write(|tx| match find(tx, person)? {
            None => Ok(None),
            Some(_) => sessions::add_link(tx, person, now, valid_ms).map(Some),
        })?
        .ok_or(PeopleError::UnknownPerson)
}

/// Makes a one-time code that enrols one installation of this person, valid for `valid_ms`.
///
/// # Errors
/// See [`PeopleError`].
pub fn enrolment_code(
    store: &Store,
    now: Millis,
    person: PersonId,
    valid_ms: i64,
) -> Result<TypedCode, PeopleError> {
    store
        .write(|tx| match find(tx, person)? {
            None => Ok(None),
            Some(_) => devices::add_code(tx, person, now, valid_ms).map(Some),
        })?
        .ok_or(PeopleError::UnknownPerson)
}

/// Revokes an installation: what it still sends is kept for a coordinator, and it is sent nothing.
///
/// # Errors
/// See [`PeopleError`].
pub fn revoke_device(store: &Store, now: Millis, device: DeviceId) -> Result<(), PeopleError> {
    let revoked = store.write(|tx| devices::revoke(&mut Appender::new(tx, now)?, device))?;
    if revoked { Ok(()) } else { Err(PeopleError::UnknownDevice) }
}

fn checked_name(name: &str) -> Result<&str, PeopleError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 { Err(PeopleError::BadName) } else { Ok(name) }
}

pub(crate) fn find(tx: &Transaction<'_>, id: PersonId) -> Result<Option<PersonRow>, StoreError> {
    let mut statement =
        tx.prepare_cached("SELECT id, partner, name, role, areas FROM people WHERE tenant = ?1 AND id = ?2")?;
    let mut rows = statement.query(params![TENANT, Sql(id)])?;
    rows.next()?.map(person).transpose()
}

fn person(row: &Row<'_>) -> Result<PersonRow, StoreError> {
    let areas: String = row.get(4)?;
    Ok(PersonRow {
        id: row.get::<_, Sql<_>>(0)?.0,
        partner: row.get::<_, Sql<_>>(1)?.0,
        name: row.get(2)?,
        role: row.get(3)?,
        areas: serde_json::from_str(&areas)
            .map_err(|_| StoreError::damaged("the areas of a person are unreadable"))?,
    })
}

#[cfg(test)]
mod tests {
    use alongside_domain::programme::builtin;

    use super::*;

    #[test]
    fn areas_are_those_of_the_programme() {
        let programme = builtin::independent_support().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("server.db")).unwrap();
        let add = |areas: &[&str]| {
            let new = NewPerson {
                name: "Ann Example".to_owned(),
                role: "COORDINATOR".to_owned(),
                partner: partner(&store, Millis(1), "Partner")?,
                areas: areas.iter().map(|area| (*area).to_owned()).collect(),
            };
            add_person(&store, Millis(1), &programme, &new)
        };
        add(&["840", " 841"]).unwrap();
        assert_eq!(list(&store).unwrap()[0].areas, ["840", "841"]);
        let error = add(&["840", "999"]).unwrap_err();
        assert!(matches!(&error, PeopleError::UnknownArea { area, .. } if area == "999"), "{error}");
        let error = add(&["county durham"]).unwrap_err().to_string();
        assert!(error.ends_with("Did you mean 840 (County Durham)?"), "{error}");
        assert_eq!(list(&store).unwrap().len(), 1, "nobody was added");
    }
}
