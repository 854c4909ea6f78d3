//! `vca asterisk`: the files of an Asterisk that stands between a carrier and VCA, out of a configured trunk.
//!
//! Asterisk registers, passes the dialled number and the caller through, and answers nothing itself; media runs directly
//! between carrier and VCA where the carrier allows it. The templates are in `asterisk-compat/`.

mod template;
mod values;

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use toml::{Table, Value};

use super::Failure;
use super::config::{Config, environment};
use crate::domain::{E164, Trunk};

/// The templates, by the name of the file that each makes.
const TEMPLATES: [(&str, &str); 4] = [
    ("pjsip.conf", include_str!("../../../asterisk-compat/pjsip.conf")),
    ("extensions.conf", include_str!("../../../asterisk-compat/extensions.conf")),
    ("rtp.conf", include_str!("../../../asterisk-compat/rtp.conf")),
    ("modules.conf", include_str!("../../../asterisk-compat/modules.conf")),
];

/// The file with VCA's own side.
const VCA_FILE: &str = "vca-trunk.toml";

/// Write the files of an Asterisk between a carrier and VCA, out of a configured trunk.
///
/// Prints them with the password masked, or writes them with --out, readable by their owner only: pjsip.conf,
/// extensions.conf, rtp.conf and modules.conf for Asterisk, and vca-trunk.toml, which takes the place of the trunk in VCA's
/// configuration.
#[derive(Debug, Args)]
pub struct AsteriskArgs {
    /// The trunk, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    trunk: String,
    /// Configuration file (TOML) that names the trunk
    #[arg(long, value_name = "FILE", env = "VCA_CONFIG")]
    config: Option<PathBuf>,
    /// Write the files into this folder instead of printing them
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where Asterisk finds VCA
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5070")]
    vca: SocketAddr,
    /// Where VCA finds Asterisk; needed when they are on two machines
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5080")]
    asterisk: SocketAddr,
    /// Print the password too
    #[arg(long)]
    show_secrets: bool,
}

/// The two ends of the line between Asterisk and VCA.
#[derive(Debug, Clone, Copy)]
struct Sides {
    vca: SocketAddr,
    asterisk: SocketAddr,
}

/// Runs `vca asterisk`.
///
/// # Errors
/// Set-up failures, with one line that says how to mend them.
pub fn run(args: &AsteriskArgs) -> Result<ExitCode, Failure> {
    let config = Config::load(args.config.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    let trunk = config.trunks.iter().find(|trunk| trunk.name == args.trunk).ok_or_else(|| {
        let known: Vec<&str> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        let known = if known.is_empty() { "none: name a file with --config".to_owned() } else { known.join(", ") };
        Failure::Setup(format!("no trunk is called `{}`; configured: {known}", args.trunk))
    })?;
    if args.vca.ip().is_loopback() != args.asterisk.ip().is_loopback() {
        let message =
            "--vca and --asterisk: one is this machine and the other is not, so they would not reach each other";
        return Err(Failure::Setup(message.to_owned()));
    }
    let sides = Sides { vca: args.vca, asterisk: args.asterisk };
    let files = files(trunk, &sides, args.out.is_some() || args.show_secrets).map_err(Failure::Setup)?;
    match &args.out {
        Some(folder) => write_all(folder, &files).map_err(|error| {
            Failure::Setup(format!("cannot write into {}: {error}; name another folder with --out", folder.display()))
        })?,
        None => print_all(&files, &mut io::stdout().lock()).map_err(|error| Failure::run(&error))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Name and text of every file.
fn files(trunk: &Trunk, sides: &Sides, show_secrets: bool) -> Result<Vec<(&'static str, String)>, String> {
    let values = values::values(trunk, sides, show_secrets)?;
    let mut files: Vec<(&str, String)> =
        TEMPLATES.iter().map(|(name, template)| (*name, template::render(template, &values))).collect();
    files.push((VCA_FILE, vca_side(trunk, sides)));
    Ok(files)
}

/// The entry of `[[trunks]]` that has calls come and go through Asterisk, and through nothing else.
fn vca_side(trunk: &Trunk, sides: &Sides) -> String {
    let text = |text: &str| Value::String(text.to_owned());
    let mut entry = Table::new();
    entry.insert("name".to_owned(), text(&trunk.name));
    entry.insert("profile".to_owned(), text("asterisk"));
    entry.insert("outbound_proxy".to_owned(), text(&sides.asterisk.to_string()));
    entry.insert("sbc_ips".to_owned(), Value::Array(vec![text(&sides.asterisk.ip().to_string())]));
    entry.insert("dids".to_owned(), Value::Array(trunk.dids.iter().map(|did: &E164| text(did.as_str())).collect()));
    let codecs = Value::try_from(&trunk.settings.codecs).expect("invariant: codecs are words");
    entry.insert("codecs".to_owned(), codecs);
    for (key, limit) in [("channels", trunk.settings.channels), ("cps", trunk.settings.cps)] {
        if limit > 0 {
            entry.insert(key.to_owned(), Value::Integer(limit.into()));
        }
    }
    format!(
        "# In VCA's configuration this takes the place of the trunk `{}` while Asterisk stands in front. VCA itself listens at\n\
         # {} (sip.udp). Nobody but Asterisk should call: leave its address out of sip.peers, and let that list be empty.\n\
         [[trunks]]\n{entry}",
        trunk.name, sides.vca
    )
}

fn print_all(files: &[(&str, String)], out: &mut dyn Write) -> io::Result<()> {
    for (name, text) in files {
        let mark = if *name == VCA_FILE { '#' } else { ';' };
        writeln!(out, "{mark} ==== {name} ====\n{text}")?;
    }
    out.flush()
}

/// Puts each file in its place whole, readable by its owner only from the first byte on.
fn write_all(folder: &Path, files: &[(&str, String)]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for (name, text) in files {
        let (new, place) = (folder.join(format!(".{name}.new")), folder.join(name));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &place)?;
    }
    Ok(())
}
