//! What deploy/ holds fits the program: figures that exist, commands that exist, keys that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use vca::cli::config::Config;
use vca::domain::{CallOutcome, EndCause, Waterfall};
use vca::metrics::Metrics;

use crate::harness::{new_folder, text, vca};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the series that `/metrics` can give, by the types that it tells.
fn series() -> BTreeSet<String> {
    let (metrics, moment) = (Metrics::default(), Duration::from_millis(1));
    // A family tells its type once something was counted.
    metrics.answered(&Waterfall { stt_ms: Some(1), ..Waterfall::default() });
    metrics.filled("phrase");
    metrics.prompt(true);
    metrics.transcribed("engine", moment, moment);
    metrics.spoke("engine", moment, moment);
    metrics.failed("engine", "failed");
    metrics.watched("filler");
    metrics.traced("dropped", 1);
    metrics.call_ended(CallOutcome::Nothing, EndCause::CallerHungUp);
    metrics.call_refused(503);
    let text = metrics.encode().expect("metrics can be written");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = types.flat_map(|(name, kind)| match kind {
        "counter" => vec![format!("{name}_total")],
        "histogram" => ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).to_vec(),
        _ => vec![name.to_owned()],
    });
    names.collect()
}

#[test]
fn every_figure_of_the_board_exists() {
    let board: Value = serde_json::from_str(&file("grafana.json")).expect("the board is JSON");
    let series = series();
    let panels = board["panels"].as_array().expect("panels");
    assert!(panels.len() >= 8 && series.len() >= 20, "{} panels, {} series", panels.len(), series.len());
    for panel in panels {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            let expr = target["expr"].as_str().expect("an expression");
            let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let named: Vec<&str> = words.filter(|word| word.starts_with("vca_")).collect();
            assert!(!named.is_empty(), "{expr}");
            for name in named {
                assert!(series.contains(name), "{} shows {name}, which /metrics does not have", panel["title"]);
            }
        }
    }
}

/// The lines `key=value` of a unit, with their sections.
fn unit() -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in file("vca.service").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => name.clone_into(&mut section),
            None => {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line:?} is no setting"));
                found.push((section.clone(), key.to_owned(), value.to_owned()));
            }
        }
    }
    found
}

#[test]
fn the_unit_starts_reloads_and_stops_what_there_is() {
    let unit = unit();
    let value = |key: &str| {
        let found = unit.iter().find(|(_, known, _)| known == key);
        found.map(|(_, _, value)| value.as_str()).unwrap_or_else(|| panic!("{key} is set"))
    };
    for key in ["ExecStart", "ExecStartPre"] {
        let command = value(key).split_whitespace().nth(1).expect("a command of vca");
        assert!(vca().args([command, "--help"]).output().expect("vca runs").status.success(), "vca {command}");
    }
    assert_eq!((value("ExecReload"), value("KillSignal")), ("/bin/kill -HUP $MAINPID", "SIGTERM"));
    let stop: u32 = value("TimeoutStopSec").parse().expect("seconds");
    let config = Config::load(None, []).expect("the defaults");
    assert!(stop > config.sip.drain_s + 60, "the drain and the last records");
    for (key, expected) in
        [("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"), ("PrivateDevices", "yes"), ("User", "vca")]
    {
        assert_eq!(value(key), expected);
    }
    // systemd is asked as well; the program stands in for the installed one.
    let folder = new_folder();
    let here = env!("CARGO_BIN_EXE_vca");
    let path = folder.path().join("vca.service");
    std::fs::write(&path, file("vca.service").replace("/usr/local/bin/vca", here)).expect("the unit is written");
    let told = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
    let told = told.expect("systemd-analyze runs; scripts/setup --test installs it (package systemd)");
    let told = text(&told.stderr);
    let ours: Vec<&str> = told.lines().filter(|line| line.contains("vca.service")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

#[test]
fn the_compose_file_names_what_exists() {
    let compose: Value = serde_saphyr::from_str(&file("compose.yaml")).expect("YAML");
    let services = compose["services"].as_object().expect("services");
    assert_eq!(services.keys().map(String::as_str).collect::<BTreeSet<_>>(), ["postgres", "redis", "vca"].into());
    let volumes = compose["volumes"].as_object().expect("volumes");
    for (name, service) in services {
        assert!(service["image"].is_string() || service["build"].is_object(), "{name}");
        for needed in service["depends_on"].as_object().into_iter().flat_map(|needs| needs.keys()) {
            assert!(services[needed]["healthcheck"]["test"].is_array(), "{name} waits for {needed}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let from = volume.as_str().and_then(|volume| volume.split(':').next()).expect("a volume");
            assert!(from.starts_with("./") || volumes.contains_key(from), "{name}: {from}");
        }
    }
    let build = &services["vca"]["build"];
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(build["context"].as_str().expect("a folder"));
    assert!(folder.join(build["dockerfile"].as_str().expect("a file")).is_file());
    let container = file("Containerfile");
    let of_container = container.split_whitespace().filter_map(|word| word.strip_prefix("VCA__").map(|_| word));
    let of_container =
        of_container.filter_map(|word| word.split_once('=')).map(|(name, value)| (name, value.to_owned()));
    let of_compose = services["vca"]["environment"].as_object().expect("an environment");
    let of_compose =
        of_compose.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned()));
    let env = of_container.chain(of_compose).filter(|(name, _)| name.starts_with("VCA__"));
    let env: Vec<(String, String)> = env.map(|(name, value)| (name.to_owned(), value)).collect();
    assert!(env.len() >= 5, "{env:?}");
    Config::load(None, env).expect("every variable is a key of the configuration");
}
