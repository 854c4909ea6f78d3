//! `vca serve`: answer calls as the configuration says.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::config::{Config, environment};
use super::server::{self, Server};

/// Answer calls, as the configuration says.
///
/// Stops on SIGINT or SIGTERM: no new calls are taken, and those under way may finish within calls.drain_s.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML) over the built-in defaults; `vca check-config` explains the result
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs `vca serve`.
///
/// # Errors
/// Set-up failures, with one line that says how to mend them.
pub fn run(args: ServeArgs) -> Result<ExitCode, Failure> {
    let config = Config::load(args.config.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    super::log::start(&config.log)?;
    runtime()?.block_on(async {
        let store = server::open_store(&config).await?;
        super::onboard::sync(&store, &config.tenants, config.turns).await?;
        Server::start(&config, store).await?.run_until_signal().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The runtime of signalling, HTTP and the database.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()
        .map_err(|error| Failure::setup(&error))
}
