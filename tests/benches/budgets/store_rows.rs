//! The yardstick of the phone's rows: the same rows, with the same tables, indexes and search, in
//! SQLCipher with the same durability, inserted by prepared statements and nothing else.

use std::{path::Path, rc::Rc};

use anyhow::Result;
use rusqlite::{Connection, OpenFlags, Params, params_from_iter, types::Value};

/// How durable a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As on the phone: synced before the commit returns.
    Synced,
    /// Never synced: what is left is the work of the database itself.
    Unsynced,
}

/// One row to insert.
pub(crate) struct TableRow {
    table: &'static str,
    insert: Rc<str>,
    values: Vec<Value>,
}

/// What one save wrote.
pub(crate) type Rows = Vec<TableRow>;

/// Each table of the phone that a save or a pull writes, and how the rows of one record are found (`?1`).
/// The outbox follows from triggers, and what is counted of a change.
const TABLES: [(&str, &str); 11] = [
    ("document", "record = ?1"),
    ("change", "record = ?1 AND feed_seq IS NULL"),
    ("record_row", "record = ?1"),
    (SEARCH, "rowid IN (SELECT id FROM record_row WHERE record = ?1)"),
    ("grp", ""),
    ("grp_parent", ""),
    ("person", ""),
    ("access", ""),
    ("deadline", ""),
    (UNITS, "grp = (SELECT grp FROM document WHERE record = ?1)"),
    ("saved", "records = ?1"),
];
const SEARCH: &str = "search";
/// A unit has one row, which every save of a record of it replaces.
const UNITS: &str = "unit_row";

/// A phone's file, read beside the phone.
pub(crate) struct PhoneFile(Connection);

impl PhoneFile {
    pub(crate) fn open(path: &Path, key: [u8; 32]) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        keyed(&connection, Some(key))?;
        connection.execute_batch("PRAGMA query_only = ON")?;
        Ok(Self(connection))
    }

    /// What the save of this new record wrote.
    pub(crate) fn saved(&self, record: [u8; 16]) -> Result<Rows> {
        let mut rows = Vec::new();
        for (table, find) in TABLES.into_iter().filter(|(_, find)| !find.is_empty()) {
            self.take(table, &format!("WHERE {find}"), [&record[..]], &mut rows)?;
        }
        Ok(rows)
    }

    /// Every row of every table.
    pub(crate) fn everything(&self) -> Result<Rows> {
        let mut rows = Vec::new();
        for (table, _) in TABLES {
            self.take(table, "", [], &mut rows)?;
        }
        Ok(rows)
    }

    fn take(&self, table: &'static str, which: &str, parameters: impl Params, out: &mut Rows) -> Result<()> {
        let columns = if table == SEARCH { "rowid, words" } else { "*" };
        let mut statement = self.0.prepare_cached(&format!("SELECT {columns} FROM {table} {which}"))?;
        let names: Vec<_> = statement.column_names().into_iter().map(str::to_owned).collect();
        let wide = names.len();
        let verb = if table == UNITS { "INSERT OR REPLACE" } else { "INSERT" };
        let insert: Rc<str> =
            format!("{verb} INTO {table} ({}) VALUES ({})", names.join(", "), vec!["?"; wide].join(", "))
                .into();
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            let values = (0..wide).map(|column| row.get(column)).collect::<Result<_, _>>()?;
            out.push(TableRow { table, insert: Rc::clone(&insert), values });
        }
        Ok(())
    }

    /// The tables, indexes and triggers.
    fn schema(&self) -> Result<String> {
        let mut statement = self.0.prepare(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*'
                 AND name NOT GLOB 'search_*' ORDER BY rowid",
        )?;
        let parts = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        Ok(format!("{}; INSERT INTO search (search, rank) VALUES ('secure-delete', 1);", parts.join(";")))
    }
}

/// A database that takes rows in.
pub(crate) struct Shelf(Connection);

impl Shelf {
    /// An empty one with the tables of this phone.
    pub(crate) fn like(
        phone: &PhoneFile,
        path: &Path,
        key: Option<[u8; 32]>,
        durability: Durability,
    ) -> Result<Self> {
        let connection = Connection::open(path)?;
        keyed(&connection, key)?;
        connection.set_prepared_statement_cache_capacity(128);
        let synchronous = match durability {
            Durability::Synced => "FULL",
            Durability::Unsynced => "OFF",
        };
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = ON;
             PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -16384;"
        ))?;
        connection.execute_batch(&phone.schema()?)?;
        Ok(Self(connection))
    }

    /// Inserts these rows in one transaction.
    pub(crate) fn insert(&mut self, rows: &[TableRow]) -> Result<()> {
        let tx = self.0.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for row in rows {
            tx.prepare_cached(&row.insert)?.execute(params_from_iter(&row.values))?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Reads the newest records of every group, as a page does; gives how many rows came.
    pub(crate) fn read_pages(&self) -> Result<usize> {
        let groups: Vec<Vec<u8>> = self
            .0
            .prepare_cached("SELECT DISTINCT grp FROM unit_row")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut page = self.0.prepare_cached(
            "SELECT record, title, body FROM record_row WHERE grp = ?1
             ORDER BY at DESC, record DESC LIMIT 20",
        )?;
        let mut count = 0;
        for group in groups {
            let mut rows = page.query([group])?;
            while let Some(row) = rows.next()? {
                count += usize::from(!row.get_ref(2)?.as_blob()?.is_empty());
            }
        }
        Ok(count)
    }

    /// Forgets what is cached of the file.
    pub(crate) fn forget(&self) -> Result<()> {
        Ok(self.0.execute_batch("PRAGMA shrink_memory")?)
    }
}

/// Rows of this table among these.
pub(crate) fn count(rows: &[TableRow], table: &str) -> usize {
    rows.iter().filter(|row| row.table == table).count()
}

fn keyed(connection: &Connection, key: Option<[u8; 32]>) -> Result<()> {
    if let Some(key) = key {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        connection.execute_batch(&format!("PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'{hex}'\";"))?;
    }
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")?;
    Ok(())
}
