//! A store of every version so far opens, keeps its content, and is then like a new one.

use std::path::Path;

use alongside_server::store::{Store, journal_beside};
use refinery::Target;
use rusqlite::Connection;

use crate::office::Office;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Tables, indexes, checks: all that makes up the schema, by name.
fn schema(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
        .unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// Every row of every table, as text.
/// What stands in these columns of these tables: a newer version may have more of them.
fn content(path: &Path, tables: &[(String, String)]) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut lines = Vec::new();
    for (table, columns) in tables {
        let mut statement = connection.prepare(&format!("SELECT {columns} FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
            lines.push(format!("{table} {}", values.join(" ")));
        }
    }
    lines.sort();
    lines
}

fn tables(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'refinery_%' ORDER BY name",
        )
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_store_of_each_older_version_comes_up_to_date_with_all_its_content() {
    let office = Office::closed();
    let newest = office.store();
    let versions: Vec<_> =
        embedded::migrations::runner().get_migrations().iter().map(refinery::Migration::version).collect();
    assert!(versions.len() > 1);
    for version in versions {
        let old = office.file(&format!("of-version-{version}.db"));
        let mut connection = Connection::open(&old).unwrap();
        embedded::migrations::runner().set_target(Target::Version(version)).run(&mut connection).unwrap();
        drop(connection);
        let mut known = Vec::new();
        let connection = Connection::open(&old).unwrap();
        connection.execute("ATTACH ?1 AS newest", [newest.to_str().unwrap()]).unwrap();
        for table in tables(&old) {
            let columns: Vec<String> = connection
                .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let columns = columns.join(", ");
            connection
                .execute(
                    &format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newest.{table}"),
                    [],
                )
                .unwrap();
            known.push((table, columns));
        }
        drop(connection);
        // An older store can be proved, and so backed up, before it is touched.
        assert!(alongside_server::verify::verify(&old, None).unwrap().is_clean());
        let before = content(&old, &known);
        assert!(before.len() > 20);
        // Its control journal lies beside it, as it did when it was made.
        std::fs::copy(journal_beside(&newest), journal_beside(&old)).unwrap();
        drop(Store::open(&old).unwrap());
        assert_eq!(schema(&old), schema(&newest), "version {version}");
        assert_eq!(content(&old, &known), before, "version {version}");
        assert!(office.verify_file(&old).is_clean());
    }
}

/// What has been released is never edited: a store in the field was made with it.
#[test]
fn the_first_version_is_as_it_was_released() {
    let runner = embedded::migrations::runner();
    let first = runner.get_migrations().iter().find(|migration| migration.version() == 1).unwrap();
    assert_eq!(first.name(), "feed_access_devices");
    let text = first.sql().unwrap();
    assert_eq!(
        blake3::hash(text.as_bytes()).to_hex().as_str(),
        "f68d6ffeee374c209411f80b7f6f9da7cc98f8a6d1853bc27ec60638ae04abb7",
        "add a migration instead of editing one that is in use"
    );
}
