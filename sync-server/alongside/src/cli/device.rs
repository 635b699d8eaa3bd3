//! `alongside device`: phones.

use alongside_domain::ids::DeviceId;
use alongside_server::{config::Config, people};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List every enrolled phone: id, person, state, changes that waited when it was last seen, name.
    List,
    /// Revoke a phone: it delivers what it still has, for a coordinator to look at, and gets nothing.
    Revoke {
        /// The phone's id.
        #[arg(long)]
        device: DeviceId,
    },
}

pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<()> {
    let store = super::open_store(config)?;
    match command {
        Command::List => {
            for device in store.devices()? {
                let state = match (device.revoked_at, device.last_seen) {
                    (Some(at), _) => format!("revoked {}", at.timestamp()),
                    (None, Some(at)) => format!("seen {}", at.timestamp()),
                    (None, None) => format!("enrolled {}", device.enrolled_at.timestamp()),
                };
                super::say(format_args!(
                    "{}\t{}\t{state}\t{}\t{}",
                    device.id, device.person, device.waiting, device.name
                ));
            }
        }
        Command::Revoke { device } => {
            people::revoke_device(&store, super::now(), *device)?;
            super::say(format_args!("revoked {device}"));
        }
    }
    Ok(())
}
