//! `vca check-config`: the configuration in force, where each value came from, and what is wrong with it.

use std::io::{self, Write};
use std::path::PathBuf;

use super::config::{DEFAULTS, Loaded, LocateModel, Severity, check};

/// Shows the configuration in force, where each value came from, and what is wrong with it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CheckConfigArgs {
    /// Configuration file (TOML), over the built-in defaults
    #[arg(long, short, value_name = "FILE", env = "VCA_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print the built-in defaults with their comments, as a file to start from
    #[arg(long)]
    pub defaults: bool,
}

/// Runs the command; gives the exit code: 0 when VCA would start, 2 when not.
///
/// # Errors
/// When `out` cannot be written.
pub fn run_check(
    args: &CheckConfigArgs,
    env: impl IntoIterator<Item = (String, String)>,
    locate: LocateModel<'_>,
    out: &mut dyn Write,
) -> io::Result<u8> {
    if args.defaults {
        out.write_all(DEFAULTS.as_bytes())?;
        return Ok(0);
    }
    let loaded = match Loaded::load(args.config.as_deref(), env) {
        Ok(loaded) => loaded,
        Err(error) => {
            writeln!(out, "error: {error}")?;
            return Ok(2);
        }
    };
    let lines: Vec<_> =
        loaded.lines().into_iter().map(|(key, value, origin)| (format!("{key} = {value}"), origin)).collect();
    let width = lines.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    for (text, origin) in lines {
        writeln!(out, "{text:width$}  # {origin}")?;
    }
    let findings = check(&loaded.config, locate);
    for finding in &findings {
        writeln!(out, "{finding} ({})", loaded.origin(&finding.key))?;
    }
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    if findings.is_empty() {
        writeln!(out, "The configuration is in order.")?;
    }
    Ok(if failed { 2 } else { 0 })
}
