//! Between SQL values and the domain's types.

use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    record::{RecordView, stored},
    wire::codec,
};
use rusqlite::{Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::ApiError;

/// An id of 16 bytes.
pub(crate) trait Id: Sized {
    fn of(bytes: [u8; 16]) -> Self;
}

macro_rules! id {
    ($($name:ident)*) => { $(impl Id for $name { fn of(bytes: [u8; 16]) -> Self { Self(bytes) } })* };
}
id!(ActorId DeviceId GroupId PartnerId PersonId RecordId);

/// Reads an id.
pub(crate) fn id<T: Id>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get(column).map(T::of)
}

/// Reads an id that may be absent.
pub(crate) fn maybe_id<T: Id>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(T::of))
}

/// Reads a change's hash.
pub(crate) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<ChangeHash> {
    row.get(column).map(ChangeHash)
}

/// Reads a value kept as CBOR.
pub(crate) fn cbor<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let bytes = row.get_ref(column)?.as_blob()?;
    codec::decode(bytes)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(error)))
}

/// Reads the view of a record, as [`stored::encode`] wrote it.
pub(crate) fn view(row: &Row<'_>, column: usize) -> rusqlite::Result<RecordView> {
    let bytes = row.get_ref(column)?.as_blob()?;
    stored::decode(bytes)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(error)))
}

/// Writes a value as CBOR.
pub(crate) fn to_cbor<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    codec::encode(value)
}

/// A counter as SQLite keeps it. The guard holds counters far below this limit.
pub(crate) fn signed(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}

/// A counter as it was written.
pub(crate) fn unsigned(counter: i64) -> u64 {
    u64::try_from(counter).unwrap_or_default()
}

/// Absence as an error that names what is absent.
pub(crate) fn found<T>(value: Option<T>, thing: crate::error::Thing) -> Result<T, ApiError> {
    value.ok_or(ApiError::NotFound(thing))
}
