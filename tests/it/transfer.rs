//! Callers who ask for a person: the person's side is a SIP phone of the test's own, with a real recogniser as its ear
//! and a real voice.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use vca::media::{
    Capabilities, Clip, ClipId, Codec, EncodedAudio, MediaConfig, MediaEngine, MediaEvent, MediaSession, SdpSession,
    SessionOptions, sdp,
};
use vca::sip::net::{self, IncomingCall, LegEvent, Stack, StackConfig};
use vca::speech::pool::{Class, Priority};
use vca::speech::{Speech, SpeechConfig, SttOptions};

use crate::ears::{assert_caller_hears, hears};
use crate::harness::{Demo, new_folder};

/// The person's phone.
struct Phone {
    _stack: Stack,
    calls: tokio::sync::mpsc::Receiver<IncomingCall>,
    address: SocketAddr,
    media: Arc<MediaEngine>,
    speech: Arc<Speech>,
}

/// A call that the person has answered.
struct Talk<'a> {
    phone: &'a Phone,
    leg: vca::sip::net::Leg,
    events: tokio::sync::mpsc::Receiver<LegEvent>,
    media: MediaSession,
    media_events: tokio::sync::mpsc::Receiver<MediaEvent>,
    clips: u64,
}

impl Phone {
    async fn start() -> Self {
        let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let config = StackConfig { udp: vec![local], ..StackConfig::default() };
        let (stack, calls) = net::start(config).await.expect("the phone's stack starts");
        let address = stack.udp_addr().expect("a UDP address");
        let media = MediaEngine::start(MediaConfig { port_range: 40_000..=42_000, ..MediaConfig::default() });
        let prompts = Path::new(env!("CARGO_TARGET_TMPDIR")).join("phone-prompts");
        let config = SpeechConfig { tts_variation: 0.0, ..SpeechConfig::new(prompts) };
        let speech = tokio::task::spawn_blocking(move || Speech::load(&config)).await.expect("no panic");
        Self {
            _stack: stack,
            calls,
            address,
            media: media.expect("the phone's media start"),
            speech: Arc::new(speech.expect("the models are there: run scripts/setup")),
        }
    }

    fn uri(&self) -> String {
        format!("sip:human@{}", self.address)
    }

    async fn ringing(&mut self) -> IncomingCall {
        let call = tokio::time::timeout(Duration::from_secs(90), self.calls.recv()).await;
        let call = call.expect("the person is called").expect("the stack runs");
        call.leg.ring().await;
        call
    }

    async fn answer(&self, call: IncomingCall) -> Talk<'_> {
        let IncomingCall { leg, events, invite } = call;
        let (media, media_events) = self.media.open(SessionOptions::default()).expect("a port is free");
        let local = SocketAddr::new(leg.local_ip(), media.local_port());
        let (_, offer) = invite.body.expect("an offer");
        let negotiated = sdp::answer(&offer, &Capabilities::default(), local, &mut SdpSession::new(7)).expect("audio");
        media.configure(negotiated.media);
        leg.answer(negotiated.sdp).await;
        Talk { phone: self, leg, events, media, media_events, clips: 0 }
    }
}

impl Talk<'_> {
    /// Listens until the other side has spoken and then paused for 800 ms; what was recognised.
    async fn hear(&mut self) -> String {
        let mut samples: Vec<i16> = Vec::new();
        let (mut begun, mut quiet) = (false, 0);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !begun || quiet < 40 {
            let event = tokio::time::timeout_at(deadline, self.media_events.recv()).await;
            match event.expect("the other side speaks").expect("the session lives") {
                MediaEvent::Frame(frame) => {
                    let loud = frame.samples.iter().any(|sample| sample.unsigned_abs() > 600);
                    begun |= loud;
                    quiet = if loud { 0 } else { quiet + 1 };
                    if begun {
                        samples.extend_from_slice(&frame.samples);
                    }
                }
                MediaEvent::Dead { .. } => panic!("no audio arrives"),
                _ => {}
            }
        }
        let priority = Priority { deadline: Instant::now() + Duration::from_secs(60), class: Class::Final };
        let job = self.phone.speech.transcribe(samples, SttOptions::default(), priority).expect("the pool is free");
        job.await.expect("no panic").expect("the recogniser works").text
    }

    async fn say(&mut self, text: &str) {
        let priority = Priority { deadline: Instant::now() + Duration::from_secs(60), class: Class::Final };
        let (mut chunks, _job) = self.phone.speech.speak(text.to_owned(), priority).expect("the pool is free");
        let mut samples = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            samples.extend_from_slice(&chunk);
        }
        let id = ClipId(self.clips);
        self.clips += 1;
        self.media.play(vec![Clip { id, audio: EncodedAudio::from_pcm(Codec::Pcma, &samples) }]);
        loop {
            match self.media_events.recv().await.expect("the session lives") {
                MediaEvent::PlayoutFinished { id: played, .. } if played == id => return,
                _ => {}
            }
        }
    }

    /// The event that ends the leg, in words.
    async fn over(&mut self) -> LegEvent {
        let over = async {
            loop {
                let event = self.events.recv().await.expect("the last event is told");
                if event.is_last() {
                    return event;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), over).await.expect("the leg ends")
    }
}

/// Starts the phone, a demo that hands callers to it, and a caller with these steps; the report and the demo's record.
/// `person` gets the caller's process id too.
fn call_with_person(steps: &[&str], person: impl AsyncFnOnce(&mut Phone, u32)) -> (Value, Value) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut phone = runtime.block_on(Phone::start());
    let demo = Demo::start_in(new_folder(), &[], &["--human", &phone.uri()]);
    let mut command = demo.caller(steps);
    let caller = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("vca call starts");
    let process = caller.id();
    let caller = std::thread::spawn(move || caller.wait_with_output().expect("vca call runs"));
    runtime.block_on(person(&mut phone, process));
    let output = caller.join().expect("the caller's thread ends");
    let told = || format!("{}\n{}", String::from_utf8_lossy(&output.stderr), demo.log_so_far());
    assert!(output.status.success(), "vca call failed: {}", told());
    let report = serde_json::from_slice(&output.stdout).expect("vca call prints JSON");
    (report, demo.closed_call())
}

#[test]
fn a_person_hears_who_calls_takes_the_call_and_both_hear_each_other() {
    let steps =
        ["--say", "My name is Rahul Verma. Can I talk to a person?", "--say", "Hello doctor, I have a toothache."];
    let (report, call) = call_with_person(&steps, async |phone, _| {
        let ringing = phone.ringing().await;
        let mut talk = phone.answer(ringing).await;
        let summary = talk.hear().await;
        // Recognition without a hint of the name spells it by its sound.
        let sounds_like = |names: &[&str]| names.iter().any(|name| hears(&summary, name));
        let named = sounds_like(&["rahul", "rahool"]) && sounds_like(&["verma", "burma"]);
        assert!(named && hears(&summary, "call"), "the summary says who calls: {summary}");
        assert!(hears(&summary, "press"), "the summary says what to do: {summary}");
        talk.media.send_dtmf("1");
        talk.say("Good morning, this is the hospital. How can I help you?").await;
        let heard = talk.hear().await;
        assert!(hears(&heard, "tooth"), "the person hears the caller: {heard}");
        talk.leg.bye(Some("Q.850;cause=16".to_owned())).await;
    });
    assert_caller_hears(&report, &["please hold", "hospital"]);
    assert_eq!(call["outcome"], "transferred", "{call:#}");
    assert_eq!(call["end_cause"], "person_hung_up", "{call:#}");
    let attempt = &call["transfers"][0];
    assert_eq!((&attempt["target"], &attempt["result"]), (&"the front desk".into(), &"bridged".into()), "{call:#}");
    assert!(attempt["answered_at"].is_string() && call["transfers"].as_array().expect("a list").len() == 1, "{call:#}");
    let bridged = call["bridged_ms"].as_u64().expect("milliseconds");
    assert!(bridged > 3_000 && attempt["bridged_ms"] == bridged, "{call:#}");
    assert_eq!(call["recording"], "complete", "{call:#}");
}

#[test]
fn a_caller_in_opus_and_a_person_in_a_law_hear_each_other() {
    // Said again at each turn: a slow machine may leave a pause for the first before the person is there.
    let said = "Hello doctor, I have a toothache.";
    let steps = ["--codec", "opus", "--say", "Can I talk to a person?", "--say", said, "--say", said, "--say", said];
    let (report, call) = call_with_person(&steps, async |phone, _| {
        let ringing = phone.ringing().await;
        let mut talk = phone.answer(ringing).await;
        talk.hear().await;
        talk.media.send_dtmf("1");
        talk.say("Good morning, this is the hospital. How can I help you?").await;
        let heard = talk.hear().await;
        assert!(hears(&heard, "tooth"), "the person hears the caller: {heard}");
        talk.leg.bye(Some("Q.850;cause=16".to_owned())).await;
    });
    assert_caller_hears(&report, &["hospital"]);
    assert_eq!((&call["outcome"], &call["recording"]), (&"transferred".into(), &"complete".into()), "{call:#}");
}

#[test]
fn a_person_who_declines_sends_the_caller_back_to_leave_a_message() {
    let steps = [
        "--say",
        "Can I talk to a person?",
        "--say",
        "Rahul Verma.",
        "--dtmf",
        "9876543210#",
        "--say",
        "Please call me back about my bill.",
        "--say",
        "Yes, that is correct.",
    ];
    let (report, call) = call_with_person(&steps, async |phone, _| {
        let ringing = phone.ringing().await;
        let mut talk = phone.answer(ringing).await;
        talk.hear().await;
        talk.media.send_dtmf("2");
        assert!(matches!(talk.over().await, LegEvent::Ended { by_remote: true, .. }));
    });
    assert_caller_hears(&report, &["cannot come to the phone"]);
    assert_eq!(call["outcome"], "urgent", "{call:#}");
    assert_eq!(call["slots"]["number"], "+919876543210", "{call:#}");
    assert!(call["slots"]["reason"].as_str().is_some_and(|reason| hears(reason, "bill")), "{call:#}");
    assert_eq!(call["transfers"][0]["result"], "refused", "{call:#}");
    assert_eq!(call["bridged_ms"], 0);
}

#[test]
fn a_caller_who_hangs_up_meanwhile_stops_the_ringing() {
    let steps = ["--say", "Can I talk to a person?"];
    let (_, call) = call_with_person(&steps, async |phone, caller| {
        let mut ringing = phone.ringing().await;
        let interrupted = Command::new("kill").args(["-INT", &caller.to_string()]).status().expect("kill runs");
        assert!(interrupted.success(), "the caller is told to hang up");
        let over = async {
            loop {
                let event = ringing.events.recv().await.expect("the last event is told");
                if event.is_last() {
                    return event;
                }
            }
        };
        let over = tokio::time::timeout(Duration::from_secs(60), over).await.expect("the ringing stops");
        assert!(matches!(over, LegEvent::Cancelled), "{over:?}");
    });
    assert_eq!(call["end_cause"], "caller_hung_up", "{call:#}");
    assert_eq!(call["transfers"][0]["result"], "caller_left", "{call:#}");
}
