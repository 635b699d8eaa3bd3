//! `alongside quarantine`: what phones sent too late, and a coordinator's decision on it.

use std::path::PathBuf;

use alongside_domain::ids::{GroupId, PersonId};
use alongside_server::{
    config::Config,
    review::{self, State, Taken, Wanted},
};
use clap::Args;
use serde_json::json;

use super::refused::{listed, shown, write_export};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what waits: number, time, reason, form, fields, person and group. Nothing that was written.
    List(Filter),
    /// Show one with its values: personal data.
    Show {
        /// Its number.
        id: u64,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// Take these into the feed, as their authors wrote them.
    Take {
        /// Their numbers.
        #[arg(required = true)]
        ids: Vec<u64>,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// Refuse these, with what stands on them; their authors are told.
    Refuse {
        /// Their numbers.
        #[arg(required = true)]
        ids: Vec<u64>,
        /// Why, as a code: lower case letters, digits and `_` (entered_twice, wrong_record, not_agreed).
        #[arg(long)]
        reason: String,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// Write everything that waits into a new file, a JSON object a line: personal data.
    Export {
        /// The file to make; one that is there is never overwritten.
        to: PathBuf,
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which ones.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Of this group only.
    #[arg(long)]
    group: Option<GroupId>,
    /// Of this person only.
    #[arg(long)]
    person: Option<PersonId>,
    /// Print one JSON object on the last line.
    #[arg(long)]
    pub(super) json: bool,
}

impl Filter {
    pub(super) fn wanted(&self, state: State) -> Wanted {
        Wanted { state: Some(state), group: self.group, author: self.person, id: None }
    }
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<bool> {
    let store = super::open_store(config)?;
    match command {
        Command::List(filter) => listed(&review::list(&store, &filter.wanted(State::Review))?, filter.json),
        Command::Show { id, json } => shown(&store, State::Review, *id, *json),
        Command::Export { to, filter } => {
            write_export(&store, &filter.wanted(State::Review), to, filter.json)
        }
        Command::Take { ids, json } => {
            let programme = super::read_programme(config)?;
            match review::take(&store, super::now(), &programme, ids) {
                Ok(taken) => Ok(say_taken(&taken, *json)),
                Err(error) => super::failed(*json, error.code(), error),
            }
        }
        Command::Refuse { ids, reason, json } => {
            match review::refuse(&store, super::now(), ids, reason) {
                Ok(refused) if *json => super::say(json!({ "ok": true, "refused": refused })),
                Ok(refused) => {
                    for id in &refused {
                        super::say(format_args!("{id}\trefused"));
                    }
                    super::say("They are kept: `alongside refused list`. Their authors' phones are told.");
                }
                Err(error) => return super::failed(*json, error.code(), error),
            }
            Ok(true)
        }
    }
}

fn say_taken(taken: &[(u64, Taken)], json: bool) -> bool {
    let well = taken.iter().all(|(_, taken)| matches!(taken, Taken::Accepted(_) | Taken::Have(_)));
    if json {
        let each: Vec<_> = taken.iter().map(|(id, taken)| json!({ "id": id, "outcome": taken })).collect();
        super::say(json!({ "ok": well, "taken": each }));
        return well;
    }
    for (id, taken) in taken {
        match taken {
            Taken::Accepted(seq) => super::say(format_args!("{id}\ttaken, entry {seq} of the feed")),
            Taken::Have(seq) => super::say(format_args!("{id}\twas there already, entry {seq}")),
            Taken::Missing => {
                super::say(format_args!("{id}\twaits: name the changes it stands on as well"));
            }
            Taken::NoGroup => super::say(format_args!("{id}\twaits: name the opening of its group as well")),
            Taken::Unfit(refusal) => super::say(format_args!(
                "{id}\tcannot be taken ({}): refuse it, and have it entered anew",
                refusal.code()
            )),
        }
    }
    well
}
