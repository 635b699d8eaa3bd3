//! `alongside` as a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

pub(crate) fn alongside(store: &Path) -> Command {
    let mut command = bare();
    command.arg("--store").arg(store).env("ALONGSIDE_LOG", "error").stdin(Stdio::null());
    command
}

/// The binary with no setting of the machine that it is tested on.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alongside"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ALONGSIDE_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a command came to.
pub(crate) struct Ran {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The object on the last line.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

pub(crate) fn run(store: &Path, args: &[&str]) -> Ran {
    ran(&alongside(store).args(args).output().unwrap())
}

pub(crate) fn ran(output: &Output) -> Ran {
    Ran {
        ok: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Adds a supporter with the command; gives the id.
pub(crate) fn add_person(store: &Path, name: &str) -> String {
    let added = run(
        store,
        &[
            "user",
            "add",
            "--name",
            name,
            "--role",
            "SUPPORTER",
            "--partner",
            "Contact Point",
            "--areas",
            "840",
        ],
    );
    assert!(added.ok, "{}", added.err);
    added.out.lines().find_map(|line| line.strip_prefix("person ")).unwrap().to_owned()
}

/// A one-time code from the command.
pub(crate) fn code(store: &Path, person: &str) -> String {
    let enrol = run(store, &["enrol", "--person", person]);
    enrol.out.lines().find_map(|line| line.strip_prefix("code ")).unwrap().trim().to_owned()
}

/// A server that runs. Killed when dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) url: String,
}

impl Serving {
    pub(crate) fn start(store: &Path) -> Self {
        Self::spawned(spawn(store)).unwrap_or_else(|why| panic!("the server does not start: {why}"))
    }

    /// Waits until it listens; or says what it said when it ended.
    pub(crate) fn spawned(mut child: Child) -> Result<Self, String> {
        let out = BufReader::new(child.stdout.take().unwrap());
        let url = out
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("Alongside serves at ")?.split_once(". ")?.0.to_owned()));
        match url {
            Some(url) => Ok(Self { child, url }),
            None => {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                child.wait().unwrap();
                Err(said)
            }
        }
    }

    /// Ends it at once, as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn serve(store: &Path) -> Command {
    let mut command = alongside(store);
    command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn spawn(store: &Path) -> Child {
    serve(store).spawn().unwrap()
}
