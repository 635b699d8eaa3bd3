//! `alongside serve`.

use std::sync::Arc;

use alongside_app::stop;
use alongside_server::{Server, clock::SystemClock, config::Config};
use anyhow::Context as _;

pub(super) fn run(config: Config) -> anyhow::Result<()> {
    let programme = super::read_programme(&config)?;
    let store = super::open_store(&config)?;
    let runtime = tokio::runtime::Runtime::new().context("no threads for the server")?;
    runtime.block_on(async {
        let running = Server::start(config, store, Arc::new(SystemClock), programme).await?;
        super::say(format_args!("Alongside serves at {}. Ctrl-C stops it.", running.url()));
        stop::asked().await;
        running.shutdown().await;
        Ok(())
    })
}
