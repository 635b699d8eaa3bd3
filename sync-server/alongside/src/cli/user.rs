//! `alongside user`: people, and the links that let them onto the console.

use alongside_domain::ids::PersonId;
use alongside_server::{
    config::Config,
    people::{self, NewPerson},
    store::Store,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a person, and print a link that lets them onto the console once.
    Add {
        /// Work name.
        #[arg(long)]
        name: String,
        /// Role, by its code in the programme.
        #[arg(long)]
        role: String,
        /// Partner organisation; added where it is new.
        #[arg(long)]
        partner: String,
        /// Areas the person works in, by code.
        #[arg(long, value_delimiter = ',')]
        areas: Vec<String>,
    },
    /// Print another link for a person.
    Link {
        /// The person's id.
        #[arg(long)]
        person: PersonId,
    },
    /// List everybody.
    List,
}

pub(super) fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    let store = super::open_store(config)?;
    match command {
        Command::Add { name, role, partner, areas } => {
            let programme = super::read_programme(config)?;
            let now = super::now();
            let partner = people::partner(&store, now, &partner)?;
            let person =
                people::add_person(&store, now, &programme, &NewPerson { name, role, partner, areas })?;
            super::say(format_args!("person {person}"));
            link(config, &store, person)
        }
        Command::Link { person } => link(config, &store, person),
        Command::List => {
            for person in people::list(&store)? {
                super::say(format_args!(
                    "{}\t{}\t{}\t{}",
                    person.id,
                    person.role,
                    person.areas.join(","),
                    person.name
                ));
            }
            Ok(())
        }
    }
}

fn link(config: &Config, store: &Store, person: PersonId) -> anyhow::Result<()> {
    let token = people::console_link(store, super::now(), person, config.console_link_ms())?;
    super::say(format_args!(
        "sign in once, within {} minutes: {}",
        config.console_link_minutes,
        config.console_link(config.listen, &token)
    ));
    Ok(())
}
