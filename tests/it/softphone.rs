//! baresip, a SIP phone that people use, calls the demo clinic: its own signalling, RTP, keys, hold and resume.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use vca::speech::pool::{Class, Priority};
use vca::speech::{Speech, SpeechConfig, SttOptions};

use crate::ears::{assert_hears, hears};
use crate::harness::{DID, Demo, new_folder, read_lines, wait_for};

const RATE_HZ: usize = 8_000;
/// How long the phone may take for anything of its own.
const PROMPT: Duration = Duration::from_secs(20);
/// The longest silence from a file; the phone ends its audio, and so the call, at the end of the file.
const QUIET_S: usize = 120;

/// A headless baresip with one account, told what to do over its control port.
struct Softphone {
    child: Child,
    control: TcpStream,
    messages: mpsc::Receiver<Value>,
    folder: TempDir,
    log: mpsc::Receiver<String>,
}

impl Softphone {
    fn start() -> Self {
        let folder = new_folder();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        write_wav(&folder.path().join("quiet.wav"), &[]);
        std::fs::create_dir(folder.path().join("heard")).expect("a folder");
        std::fs::write(folder.path().join("config"), config(folder.path(), port)).expect("a file is written");
        let account = "<sip:+919812345678@127.0.0.1>;regint=0;audio_codecs=PCMA/8000/1\n";
        std::fs::write(folder.path().join("accounts"), account).expect("a file is written");
        let mut child = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("baresip is installed: run scripts/setup --test");
        let log = read_lines(child.stdout.take().expect("stdout is piped"));
        drop(read_lines(child.stderr.take().expect("stderr is piped")));
        let control = wait_for("baresip's control port", PROMPT, || TcpStream::connect(("127.0.0.1", port)).ok());
        let messages = read_netstrings(control.try_clone().expect("a second handle"));
        Self { child, control, messages, folder, log }
    }

    /// Sends a command and waits for its answer.
    fn command(&mut self, command: &str, params: &str) {
        let message = json!({ "command": command, "params": params, "token": command }).to_string();
        write!(self.control, "{}:{message},", message.len()).expect("baresip listens");
        let answer = self.wait(command, |message| message["token"] == command);
        assert_eq!(answer["ok"], true, "{command} {params}: {answer}");
    }

    fn wait_event(&mut self, kind: &str) -> Value {
        self.wait(kind, |message| message["type"] == kind)
    }

    /// Waits for the phone's report on the media, every five seconds of the call; the packets that VCA says it has sent.
    fn packets_sent_to_us(&mut self) -> u64 {
        let report = self.wait_event("CALL_RTCP");
        report["rtcp_stats"]["rx"]["sent"].as_u64().expect("a count")
    }

    /// Puts the call on hold for some fifteen seconds.
    fn hold(&mut self) {
        self.messages.try_iter().for_each(drop);
        self.command("hold", "");
        // The one that is due may count what came before.
        self.packets_sent_to_us();
        let sent = self.packets_sent_to_us();
        self.packets_sent_to_us();
        assert_eq!(self.packets_sent_to_us(), sent, "nothing is sent into the hold");
        self.command("resume", "");
    }

    fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PROMPT;
        loop {
            match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(message) if wanted(&message) => return message,
                Ok(_) => {}
                Err(_) => panic!("baresip: waited for {what}:\n{}", self.log.try_iter().collect::<Vec<_>>().join("\n")),
            }
        }
    }

    fn dial(&mut self, demo: &Demo) {
        self.command("dial", &format!("sip:{DID}@{}", demo.sip));
        self.wait_event("CALL_ESTABLISHED");
    }

    /// Speaks from now on: the words, then silence.
    fn say(&mut self, voice: &Voice, text: &str) {
        let name = format!("{}.wav", text.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
        let path = self.folder.path().join(name);
        write_wav(&path, &voice.speak(text));
        self.command("ausrc", &format!("aufile,{}", path.display()));
    }

    /// What the phone has received, as far as its first change of audio.
    fn heard(&self) -> Vec<i16> {
        let files = std::fs::read_dir(self.folder.path().join("heard")).expect("the folder is there");
        let mut files: Vec<PathBuf> = files.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.to_string_lossy().ends_with("-dec.wav"));
        files.sort();
        let mut reader = hound::WavReader::open(files.first().expect("a recording")).expect("it opens");
        assert_eq!(reader.spec().sample_rate as usize, RATE_HZ);
        reader.samples::<i16>().map_while(Result::ok).collect()
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(folder: &Path, control_port: u16) -> String {
    let folder = folder.display();
    let modules = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"];
    let modules = modules.into_iter().find(|path| Path::new(path).exists()).expect("baresip's modules are installed");
    format!(
        "module_path {modules}\n\
         poll_method epoll\n\
         net_interface 127.0.0.1\n\
         sip_listen 127.0.0.1:0\n\
         rtp_ports 43000-43999\n\
         audio_source aufile,{folder}/quiet.wav\n\
         audio_player aubridge,speaker\n\
         audio_alert aubridge,bell\n\
         snd_path {folder}/heard\n\
         ctrl_tcp_listen 127.0.0.1:{control_port}\n\
         module g711.so\n\
         module aufile.so\n\
         module aubridge.so\n\
         module sndfile.so\n\
         module ctrl_tcp.so\n\
         module_tmp account.so\n\
         module_app menu.so\n"
    )
}

/// `LENGTH:TEXT,` with JSON in it.
fn read_netstrings(stream: TcpStream) -> mpsc::Receiver<Value> {
    let (sender, messages) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = BufReader::new(stream).bytes().map_while(Result::ok);
        loop {
            let length: String = bytes.by_ref().take_while(|byte| *byte != b':').map(char::from).collect();
            let Ok(length) = length.parse::<usize>() else { return };
            let text: Vec<u8> = bytes.by_ref().take(length).collect();
            bytes.next();
            let message = serde_json::from_slice(&text).unwrap_or_default();
            if text.len() < length || sender.send(message).is_err() {
                return;
            }
        }
    });
    messages
}

fn write_wav(path: &Path, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a file");
    let silence = std::iter::repeat_n(0, QUIET_S * RATE_HZ);
    samples.iter().copied().chain(silence).for_each(|sample| writer.write_sample(sample).expect("room on the disk"));
    writer.finalize().expect("the file is complete");
}

/// The caller's voice, and an ear for what the phone received.
struct Voice {
    speech: Speech,
    runtime: tokio::runtime::Runtime,
}

impl Voice {
    fn load() -> Self {
        let prompts = Path::new(env!("CARGO_TARGET_TMPDIR")).join("phone-prompts");
        let config = SpeechConfig { tts_variation: 0.0, ..SpeechConfig::new(prompts) };
        let speech = Speech::load(&config).expect("the models are there: run scripts/setup");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { speech, runtime }
    }

    fn priority() -> Priority {
        Priority { deadline: Instant::now() + Duration::from_secs(60), class: Class::Final }
    }

    fn speak(&self, text: &str) -> Vec<i16> {
        let (mut chunks, _job) = self.speech.speak(text.to_owned(), Self::priority()).expect("the pool is free");
        self.runtime.block_on(async {
            let mut samples = Vec::new();
            while let Some(chunk) = chunks.recv().await {
                samples.extend_from_slice(&chunk);
            }
            samples
        })
    }

    fn recognise(&self, samples: Vec<i16>) -> String {
        let job = self.speech.transcribe(samples, SttOptions::default(), Self::priority()).expect("the pool is free");
        self.runtime.block_on(job).expect("no panic").expect("the recogniser works").text
    }
}

/// The turns so far of the call that goes on.
fn turns(demo: &Demo) -> Option<Vec<Value>> {
    let (_, calls) = demo.get("/v1/calls?limit=1");
    let id = calls["calls"].get(0)?["id"].as_str()?.to_owned();
    demo.get(&format!("/v1/calls/{id}")).1["turns"].as_array().cloned()
}

/// Waits for the agent to have asked something that holds `word`, later than turn `after`; the turn's number.
fn asked(demo: &Demo, word: &str, after: Option<u64>) -> u64 {
    let mut last = Vec::new();
    let limit = Instant::now() + Duration::from_secs(90);
    loop {
        last = turns(demo).unwrap_or(last);
        let found = last.iter().find(|turn| {
            let text = turn["text"].as_str().unwrap_or_default().to_lowercase();
            turn["speaker"] == "agent" && turn["seq"].as_u64() > after && text.contains(word)
        });
        if let Some(seq) = found.and_then(|turn| turn["seq"].as_u64()) {
            return seq;
        }
        assert!(Instant::now() < limit, "the agent asks for {word:?}: {last:#?}\n{}", demo.log_so_far());
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn said(call: &Value) -> String {
    let turns = call["turns"].as_array().expect("turns").iter().filter(|turn| turn["speaker"] == "caller");
    turns.filter_map(|turn| turn["text"].as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_softphone_leaves_a_message() {
    let voice = Voice::load();
    let demo = Demo::start();
    let mut phone = Softphone::start();
    phone.dial(&demo);
    let turn = asked(&demo, "how can i help", None);
    phone.say(&voice, "I want to leave a message. My name is Rahul Verma.");
    let turn = asked(&demo, "number", Some(turn));
    phone.command("sndcode", "9876543210#");
    let turn = asked(&demo, "?", Some(turn));
    phone.say(&voice, "Please call me back about my bill.");
    asked(&demo, "correct", Some(turn));
    phone.say(&voice, "Yes, that is correct.");
    phone.wait_event("CALL_CLOSED");

    let call = demo.closed_call();
    assert_eq!((&call["status"], &call["end_cause"]), (&"completed".into(), &"agent_hung_up".into()), "{call:#}");
    assert_eq!((&call["did"], &call["caller"]), (&DID.into(), &"+919812345678".into()), "{call:#}");
    assert_eq!(call["outcome"], "message", "{call:#}");
    assert_eq!(call["slots"]["number"], "+919876543210", "the keys of the phone: {call:#}");
    assert!(call["slots"]["reason"].as_str().is_some_and(|reason| hears(reason, "bill")), "{call:#}");
    assert_hears(&said(&call), &["leave a message", "my bill"], || format!("{call:#}"));
    assert_eq!(call["recording"], "complete");
    let heard = phone.heard();
    let greeting = voice.recognise(heard[..heard.len().min(7 * RATE_HZ)].to_vec());
    // Not the name of the business: each machine makes its own sound of it, and a recogniser without a hint spells some.
    assert_hears(&greeting, &["clinic", "ai assistant", "how can i help"], String::new);
}

#[test]
fn a_softphone_holds_and_resumes() {
    let voice = Voice::load();
    let demo = Demo::start();
    let mut phone = Softphone::start();
    phone.dial(&demo);
    phone.wait_event("CALL_RTPESTAB");
    phone.hold();
    let greeting = asked(&demo, "how can i help", None);
    phone.say(&voice, "I want to leave a message.");
    let question = asked(&demo, "name", Some(greeting));
    phone.hold();
    phone.say(&voice, "My name is Rahul Verma.");
    asked(&demo, "number", Some(question));
    phone.command("hangup", "");

    let call = demo.closed_call();
    assert_eq!((&call["status"], &call["end_cause"]), (&"completed".into(), &"caller_hung_up".into()), "{call:#}");
    assert_eq!(call["outcome"], "message", "{call:#}");
    assert!(call["slots"]["name"].as_str().is_some_and(|name| name.starts_with("Rahul")), "{call:#}");
    let turns = call["turns"].as_array().expect("turns");
    let speakers: Vec<&str> = turns.iter().filter_map(|turn| turn["speaker"].as_str()).collect();
    assert_eq!(speakers, ["agent", "caller", "agent", "caller", "agent"], "no question twice, no filler: {call:#}");
    assert_eq!(turns[0]["heard"], Value::Null, "the greeting goes on where the hold cut it: {call:#}");
    assert!(turns[0]["ended_ms"].as_u64() > Some(15_000), "{call:#}");
    let waited = turns[2]["waterfall"]["first_packet_ms"].as_u64();
    assert!(waited < Some(15_000), "a hold is no late answer: {call:#}");
}
