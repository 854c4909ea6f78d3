//! The command line: what `vca --help` shows, and the wiring of the parts.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::speech::models::ModelStore;

pub mod asterisk;
pub mod call;
pub mod check_config;
pub mod config;
pub mod database;
pub mod demo;
mod examples;
mod keys;
mod log;
mod messages;
pub mod models;
mod onboard;
pub mod presence;
pub mod privacy;
pub mod reload;
pub mod replay;
pub mod serve;
pub mod server;
mod set_up;
pub mod simulate;
mod stored_trunks;
mod studio;
mod test_phone;
mod upkeep;
pub mod usage;
mod wiring;

/// Answers the phone for small businesses.
///
/// VCA registers on a SIP trunk or waits for a SIP phone, answers each call with the receptionist of the number that
/// was dialled, understands what the caller says, takes the message, and writes everything down.
#[derive(Debug, Parser)]
#[command(name = "vca", version, after_help = FIRST_STEPS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  vca models pull                      fetch the speech models (once)
  vca demo                             answer calls to a demo clinic on this machine
  vca call --to sip:+918047180000@127.0.0.1:5060 --say \"I would like an appointment\"
                                       call it, from another terminal

Exit codes: 0 done; 1 failed while running; 2 wrong arguments, configuration or surroundings (the message says how to mend it).";

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls, as the configuration says
    Serve(serve::ServeArgs),
    /// Answer calls to a demo clinic on this machine; no configuration, no account
    Demo(demo::DemoArgs),
    /// Be a caller: speak, listen, and print the conversation
    Call(call::CallArgs),
    /// Run a recorded call again and show the first difference
    Replay(replay::ReplayArgs),
    /// Let scripted callers call, and score their calls
    Simulate(simulate::SimulateArgs),
    /// Show what a month came to, or export it for invoices
    Usage(usage::UsageArgs),
    /// Fetch, list and verify speech models
    Models(models::ModelsArgs),
    /// Explain the merged configuration and what is wrong with it
    CheckConfig(check_config::CheckConfigArgs),
    /// Hand over, or erase, what is kept of a person who called
    Privacy(privacy::PrivacyArgs),
    /// Bring the database's schema up to date
    Migrate(database::MigrateArgs),
    /// Copy the SQLite database into a new file while calls go on
    Backup(database::BackupArgs),
    /// Write the files of an Asterisk between a carrier and VCA
    Asterisk(asterisk::AsteriskArgs),
}

/// A failure with the exit code that it deserves.
#[derive(Debug)]
pub enum Failure {
    /// The arguments, the configuration or the machine are not as they must be, a line for each fault: exit code 2.
    Setup(String),
    /// Something failed while running: exit code 1.
    Run(String),
}

impl Failure {
    /// A set-up failure from an error, with the chain of its causes on one line.
    pub fn setup(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Setup(one_line(error))
    }

    /// A run-time failure from an error, with the chain of its causes on one line.
    pub fn run(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Run(one_line(error))
    }
}

/// The error and its sources, joined by colons; a source whose text the error repeats is left out.
fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text.replace('\n', " ")
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Call(args) => call::run(args),
        Command::Replay(args) => replay::run(&args),
        Command::Simulate(args) => simulate::run(args),
        Command::Usage(args) => usage::run(&args),
        Command::Models(args) => {
            models::run(&args).map(|()| ExitCode::SUCCESS).map_err(|error| Failure::Setup(format!("{error:#}")))
        }
        Command::CheckConfig(args) => check_configuration(&args),
        Command::Privacy(args) => privacy::run(args),
        Command::Migrate(args) => database::migrate(args),
        Command::Backup(args) => database::backup(args),
        Command::Asterisk(args) => asterisk::run(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(Failure::Setup(message)) => complain(&message, 2),
        Err(Failure::Run(message)) => complain(&message, 1),
    }
}

fn check_configuration(args: &check_config::CheckConfigArgs) -> Result<ExitCode, Failure> {
    check_config::run_check(args, config::environment(), &locate_model, &mut std::io::stdout())
        .map(ExitCode::from)
        .map_err(|error| Failure::run(&error))
}

/// Why a model of this name cannot be opened; answers [`config::LocateModel`].
fn locate_model(config: &config::Config, name: &str) -> Result<(), String> {
    let store = config.models_dir.as_ref().map_or_else(ModelStore::default, ModelStore::new);
    store.locate(name).map(drop).map_err(|error| error.to_string())
}

fn complain(message: &str, code: u8) -> ExitCode {
    let mut err = std::io::stderr();
    for line in message.lines() {
        // Standard error may be closed; there is nobody left to tell then.
        let _ = writeln!(err, "vca: {line}");
    }
    ExitCode::from(code)
}

/// Where VCA keeps its data when nothing else is said: `$XDG_DATA_HOME/vca` or `~/.local/share/vca`.
fn default_data_dir() -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).unwrap_or_else(|| {
        std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from).join(".local/share")
    });
    base.join("vca")
}
