//! `vca migrate`, `vca backup`, and which database the configuration means.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::config::{Config, environment};
use crate::store::{PostgresOptions, Store};

/// Bring the database's schema up to date
///
/// `vca serve` does so by itself unless `database.migrate` is false. Migrations are made so that the version before runs on the new
/// schema too: migrate first, then replace the running nodes one by one.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Configuration file (TOML) over the built-in defaults
    #[arg(long, value_name = "FILE", env = "VCA_CONFIG")]
    config: Option<PathBuf>,
    /// The folder that the node keeps its data in [default: as the configuration says]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Copy the SQLite database into a new file while calls go on
///
/// The copy is whole and consistent. To restore it, stop VCA, move `vca.sqlite`, `vca.sqlite-wal` and `vca.sqlite-shm` out
/// of the data folder, and put the copy there as `vca.sqlite`. Recordings are files of their own, in `recordings`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make; it must not exist
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Configuration file (TOML) over the built-in defaults
    #[arg(long, value_name = "FILE", env = "VCA_CONFIG")]
    config: Option<PathBuf>,
    /// The folder that the node keeps its data in [default: as the configuration says]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Opens the database that the configuration names.
///
/// # Errors
/// One line that says what, where and how to mend it.
pub(super) async fn open(config: &Config) -> Result<Store, Failure> {
    let opened = match config.postgres() {
        Some(options) => Store::connect(&options).await,
        None => Store::open(&config.database_file()).await,
    };
    opened.map_err(|error| Failure::setup(&error))
}

/// Opens it to read it, while a node may have it open; nothing is migrated.
///
/// # Errors
/// As [`open`].
pub(super) async fn open_to_read(config: &Config) -> Result<Store, Failure> {
    let opened = match config.postgres() {
        Some(options) => Store::connect(&PostgresOptions { migrate: false, ..options }).await,
        None => Store::open_to_read(&config.database_file()).await,
    };
    opened.map_err(|error| Failure::setup(&error))
}

/// Runs `vca migrate`.
///
/// # Errors
/// A database that cannot be reached, or has a schema that is not an older one of this program's.
pub fn migrate(args: MigrateArgs) -> Result<ExitCode, Failure> {
    let mut config = load(args.config, args.data)?;
    config.database.migrate = true;
    super::serve::runtime()?.block_on(async {
        open(&config).await?.close().await;
        say("the schema is up to date");
        Ok(ExitCode::SUCCESS)
    })
}

/// Runs `vca backup`.
///
/// # Errors
/// A file that exists or cannot be written, or a database that is not SQLite.
pub fn backup(args: BackupArgs) -> Result<ExitCode, Failure> {
    let config = load(args.config, args.data)?;
    super::serve::runtime()?.block_on(async {
        let store = open_to_read(&config).await?;
        let done = store.backup(&args.to).await.map_err(|error| Failure::setup(&error));
        store.close().await;
        done?;
        say(&format!("copied to {}", args.to.display()));
        Ok(ExitCode::SUCCESS)
    })
}

fn load(file: Option<PathBuf>, data: Option<PathBuf>) -> Result<Config, Failure> {
    let mut config = Config::load(file.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    if let Some(folder) = data {
        config.data_dir = folder;
    }
    Ok(config)
}

/// Standard output may be closed; there is nobody to tell then.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
