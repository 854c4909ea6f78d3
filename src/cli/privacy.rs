//! `vca privacy`: what a person who called may ask for.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::config::{Config, Loaded, environment};
use super::{Failure, database, wiring};
use crate::domain::{By, E164, TenantId, TenantScope};
use crate::privacy;
use crate::store::Store;
use crate::vault::Recordings;

/// Hand over, or erase, what is kept of a person who called.
///
/// With SQLite, `erase` needs VCA to be stopped, since one process at a time may write to the database; `export` does not.
#[derive(Debug, Args)]
pub struct PrivacyArgs {
    #[command(subcommand)]
    command: PrivacyCommand,
}

#[derive(Debug, Subcommand)]
enum PrivacyCommand {
    /// Write everything that is kept of a number into a new folder: export.json, and a WAV file for each recording
    Export(ExportArgs),
    /// Erase everything that is kept of a number; the number itself is held apart for a year, as the law has it for logs
    Erase(EraseArgs),
}

#[derive(Debug, Args)]
struct Person {
    /// Configuration file (TOML) over the built-in defaults, as for `vca serve`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The tenant that was called: its name or its id
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// The number of the person who called
    #[arg(long, value_name = "NUMBER")]
    number: String,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    person: Person,
    /// The folder to be made
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct EraseArgs {
    #[command(flatten)]
    person: Person,
    /// Who asked for it, for the list of erasures; no personal data
    #[arg(long, value_name = "NAME", default_value = "operator")]
    actor: String,
}

/// Runs `vca privacy`.
///
/// # Errors
/// Set-up failures (arguments, configuration, database), and what fails on the way.
pub fn run(args: PrivacyArgs) -> Result<ExitCode, Failure> {
    super::serve::runtime()?.block_on(async {
        match args.command {
            PrivacyCommand::Export(args) => export(args).await,
            PrivacyCommand::Erase(args) => erase(args).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn export(args: ExportArgs) -> Result<(), Failure> {
    let config = load(&args.person)?;
    let store = database::open_to_read(&config).await?;
    let (scope, number, recordings) = find(&args.person, &config, &store).await?;
    let found = privacy::export(&store, scope, &number, Timestamp::now()).await;
    let found = found.map_err(|error| Failure::run(&error))?;
    let out = &args.out;
    let cannot = |error: std::io::Error| Failure::Setup(format!("{}: {error}; name another folder", out.display()));
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(out).map_err(cannot)?;
    let text = serde_json::to_string_pretty(&found).map_err(|error| Failure::run(&error))?;
    std::fs::write(out.join("export.json"), text).map_err(cannot)?;
    let mut missing = 0;
    for call in &found.calls {
        let Some(name) = &call.recording_file else { continue };
        match recordings.open(scope.tenant(), call.record.id).await {
            Ok(recording) => recording.save(&out.join(name)).await.map_err(|error| Failure::run(&error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing += 1,
            Err(error) => return Err(Failure::run(&error)),
        }
    }
    let calls = found.calls.len();
    say(&format!("{calls} calls are in {}; {missing} recordings are not there any more.", out.display()));
    store.close().await;
    Ok(())
}

async fn erase(args: EraseArgs) -> Result<(), Failure> {
    let config = load(&args.person)?;
    let store = database::open(&config).await?;
    let (scope, number, recordings) = find(&args.person, &config, &store).await?;
    let by = By::system(Timestamp::now());
    let done = privacy::erase(&store, &recordings, scope, &number, &args.actor, &by, rand::random()).await;
    let done = done.map_err(|error| Failure::run(&error))?;
    say(&format!("{}: {} calls and {} recordings are erased.", done.id, done.calls, done.recordings));
    if done.active > 0 {
        say(&format!("{} calls go on: ask again after their end.", done.active));
    }
    store.close().await;
    Ok(())
}

fn load(person: &Person) -> Result<Config, Failure> {
    let loaded = Loaded::load(person.config.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    super::log::start(&loaded.config.log)?;
    Ok(loaded.config)
}

async fn find(person: &Person, config: &Config, store: &Store) -> Result<(TenantScope, E164, Recordings), Failure> {
    let number = E164::from_indian(&person.number).map_err(|error| Failure::Setup(format!("--number: {error}")))?;
    let wanted = person.tenant.as_str();
    let id = wanted.parse::<TenantId>().ok();
    for (scope, _) in store.retentions().await.map_err(|error| Failure::setup(&error))? {
        let tenant = store.tenant(scope).await.map_err(|error| Failure::setup(&error))?;
        if id == Some(tenant.id) || tenant.name == wanted {
            return Ok((scope, number, wiring::recordings(config)?));
        }
    }
    Err(Failure::Setup(format!("--tenant: no tenant is called {wanted:?}, nor has that id")))
}

fn say(text: &str) {
    // Standard output may be closed; it is done all the same.
    let _ = writeln!(std::io::stdout(), "{text}");
}
