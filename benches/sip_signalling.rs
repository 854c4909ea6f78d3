//! Signalling cost: an answering user agent on loopback UDP, called by SIPp, INVITE–180–200–ACK–BYE–200.
//!
//! `VCA_BENCH_CALLS` (10000) calls at `VCA_BENCH_RATE` (200) a second; `VCA_BENCH_TRANSPORT` is `udp` or `tcp`. Needs
//! `sipp` on the path. CPU is that of this process only.

use std::process::{Command, Stdio};
use std::time::Duration;
use vca::sip::net::{IncomingCall, LegEvent, StackConfig, start};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// User and system time of this process; SIPp is a child and not counted.
fn cpu() -> Duration {
    // SAFETY: an all-zero rusage is a valid value of this plain C struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live rusage that is ours alone.
    let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(result, 0, "getrusage");
    let time = |t: libc::timeval| Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Peak resident memory in MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The last value of a column in SIPp's statistics.
fn sipp_total(rows: &str, column: &str) -> Option<String> {
    let mut lines = rows.lines();
    let index = lines.next()?.split(';').position(|name| name == column)?;
    lines.next_back()?.split(';').nth(index).map(str::to_owned)
}

async fn serve(mut call: IncomingCall) -> bool {
    call.leg.ring().await;
    call.leg.answer(SDP.as_bytes().to_vec()).await;
    while let Some(event) = call.events.recv().await {
        if let LegEvent::Ended { by_remote, .. } = event {
            return by_remote;
        }
    }
    false
}

#[tokio::main]
async fn main() {
    let (calls, rate) = (setting("VCA_BENCH_CALLS", 10_000), setting("VCA_BENCH_RATE", 200));
    let tcp = std::env::var("VCA_BENCH_TRANSPORT").is_ok_and(|text| text == "tcp");
    let any = "127.0.0.1:0".parse().expect("invariant: a literal address");
    let config = StackConfig { udp: vec![any], tcp: vec![any], ..StackConfig::default() };
    let (stack, mut incoming) = start(config).await.expect("loopback can be bound");
    let target = if tcp { stack.tcp_addr() } else { stack.udp_addr() }.expect("invariant: both were asked for");
    let ended = tokio::spawn(async move {
        let mut tasks = tokio::task::JoinSet::new();
        let mut ended = 0;
        loop {
            tokio::select! {
                call = incoming.recv() => match call {
                    Some(call) => drop(tasks.spawn(serve(call))),
                    None => return ended,
                },
                Some(done) = tasks.join_next() => ended += u32::from(done.unwrap_or(false)),
            }
        }
    });

    let statistics = std::env::temp_dir().join(format!("vca-sip-signalling-{}.csv", std::process::id()));
    let before = cpu();
    let mut sipp = Command::new("sipp");
    sipp.args(["-sn", "uac", &target.to_string(), "-i", "127.0.0.1", "-nostdin", "-trace_stat"])
        .args(["-m", &calls.to_string(), "-r", &rate.to_string(), "-l", "10000", "-d", "0"])
        .args(["-stf".as_ref(), statistics.as_os_str(), "-fd".as_ref(), "1000".as_ref()])
        .args(if tcp { vec!["-t", "t1"] } else { vec!["-t", "u1"] })
        .current_dir(std::env::temp_dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let output = tokio::task::spawn_blocking(move || sipp.output()).await.expect("invariant: no panic there");
    let output = output.expect("sipp is installed");
    let used = cpu() - before;

    let stats = stack.stats();
    stack.shutdown().await;
    let ended = ended.await.unwrap_or(0);
    let per_thousand = used.as_secs_f64() * 1_000.0 / f64::from(calls);
    println!("sip_signalling: {calls} calls at {rate}/s over {}", if tcp { "tcp" } else { "udp" });
    println!("  CPU-s per 1,000 calls     {per_thousand:.3}   (target ≤ 0.5)");
    let rows = std::fs::read_to_string(&statistics).unwrap_or_default();
    let _ = std::fs::remove_file(&statistics);
    let failed = sipp_total(&rows, "FailedCall(C)");
    let repeated = sipp_total(&rows, "Retransmissions(C)");
    println!("  failed calls              {}", failed.as_deref().unwrap_or("unknown"));
    println!("  retransmitted by SIPp     {}", repeated.as_deref().unwrap_or("unknown"));
    println!("  calls ended by the caller {ended} of {calls}");
    println!("  retransmitted by us       {}", stats.retransmissions_sent);
    println!("  retransmissions received  {}", stats.retransmissions_received);
    println!("  events lost               {}", stats.event_overflows);
    println!("  peak memory               {} MB", peak_mb());
    if !output.status.success() {
        println!("{}", String::from_utf8_lossy(&output.stdout));
        std::process::exit(1);
    }
}
