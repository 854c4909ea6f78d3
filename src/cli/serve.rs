//! `vca serve`: answer calls as the configuration says.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::config::{Loaded, LocateModel, Severity, check, environment};
use super::server::{self, Server};
use super::{Failure, keys, set_up};
use crate::store::{ApiKey, KeyOwner};

/// Answer calls, as the configuration says.
///
/// Stops on SIGINT or SIGTERM: no new calls are taken, and those under way may finish within sip.drain_s. SIGHUP takes up
/// changed trunks and tenants; calls go on.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML) over the built-in defaults; `vca check-config` explains the result
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this API key of the operator instead of making one at the first start
    #[arg(long, value_name = "KEY", env = "VCA_OPERATOR_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

/// Runs `vca serve`.
///
/// # Errors
/// Set-up failures, with one line for each that says how to mend it.
pub fn run(args: ServeArgs) -> Result<ExitCode, Failure> {
    let loaded = Loaded::load(args.config.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    let config = &loaded.config;
    super::log::start(&config.log)?;
    refuse_faults(&loaded, &super::locate_model)?;
    let key = args.api_key.as_deref().map(ApiKey::parse).transpose();
    let key = key.map_err(|error| Failure::Setup(format!("--api-key: {error}")))?;
    runtime()?.block_on(async {
        let store = server::open_store(config).await?;
        super::onboard::sync(&store, config).await?;
        let chosen = key.is_some();
        let key = keys::first(&store, KeyOwner::Platform, "operator", key).await;
        let key = key.map_err(|error| Failure::setup(&error))?;
        let mut server = Server::start(config, store).await?;
        server.reload_on_hangup(Arc::new(server.reloader(args.config.clone(), loaded.clone())))?;
        if let Some(key) = key.filter(|_| !chosen)
            && let Err(error) = keys::show(&key, server.http)
        {
            tracing::warn!(%error, "the API key could not be printed: start with --api-key to choose one");
        }
        if let Some(token) = &server.setup_token
            && let Err(error) = set_up::show(token, server.http)
        {
            tracing::warn!(%error, "the token of the first user could not be printed");
        }
        server.run_until_signal().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Stops at what `vca check-config` calls an error, one line each; logs what it warns of.
pub(super) fn refuse_faults(loaded: &Loaded, locate: LocateModel<'_>) -> Result<(), Failure> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        check(&loaded.config, locate).into_iter().partition(|finding| finding.severity == Severity::Error);
    for finding in warnings {
        tracing::warn!(key = finding.key, origin = %loaded.origin(&finding.key), "{}", finding.message);
    }
    let line = |finding: &super::config::Finding| {
        let (origin, message) = (loaded.origin(&finding.key), finding.message.replace('\n', " "));
        format!("{origin}: `{}`: {message}", finding.key)
    };
    let lines: Vec<String> = errors.iter().map(line).collect();
    if lines.is_empty() { Ok(()) } else { Err(Failure::Setup(lines.join("\n"))) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_a_line_that_says_what_and_where_and_warnings_stop_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vca.toml");
        let refused = |text: &str| {
            std::fs::write(&file, format!("data_dir = {:?}\n{text}", folder.path())).unwrap();
            let loaded = Loaded::load(Some(&file), []).unwrap();
            refuse_faults(&loaded, &|_, name| {
                if name == "gone" { Err("no model is called `gone`:\npull it".to_owned()) } else { Ok(()) }
            })
        };
        assert!(refused("[http]\nlisten = \"0.0.0.0:8080\"\n").is_ok(), "a warning");
        let trunk = "[[trunks]]\nname = \"line\"\nprofile = \"generic-register\"\nfrom_user = \"+918047180000\"\n";
        let text = format!("[sip]\nmax_calls = 0\n[speech]\nvad = \"gone\"\n{trunk}");
        let Err(Failure::Setup(lines)) = refused(&text) else { panic!("refused") };
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains("vca.toml:3: `sip.max_calls`: must be at least 1"), "{lines:?}");
        assert!(lines[1].contains("`trunks.line.registrar`: is needed to register"), "{lines:?}");
        assert!(lines[2].contains("vca.toml:5: `speech.vad`: no model is called `gone`: pull it"), "{lines:?}");
    }
}
