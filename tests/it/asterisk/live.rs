//! A real Asterisk between a carrier and VCA: `make test-asterisk`.
//!
//! `ASTERISK` names the binary; `ASTERISK_MODULES` and `ASTERISK_DATA` its folders, where they are not in the usual place.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{DID, Demo, new_folder, text, vca, wait_for};
use crate::registrar::{Habits, PASSWORD, Registrar, USER};

const MODULES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/asterisk/modules",
    "/usr/lib/aarch64-linux-gnu/asterisk/modules",
    "/usr/lib64/asterisk/modules",
    "/usr/lib/asterisk/modules",
];
const DATA: [&str; 2] = ["/usr/share/asterisk", "/var/lib/asterisk"];

/// An Asterisk of the test's own, ended when dropped.
struct Asterisk {
    child: Child,
    configuration: PathBuf,
}

impl Asterisk {
    /// Starts it on the files in `etc`.
    fn start(etc: &Path) -> Self {
        let given = |variable: &str, usual: &[&str]| {
            let usual = usual.iter().map(PathBuf::from).find(|folder| folder.exists());
            std::env::var_os(variable).map(PathBuf::from).or(usual).unwrap_or_else(|| panic!("{variable} is not set"))
        };
        let (modules, data) = (given("ASTERISK_MODULES", &MODULES), given("ASTERISK_DATA", &DATA));
        let mut directories = format!("[directories]\nastetcdir => {}\n", etc.display());
        directories += &format!("astmoddir => {}\nastdatadir => {}\n", modules.display(), data.display());
        for name in ["astvarlibdir", "astdbdir", "astkeydir", "astagidir", "astspooldir", "astrundir", "astlogdir"] {
            let folder = etc.join(name);
            std::fs::create_dir(&folder).expect("a folder");
            directories += &format!("{name} => {}\n", folder.display());
        }
        let configuration = etc.join("asterisk.conf");
        std::fs::write(&configuration, directories).expect("a file is written");
        std::fs::write(etc.join("logger.conf"), "[logfiles]\nconsole => warning,error\n").expect("a file is written");
        let mut command = Self::command(&configuration);
        let child = command.arg("-f").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("asterisk starts"), configuration }
    }

    fn command(configuration: &Path) -> Command {
        let mut command = Command::new(std::env::var_os("ASTERISK").expect("ASTERISK names the binary"));
        command.arg("-C").arg(configuration);
        command
    }

    /// What a command of its console answers.
    fn ask(&self, what: &str) -> String {
        let output = Self::command(&self.configuration).args(["-rx", what]).output().expect("the console answers");
        text(&output.stdout)
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of this address that nobody has now.
fn free(ip: &str) -> SocketAddr {
    UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr()).expect("a free port")
}

/// Packets that Asterisk has received in all its calls: the first count after the codec's name.
fn received(channels: &str) -> Option<u64> {
    let counts = channels.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let codec = words.iter().position(|word| ["alaw", "ulaw"].contains(word))?;
        words.get(codec + 1)?.parse::<u64>().ok()
    });
    let counts: Vec<u64> = counts.collect();
    (counts.len() == 2).then(|| counts.iter().sum())
}

#[test]
#[ignore = "needs Asterisk: make test-asterisk"]
fn a_call_passes_asterisk_and_its_media_runs_directly() {
    let registrar = Registrar::start(None, Habits::default());
    let (line, inside, receptionist) = (free("127.0.0.1"), free("127.0.0.4"), free("127.0.0.3"));
    let folder = new_folder();
    let carrier = folder.path().join("carrier.toml");
    let trunk = format!(
        "[[trunks]]\nname = \"line\"\nprofile = \"generic-register\"\nregistrar = \"{}\"\nfrom_user = \"{USER}\"\n\
         password = \"{PASSWORD}\"\nlocal_bind = \"{line}\"\nsbc_ips = [\"127.0.0.1\"]\ndids = [\"{DID}\"]\n",
        registrar.addr
    );
    std::fs::write(&carrier, trunk).expect("a file is written");
    let etc = folder.path().join("etc");
    let rendered = vca()
        .args(["asterisk", "--trunk", "line", "--vca", &receptionist.to_string(), "--asterisk", &inside.to_string()])
        .arg("--config")
        .arg(&carrier)
        .arg("--out")
        .arg(&etc)
        .output()
        .expect("vca runs");
    assert!(rendered.status.success(), "{}", text(&rendered.stderr));
    let ours = std::fs::read_to_string(etc.join("vca-trunk.toml")).expect("VCA's side");
    let file = folder.path().join("vca.toml");
    std::fs::write(&file, format!("[sip]\npeers = []\n{ours}")).expect("a file is written");

    let asterisk = Asterisk::start(&etc);
    wait_for("Asterisk's registration", Duration::from_secs(60), || registrar.is_registered().then_some(()));
    assert_eq!(registrar.state().answers, [401, 200], "the digest is right at once");
    let file = file.to_str().expect("UTF-8");
    let demo = Demo::start_at(&receptionist.to_string(), new_folder(), &[], &["--config", file]);

    let mut caller = vca();
    caller.args(["call", "--json", "--to", &format!("sip:{DID}@{line}"), "--limit", "60", "--record"]);
    caller.arg(folder.path().join("caller.wav")).args(["--say", "What time do you open today?"]);
    let mut caller = caller.stdout(Stdio::piped()).spawn().expect("vca call starts");
    let mut relayed = Vec::new();
    while caller.try_wait().expect("it can be waited for").is_none() {
        relayed.extend(received(&asterisk.ask("pjsip show channelstats")));
        std::thread::park_timeout(Duration::from_millis(500));
    }
    let output = caller.wait_with_output().expect("it has ended");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("vca call prints JSON");
    let heard = report["conversation"].as_array().expect("lines").iter().filter(|line| line["speaker"] == "agent");
    let heard: Vec<String> = heard.map(|line| line["text"].as_str().unwrap_or_default().to_lowercase()).collect();
    assert!(heard.join(" ").contains("open from"), "the answer is heard: {report:#}");

    let call = demo.closed_call();
    assert_eq!((&call["did"], &call["caller"]), (&DID.into(), &"+919812345678".into()), "{call:#}");
    let asked = call["turns"].as_array().expect("turns").iter().filter(|turn| turn["speaker"] == "caller");
    let asked: Vec<String> = asked.map(|turn| turn["text"].as_str().unwrap_or_default().to_lowercase()).collect();
    assert!(asked.join(" ").contains("open"), "the question is heard: {call:#}");
    // Two ways at 50 packets a second, of which Asterisk saw only what came before the re-INVITEs.
    let seconds = report["duration_ms"].as_u64().expect("a length") / 1_000;
    let last = *relayed.last().expect("the call was seen at Asterisk");
    println!("{last} packets passed Asterisk in a call of {seconds} s");
    assert!(seconds >= 8 && last < 100, "media runs directly: {relayed:?} in {seconds} s");
}
