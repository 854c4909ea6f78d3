//! Load by SIPp: calls at a rate, with A-law both ways, against a VCA whose calls get a played prompt.
//!
//! `make load CPS=100 CALLS=1000 HOLD=10`; the figures are printed and kept in `target/load/`. More from the environment:
//! `TRANSPORT=tcp` signals over TCP; `DTMF=1` has every caller press four keys in RTP (RFC 4733), and fails unless every
//! call understood them; `LOSE=20` loses so many percent of the callers' SIP messages, and fails unless the count of our
//! retransmissions rises; `VCA_BIN` names another binary to measure.
//!
//! SIPp's clock ticks every 4 ms here, so set-up times are that coarse. Its calls' media ends at one socket of this
//! process, which counts what arrives; what VCA receives it counts itself, and `concealed_ms` includes the wait for the
//! caller's first packet and the time of its keys. VCA's counts are read a frame before a call's media ends; the callers
//! go on for up to half a second after their BYE, so that more is sent than received.

mod common;
#[path = "load/rtp.rs"]
mod rtp;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use common::Process;
use rtp::{Callers, Heard};

const DID: &str = "+918047180000";

fn main() {
    // `cargo test --benches` passes --test: this is a bench only.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let load = Load::asked();
    let work = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(work.path());
    let callers = Callers::start(load.dtmf);
    let caller = Caller::run(&server, work.path(), &load, callers.addr);
    let (cpu_s, peak_mb) = (server.process.cpu_s() - caller.cpu_before, caller.peak_mb);
    let media = server.stop();
    let result = report(&load, &caller, &media, &callers.finish(), cpu_s, peak_mb);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../load");
    fs::create_dir_all(&folder).expect("a folder for the results");
    let file = folder.join(format!("{}.json", load.name()));
    fs::write(&file, serde_json::to_string_pretty(&result).expect("JSON")).expect("the result is kept");
    table("", &result);
    if load.dtmf {
        assert_eq!(media.understood(), media.calls, "every call understands the keys that its caller presses");
    }
    assert!(load.lose == 0 || caller.received_again > 0, "lost messages make us repeat ours");
}

/// What the environment asks for.
struct Load {
    cps: u64,
    calls: u64,
    hold_s: u64,
    tcp: bool,
    dtmf: bool,
    /// Percent of the callers' SIP messages.
    lose: u64,
}

impl Load {
    fn asked() -> Self {
        let tcp = match std::env::var("TRANSPORT").as_deref() {
            Err(_) | Ok("" | "udp") => false,
            Ok("tcp") => true,
            Ok(other) => panic!("TRANSPORT: udp or tcp, not {other}"),
        };
        let dtmf = number("DTMF", 0) > 0;
        let load = Self {
            cps: number("CPS", 100),
            calls: number("CALLS", 1_000),
            hold_s: number("HOLD", 10),
            tcp,
            dtmf,
            lose: number("LOSE", 0),
        };
        assert!(!dtmf || load.hold_s >= 4, "HOLD: pressing the keys takes 4 s");
        assert!(!tcp || load.lose == 0, "LOSE is for UDP: over TCP nobody sends a lost message again");
        load
    }

    fn name(&self) -> String {
        let Self { cps, calls, hold_s, .. } = self;
        let transport = if self.tcp { "-tcp" } else { "" };
        let dtmf = if self.dtmf { "-dtmf" } else { "" };
        let lose = if self.lose > 0 { format!("-lose{}", self.lose) } else { String::new() };
        format!("{cps}cps-{calls}calls-{hold_s}s{transport}{dtmf}{lose}")
    }

    fn peak_calls(&self) -> f64 {
        self.calls.min(self.cps * self.hold_s).max(1) as f64
    }
}

fn report(load: &Load, caller: &Caller, media: &Media, heard: &Heard, cpu_s: f64, peak_mb: f64) -> Value {
    let (calls, call_s) = (load.calls as f64, (load.calls * load.hold_s) as f64);
    let (to_callers, from_callers) = (media.sum("rtp_sent"), media.sum("rtp_received"));
    json!({
        "asked": { "cps": load.cps, "calls": load.calls, "hold_s": load.hold_s, "dtmf": load.dtmf,
            "transport": if load.tcp { "tcp" } else { "udp" }, "lose_percent": load.lose },
        "load_before": caller.load_before,
        "calls_per_s": caller.started_per_s(load),
        "answered": caller.count("SuccessfulCall(C)"),
        "failed": caller.count("FailedCall(C)"),
        "failed_by_cause": caller.causes(),
        "failed_by_code": caller.codes,
        "retransmitted_by_us": caller.received_again,
        "retransmitted_by_sipp": caller.count("Retransmissions(C)"),
        "setup_ms": { "p50": at(&caller.setup_ms, 0.5), "p95": at(&caller.setup_ms, 0.95),
            "p99": at(&caller.setup_ms, 0.99), "max": at(&caller.setup_ms, 1.0) },
        "rtp_to_callers": { "calls": heard.calls, "sent": to_callers, "received": heard.packets,
            "missing": to_callers.saturating_sub(heard.packets), "lost_inside_calls": heard.lost, "twice": heard.again,
            "gaps_of_60_ms": heard.gaps, "longest_gap_ms": heard.longest_gap_ms, "uneven_p99_ms": heard.uneven_p99_ms,
            "dropped_by_callers_socket": heard.dropped_here, "send_errors": media.sum("rtp_send_errors") },
        "rtp_from_callers": { "records": media.calls, "sent": heard.sent, "received": from_callers,
            "lost": media.sum("rtp_lost"), "late": media.sum("rtp_late"), "concealed_ms": media.sum("concealed_ms") },
        "keys": { "pressed_in_calls": if load.dtmf { media.calls } else { 0 }, "understood_in_calls": media.understood() },
        "cpu": { "s": cpu_s, "s_per_1000_calls": cpu_s * 1_000.0 / calls,
            "percent_of_core_per_call": cpu_s * 100.0 / call_s },
        "memory": { "idle_mb": caller.idle_mb, "peak_mb": peak_mb,
            "kb_per_call": (peak_mb - caller.idle_mb) * 1_024.0 / load.peak_calls() },
    })
}

/// A whole number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// Prints every leaf under its dotted name.
fn table(prefix: &str, value: &Value) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            table(&name, value);
        }),
        Value::Number(number) if number.is_f64() => println!("{prefix:<32} {:.3}", number.as_f64().unwrap_or_default()),
        other => println!("{prefix:<32} {other}"),
    }
}

/// The value at a quantile of a sorted list; 0 for an empty one.
fn at(sorted: &[f64], quantile: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * quantile).round() as usize).copied().unwrap_or_default()
}

/// What SIPp said, and what the server was seen to use meanwhile.
struct Caller {
    statistics: BTreeMap<String, String>,
    /// Messages of ours that SIPp got more than once.
    received_again: u64,
    /// Final responses that were not expected, and how many calls got each.
    codes: BTreeMap<String, u64>,
    /// INVITE to 200, sorted.
    setup_ms: Vec<f64>,
    lasted: Duration,
    cpu_before: f64,
    idle_mb: f64,
    peak_mb: f64,
    load_before: String,
}

impl Caller {
    fn run(server: &Server, folder: &Path, load: &Load, media: SocketAddr) -> Self {
        let Load { cps, calls, hold_s, .. } = *load;
        let scenario = scenario(folder, load);
        let load_before = fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned();
        let (cpu_before, idle_mb) = (server.process.cpu_s(), server.process.rss_mb());
        let started = Instant::now();
        let mut sipp = Command::new("sipp")
            .current_dir(folder)
            .args(["-sf", &scenario, "-s", DID, "-i", "127.0.0.1", "-nostdin", "-default_behaviors", "all"])
            .args(["-t", if load.tcp { "t1" } else { "u1" }, "-key", "rtp_ip", &media.ip().to_string()])
            .args(["-key", "rtp_port", &media.port().to_string(), "-lost", &load.lose.to_string()])
            .args(["-trace_stat", "-fd", "1"])
            .args(["-trace_counts", "-trace_rtt", "-rtt_freq", "1", "-trace_error_codes", "-trace_err"])
            .args(["-l", &(2 * calls).to_string(), "-r", &cps.to_string(), "-m", &calls.to_string()])
            .args(["-d", &(hold_s * 1_000).to_string(), "-timeout", &format!("{}s", calls / cps + hold_s + 60)])
            .arg(&server.sip)
            .stdout(File::create(folder.join("sipp.out")).expect("a file"))
            .stderr(Stdio::inherit())
            .spawn()
            .expect("sipp is installed: run scripts/setup --test");
        let mut peak_mb = idle_mb;
        let ended = loop {
            if let Some(status) = sipp.try_wait().expect("sipp can be waited for") {
                break status;
            }
            peak_mb = peak_mb.max(server.process.rss_mb());
            std::thread::sleep(Duration::from_millis(100));
        };
        // 1 says that calls failed, which is a result; anything else, that it did not run.
        assert!(matches!(ended.code(), Some(0 | 1)), "sipp ended with {ended}; see what it printed above");
        let lasted = started.elapsed();
        let counts = last_row(&traced(folder, "_counts.csv"));
        let again = counts.iter().filter(|(name, _)| received_and_repeated(name));
        let mut setup_ms: Vec<f64> =
            traced(folder, "_rtt.csv").lines().filter_map(|line| line.split(';').nth(1)?.trim().parse().ok()).collect();
        setup_ms.sort_by(f64::total_cmp);
        Self {
            received_again: again.filter_map(|(_, count)| count.parse::<u64>().ok()).sum(),
            statistics: last_row(&traced(folder, "_.csv")),
            codes: unexpected_codes(&traced(folder, "_error_codes.csv")),
            setup_ms,
            lasted,
            cpu_before,
            idle_mb,
            peak_mb,
            load_before,
        }
    }

    fn count(&self, column: &str) -> u64 {
        self.statistics.get(column).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Calls that failed, by what SIPp calls the cause; only those that happened.
    fn causes(&self) -> BTreeMap<&str, u64> {
        let columns = self.statistics.keys().filter_map(|column| column.strip_suffix("(C)"));
        let causes = columns.filter(|cause| cause.starts_with("Failed") && *cause != "FailedCall");
        causes.map(|cause| (cause, self.count(&format!("{cause}(C)")))).filter(|(_, count)| *count > 0).collect()
    }

    /// Calls begun a second: the last one ended `hold_s` after it began.
    fn started_per_s(&self, load: &Load) -> f64 {
        load.calls as f64 / (self.lasted.as_secs_f64() - load.hold_s as f64).max(0.001)
    }
}

/// The file of the scenario. Where messages are lost, the 180 may be among them.
fn scenario(folder: &Path, load: &Load) -> String {
    let whole = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp/load/call.xml");
    if load.lose == 0 {
        return whole.to_owned();
    }
    let text = fs::read_to_string(whole).expect("the scenario");
    let lossy = text.replace(r#"<recv response="180"/>"#, r#"<recv response="180" optional="true"/>"#);
    assert_ne!(text, lossy, "the scenario waits for 180");
    fs::write(folder.join("lossy.xml"), lossy).expect("the scenario is written");
    "lossy.xml".to_owned()
}

/// SIPp names the columns of a received response `4_200_Recv`, `4_200_Retrans`, …; a sent request ends in `_Sent`.
fn received_and_repeated(column: &str) -> bool {
    let parts: Vec<&str> = column.split('_').collect();
    matches!(parts.as_slice(), [_, code, "Retrans"] if code.parse::<u16>().is_ok())
}

/// The statuses that SIPp did not expect and how often: after the time and the time elapsed in each row, with commas.
fn unexpected_codes(csv: &str) -> BTreeMap<String, u64> {
    let codes = csv.lines().flat_map(|line| line.split(';').skip(2)).flat_map(|codes| codes.split(','));
    let mut counts = BTreeMap::new();
    for code in codes.map(str::trim).filter(|code| !code.is_empty()) {
        *counts.entry(code.to_owned()).or_default() += 1;
    }
    counts
}

/// The trace file of SIPp whose name ends so; SIPp puts its process id into the names.
fn traced(folder: &Path, ending: &str) -> String {
    let files = fs::read_dir(folder).expect("the folder").filter_map(Result::ok).map(|entry| entry.path());
    let found =
        files.into_iter().find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)));
    found.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default()
}

/// The last row of a table with a heading, by column.
fn last_row(csv: &str) -> BTreeMap<String, String> {
    let cells = |line: &str| line.split(';').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let heading = csv.lines().next().map(cells).unwrap_or_default();
    let row = csv.lines().last().map(cells).unwrap_or_default();
    heading.into_iter().zip(row).collect()
}

/// What the mock agents reported at the end of their calls.
struct Media {
    calls: usize,
    reports: Vec<Value>,
}

impl Media {
    fn sum(&self, field: &str) -> u64 {
        self.reports.iter().filter_map(|report| report[field].as_u64()).sum()
    }

    /// Calls that understood the keys as they were pressed.
    fn understood(&self) -> usize {
        self.reports.iter().filter(|report| report["digits"] == rtp::KEYS).count()
    }
}

struct Server {
    process: Process,
    sip: String,
    log: PathBuf,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let log = folder.join("vca.log");
        let mut child = Command::new(std::env::var("VCA_BIN").unwrap_or(env!("CARGO_BIN_EXE_vca").to_owned()))
            .args(["demo", "--mock-agent", "--max-calls", "10000", "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.join("data"))
            .env("VCA__LOG__LEVEL", "warn,vca::load=info")
            .env("VCA__LOG__FORMAT", "json")
            .env("VCA__SIP__MAX_CALLS", "10000")
            .env("VCA__MEDIA__PORT_MAX", "29999")
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a file"))
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
        std::thread::spawn(move || lines.for_each(drop));
        Self { process: Process(child), sip, log }
    }

    /// Ends the server and reads what its calls reported.
    fn stop(mut self) -> Media {
        let pid = libc::pid_t::try_from(self.process.0.id()).expect("a process id");
        // SAFETY: a signal to a child that has not been waited for, so the id is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        self.process.0.wait().expect("the server can be waited for");
        let log = fs::read_to_string(&self.log).expect("the log");
        let reports: Vec<Value> = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|line| line.get("fields").cloned().unwrap_or(line))
            .filter(|fields| fields.get("rtp_sent").is_some())
            .collect();
        Media { calls: reports.len(), reports }
    }
}
