//! Encrypted calls: whole ones between our own caller and the server, and with baresip, whose SRTP is not ours. baresip
//! plays what it hears, so a tone that comes back was decrypted by both sides.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;
use vca::domain::SrtpUse;
use vca::media::{
    Capabilities, Clip, ClipId, Codec, Direction, EncodedAudio, FRAME_SAMPLES, MediaConfig, MediaEngine, MediaEvent,
    MediaParams, MediaSession, SAMPLE_RATE_HZ, SdpSession, SessionOptions, sdp, tone,
};
use vca::sip::message::{NameAddr, Uri};
use vca::sip::net::{self, IncomingCall, LegEvent, LegPolicy, OutgoingInvite, Stack, StackConfig, Transport};

use crate::ears::assert_caller_hears;
use crate::harness::{Demo, new_folder};

const LIMIT: Duration = Duration::from_secs(30);
const TONE_HZ: f32 = 500.0;

#[test]
fn a_trunk_that_requires_srtp_takes_no_other_call_and_understands_its_callers() {
    let folder = new_folder();
    let config = folder.path().join("trunk.toml");
    let trunk = "[[trunks]]\nname = \"line\"\nsbc_ips = [\"127.0.0.1\"]\nsrtp = \"require\"\n";
    std::fs::write(&config, trunk).expect("the configuration is written");
    let config = config.to_str().expect("a path in UTF-8").to_owned();
    let demo = Demo::start_in(folder, &[], &["--config", &config]);
    for plain in [&["--silent", "1"][..], &["--silent", "1", "--srtp", "offer"]] {
        let refused = demo.caller(plain).output().expect("vca call runs");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("488"), "{plain:?}: {said}");
    }
    let report = demo.call(&[
        "--srtp",
        "require",
        "--say",
        "What time do you open on Monday?",
        "--say",
        "No, thank you. Goodbye.",
    ]);
    assert_eq!(report["srtp"], "AES_CM_128_HMAC_SHA1_80", "{report:#}");
    assert_caller_hears(&report, &["monday", "10 a"]);
    assert_eq!(demo.closed_call()["outcome"], Value::from("answered"), "the receptionist understood");
}

/// A baresip that answers every call and plays what it hears; ended when dropped.
struct Baresip {
    child: Child,
    address: SocketAddr,
    /// Reads commands while it is open.
    _input: ChildStdin,
    output: Arc<Mutex<String>>,
    _folder: TempDir,
}

/// An address for baresip, which listens by UDP and TCP there and by TLS on the port after it. Below the ports that the
/// system gives out, so that no test beside this one takes it between the look and the start.
fn free_address() -> SocketAddr {
    let is_free = |port: &u16| {
        UdpSocket::bind(("127.0.0.1", *port)).is_ok()
            && [*port, port + 1].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    };
    static NEXT: AtomicU16 = AtomicU16::new(28_000);
    let mut ports = std::iter::repeat_with(|| NEXT.fetch_add(2, Ordering::Relaxed)).take_while(|port| *port < 30_000);
    ([127, 0, 0, 1], ports.find(is_free).expect("a port is free")).into()
}

impl Baresip {
    /// `encryption` is baresip's `mediaenc`; `dials` is whom it calls at its start.
    fn start(encryption: &str, dials: Option<&str>) -> Self {
        let folder = new_folder();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file is written");
        let address = free_address();
        let loopback = ["audio_player", "audio_source", "audio_alert"].map(|key| format!("{key} aubridge,loop\n"));
        let modules = ["g711", "srtp", "aubridge"].map(|name| format!("module {name}.so\n")).concat();
        write(
            "config",
            &format!(
                "sip_listen {address}\nnet_interface 127.0.0.1\nrtp_ports 30000-32000\n{}\
                 ausrc_srate 8000\nauplay_srate 8000\nmodule_path /usr/lib/baresip/modules\n{modules}\
                 module_app account.so\nmodule_app menu.so\n",
                loopback.concat()
            ),
        );
        let account = format!("<sip:far@{address}>;regint=0;answermode=auto;audio_codecs=pcma;mediaenc={encryption}\n");
        write("accounts", &account);
        write("contacts", "");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(target) = dials {
            command.args(["-e", &format!("/dial {target}")]);
        }
        let mut child = command.spawn().expect("baresip is installed: run scripts/setup --test");
        let input = child.stdin.take().expect("piped");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let output = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&output);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains("baresip is ready") {
                    let _ = ready.send(());
                }
                let mut log = log.lock().expect("no panic elsewhere");
                log.push_str(&line);
                log.push('\n');
            }
        });
        is_ready.recv_timeout(LIMIT).expect("baresip starts");
        Self { child, address, _input: input, output, _folder: folder }
    }

    fn said(&self) -> String {
        self.output.lock().expect("no panic elsewhere").clone()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our side of a call.
struct Phone {
    stack: Stack,
    calls: Receiver<IncomingCall>,
    media: MediaSession,
    media_events: Receiver<MediaEvent>,
    local: SocketAddr,
    _engine: Arc<MediaEngine>,
}

impl Phone {
    async fn start() -> Self {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = StackConfig { udp: vec![local], ..StackConfig::default() };
        let (stack, calls) = net::start(config).await.expect("the phone's stack starts");
        let config = MediaConfig { port_range: 42_002..=44_000, ..MediaConfig::default() };
        let engine = MediaEngine::start(config).expect("the phone's media start");
        let (media, media_events) = engine.open(SessionOptions::default()).expect("a port is free");
        let local = media.local_addr();
        Self { stack, calls, media, media_events, local, _engine: engine }
    }

    /// Plays a tone until it comes back.
    async fn hear_the_echo(&mut self, far: &Baresip) {
        let sine = tone::sine(TONE_HZ, SAMPLE_RATE_HZ as f32, SAMPLE_RATE_HZ as usize * 30);
        self.media.play(vec![Clip { id: ClipId(1), audio: EncodedAudio::from_pcm(Codec::Pcma, &sine) }]);
        let echo = async {
            let mut recent: Vec<i16> = Vec::new();
            while recent.len() < 20 * FRAME_SAMPLES
                || !tone::is_present(&recent[recent.len() - 20 * FRAME_SAMPLES..], TONE_HZ)
            {
                if let MediaEvent::Frame(frame) = self.media_events.recv().await.expect("the session lives") {
                    recent.extend(frame.samples);
                }
            }
        };
        let heard = tokio::time::timeout(LIMIT, echo).await;
        let stats = self.media.stats();
        assert!(heard.is_ok(), "no echo: {stats:?}\n{}", far.said());
        // Its first packet is an empty one, which is no audio.
        assert_eq!((stats.packets_invalid <= 1, stats.packets_unauthentic), (true, 0), "{stats:?}");
    }

    /// Waits for a report that was decrypted and made sense, which takes its round trip.
    async fn see_a_report(&mut self) {
        let seen = async {
            while self.media.stats().rtt_us == 0 {
                self.media_events.recv().await.expect("the session lives");
            }
        };
        let seen = tokio::time::timeout(LIMIT, seen).await;
        assert!(seen.is_ok(), "no SRTCP report on our stream: {:?}", self.media.stats());
        assert_eq!(self.media.stats().packets_unauthentic, 0);
    }
}

fn assert_encrypted(params: &MediaParams) {
    assert!(params.srtp.is_some(), "{params:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_takes_up_what_we_offer_and_each_side_decrypts_the_other() {
    for (srtp, encryption) in [(SrtpUse::Require, "srtp-mand"), (SrtpUse::Offer, "srtp")] {
        let far = Baresip::start(encryption, None);
        let mut phone = Phone::start().await;
        let (caps, mut identity) = (Capabilities { srtp, ..Capabilities::default() }, SdpSession::random());
        let offer = sdp::offer(&caps, phone.local, Direction::SEND_RECV, &mut identity);
        let uri = |text: String| Uri::parse(text.as_bytes()).expect("a URI");
        let invite = OutgoingInvite {
            to: uri(format!("sip:far@{}", far.address)),
            from: NameAddr::new(uri("sip:near@127.0.0.1".to_owned())),
            destination: Some(far.address),
            transport: Transport::Udp,
            credentials: None,
            headers: Vec::new(),
            body: Some(("application/sdp".to_owned(), offer)),
            policy: LegPolicy::default(),
        };
        let (leg, mut events) = phone.stack.invite(invite).await.expect("the INVITE is sent");
        let answered = async {
            loop {
                match events.recv().await.expect("the leg tells its end") {
                    LegEvent::Answered { sdp } => return sdp,
                    LegEvent::Failed { status, .. } => panic!("{status}\n{}", far.said()),
                    _ => {}
                }
            }
        };
        let answer = tokio::time::timeout(LIMIT, answered).await.expect("baresip answers");
        let params = sdp::accept_answer(&answer, &caps, &mut identity).expect("an answer that fits");
        assert_encrypted(&params);
        phone.media.configure(params);
        phone.hear_the_echo(&far).await;
        phone.see_a_report().await;
        leg.bye(None).await;
        while events.recv().await.is_some_and(|event| !event.is_last()) {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_baresip_offers_is_answered_in_kind() {
    let mut phone = Phone::start().await;
    let address = phone.stack.udp_addr().expect("an address");
    let far = Baresip::start("srtp-mand", Some(&format!("sip:near@{address}")));
    let call = tokio::time::timeout(LIMIT, phone.calls.recv()).await.expect("baresip calls").expect("the stack runs");
    let IncomingCall { leg, mut events, invite } = call;
    let (_, offer) = invite.body.expect("an offer");
    let negotiated = sdp::answer(&offer, &Capabilities::default(), phone.local, &mut SdpSession::random());
    let negotiated = negotiated.expect("an answer");
    assert_encrypted(&negotiated.media);
    leg.answer(negotiated.sdp).await;
    phone.media.configure(negotiated.media);
    phone.hear_the_echo(&far).await;
    leg.bye(None).await;
    while events.recv().await.is_some_and(|event| !event.is_last()) {}
}
