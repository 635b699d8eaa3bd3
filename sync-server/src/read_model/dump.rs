//! The canonical dump: what two read models of the same log have in common, which is everything.

use std::fmt::Write as _;

use rusqlite::{Connection, types::ValueRef};

use super::ReadModelError;

const TABLES: [&str; 9] =
    ["position", "person", "device", "group_row", "parent", "access", "record_row", "change_row", "unit_row"];

pub(super) fn dump(connection: &Connection) -> Result<String, ReadModelError> {
    let mut out = String::new();
    for table in TABLES {
        let mut rows = Vec::new();
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = statement.column_count();
        let mut cursor = statement.query([])?;
        while let Some(row) = cursor.next()? {
            let mut line = String::from(table);
            for column in 0..columns {
                line.push('|');
                match row.get_ref(column)? {
                    ValueRef::Null => line.push('-'),
                    ValueRef::Integer(number) => write!(line, "{number}").unwrap_or_default(),
                    ValueRef::Real(number) => write!(line, "{number}").unwrap_or_default(),
                    ValueRef::Text(text) => {
                        write!(line, "{:?}", String::from_utf8_lossy(text)).unwrap_or_default();
                    }
                    ValueRef::Blob(bytes) => line.push_str(&hex::encode(bytes)),
                }
            }
            rows.push(line);
        }
        rows.sort_unstable();
        for row in rows {
            out.push_str(&row);
            out.push('\n');
        }
    }
    Ok(out)
}
