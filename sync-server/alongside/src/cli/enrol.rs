//! `alongside enrol`: a one-time code for a person's phone.

use alongside_domain::ids::PersonId;
use alongside_server::{config::Config, people};

/// Make a one-time code that enrols a person's phone.
#[derive(Debug, clap::Args)]
pub(super) struct Enrol {
    /// The person's id (`alongside user list`).
    #[arg(long)]
    person: PersonId,
}

pub(super) fn run(config: &Config, command: &Enrol) -> anyhow::Result<()> {
    let store = super::open_store(config)?;
    let code = people::enrolment_code(&store, super::now(), command.person, config.enrolment_ms())?;
    super::say(format_args!("server {}", config.url(config.listen)));
    super::say(format_args!("code   {}", code.reveal()));
    super::say(format_args!("valid once, within {} minutes", config.enrolment_minutes));
    Ok(())
}
