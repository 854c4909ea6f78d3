//! `vca simulate`: scripted callers over real SIP and RTP, and what their calls are worth.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Failure;
use super::call::{destination, local_ip_towards, stack_config};
use crate::domain::CallId;
use crate::media::{MediaConfig, MediaEngine};
use crate::sip::message::Uri;
use crate::sip::net;
use crate::speech::models;

mod brain;
mod line;
mod node;
mod play;
mod relay;
mod report;
mod scenario;
mod score;
mod voices;

use node::{Api, OwnNode};
use play::Exchange;
use scenario::Scenario;
use score::Score;
use voices::{Clips, Spoken};

/// Where the project's own scenarios are, from its root.
const SCENARIOS: &str = "tests/conversations";

/// Let scripted callers call, and score their calls.
///
/// Each scenario is a YAML file: who calls, over what line, what they answer to what, and what must come of it. By
/// default a node of this process with the demo clinic answers. Exit code 0 when every call went right, else 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vca simulate                                 all of tests/conversations
  vca simulate angry fast-number               these two of them
  vca simulate --junit out.xml --json out.json mine/*.yaml
  vca simulate --against sip:+918047180000@127.0.0.1:5060 --api http://127.0.0.1:8080")]
pub struct SimulateArgs {
    /// Files, or names of files in tests/conversations without their ending; all of them when none is named
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the results as JSON, with transcripts
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Calls at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=50))]
    parallel: u8,
    /// Call this instead of a node of this process; its records are read through --api
    #[arg(long, value_name = "SIP-URI", requires = "api")]
    against: Option<String>,
    /// The API of the node that --against names
    #[arg(long, value_name = "URL", requires = "against")]
    api: Option<String>,
    /// A key of that API
    #[arg(long, value_name = "KEY", env = "VCA_API_KEY", hide_env_values = true, default_value = "")]
    api_key: String,
    /// Save every call as NAME.json in this folder, for `vca replay`
    #[arg(long, value_name = "DIR", conflicts_with = "against")]
    save_calls: Option<PathBuf>,
    /// Folder with the speech models [default: $VCA_MODELS or ~/.cache/vca/models]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// Runs `vca simulate`.
///
/// # Errors
/// Set-up failures: scenarios, models, addresses. A call that fails is a result, not an error.
pub fn run(args: SimulateArgs) -> Result<ExitCode, Failure> {
    let scenarios = find(&args.scenarios)?;
    let models = args.models.clone().unwrap_or_else(models::default_dir);
    let cache = models::default_dir().with_file_name("simulate");
    let mut clips = Clips::new(cache.join("clips"), models);
    let prepared: Result<Vec<(Scenario, Spoken)>, Failure> = scenarios
        .into_iter()
        .map(|scenario| {
            let spoken = clips.of(&scenario)?;
            Ok((scenario, spoken))
        })
        .collect();
    let prepared = prepared?;
    drop(clips);
    let scores = super::serve::runtime()?.block_on(simulate(&args, prepared, &cache))?;
    if let Some(path) = &args.junit {
        report::junit(&scores, path)?;
    }
    if let Some(path) = &args.json {
        report::json(&scores, path)?;
    }
    write!(std::io::stdout(), "{}", report::table(&scores)).map_err(|error| Failure::run(&error))?;
    Ok(ExitCode::from(u8::from(!scores.iter().all(Score::is_right))))
}

fn find(named: &[String]) -> Result<Vec<Scenario>, Failure> {
    let mut paths: Vec<PathBuf> = named
        .iter()
        .map(|name| {
            let own = Path::new(SCENARIOS).join(format!("{name}.yaml"));
            if own.is_file() { own } else { PathBuf::from(name) }
        })
        .collect();
    if paths.is_empty() {
        let entries = std::fs::read_dir(SCENARIOS)
            .map_err(|error| Failure::Setup(format!("{SCENARIOS}: {error}; name the files of your scenarios")))?;
        paths.extend(
            entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "yaml")),
        );
        paths.sort();
    }
    paths.iter().map(|path| Scenario::read(path).map_err(Failure::Setup)).collect()
}

async fn simulate(args: &SimulateArgs, prepared: Vec<(Scenario, Spoken)>, cache: &Path) -> Result<Vec<Score>, Failure> {
    let own = if args.against.is_none() { Some(OwnNode::start(cache).await?) } else { None };
    let (to, api) = match (&own, &args.against, &args.api) {
        (Some(node), ..) => (node.uri(), node.api.clone()),
        (None, Some(to), Some(api)) => (to.clone(), Api::new(api.clone(), args.api_key.clone())?),
        _ => return Err(Failure::Setup("--against needs --api".to_owned())),
    };
    let to = Uri::parse(to.as_bytes()).map_err(|error| Failure::Setup(format!("{to}: {error}")))?;
    let destination = destination(&to)?;
    let local_ip = local_ip_towards(destination)?;
    let (stack, _incoming) = net::start(stack_config(local_ip)).await.map_err(|error| Failure::setup(&error))?;
    let media = MediaEngine::start(MediaConfig { bind_ip: local_ip, ..MediaConfig::default() });
    let media = media.map_err(|error| Failure::setup(&error))?;
    let exchange = Arc::new(Exchange { stack: stack.clone(), media, to, destination, local_ip, api });
    let scores = call_all(&exchange, prepared, args.parallel.into()).await;
    stack.shutdown().await;
    if let Some(node) = own {
        let saved = match &args.save_calls {
            Some(folder) => save(&node, &scores, folder).await,
            None => Ok(()),
        };
        node.stop().await;
        saved?;
    }
    Ok(scores)
}

/// All calls, some at a time, scored in the order of their scenarios.
async fn call_all(exchange: &Arc<Exchange>, prepared: Vec<(Scenario, Spoken)>, at_a_time: usize) -> Vec<Score> {
    let lines = Arc::new(Semaphore::new(at_a_time));
    let mut calls = JoinSet::new();
    for (index, (scenario, spoken)) in prepared.into_iter().enumerate() {
        let (exchange, lines) = (Arc::clone(exchange), Arc::clone(&lines));
        calls.spawn(async move {
            let _line = lines.acquire().await;
            // Of its own, so that the record is found by it.
            let number = format!("+9198200{index:05}");
            let score = match play::play(&exchange, &scenario, spoken, &number).await {
                Ok(played) => Score::of(&scenario, &played, &number),
                Err(Failure::Setup(why) | Failure::Run(why)) => Score::failed(&scenario, why),
            };
            tracing::info!(scenario = scenario.name, right = score.is_right(), "a simulated call is over");
            (index, score)
        });
    }
    let mut scores = calls.join_all().await;
    scores.sort_by_key(|(index, _)| *index);
    scores.into_iter().map(|(_, score)| score).collect()
}

async fn save(node: &OwnNode, scores: &[Score], folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Run(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    for score in scores {
        let Ok(id) = score.call.parse::<CallId>() else { continue };
        let Some(call) = super::replay::recorded(&node.store, id).await? else { continue };
        let mut text = serde_json::to_string(&call).map_err(|error| Failure::run(&error))?;
        text.push('\n');
        std::fs::write(folder.join(format!("{}.json", score.scenario)), text).map_err(failed)?;
    }
    Ok(())
}
