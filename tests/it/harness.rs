//! A VCA of the test's own: the real binary, on free ports of loopback, in a temporary folder.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use vca::domain::ApiKeyId;
use vca::store::{ApiKey, KeyOwner, Store};

pub const DID: &str = "+918047180000";
/// What a caller of `vca call` says and types to leave a message of Anita Desai's, with +91 99887 76655.
pub const MESSAGE: [&str; 12] = [
    "--say",
    "I want to leave a message.",
    "--say",
    "Anita Desai.",
    "--dtmf",
    "9988776655#",
    "--say",
    "Please send me the bill.",
    "--say",
    "Yes.",
    "--say",
    "No, thank you.",
];
pub const KEY: &str = "test-key-0123456789abcdef";

/// Real engines share two cores: one whole call at a time.
static ONE_CALL: Mutex<()> = Mutex::new(());

/// Held while the test runs engines outside of a [`Demo`].
pub fn one_call_at_a_time() -> MutexGuard<'static, ()> {
    ONE_CALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running `vca demo`, ended when dropped.
pub struct Demo {
    child: Child,
    pub sip: SocketAddr,
    pub http: SocketAddr,
    data: TempDir,
    /// What it wrote to standard error.
    log: mpsc::Receiver<String>,
    /// Kept so that its standard output stays open.
    _out: mpsc::Receiver<String>,
    /// Absent for one that runs beside others.
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Demo {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts with settings such as `("VCA__SIP__MAX_CALLS", "1")`.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(new_folder(), settings, &[])
    }

    /// Starts on a folder that an earlier one left.
    pub fn start_in(data: TempDir, settings: &[(&str, &str)], args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", data, settings, args)
    }

    /// Starts where `sip` says.
    pub fn start_at(sip: &str, data: TempDir, settings: &[(&str, &str)], args: &[&str]) -> Self {
        Self::start_as(vca(), sip, data, settings, args)
    }

    /// Starts one of several on a folder of its own, without a conversation: a prompt is played to callers.
    pub fn mock(settings: &[(&str, &str)], args: &[&str]) -> Self {
        let args: Vec<&str> = ["--mock-agent"].into_iter().chain(args.iter().copied()).collect();
        Self::launch(vca(), "127.0.0.1:0", folder_with_operator(), settings, &args, None)
    }

    /// Starts with room for no more than `kilobytes` of recordings: a file system of its own, in a namespace that
    /// ends with the process.
    pub fn start_with_room_for(kilobytes: u32) -> Self {
        let data = new_folder();
        let recordings = data.path().join("recordings");
        std::fs::create_dir(&recordings).expect("a folder for the recordings");
        let vca = vca();
        let mut command = Command::new("unshare");
        // Without root's rights, a user namespace in which we have them.
        command.args(if is_root() { &["--mount"][..] } else { &["--user", "--map-root-user", "--mount"] });
        command.args(["sh", "-c", r#"mount -t tmpfs -o "size=$0k" none "$1" && shift && exec "$@""#]);
        command.arg(kilobytes.to_string()).arg(recordings).arg(vca.get_program());
        command.envs(vca.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::start_as(command, "127.0.0.1:0", data, &[], &[])
    }

    fn start_as(command: Command, sip: &str, data: TempDir, settings: &[(&str, &str)], args: &[&str]) -> Self {
        Self::launch(command, sip, data, settings, args, Some(one_call_at_a_time()))
    }

    fn launch(
        mut command: Command,
        sip: &str,
        data: TempDir,
        settings: &[(&str, &str)],
        args: &[&str],
        turn: Option<MutexGuard<'static, ()>>,
    ) -> Self {
        command.args(["demo", "--sip", sip, "--http", "127.0.0.1:0", "--api-key", KEY]);
        command.arg("--data").arg(data.path()).args(args).envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("vca starts");
        let log = read_lines(child.stderr.take().expect("stderr is piped"));
        let out = read_lines(child.stdout.take().expect("stdout is piped"));
        let (mut sip, mut http) = (None, None);
        // Fixed phrases are synthesised at the first start on a machine: that takes a while.
        let deadline = Instant::now() + Duration::from_secs(240);
        while sip.is_none() || http.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = out.recv_timeout(left) else {
                let _ = child.kill();
                let said: Vec<String> = log.iter().collect();
                panic!("vca demo did not start:\n{}", said.join("\n"));
            };
            if let Some(at) = line.split(&format!("sip:{DID}@")).nth(1) {
                sip = sip.or(at.split_whitespace().next().and_then(|addr| addr.parse().ok()));
            }
            if let Some(at) = line.split("http://").nth(1) {
                http = http.or(at.split('/').next().and_then(|addr| addr.parse().ok()));
            }
        }
        let (sip, http) = (sip.expect("checked above"), http.expect("checked above"));
        Self { child, sip, http, data, log, _out: out, _turn: turn }
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Ends it without notice, as a crash would, and hands its folder on.
    pub fn crash(mut self) -> TempDir {
        self.child.kill().expect("SIGKILL is sent");
        self.child.wait().expect("it is waited for");
        std::mem::replace(&mut self.data, new_folder())
    }

    /// `vca call` to the demo number; returns its report.
    pub fn call(&self, args: &[&str]) -> Value {
        let output = self.caller(args).output().expect("vca call runs");
        assert!(output.status.success(), "vca call failed: {}\n{}", text(&output.stderr), self.log_so_far());
        serde_json::from_slice(&output.stdout).expect("vca call prints JSON")
    }

    /// A caller, to be started by the test.
    pub fn caller(&self, args: &[&str]) -> Command {
        let mut command = vca();
        command.args(["call", "--json", "--to", &format!("sip:{DID}@{}", self.sip), "--limit", "120", "--record"]);
        command.arg(self.data.path().join("caller.wav")).args(args);
        command
    }

    /// GET below `/v1`, as the demo tenant; the status and the JSON body.
    pub fn get(&self, path: &str) -> (u16, Value) {
        let mut response = ureq::get(format!("http://{}{path}", self.http))
            .config()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .header("Authorization", format!("Bearer {KEY}"))
            .call()
            .expect("HTTP answers");
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or(Value::Null))
    }

    /// POST without a body below `/v1`, as the demo tenant: the status.
    pub fn post(&self, path: &str) -> u16 {
        let response = ureq::post(format!("http://{}{path}", self.http))
            .config()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .header("Authorization", format!("Bearer {KEY}"))
            .send_empty()
            .expect("HTTP answers");
        response.status().as_u16()
    }

    /// A file below `/v1` that grows, as the demo tenant; `None` when the answer is not 200.
    pub fn stream(&self, path: &str) -> Option<impl Read> {
        let response = ureq::get(format!("http://{}{path}", self.http))
            .config()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .header("Authorization", format!("Bearer {KEY}"))
            .call()
            .expect("HTTP answers");
        (response.status() == 200).then(|| response.into_body().into_reader())
    }

    /// A figure that the operator's monitoring reads, of a node on a [`folder_with_operator`].
    pub fn metric(&self, name: &str) -> Option<f64> {
        let mut response = ureq::get(format!("http://{}/metrics", self.http))
            .header("Authorization", format!("Bearer {}", operator_key().reveal()))
            .call()
            .expect("HTTP answers");
        let text = response.body_mut().read_to_string().expect("text");
        let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        text.lines().find_map(value)
    }

    /// GET of a file below `/v1`, as the demo tenant.
    pub fn download(&self, path: &str) -> Vec<u8> {
        let mut response = ureq::get(format!("http://{}{path}", self.http))
            .config()
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .header("Authorization", format!("Bearer {KEY}"))
            .call()
            .expect("HTTP answers");
        response.body_mut().with_config().limit(100_000_000).read_to_vec().expect("a whole file")
    }

    /// The newest call, once it is closed, with its turns.
    pub fn closed_call(&self) -> Value {
        wait_for("a closed call record", Duration::from_secs(15), || {
            let (_, calls) = self.get("/v1/calls?limit=1");
            let call = calls["calls"].get(0)?.clone();
            let id = call["id"].as_str()?;
            (call["status"] != "active").then(|| self.get(&format!("/v1/calls/{id}")).1)
        })
    }

    /// Tells it to stop, as a process manager does.
    pub fn terminate(&self) {
        signal(self.child.id(), "TERM");
    }

    /// Waits for its end; what it logged since the last look.
    pub fn ended(&mut self) -> String {
        assert!(self.child.wait().expect("it is waited for").success(), "it ends in order");
        self.log.iter().collect::<Vec<_>>().join("\n")
    }

    pub fn log_so_far(&self) -> String {
        self.log.try_iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Gone already after `crash`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of the test's own.
pub fn signal(process: u32, name: &str) {
    let told = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(told.is_ok_and(|status| status.success()), "SIG{name} is sent");
}

fn is_root() -> bool {
    let me = std::fs::metadata("/proc/self").expect("this process");
    std::os::unix::fs::MetadataExt::uid(&me) == 0
}

pub fn new_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn operator_key() -> ApiKey {
    ApiKey::generate([7; 32])
}

/// A folder whose database knows a key of the platform's operator.
pub fn folder_with_operator() -> TempDir {
    let folder = new_folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&folder.path().join("vca.sqlite")).await.expect("a database");
        let (now, id) = (jiff::Timestamp::now(), [7; 10]);
        let id = ApiKeyId::new(now, id);
        store.create_api_key(KeyOwner::Platform, id, "operator", &operator_key(), now).await.expect("a key");
        store.close().await;
    });
    folder
}

/// The binary under test, with prompts that all tests share.
pub fn vca() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vca"));
    command.env("VCA__PROMPTS_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("prompts"));
    // A minute of processor time for each voice, which tests of other things need.
    command.env("VCA__SPEECH__PRESYNTHESIS", "false");
    // A test that waits for something asks more often than a client may.
    command.env("VCA__HTTP__REQUESTS_PER_MINUTE", "1000000").env("VCA__HTTP__BURST", "1000000");
    command.env("RUST_BACKTRACE", "1");
    command
}

/// Runs a SIPp scenario of `tests/data/sipp` against `target`; `extra` goes to its command line.
pub fn sipp(scenario: &str, target: SocketAddr, number: &str, extra: &[&str]) -> Output {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/sipp").join(format!("{scenario}.xml"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    Command::new("sipp")
        .current_dir(folder.path())
        .arg("-sf")
        .arg(file)
        .args(["-m", "1", "-s", number, "-i", "127.0.0.1", "-timeout", "30s", "-timeout_error", "-nostdin"])
        .args(extra)
        .arg(target.to_string())
        .output()
        .expect("sipp is installed: run scripts/setup --test")
}

/// Fails the test with SIPp's own words unless the scenario went through.
pub fn assert_sipp(output: &Output) {
    let shown: String = text(&output.stdout).chars().rev().take(3_000).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(output.status.success(), "SIPp's scenario failed\n{shown}\n{}", text(&output.stderr));
}

/// Polls until `look` finds something.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines of a stream, as they come; nobody need take them.
pub fn read_lines(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
