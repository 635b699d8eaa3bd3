//! Ids in and out of SQL.

use alongside_domain::{
    ids::{ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId},
    time::Millis,
};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// Wraps an id, hash or time for a query's argument or a row's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sql<T>(pub(crate) T);

macro_rules! blob {
    ($($id:ty),*) => {$(
        impl ToSql for Sql<$id> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0.0)))
            }
        }
        impl FromSql for Sql<$id> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$id>::from_slice(value.as_blob()?).map(Self).ok_or(FromSqlError::InvalidType)
            }
        }
    )*};
}

blob!(ActorId, ChangeHash, DeviceId, GroupId, PartnerId, PersonId, RecordId);

impl ToSql for Sql<Millis> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.0))
    }
}

impl FromSql for Sql<Millis> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(Millis(value.as_i64()?)))
    }
}

/// Feed numbers are positive and far below 2^63.
impl ToSql for Sql<u64> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(i64::try_from(self.0).unwrap_or(i64::MAX)))
    }
}

impl FromSql for Sql<u64> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let value = value.as_i64()?;
        u64::try_from(value).map(Self).map_err(|_| FromSqlError::OutOfRange(value))
    }
}
