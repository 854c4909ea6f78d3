//! Where the log goes and what is in it.

use tracing_subscriber::EnvFilter;

use super::Failure;
use super::config::{Log, LogFormat};

/// Starts logging to standard error.
///
/// # Errors
/// When the level in the configuration cannot be read.
pub fn start(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| {
        Failure::Setup(format!(
            "log.level = {:?}: {error}; write for example \"info\" or \"warn,vca::sip=debug\"",
            log.level
        ))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_target(false).try_init(),
    };
    started.map_err(|error| Failure::Setup(format!("logging cannot start: {error}")))
}
