//! Talking to a receptionist over a WebSocket, as the dashboard does: real engines, a real call, its record.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::harness::{Demo, KEY, new_folder};

/// Samples in a message: 60 ms.
const MESSAGE: usize = 480;
const LIMIT: Duration = Duration::from_secs(60);

/// One test call from its ticket to its end.
struct Visit {
    socket: WebSocket<TcpStream>,
    /// What was told.
    news: Vec<Value>,
    /// The agent's sound.
    heard: Vec<i16>,
    over: bool,
}

impl Visit {
    fn place(demo: &Demo, profile: &str) -> (Self, String) {
        let mut response = ureq::post(format!("http://{}/v1/test-calls", demo.http))
            .header("Authorization", format!("Bearer {KEY}"))
            .send_json(json!({ "profile_id": profile }))
            .expect("a ticket");
        let made: Value = response.body_mut().read_json().expect("JSON");
        let (path, call) = (made["path"].as_str().expect("a path"), made["call_id"].as_str().expect("an id"));
        let stream = TcpStream::connect(demo.http).expect("the server is there");
        let request = format!("ws://{}{path}", demo.http).into_client_request().expect("a URL");
        let (socket, _) = tungstenite::client(request, stream).expect("a WebSocket");
        // Short, so that sound goes out while nothing comes in.
        socket.get_ref().set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        (Self { socket, news: Vec::new(), heard: Vec::new(), over: false }, call.to_owned())
    }

    fn read(&mut self) {
        match self.socket.read() {
            Ok(Message::Text(text)) => self.news.push(serde_json::from_str(&text).expect("JSON")),
            Ok(Message::Binary(bytes)) => {
                self.heard.extend(bytes.chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]])));
            }
            Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => self.over = true,
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(error) => panic!("the WebSocket fails: {error}; told so far: {:#?}", self.news),
        }
    }

    /// Reads until the news hold this.
    fn until(&mut self, what: &str, mut found: impl FnMut(&[Value]) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !found(&self.news) {
            assert!(Instant::now() < deadline && !self.over, "waited for {what}: {:#?}", self.news);
            self.read();
        }
    }

    /// Listens until the agent has spoken and been quiet for a second.
    fn until_its_turn_is_over(&mut self) {
        let deadline = Instant::now() + LIMIT;
        let mut from = self.heard.len();
        while Instant::now() < deadline {
            self.read();
            let quiet = self.heard[from..].iter().rev().take_while(|sample| sample.abs() < 200).count();
            let spoken = self.heard.len() - from - quiet;
            if spoken > 1_600 && quiet > 8_000 {
                return;
            }
            from = from.min(self.heard.len());
        }
        panic!("the agent did not speak: {:#?}", self.news);
    }

    /// Speaks in real time, as a microphone does, while the other side is heard.
    fn speak(&mut self, samples: &[i16]) {
        let began = Instant::now();
        for (n, part) in samples.chunks(MESSAGE).enumerate() {
            let due = Duration::from_millis(60) * u32::try_from(n).expect("a short text");
            while began.elapsed() < due {
                self.read();
            }
            let bytes: Vec<u8> = part.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.socket.send(Message::Binary(bytes.into())).expect("sound is sent");
        }
    }

    fn caller_said(news: &[Value], word: &str) -> bool {
        let turns = news.iter().filter(|event| event["type"] == "call.turn" && event["turn"]["speaker"] == "caller");
        turns.filter_map(|event| event["turn"]["text"].as_str()).any(|text| text.to_lowercase().contains(word))
    }
}

/// Words as another voice than ours says them, at 8 kHz.
fn spoken(words: &str) -> Vec<i16> {
    let folder = new_folder();
    let (wide, narrow) = (folder.path().join("wide.wav"), folder.path().join("narrow.wav"));
    let ran = |command: &mut Command| assert!(command.status().expect("scripts/setup --test installs it").success());
    ran(Command::new("flite").args(["-voice", "slt", "-t", words, "-o"]).arg(&wide));
    ran(Command::new("sox").arg(&wide).args(["-r", "8000"]).arg(&narrow));
    let mut reader = hound::WavReader::open(narrow).expect("a WAV file");
    let mut samples: Vec<i16> = reader.samples::<i16>().map(|sample| sample.expect("samples")).collect();
    samples.resize(samples.len() + 8_000, 0);
    samples
}

#[test]
fn a_receptionist_is_tried_out_from_a_browser() {
    let demo = Demo::start();
    let (_, profiles) = demo.get("/v1/profiles");
    let profile = profiles["profiles"][0]["id"].as_str().expect("the demo's profile").to_owned();
    let (mut visit, call) = Visit::place(&demo, &profile);
    visit.until("the answer", |news| news.iter().any(|event| event["type"] == "answered"));
    assert_eq!(visit.news[0]["call"], Value::from(&*call));
    visit.until_its_turn_is_over();
    visit.speak(&spoken("What time do you open on Monday?"));
    visit.until("the words that were spoken", |news| Visit::caller_said(news, "open"));
    visit.until_its_turn_is_over();
    let sentence = json!({ "type": "sentence", "text": "No, thank you. Goodbye." }).to_string();
    visit.socket.send(Message::Text(sentence.into())).expect("a sentence is sent");
    visit.until("the words that were typed", |news| Visit::caller_said(news, "thank"));
    visit.until("the end", |news| news.iter().any(|event| event["type"] == "call.ended"));
    let mut answers = visit.news.iter().filter(|event| event["turn"]["speaker"] == "agent");
    assert!(answers.any(|event| event["turn"]["waterfall"].is_object()), "{:#?}", visit.news);

    let record = demo.closed_call();
    assert_eq!((record["id"].as_str(), record["trunk"].as_str()), (Some(&*call), Some("(test)")), "{record}");
    assert_eq!((&record["status"], &record["caller"]), (&json!("completed"), &Value::Null), "{record}");
    let (_, messages) = demo.get("/v1/messages");
    assert_eq!(messages["messages"], json!([]), "nobody is told of a test");
}
