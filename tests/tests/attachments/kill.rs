//! Killed in the middle, on either side, at any moment.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use alongside_core::{Key, Phone, Profile, clock::SystemClock, media::AttachmentId, os_rng};
use alongside_domain::{ids::GroupId, media::MediaRef, programme::builtin};
use alongside_server::{api::Server, blobs::BlobFolder, clock, config::Config, store::Store, verify};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::lab::{World, attach, content, name, open_case, sync, taking};

/// Marks what a killed process reports, among what the test runner prints.
const MARK: &str = "@@";
const KILLS: u32 = 12;

fn report(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{line}").unwrap();
    out.flush().unwrap();
}

/// One of the processes below, with what it reports.
struct Killed {
    process: Child,
    lines: mpsc::Receiver<String>,
    heard: Vec<String>,
}

impl Killed {
    fn start(test: &str, environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", test, "--nocapture"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = process.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some((_, line)) = line.split_once(MARK)
                    && sender.send(line.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { process, lines, heard: Vec::new() }
    }

    /// Waits for a line that begins so; gives what follows.
    fn wait_for(&mut self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60)).unwrap();
            self.heard.push(line.clone());
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.heard.extend(self.lines.iter());
        std::mem::take(&mut self.heard)
    }
}

fn profile(dir: &Path) -> Profile {
    let programme = Arc::new(builtin::independent_support().unwrap());
    Profile::new(dir.to_owned(), Key::new([7; 32]), programme, Arc::new(SystemClock), os_rng())
}

/// Takes files, saves, sends, for ever.
#[test]
#[ignore = "a process of its own, started and killed by the test below"]
fn the_phone_that_is_killed() {
    let Ok(dir) = std::env::var("KILLED_PHONE") else { return };
    let (server, source) = (std::env::var("KILLED_SERVER").unwrap(), std::env::var("KILLED_SOURCE").unwrap());
    let group: GroupId = std::env::var("KILLED_GROUP").unwrap().parse().unwrap();
    let phone = Phone::open(profile(Path::new(&dir))).unwrap();
    phone.sync().set_server(&server).unwrap();
    report("open ");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let source = PathBuf::from(source);
    let whole = fs::read(&source).unwrap();
    for number in 0_u32.. {
        let part = source.with_extension(format!("{}-{number}", std::process::id()));
        let length = whole.len() / 8 + number as usize * 100_003 % (whole.len() / 2);
        fs::write(&part, &whole[..length]).unwrap();
        let media = phone.media().take(&taking(group, &part)).unwrap();
        report(&format!("taken {media}"));
        name(&phone, group, &media);
        report(&format!("saved {media}"));
        runtime.block_on(phone.sync().sync_once()).unwrap();
        runtime.block_on(phone.media().send_now()).unwrap();
        fs::remove_file(part).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_is_killed_keeps_what_it_took_and_sends_it_in_the_end() {
    let world = World::new().await;
    let dir = world.path("Ann");
    let phone = world.phone_in("Ann", dir.clone()).await;
    let case = open_case(&phone);
    sync(&phone).await;
    phone.close();
    drop(phone);
    let photo = content(2 << 20, 1);
    let source = world.file("photo", &photo);
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut saved: Vec<MediaRef> = Vec::new();
    for _ in 0..KILLS {
        let environment = [
            ("KILLED_PHONE", dir.to_str().unwrap()),
            ("KILLED_SERVER", &world.url()),
            ("KILLED_SOURCE", source.to_str().unwrap()),
            ("KILLED_GROUP", &case.to_string()),
        ];
        let mut killed = Killed::start("kill::the_phone_that_is_killed", &environment);
        let moment = Duration::from_millis(chance.random_range(0..400));
        let heard = tokio::task::spawn_blocking(move || {
            killed.wait_for("open ");
            std::thread::sleep(moment);
            killed.kill()
        })
        .await
        .unwrap();
        saved.extend(
            heard.iter().filter_map(|line| line.strip_prefix("saved ")).map(|media| media.parse().unwrap()),
        );
    }
    assert!(!saved.is_empty(), "SEED={seed}: something was saved");
    // Its own time, as that of the process that was killed.
    let phone = Phone::open(profile(&dir)).unwrap();
    phone.sync().set_server(&world.url()).unwrap();
    assert_eq!(phone.verify().unwrap(), Vec::<String>::new());
    for media in &saved {
        let at = AttachmentId::of(case, media);
        let length = usize::try_from(media.bytes()).unwrap();
        assert_eq!(world.opened(&phone, at), photo[..length], "SEED={seed}");
    }
    sync(&phone).await;
    for _ in 0..20 {
        if phone.media().send_now().await.unwrap().waiting == 0 {
            break;
        }
    }
    for media in &saved {
        let there = fs::read(world.blobs().whole(case, media.hash())).unwrap();
        assert_eq!(there, photo[..there.len()], "SEED={seed}");
    }
    let report = verify::verify(world.store().path(), None).unwrap();
    assert!(report.is_clean(), "SEED={seed}: {:?}", report.findings);
    println!("{KILLS} kills: {} files saved, all there and at the server", saved.len());
}

/// Serves until it is killed.
#[test]
#[ignore = "a process of its own, started and killed by the test below"]
fn the_server_that_is_killed() {
    let Ok(store) = std::env::var("KILLED_STORE") else { return };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let store = PathBuf::from(store);
    let config = Config { listen, store: store.clone(), reserved_mib: 0, ..Config::default() };
    let programme = Arc::new(builtin::independent_support().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open(&store).unwrap();
        let running = Server::start(config, store, Arc::new(clock::SystemClock), programme).await.unwrap();
        report(&format!("serves {}", running.url()));
        std::future::pending::<()>().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_keeps_what_it_acknowledged() {
    let mut world = World::new().await;
    let ann = world.phone("Ann").await;
    let case = open_case(&ann);
    sync(&ann).await;
    let photo = content(12 << 20, 1);
    let (_, at, _) = attach(&ann, case, &world.file("photo.jpg", &photo));
    sync(&ann).await;
    let store = world.store().path().to_owned();
    world.stop().await;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let start = || {
        let mut killed =
            Killed::start("kill::the_server_that_is_killed", &[("KILLED_STORE", store.to_str().unwrap())]);
        let url = killed.wait_for("serves ");
        (killed, url)
    };
    let mut in_the_middle = 0;
    for _ in 0..KILLS {
        let (killed, url) = start();
        ann.sync().set_server(&url).unwrap();
        let moment = Duration::from_millis(chance.random_range(0..150));
        let killer = tokio::task::spawn_blocking(move || {
            std::thread::sleep(moment);
            killed.kill()
        });
        ann.media().send_now().await.unwrap();
        killer.await.unwrap();
        let there = ann.media().waiting().unwrap().first().map(|line| line.state);
        let there = match there {
            Some(alongside_core::media::AttachmentState::Waiting { there, .. }) => there,
            _ => photo.len() as u64,
        };
        let folder = BlobFolder::of(&store);
        let held = |file: PathBuf| fs::metadata(file).map_or(0, |file| file.len());
        let held = held(folder.part(case, at.hash)).max(held(folder.whole(case, at.hash)));
        assert!(held >= there, "SEED={seed}: {there} bytes were acknowledged and {held} are there");
        in_the_middle += u32::from(there > 0 && there < photo.len() as u64);
    }
    let (killed, url) = start();
    ann.sync().set_server(&url).unwrap();
    for _ in 0..20 {
        if ann.media().send_now().await.unwrap().waiting == 0 {
            break;
        }
    }
    assert_eq!(ann.observed().unwrap().attachments, 0);
    killed.kill();
    assert_eq!(fs::read(BlobFolder::of(&store).whole(case, at.hash)).unwrap(), photo);
    let report = verify::verify(&store, None).unwrap();
    assert!(report.is_clean(), "SEED={seed}: {:?}", report.findings);
    assert_eq!(report.attachments, 1);
    assert!(in_the_middle > 0, "SEED={seed}: no kill fell in the middle");
    println!("{KILLS} kills, {in_the_middle} of them with some of it acknowledged and not all");
}
