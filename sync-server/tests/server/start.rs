//! Starting and stopping: a real port, damaged files.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use alongside_server::{
    Server,
    api::StartError,
    clock::SetClock,
    config::Config,
    store::{Store, StoreError},
};

use crate::world::{START, programme};

fn config(listen: SocketAddr, store: &Store) -> Config {
    Config { listen, store: store.path().to_owned(), ..Config::default() }
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn get(addr: SocketAddr, path: &'static str) -> String {
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn it_listens_says_that_it_is_well_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("server.db")).unwrap();
    let clock = Arc::new(SetClock::at(START));
    let running = Server::start(config(ANY, &store), store, clock, Arc::new(programme())).await.unwrap();
    let addr = running.addr;
    assert_eq!(running.url(), format!("http://{addr}"));
    assert!(get(addr, "/healthz").await.starts_with("HTTP/1.1 200"));
    let ready = get(addr, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("x-request-id"), "{ready}");
    assert!(get(addr, "/v1/sync").await.starts_with("HTTP/1.1 405"));
    assert!(get(addr, "/nothing").await.starts_with("HTTP/1.1 404"));
    let page = get(addr, "/sign-in").await;
    assert!(page.contains("<html"), "{page}");
    running.shutdown().await;
    assert!(TcpStream::connect(addr).is_err());
    let left = |name: &str| folder.path().join(name).exists();
    assert!(left("server.db") && !left("server.db-wal"), "the file is whole by itself");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(ANY).unwrap();
    let addr = taken.local_addr().unwrap();
    let store = Store::open(folder.path().join("server.db")).unwrap();
    let clock = Arc::new(SetClock::at(START));
    let error = Server::start(config(addr, &store), store, clock, Arc::new(programme())).await.unwrap_err();
    assert!(matches!(error, StartError::PortInUse { address } if address == addr));
    let text = error.to_string();
    assert!(text.contains(&addr.port().to_string()) && text.contains("--listen"), "{text}");
}

/// A store with some content, closed: its path.
fn closed_store(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let path = folder.path().join("server.db");
    let store = Store::open(&path).unwrap();
    for number in 0..200 {
        alongside_server::people::partner(&store, START, &format!("Partner {number}")).unwrap();
    }
    path
}

#[test]
fn a_truncated_database_is_told_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed_store(&folder);
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 10, 100, 4096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{length} bytes: {error:?}");
        assert!(error.to_string().contains("restore the last backup"));
        assert_eq!(std::fs::read(&path).unwrap(), whole[..length], "left as it is");
    }
    std::fs::write(&path, &whole).unwrap();
    Store::open(&path).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.db");
    std::fs::write(&path, "Dear Sir or Madam, ".repeat(1000)).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(folder.path().join("nowhere/server.db")).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error:?}");
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed_store(&folder);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (9999, 'of_tomorrow', '2030-01-01T00:00:00Z', '0')",
            [],
        )
        .unwrap();
    drop(connection);
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerVersion { found: 9999, .. }), "{error:?}");
}
