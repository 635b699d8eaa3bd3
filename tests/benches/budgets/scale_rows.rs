//! Rows about a server with many records: memory, rebuilding the pages' read model, the pages.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use alongside_domain::wire::encode;
use alongside_server::{
    api::Server,
    clock::SetClock,
    config::Config,
    console::{self, Console},
    people,
    read_model::{Projector, ReadModel},
    store::Store,
};
use anyhow::{Context, Result, bail, ensure};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use rusqlite::{Connection, params_from_iter, types::Value};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tower::ServiceExt as _;

use crate::{
    corpus::{Generator, MEASURED},
    handset::TODAY,
    offices::{Office, question},
    server_rows::office_with,
    stage::Stage,
    table::{Budget, Row},
    timing::{resident_mb, take_turns, timed},
};

/// Log entries that the projector takes in at once: the yardstick commits as often.
const AT_ONCE: usize = 512;
/// The word that makes this program a server in a process of its own.
pub(crate) const CHILD: &str = "serve-for-memory";

/// Serves the store in this folder until the standard input ends.
pub(crate) fn serve(folder: &Path) -> Result<String> {
    let programme = alongside_domain::programme::builtin::independent_support()
        .map_err(|_| anyhow::anyhow!("the programme cannot be read"))?;
    let file = folder.join("server.db");
    let store = Store::open(&file)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { listen, store: file, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let running =
        runtime.block_on(Server::start(config, store, Arc::new(SetClock::at(TODAY)), Arc::new(programme)))?;
    let address = running.addr.to_string();
    // Whoever started this holds the other end: it ends with them.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        runtime.block_on(running.shutdown());
        std::process::exit(0);
    });
    Ok(address)
}

/// Memory of a server with many records and devices against one with few records.
pub(crate) fn memory(stage: &mut Stage) -> Result<Vec<Row>> {
    let (many, few) = (stage.sizes.of(100_000, 400), stage.sizes.of(1_000, 100));
    let devices = stage.sizes.of(500, 5);
    let mut held = Vec::new();
    for records in [many, few] {
        let office = office_with(stage, records, devices)?;
        // Made before the server starts: it is measured at its daily work.
        office.project(&office.state.config.pages_file())?;
        let mut generator = Generator::new(91, MEASURED);
        let head = office.state.store.head()?;
        let mut tokens = Vec::new();
        for person in people::list(&office.state.store)?.iter().filter(|person| person.role == "SUPPORTER") {
            let enrolled = office.enrol(person.id, generator.device().actor)?;
            tokens.push((enrolled.answer.token, enrolled.actor));
        }
        ensure!(tokens.len() >= devices, "a device could not be enrolled");
        let child = ServerProcess::start(&office.folder)?;
        let questions: Vec<Vec<u8>> = tokens
            .into_iter()
            .map(|(token, actor)| spoken(&token, &encode(&question(actor, head, 0, None))))
            .collect();
        held.push(office.runtime.block_on(connected(child.address, questions, child.id()))?);
    }
    Ok(vec![Row::against(
        format!("server memory: {many} records and {devices} connected devices against {few} records (MB)"),
        held[0],
        held[1],
        Budget::RatioAtMost(1.2),
    )])
}

/// A server in a process of its own; it ends when this is dropped.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Serves the store in this folder.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CHILD)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the server says where it listens")?)
            .read_line(&mut line)?;
        let address = line.trim().parse().context("the server did not say where it listens")?;
        Ok(Self { child, address })
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It was told to end; there is nobody left to tell of a failure.
        let _ = self.child.wait();
    }
}

/// A request as it goes over a connection that stays open.
fn spoken(token: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
        alongside_domain::wire::MEDIA_TYPE,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Every device connects, asks a few times and stays; the server's memory then.
async fn connected(address: SocketAddr, questions: Vec<Vec<u8>>, server: u32) -> Result<f64> {
    const TIMES: usize = 4;
    /// Fewer than the server works on at once: nobody is told to come back.
    const AT_ONCE: usize = 100;
    let mut lines = Vec::new();
    for question in &questions {
        lines.push((TcpStream::connect(address).await?, question));
    }
    for _ in 0..TIMES {
        for part in lines.chunks_mut(AT_ONCE) {
            for (line, question) in &mut *part {
                line.write_all(question).await?;
            }
            for (line, _) in part {
                answered(line).await?;
            }
        }
    }
    resident_mb(server)
}

/// Reads one answer to its end.
async fn answered(line: &mut TcpStream) -> Result<()> {
    let mut text = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = tokio::time::timeout(Duration::from_secs(60), line.read(&mut buffer)).await??;
        ensure!(read > 0, "the server closed a connection");
        text.extend_from_slice(&buffer[..read]);
        let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
        ensure!(
            head.starts_with("http/1.1 200"),
            "the server answered {}",
            head.lines().next().unwrap_or("")
        );
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .context("an answer without its length")?;
        if text.len() >= end + 4 + length {
            return Ok(());
        }
    }
}

/// Building the pages' read model from the log against inserting the rows that come out.
pub(crate) fn rebuild(stage: &mut Stage) -> Result<Vec<Row>> {
    let (records, devices) = (stage.sizes.million(), stage.sizes.of(500, 5));
    let office = office_with(stage, records, devices)?;
    let folder = stage.folder("rebuild")?;
    let rebuilt = folder.join("rebuilt.db");
    let (_, took) = timed(|| office.project(&rebuilt))?;
    let inserted = insert_again(&rebuilt, &folder.join("yardstick.db"), &office)?;
    Ok(vec![Row::against(
        format!("rebuild the read model of {} (s)", of_million(records)),
        took.as_secs_f64(),
        inserted.as_secs_f64(),
        Budget::RatioAtMost(4.0),
    )])
}

fn of_million(records: usize) -> String {
    if records == 1_000_000 {
        "1000000 records".to_owned()
    } else {
        format!("{records} records (the design says 1000000: --full)")
    }
}

/// Inserts every row of one read model into an empty one, with the same tables, indexes and durability,
/// in as many transactions as the projector needs.
fn insert_again(from: &Path, to: &Path, office: &Office) -> Result<Duration> {
    drop(ReadModel::open(to, &office.programme)?);
    let source = Connection::open(from)?;
    let names: Vec<String> = source
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('position', 'programme')",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut target = Connection::open(to)?;
    target.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    let transactions = usize::try_from(office.state.store.head()?.seq)?.div_ceil(AT_ONCE);
    let mut took = Duration::ZERO;
    for name in names {
        let count: i64 =
            source.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get(0))?;
        let part = usize::try_from(count)?.div_ceil(transactions).max(1);
        let mut statement = source.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let wide = statement.column_count();
        let holes = vec!["?"; wide].join(", ");
        let insert = format!("INSERT INTO \"{name}\" VALUES ({holes})");
        let mut rows = statement.query([])?;
        loop {
            let mut batch: Vec<Vec<Value>> = Vec::with_capacity(part);
            while batch.len() < part
                && let Some(row) = rows.next()?
            {
                batch.push((0..wide).map(|column| row.get(column)).collect::<Result<_, _>>()?);
            }
            if batch.is_empty() {
                break;
            }
            took += timed(|| {
                let tx = target.transaction()?;
                for values in &batch {
                    tx.prepare_cached(&insert)?.execute(params_from_iter(values))?;
                }
                Ok(tx.commit()?)
            })?
            .1;
        }
    }
    Ok(took)
}

/// Pages at many records against pages at few.
pub(crate) fn console(stage: &mut Stage) -> Result<Vec<Row>> {
    let (many, few) = (stage.sizes.million(), stage.sizes.of(10_000, 200));
    let devices = stage.sizes.of(500, 5);
    let large = Desk::new(&*office_with(stage, many, devices)?, &stage.folder("pages-many")?)?;
    let small = Desk::new(&*office_with(stage, few, devices)?, &stage.folder("pages-few")?)?;
    let rounds = stage.sizes.of(200, 4);
    let mut rows = Vec::new();
    for (name, of) in [("list of an area", 0), ("page of a case", 1)] {
        let turns = take_turns(rounds, |_| large.fetch(&large.pages[of]), |_| small.fetch(&small.pages[of]))?;
        let (measure, yardstick) = turns.medians_us();
        rows.push(Row::against(
            format!("console, {name}: {} against {few} (us)", of_million(many)),
            measure,
            yardstick,
            Budget::RatioAtMost(2.0),
        ));
    }
    Ok(rows)
}

/// A coordinator at the console.
struct Desk {
    router: Router,
    runtime: tokio::runtime::Runtime,
    cookie: String,
    /// The list of the area with the most cases, and one of its cases.
    pages: [String; 2],
}

impl Desk {
    fn new(office: &Office, folder: &Path) -> Result<Self> {
        let file = folder.join("pages.db");
        let model = office.project(&file)?;
        let (area, case): (String, Vec<u8>) = Connection::open(&file)?.query_row(
            "SELECT area, max(\"group\") FROM unit_row GROUP BY area ORDER BY count(*) DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let coordinator = office.person("COORDINATOR", vec![area.clone()])?;
        let (store, programme) = (Arc::clone(&office.state.store), Arc::clone(&office.programme));
        // The coordinator is in the log now.
        Projector::new(Arc::clone(&model), Arc::clone(&store), Arc::clone(&programme)).catch_up()?;
        let console = Console::new(Arc::clone(&store), model, programme, office.clock.clone(), false);
        let router = console::router(console);
        let link = people::console_link(&store, TODAY, coordinator, 60_000)?.reveal().to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let request = Request::post("/sign-in")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("token={link}")))?;
        let response = runtime.block_on(router.clone().oneshot(request))?;
        let cookie = response.headers().get(header::SET_COOKIE).context("signing in failed")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let case = alongside_domain::ids::GroupId::from_slice(&case).context("a case has an id")?;
        let pages = [format!("/areas/{area}"), format!("/cases/{case}")];
        Ok(Self { router, runtime, cookie, pages })
    }

    fn fetch(&self, page: &str) -> Result<Duration> {
        let request = Request::get(page).header(header::COOKIE, &self.cookie).body(Body::empty())?;
        let (bytes, took) = timed(|| {
            self.runtime.block_on(async {
                let response = self.router.clone().oneshot(request).await?;
                if !response.status().is_success() {
                    bail!("a page answered {}", response.status());
                }
                Ok(to_bytes(response.into_body(), usize::MAX).await?)
            })
        })?;
        ensure!(bytes.len() > 1_000, "a page is empty");
        Ok(took)
    }
}
