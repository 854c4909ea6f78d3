//! The whole binary from its caller's side: response time, CPU, memory, start.
//!
//! `cargo bench --bench product`; `VCA_BENCH_TURNS` sets the least number of turns (30).

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use common::Process;

const DID: &str = "+918047180000";
const IDLE_CALLS: usize = 50;

fn main() {
    // `cargo test --benches` passes --test: this is a bench only.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let data = tempfile::tempdir().expect("a temporary folder");
    println!("preparing (prompts are synthesised at the first start)");
    drop(Server::start(data.path()));

    let starts: Vec<f64> = (0..5).map(|_| Server::start(data.path()).ready_s).collect();
    println!("start to ready, models on disk, prompts cached   {}", spread(starts, "s"));

    let server = Server::start(data.path());
    let idle_mb = server.process.rss_mb();
    println!("memory, idle with models                         {idle_mb:.0} MB");
    println!("memory, each further idle call                   {:.2} MB", idle_call_mb(&server));
    drop(server);
    turns(&Server::start(data.path()));
}

/// Response times of real conversations, and what the server spent on them.
fn turns(server: &Server) {
    let wanted: usize = std::env::var("VCA_BENCH_TURNS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let (mut responses, mut first_sounds, mut seconds, mut calls) = (Vec::new(), Vec::new(), 0.0, 0);
    let cpu_before = server.process.cpu_s();
    while responses.len() < wanted {
        let report = server.call(&[
            "--say",
            "I would like to book an appointment.",
            "--say",
            "My name is Rahul Verma.",
            "--say",
            "nine eight seven six five, four three two one zero.",
            "--say",
            "I have a toothache and it hurts a lot when I drink something cold.",
            "--say",
            "Tomorrow evening.",
            "--say",
            "Yes, that is correct.",
        ]);
        let lines = report["conversation"].as_array().expect("a conversation");
        let mut of_agent = lines.iter().filter_map(|line| line["response_ms"].as_u64());
        first_sounds.extend(of_agent.next().map(|ms| ms as f64));
        responses.extend(of_agent.map(|ms| ms as f64));
        seconds += report["duration_ms"].as_f64().expect("a duration") / 1_000.0;
        calls += 1;
    }
    let cpu = server.process.cpu_s() - cpu_before;
    println!(
        "end of caller's speech to first audible answer   {} ({} turns, {calls} calls)",
        spread(responses.clone(), "ms"),
        responses.len()
    );
    println!("answer (200) to first audible sound              {}", spread(first_sounds, "ms"));
    println!(
        "CPU of a conversation                            {:.2} CPU-s per 8 s of call, {:.2} CPU-s per caller's turn",
        cpu / seconds * 8.0,
        cpu / responses.len() as f64
    );
}

/// Resident memory that `IDLE_CALLS` calls with a silent caller add, per call.
fn idle_call_mb(server: &Server) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sipp/long_call.xml");
    let before = server.process.rss_mb();
    let mut sipp = Command::new("sipp")
        .current_dir(folder.path())
        .args(["-sf", scenario, "-s", DID, "-i", "127.0.0.1", "-r", "50", "-nostdin", "-timeout", "60s", "-m"])
        .arg(IDLE_CALLS.to_string())
        .arg(&server.sip)
        .stdout(Stdio::null())
        .spawn()
        .expect("sipp is installed: run scripts/setup --test");
    let mut peak = before;
    while sipp.try_wait().expect("sipp can be waited for").is_none() {
        peak = peak.max(server.process.rss_mb());
        std::thread::sleep(Duration::from_millis(100));
    }
    (peak - before) / IDLE_CALLS as f64
}

struct Server {
    process: Process,
    sip: String,
    ready_s: f64,
}

impl Server {
    fn start(data: &std::path::Path) -> Self {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_vca"))
            .args(["demo", "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("VCA__LOG__LEVEL", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("vca starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let marker = format!("sip:{DID}@");
        let sip = loop {
            let line = lines.next().expect("vca demo starts").expect("text");
            if let Some(rest) = line.split(&marker).nth(1) {
                break rest.split_whitespace().next().expect("an address").to_owned();
            }
        };
        let ready_s = started.elapsed().as_secs_f64();
        std::thread::spawn(move || lines.for_each(drop));
        Self { process: Process(child), sip, ready_s }
    }

    fn call(&self, args: &[&str]) -> Value {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = Command::new(env!("CARGO_BIN_EXE_vca"))
            .args(["call", "--json", "--to", &format!("sip:{DID}@{}", self.sip), "--record"])
            .arg(folder.path().join("call.wav"))
            .args(args)
            .output()
            .expect("vca call runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

/// Median, 95th percentile and maximum.
fn spread(mut values: Vec<f64>, unit: &str) -> String {
    if values.is_empty() {
        return "no value".to_owned();
    }
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
    format!("p50 {:.2} {unit}, p95 {:.2} {unit}, max {:.2} {unit}", at(0.5), at(0.95), at(1.0))
}
