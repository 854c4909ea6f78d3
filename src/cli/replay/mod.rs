//! `vca replay`: a recorded call once more, and the first step that leads to something else.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::config::{Config, environment};
use crate::dialogue::{Action, Difference, Input, Opening, RecordedCall, Step};
use crate::domain::CallId;
use crate::store::Store;

mod mask;

/// Where the project's own recorded calls are, from its root.
const REGRESSIONS: &str = "tests/data/replay";

/// Run a recorded call again, step by step, and show the first difference.
///
/// The dialogue is a function of its inputs: as long as nothing has changed, every recorded step leads to what it led
/// to in the call. The node may run meanwhile. Exit code 0: the same; 1: a difference; 2: there is no such call.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vca replay call_0190…                        has a change of the dialogue changed this call?
  vca replay --export call_0190… > call.json   take it along
  vca replay call.json --mask --save late-bus  make it a regression test of this checkout")]
pub struct ReplayArgs {
    /// A call's id, or a file that --export wrote
    #[arg(value_name = "CALL|FILE")]
    call: String,
    /// Print the recorded call as JSON instead of running it
    #[arg(long)]
    export: bool,
    /// Write it to tests/data/replay/NAME.json, which the tests replay
    #[arg(long, value_name = "NAME", conflicts_with = "export")]
    save: Option<String>,
    /// Put others in the place of the caller's name and numbers; what else was said stays as it is
    #[arg(long)]
    mask: bool,
    /// Save what the inputs lead to now, as right, instead of what they led to in the call
    #[arg(long, requires = "save")]
    accept: bool,
    /// The folder that the node keeps its data in [default: as the configuration says, then the demo's]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The node's configuration file
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    config: Option<PathBuf>,
}

/// Runs `vca replay`.
///
/// # Errors
/// A call that is not there or was recorded without what a replay needs.
pub fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let mut call = super::serve::runtime()?.block_on(find(args))?;
    if args.mask {
        call = mask::masked(&call, rand::random())?;
    }
    let mut out = std::io::stdout().lock();
    if args.export {
        serde_json::to_writer_pretty(&mut out, &call).map_err(|error| Failure::run(&error))?;
        writeln!(out).map_err(|error| Failure::run(&error))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &args.save {
        let call = if args.accept { call.played_anew().0 } else { call.clone() };
        let path = save(name, &call)?;
        writeln!(out, "saved as {}; `cargo test recorded_calls` replays it", path.display())
            .map_err(|error| Failure::run(&error))?;
        if args.accept {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let difference = call.first_difference();
    let told = match &difference {
        None => writeln!(out, "the same: {} steps", call.steps.len()),
        Some(difference) => write!(out, "{}", shown(&call, difference)),
    };
    told.map_err(|error| Failure::run(&error))?;
    Ok(ExitCode::from(u8::from(difference.is_some())))
}

async fn find(args: &ReplayArgs) -> Result<RecordedCall, Failure> {
    let Ok(id) = args.call.parse::<CallId>() else {
        let text = std::fs::read(&args.call)
            .map_err(|error| Failure::Setup(format!("{}: neither a call's id nor a file: {error}", args.call)))?;
        return serde_json::from_slice(&text)
            .map_err(|error| Failure::Setup(format!("{}: not a recorded call: {error}", args.call)));
    };
    let places = places(args)?;
    for config in places.iter().filter(|config| config.postgres().is_some() || config.database_file().exists()) {
        let store = super::database::open_to_read(config).await?;
        let found = recorded(&store, id).await;
        store.close().await;
        if let Some(call) = found? {
            return Ok(call);
        }
    }
    let named = |config: &Config| match config.postgres() {
        Some(_) => "the database of database.url".to_owned(),
        None => config.database_file().display().to_string(),
    };
    let looked: Vec<String> = places.iter().map(named).collect();
    Err(Failure::Setup(format!("{id} is not in {}; name the data folder with --data", looked.join(" nor in "))))
}

/// Where the call may be: as the configuration says, and where the demo keeps its calls.
fn places(args: &ReplayArgs) -> Result<Vec<Config>, Failure> {
    let config = Config::load(args.config.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    let on_sqlite = |folder: PathBuf| {
        let mut config = config.clone();
        config.database.url = None;
        config.data_dir = folder;
        config
    };
    if let Some(folder) = &args.data {
        return Ok(vec![on_sqlite(folder.clone())]);
    }
    let demo = on_sqlite(super::default_data_dir().join("demo"));
    Ok(vec![config, demo])
}

/// The call as its event log has it; `None` when there is no such call.
///
/// # Errors
/// A log that cannot be replayed, in words.
pub(super) async fn recorded(store: &Store, id: CallId) -> Result<Option<RecordedCall>, Failure> {
    let scope = store.scope_of_call(id).await.map_err(|error| Failure::setup(&error))?;
    let Some(scope) = scope else { return Ok(None) };
    let events = store.events(scope, id).await.map_err(|error| Failure::setup(&error))?;
    let unreadable = |seq: u32, error: serde_json::Error| {
        Failure::Setup(format!("{id}: event {seq} of its log cannot be read by this version: {error}"))
    };
    let (mut opening, mut steps) = (None::<Opening>, Vec::<Step>::new());
    for event in events {
        match event.kind.as_str() {
            "opening" => opening = Some(serde_json::from_value(event.data).map_err(|e| unreadable(event.seq, e))?),
            "step" => steps.push(serde_json::from_value(event.data).map_err(|e| unreadable(event.seq, e))?),
            _ => {}
        }
    }
    let opening = opening.ok_or_else(|| Failure::Setup(format!("{id} was recorded without an event log")))?;
    Ok(Some(RecordedCall { opening, steps }))
}

fn save(name: &str, call: &RecordedCall) -> Result<PathBuf, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Failure::Setup(format!("--save {name}: a name has letters, digits, `-` and `_` only")));
    }
    let folder = Path::new(REGRESSIONS);
    if !folder.is_dir() {
        return Err(Failure::Setup(format!(
            "there is no {REGRESSIONS} here; --save is for a checkout of VCA's sources"
        )));
    }
    let path = folder.join(format!("{name}.json"));
    let mut text = serde_json::to_string_pretty(call).map_err(|error| Failure::run(&error))?;
    text.push('\n');
    std::fs::write(&path, text).map_err(|error| Failure::Run(format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// The step in words, then the actions: ` ` in both, `-` in the record only, `+` now only.
fn shown(call: &RecordedCall, difference: &Difference) -> String {
    let lines = |actions: &[Action]| actions.iter().map(action_line).collect::<Vec<_>>();
    let (expected, got) = (lines(&difference.expected), lines(&difference.got));
    let same = expected.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let rest = expected[same..].iter().rev().zip(got[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = format!("step {} of {}: {}\n", difference.step + 1, call.steps.len(), input_line(&difference.input));
    let mut put = |mark: char, lines: &[String]| {
        lines.iter().for_each(|line| text.extend([&format!("{mark} "), line.as_str(), "\n"]));
    };
    put(' ', &expected[..same]);
    put('-', &expected[same..expected.len() - rest]);
    put('+', &got[same..got.len() - rest]);
    put(' ', &expected[expected.len() - rest..]);
    text
}

fn input_line(input: &Input) -> String {
    match input {
        Input::Said { text, confidence, .. } => format!("the caller said {text:?} ({confidence:.2})"),
        Input::Digits(keys) => format!("the caller typed {keys}"),
        Input::Interrupted { heard } => format!("the caller interrupted after {heard:?}"),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

fn action_line(action: &Action) -> String {
    match action {
        Action::Say(line) if line.interruptible => format!("say {:?}", line.text()),
        Action::Say(line) => format!("say to the end {:?}", line.text()),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}
