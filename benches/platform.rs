//! The platform on PostgreSQL: lists in a large table, the transaction at the end of a call, reads through the API beside calls.
//!
//! `cargo bench --bench platform`. The server is Debian's with its own durability (fsync on); `VCA_BENCH_ROWS` sets the number
//! of calls in the table (1,000,000 of 100 tenants).

mod common;
#[path = "load/rtp.rs"]
#[expect(dead_code, reason = "the load bench presses keys too")]
mod rtp;
#[path = "../tests/support/servers.rs"]
#[expect(dead_code, reason = "tests kill it and share it")]
mod servers;

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use uuid::Uuid;
use vca::domain::billing::{Charge, LedgerLine, LineKind};
use vca::domain::{
    CallFilter, CallId, CallOutcome, CallRecord, CallSlots, CallStatus, E164, EndCause, Paise, ProfileId,
    RecordingState, Secret, Speaker, Tenant, TenantId, TenantScope, Turn,
};
use vca::store::{CloseCall, PostgresOptions, Store};

use common::Process;
use servers::Postgres;

const TENANTS: u128 = 100;
const DID: &str = "+918047180000";
const KEY: &str = "bench-key-0123456789abcdef";
const CALLS: u64 = 20;
const READS_PER_S: u32 = 300;
const READ_FOR: Duration = Duration::from_secs(20);

fn main() {
    // `cargo test --benches` passes --test: this is a bench only.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let rows: u64 = std::env::var("VCA_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
    let server = Postgres::start_with(&["shared_buffers=256MB", "max_connections=50"]);
    server.create_database("vca");
    let url = server.url("vca");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = PostgresOptions { url: Secret::new(url.clone()), max_connections: 10, migrate: true };
        let store = Store::connect(&options).await.expect("the database is reached");
        fill(&store, &url, rows).await;
        list(&store, rows).await;
        end_of_call(&store).await;
        store.close().await;
    });
    reads_beside_calls(&url);
}

fn scope(n: u128) -> TenantScope {
    TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(n + 1)))
}

/// The same number of calls for each tenant, over two years, a few of them of each outcome.
async fn fill(store: &Store, url: &str, rows: u64) {
    for n in 0..TENANTS {
        let tenant = Tenant { id: scope(n).tenant(), name: format!("Tenant {n}"), ..tenant() };
        store.put_tenant(scope(n), &tenant).await.expect("a tenant");
    }
    let mut connection = sqlx::PgConnection::connect(url).await.expect("the database is reached");
    let fill = format!(
        "INSERT INTO vca.calls (tenant_id, id, profile_id, did, caller, sip_call_id, status, answered_at, ended_at, end_cause,
                                outcome, slots, summary, recording, transfers, bridged_ms)
         SELECT lpad(to_hex(n % {TENANTS} + 1), 32, '0')::uuid, gen_random_uuid(), gen_random_uuid(), '{DID}',
                '+9198' || lpad((n * 7919 % 100000000)::text, 8, '0'), 'sip-' || n, 'completed', at, at + interval '80 s',
                'caller_hung_up', (ARRAY['message', 'answered', 'nothing', 'appointment'])[(n / {TENANTS} % 4 + 1)::int],
                '{{\"name\": \"Ravi Kumar\", \"number\": \"+919876543210\", \"reason\": \"a broken tooth\"}}',
                'Ravi Kumar asks to be called back about a broken tooth.', 'complete', '[]', 0
         FROM (SELECT n, now() - n::float8 * interval '2 years' / {rows} AS at FROM generate_series(1::bigint, {rows}) n) calls"
    );
    let began = Instant::now();
    connection.execute(AssertSqlSafe(fill)).await.expect("the table is filled");
    connection.execute("ANALYZE vca.calls").await.expect("statistics");
    println!("{rows} calls of {TENANTS} tenants written in {:.0} s", began.elapsed().as_secs_f64());
}

fn tenant() -> Tenant {
    Tenant { id: scope(0).tenant(), name: String::new(), max_calls: 5 }
}

async fn list(store: &Store, rows: u64) {
    let caller = E164::parse("+919800007919").expect("a number");
    let filters = [
        ("first page of a tenant's calls", CallFilter::default()),
        ("the same of one outcome", CallFilter { outcome: Some(CallOutcome::Message), ..CallFilter::default() }),
        ("the same of one caller", CallFilter { caller: Some(caller), ..CallFilter::default() }),
    ];
    for (what, filter) in filters {
        let mut took = Vec::new();
        for n in 0..300 {
            let began = Instant::now();
            let page = store.list_calls(scope(n * 37 % TENANTS), &filter, None, 50).await.expect("a list");
            took.push(began.elapsed());
            assert!(filter.caller.is_some() || page.items.len() == 50 || rows < 20_000);
        }
        println!("{what:<48} {}", spread(took));
    }
}

async fn end_of_call(store: &Store) {
    let slots = CallSlots { name: Some("Ravi Kumar".to_owned()), ..CallSlots::default() };
    let mut took = Vec::new();
    for n in 0..500u64 {
        let (scope, now) = (scope(u128::from(n) % TENANTS), Timestamp::now());
        let id = CallId::new(now, rand::random());
        let record = CallRecord {
            id,
            tenant: scope.tenant(),
            profile: ProfileId::from_uuid(Uuid::from_u128(9)),
            did: E164::parse(DID).expect("a number"),
            caller: Some(E164::parse("+919812345678").expect("a number")),
            sip_call_id: format!("bench-{n}"),
            status: CallStatus::Active,
            answered_at: now,
            ended_at: None,
            end_cause: None,
            outcome: None,
            slots: CallSlots::default(),
            summary: None,
            recording: RecordingState::Partial,
            transfers: Vec::new(),
            bridged_ms: 0,
            trunk: Some("line".to_owned()),
        };
        store.open_call(scope, &record).await.expect("a call");
        for seq in 0..10u32 {
            let speaker = if seq % 2 == 0 { Speaker::Agent } else { Speaker::Caller };
            let text = "I would like to have an appointment for a broken tooth.".to_owned();
            let (started_ms, ended_ms) = (u64::from(seq) * 4_000, u64::from(seq) * 4_000 + 3_000);
            let turn = Turn { seq, speaker, text, heard: None, started_ms, ended_ms, waterfall: None };
            store.append_turn(scope, id, &turn).await.expect("a turn");
        }
        let close = CloseCall {
            ended_at: Timestamp::now(),
            end_cause: EndCause::CallerHungUp,
            outcome: CallOutcome::Message,
            slots: slots.clone(),
            summary: "Ravi Kumar asks to be called back about a broken tooth.".to_owned(),
            recording: RecordingState::Complete,
            transfers: Vec::new(),
            bridged_ms: 0,
            charge: Charge {
                lines: [(LineKind::TrunkIn, 1), (LineKind::Stt, 21_000), (LineKind::Tts, 400)]
                    .map(|(kind, quantity)| LedgerLine { kind, item: "bench".to_owned(), quantity, paise: Paise(25) })
                    .into(),
                minutes: 1,
            },
        };
        let began = Instant::now();
        store.close_call(scope, id, &close).await.expect("the call ends");
        took.push(began.elapsed());
    }
    println!("{:<48} {}", "transaction at the end of a call", spread(took));
}

/// Calls by SIPp with a played prompt, alone and then beside reads.
fn reads_beside_calls(url: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), url);
    let alone = calls(&server, folder.path(), || std::thread::sleep(READ_FOR));
    println!("{CALLS} calls alone: packets 20 ms apart within {alone:.1} ms (p99)");
    let reads = Mutex::new(Vec::new());
    let cpu = server.process.cpu_s();
    let began = Instant::now();
    let beside = calls(&server, folder.path(), || reads.lock().expect("no panic").append(&mut read(&server.http)));
    let cpu = (server.process.cpu_s() - cpu) / began.elapsed().as_secs_f64();
    println!("{CALLS} calls beside reads: packets 20 ms apart within {beside:.1} ms (p99)");
    println!("memory of the server after them: {:.0} MB", server.process.rss_mb());
    let reads = reads.into_inner().expect("no panic");
    let rate = reads.len() as f64 / READ_FOR.as_secs_f64();
    println!("{:<48} {} at {rate:.0} reads a second, {cpu:.2} cores for all", "GET /v1/calls?limit=20", spread(reads));
}

/// How far packets are from 20 ms apart, while `meanwhile` runs.
fn calls(server: &Server, folder: &Path, meanwhile: impl FnOnce()) -> f64 {
    let callers = rtp::Callers::start(false);
    let hold_s = READ_FOR.as_secs() + 6;
    let mut sipp = Command::new("sipp")
        .current_dir(folder)
        .args([
            "-sf",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp/load/call.xml"),
            "-s",
            DID,
            "-i",
            "127.0.0.1",
            "-nostdin",
        ])
        .args(["-key", "rtp_ip", "127.0.0.1", "-key", "rtp_port", &callers.addr.port().to_string()])
        .args(["-r", "10", "-m", &CALLS.to_string(), "-l", &CALLS.to_string(), "-d", &(hold_s * 1_000).to_string()])
        .arg(&server.sip)
        .stdout(File::create(folder.join("sipp.out")).expect("a file"))
        .spawn()
        .expect("sipp is installed: run scripts/setup --test");
    std::thread::sleep(Duration::from_secs(3));
    meanwhile();
    assert!(sipp.wait().expect("sipp can be waited for").success(), "every call was answered");
    let heard = callers.finish();
    assert_eq!(heard.calls, CALLS);
    heard.uneven_p99_ms
}

/// Reads at an even rate over four connections, each timed from when it was due.
fn read(http: &str) -> Vec<Duration> {
    const CONNECTIONS: u32 = 4;
    let every = Duration::from_secs(1) / READS_PER_S * CONNECTIONS;
    std::thread::scope(|threads| {
        let readers: Vec<_> = (0..CONNECTIONS)
            .map(|n| {
                threads.spawn(move || {
                    let mut connection = BufReader::new(TcpStream::connect(http).expect("HTTP answers"));
                    let began = Instant::now();
                    let (mut due, mut took) = (began + every / CONNECTIONS * n, Vec::new());
                    while due < began + READ_FOR {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        get(&mut connection);
                        took.push(due.elapsed());
                        due += every;
                    }
                    took
                })
            })
            .collect();
        readers.into_iter().flat_map(|reader| reader.join().expect("no panic")).collect()
    })
}

fn get(connection: &mut BufReader<TcpStream>) {
    let request = format!("GET /v1/calls?limit=20 HTTP/1.1\r\nHost: vca\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes()).expect("a request");
    let (mut line, mut length) = (String::new(), 0);
    connection.read_line(&mut line).expect("a response");
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line.trim() != "" {
        line.clear();
        connection.read_line(&mut line).expect("a header");
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length");
        }
    }
    connection.read_exact(&mut vec![0; length]).expect("the body");
}

fn spread(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |quantile: f64| took[((took.len() - 1) as f64 * quantile).round() as usize].as_secs_f64() * 1_000.0;
    format!("p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms", at(0.5), at(0.95), at(0.99), at(1.0))
}

struct Server {
    process: Process,
    sip: String,
    http: String,
}

impl Server {
    fn start(folder: &Path, url: &str) -> Self {
        let mut child: Child = Command::new(env!("CARGO_BIN_EXE_vca"))
            .args(["demo", "--mock-agent", "--max-calls", "100", "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--api-key", KEY, "--data"])
            .arg(folder.join("data"))
            .env("VCA__DATABASE__URL", url)
            .env("VCA__LOG__LEVEL", "warn")
            .env("VCA__HTTP__REQUESTS_PER_MINUTE", "1000000")
            .env("VCA__HTTP__BURST", "1000000")
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("vca.log")).expect("a file"))
            .spawn()
            .expect("vca starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let (mut sip, mut http) = (None, None);
        while sip.is_none() || http.is_none() {
            let line = lines.next().expect("vca demo starts").expect("text");
            let after = |marker: &str, end: char| Some(line.split(marker).nth(1)?.split(end).next()?.to_owned());
            sip = sip.or_else(|| after(&format!("sip:{DID}@"), ' '));
            http = http.or_else(|| after("http://", '/'));
        }
        std::thread::spawn(move || lines.for_each(drop));
        Self { process: Process(child), sip: sip.expect("checked above"), http: http.expect("checked above") }
    }
}
