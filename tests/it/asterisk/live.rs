//! A real Asterisk between a carrier and VCA: `make test-asterisk`.
//!
//! `ASTERISK` names the binary; `ASTERISK_MODULES` and `ASTERISK_DATA` its folders, where they are not in the usual place.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use vca::cli::config::Config;
use vca::domain::E164;
use vca::sip::message::{HeaderName, Message, Method, Request};
use vca::sip::net::dns::TableDns;
use vca::sip::net::{self, StackConfig};
use vca::sip::trunk::Trunks;

use crate::ears::{assert_caller_hears, assert_hears};
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

/// Has `vca asterisk` write Asterisk's files into `etc` of the folder; VCA's own side.
fn render(folder: &Path, trunk: &str, line: SocketAddr, receptionist: SocketAddr, inside: SocketAddr) -> String {
    let carrier = folder.join("carrier.toml");
    let etc = folder.join("etc");
    let common = format!("local_bind = \"{line}\"\nsbc_ips = [\"127.0.0.1\"]\ndids = [\"{DID}\"]\n");
    std::fs::write(&carrier, format!("[[trunks]]\nname = \"line\"\n{trunk}{common}")).expect("a file is written");
    let rendered = vca()
        .args(["asterisk", "--trunk", "line", "--vca", &receptionist.to_string(), "--asterisk", &inside.to_string()])
        .arg("--config")
        .arg(&carrier)
        .arg("--out")
        .arg(&etc)
        .output()
        .expect("vca runs");
    assert!(rendered.status.success(), "{}", text(&rendered.stderr));
    std::fs::read_to_string(etc.join("vca-trunk.toml")).expect("VCA's side")
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
    let trunk = format!(
        "profile = \"generic-register\"\nregistrar = \"{}\"\nfrom_user = \"{USER}\"\npassword = \"{PASSWORD}\"\n",
        registrar.addr
    );
    let ours = render(folder.path(), &trunk, line, receptionist, inside);
    let file = folder.path().join("vca.toml");
    std::fs::write(&file, format!("[sip]\npeers = []\n{ours}")).expect("a file is written");

    let etc = folder.path().join("etc");
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
    assert_caller_hears(&report, &["open from"]);

    let call = demo.closed_call();
    assert_eq!((&call["did"], &call["caller"]), (&DID.into(), &"+919812345678".into()), "{call:#}");
    let asked = call["turns"].as_array().expect("turns").iter().filter(|turn| turn["speaker"] == "caller");
    let asked: Vec<&str> = asked.filter_map(|turn| turn["text"].as_str()).collect();
    assert_hears(&asked.join(" "), &["open"], || format!("{call:#}"));
    // Two ways at 50 packets a second, of which Asterisk saw only what came before the re-INVITEs.
    let seconds = report["duration_ms"].as_u64().expect("a length") / 1_000;
    let last = *relayed.last().expect("the call was seen at Asterisk");
    println!("{last} packets passed Asterisk in a call of {seconds} s");
    assert!(seconds >= 8 && last < 100, "media runs directly: {relayed:?} in {seconds} s");
}

/// Takes requests at the carrier until an INVITE comes, and refuses that with 486.
async fn busy_carrier(socket: tokio::net::UdpSocket) -> Request {
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.expect("a datagram");
        let Ok(Message::Request(request)) = Message::parse(&buffer[..length]) else { continue };
        if request.method == Method::Ack {
            continue;
        }
        let status = if request.method == Method::Invite { 486 } else { 200 };
        let mut response = request.reply(status);
        let mut via = request.headers.top_via().expect("a Via");
        via.set_received(from.ip());
        via.set_rport(from.port());
        response.headers.set_first(HeaderName::Via, via);
        socket.send_to(&response.to_bytes(), from).await.expect("loopback takes it");
        if request.method == Method::Invite {
            return request;
        }
    }
}

#[tokio::test]
#[ignore = "needs Asterisk: make test-asterisk"]
async fn a_call_to_a_person_leaves_as_the_carrier_wants_it_and_its_refusal_comes_back() {
    let carrier = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let (line, inside) = (free("127.0.0.1"), free("127.0.0.4"));
    let udp = vec!["127.0.0.3:0".parse().expect("an address")];
    let (stack, _calls) = net::start(StackConfig { udp, ..StackConfig::default() }).await.expect("the stack starts");
    let receptionist = stack.udp_addr().expect("an address");
    let folder = new_folder();
    // As Airtel over the internet, with Tata's numbers and an IMS's identity.
    let trunk = format!(
        "profile = \"airtel-public\"\noutbound_proxy = \"{}\"\nfrom_user = \"+911204567890\"\nfrom_domain = \"ims.example\"\n\
         number_format_out = \"double_zero\"\nidentity = \"ppi\"\n",
        carrier.local_addr().expect("an address")
    );
    let ours = render(folder.path(), &trunk, line, receptionist, inside);
    let file = folder.path().join("vca.toml");
    std::fs::write(&file, ours).expect("a file is written");
    let trunks = Config::load(Some(&file), []).expect("VCA's side is a configuration").trunks;
    let asterisk = Asterisk::start(&folder.path().join("etc"));
    let trunks = Trunks::start(&stack, trunks, Arc::new(TableDns::default()));
    let mut states = trunks.subscribe("line").expect("the trunk");
    let answered = states.wait_for(|status| status.options_answered == Some(true));
    tokio::time::timeout(Duration::from_secs(90), answered).await.expect("Asterisk answers").expect("the trunk lives");

    let to = E164::parse("+919876543210").expect("a number");
    let mut invite = trunks.outgoing("line", &to, None).expect("a way");
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.3\r\ns=-\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n",
        free("127.0.0.3").port()
    );
    invite.body = Some(("application/sdp".to_owned(), offer.into_bytes()));
    let (_leg, mut events) = stack.invite(invite).await.expect("sent");
    let arrived =
        tokio::time::timeout(Duration::from_secs(30), busy_carrier(carrier)).await.expect("the carrier's INVITE");
    let header = |name: HeaderName| arrived.headers.get(&name).map(|value| value.to_string_lossy().into_owned());
    assert!(arrived.uri.as_str().starts_with("sip:00919876543210@127.0.0.1:"), "{}", arrived.uri.as_str());
    assert!(arrived.uri.as_str().ends_with(";user=phone"), "{}", arrived.uri.as_str());
    let from = header(HeaderName::From).expect("From");
    assert!(from.starts_with("<sip:+911204567890@ims.example;user=phone>"), "{from}");
    let identity = header(HeaderName::PPreferredIdentity).expect("P-Preferred-Identity");
    assert_eq!(identity, "<sip:00918047180000@ims.example;user=phone>");
    let refused = async {
        loop {
            if let net::LegEvent::Failed { status, .. } = events.recv().await.expect("an answer") {
                return status;
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), refused).await.expect("in time"), 486);
    drop(asterisk);
}
