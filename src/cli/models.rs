//! `vca models`: list, fetch, check and locate the speech models.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::speech::models::{MODELS, Model, ModelState, ModelStore, Progress};

/// Fetch, check and locate the speech models.
///
/// Models live in $VCA_MODELS, by default ~/.cache/vca/models.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Show every known model, its size, licence and whether it is here.
    List,
    /// Fetch models; without a name, those that the defaults need. Does nothing when they are here and whole.
    Pull {
        /// Names from `vca models list`.
        names: Vec<String>,
        /// Fetch this file with curl instead and keep it under its own name, for use in the configuration.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Read every fetched file and compare its SHA-256 with the published one.
    Verify,
    /// Print the model folder, or the file of one model.
    Path {
        /// A name from `vca models list`.
        name: Option<String>,
    },
}

/// Runs `vca models …`; prints to standard output, progress to standard error.
pub fn run(args: &ModelsArgs) -> anyhow::Result<()> {
    let store = ModelStore::default();
    match &args.command {
        ModelsCommand::List => list(&store),
        ModelsCommand::Pull { names, url: Some(url) } => pull_url(&store, names, url)?,
        ModelsCommand::Pull { names, url: None } => pull(&store, names)?,
        ModelsCommand::Verify => verify(&store)?,
        ModelsCommand::Path { name: None } => println!("{}", store.dir().display()),
        ModelsCommand::Path { name: Some(name) } => println!("{}", store.locate(name)?.display()),
    }
    Ok(())
}

fn list(store: &ModelStore) {
    println!("{}", store.dir().display());
    for model in MODELS {
        let state = match store.state(model) {
            ModelState::Present => "here",
            ModelState::Missing if model.default => "missing",
            ModelState::Missing => "optional",
            ModelState::Damaged => "damaged",
        };
        let megabytes = model.files.iter().map(|file| file.bytes).sum::<u64>() as f64 / 1e6;
        println!("  {:<17} {state:<9} {megabytes:>6.1} MB  {:<13} {}", model.name, model.licence, model.about);
    }
}

fn pull(store: &ModelStore, names: &[String]) -> anyhow::Result<()> {
    let models: Vec<&Model> = if names.is_empty() {
        MODELS.iter().filter(|model| model.default).collect()
    } else {
        names.iter().map(|name| ModelStore::find(name)).collect::<Result<_, _>>()?
    };
    for model in models {
        let bar = Bar::new();
        let made = store.pull(model, &mut |progress| bar.show(progress))?;
        bar.0.finish_and_clear();
        let outcome = if made { "fetched" } else { "already here" };
        println!("{}: {outcome} ({})", model.name, store.dir().join(model.files[0].name).display());
    }
    Ok(())
}

fn pull_url(store: &ModelStore, names: &[String], url: &str) -> anyhow::Result<()> {
    let bar = Bar::new();
    let path = store.pull_url(url, &mut |progress| bar.show(progress))?;
    bar.0.finish_and_clear();
    let name = names.first().map_or_else(String::new, |name| format!("{name}: "));
    println!("{name}fetched {}; name this file in the configuration to use it", path.display());
    Ok(())
}

fn verify(store: &ModelStore) -> anyhow::Result<()> {
    let wanted = |model: &&Model| model.default || store.state(model) != ModelState::Missing;
    for model in MODELS.iter().filter(wanted) {
        store.verify(model).with_context(|| format!("model `{}`", model.name))?;
        println!("{}: whole", model.name);
    }
    Ok(())
}

struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    fn show(&self, progress: Progress<'_>) {
        let (template, message) = match progress {
            Progress::Downloading { what, done_bytes, total_bytes: 0 } => {
                self.0.set_position(done_bytes);
                ("{spinner} {msg} {bytes} ({bytes_per_sec})", what.to_owned())
            }
            Progress::Downloading { what, done_bytes, total_bytes } => {
                self.0.set_length(total_bytes);
                self.0.set_position(done_bytes.min(total_bytes));
                ("{msg} [{bar:30}] {bytes}/{total_bytes} {eta}", what.to_owned())
            }
            Progress::Making { what } => ("{spinner} {msg}", format!("making {what}")),
            Progress::Waiting { what } => ("{spinner} {msg}", format!("waiting for {what}")),
        };
        let style = ProgressStyle::with_template(template).expect("invariant: the templates above are valid");
        self.0.set_style(style);
        self.0.set_message(message);
    }
}
