//! A stand-in for paid speech services, on loopback, with their real wire format: OpenAI's transcriptions and speech,
//! Coqui's server. It can be slow, broken, rate-limited or dead.

use std::f32::consts::TAU;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// The key that it takes.
pub const KEY: &str = "sk-stand-in";

/// What its voices sound like.
pub const VOICE_HZ: f32 = 660.0;

/// What it does with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    Well,
    /// Never answers.
    Hangs,
    /// Ends the connection without a word.
    Dead,
    /// Sends half of what it announced.
    CutOff,
    /// JSON or audio that is none.
    Garbage,
    /// A page in place of an answer, as proxies give.
    Page,
    Error(u16),
    /// 429 with Retry-After in seconds.
    Limited(u32),
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// With the query.
    pub path: String,
    pub key: Option<String>,
    pub body: Vec<u8>,
}

impl Asked {
    /// A field of a multipart form, as text.
    pub fn field(&self, name: &str) -> Option<String> {
        self.part(name).map(|part| String::from_utf8_lossy(part).into_owned())
    }

    /// The file of a multipart form: its rate in Hz and its samples.
    pub fn wav(&self) -> (u32, Vec<i16>) {
        let mut reader = hound::WavReader::new(Cursor::new(self.part("file").expect("a file"))).expect("a WAV file");
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.bits_per_sample), (1, 16));
        (spec.sample_rate, reader.samples::<i16>().collect::<Result<_, _>>().expect("a whole file"))
    }

    fn part(&self, name: &str) -> Option<&[u8]> {
        let line_end = find(&self.body, b"\r\n")?;
        let boundary = [b"\r\n", &self.body[..line_end]].concat();
        let marker = format!("name=\"{name}\"");
        let head = find(&self.body, marker.as_bytes())?;
        let start = head + find(&self.body[head..], b"\r\n\r\n")? + 4;
        let length = find(&self.body[start..], &boundary)?;
        Some(&self.body[start..start + length])
    }
}

fn find(body: &[u8], wanted: &[u8]) -> Option<usize> {
    body.windows(wanted.len()).position(|window| window == wanted)
}

#[derive(Default)]
struct State {
    mode: Option<Mode>,
    hears: String,
    asked: Vec<Asked>,
    closed: bool,
}

/// The running stand-in; ended when dropped.
pub struct Cloud {
    pub addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Cloud {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let addr = listener.local_addr().expect("bound");
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if lock(&shared).closed {
                    break;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { addr, state }
    }

    /// As `url` of an engine that speaks as OpenAI does.
    pub fn openai(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    pub fn turn(&self, mode: Mode) {
        self.lock().mode = Some(mode);
    }

    /// Hears this from now on, whatever the sound.
    pub fn hears(&self, text: &str) {
        text.clone_into(&mut self.lock().hears);
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.lock().closed = true;
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.addr);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request a connection keeps every case simple.
fn serve(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let asked = read(stream)?;
    let (mode, heard) = {
        let mut state = lock(state);
        state.asked.push(asked.clone());
        (state.mode.clone().unwrap_or(Mode::Well), state.hears.clone())
    };
    let json = "application/json";
    match mode {
        Mode::Hangs => {
            // Until the other side goes.
            let mut byte = [0];
            while !lock(state).closed && !matches!((&*stream).read(&mut byte), Ok(0)) {}
        }
        Mode::Dead => {}
        Mode::Page => send(stream, "200 OK", "text/html", "", b"<html>Log in</html>", false)?,
        Mode::Error(status) => {
            let error = json!({"error": {"message": "You said: Asha", "type": "server_error", "code": null}});
            send(stream, &format!("{status} Error"), json, "", error.to_string().as_bytes(), false)?;
        }
        Mode::Limited(seconds) => {
            let error = json!({"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}});
            let more = format!("Retry-After: {seconds}\r\n");
            send(stream, "429 Too Many Requests", json, &more, error.to_string().as_bytes(), false)?;
        }
        Mode::Garbage | Mode::Well | Mode::CutOff => {
            let garbage = mode == Mode::Garbage;
            let Some((kind, body)) = answer(&asked, &heard, garbage) else {
                let error = json!({"error": {"type": "invalid_request_error", "code": "invalid_api_key"}});
                return send(stream, "401 Unauthorized", json, "", error.to_string().as_bytes(), false);
            };
            send(stream, "200 OK", kind, "", &body, mode == Mode::CutOff)?;
        }
    }
    Some(())
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut key, mut length, mut chunked) = (None, 0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => key = value.strip_prefix("Bearer ").map(str::to_owned),
            "content-length" => length = value.parse().ok()?,
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..size]);
        chunked = size > 0;
    }
    Some(Asked { path, key, body })
}

fn send(mut stream: &TcpStream, status: &str, kind: &str, more: &str, body: &[u8], cut: bool) -> Option<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(if cut { &body[..body.len() / 2] } else { body }).ok()
}

/// Media type and body; `None` for a wrong key.
fn answer(asked: &Asked, heard: &str, garbage: bool) -> Option<(&'static str, Vec<u8>)> {
    let path = asked.path.split('?').next()?;
    if path.starts_with("/v1/") && asked.key.as_deref() != Some(KEY) {
        return None;
    }
    Some(match path {
        "/v1/audio/transcriptions" if garbage => ("application/json", b"{\"tex".to_vec()),
        "/v1/audio/transcriptions" => ("application/json", transcription(asked, heard).to_string().into_bytes()),
        "/v1/audio/speech" if garbage => ("audio/pcm", vec![1, 0, 2]),
        "/v1/audio/speech" => {
            let request: Value = serde_json::from_slice(&asked.body).expect("JSON");
            assert_eq!(request["response_format"], "pcm");
            let tone = tone(request["input"].as_str().expect("a text"), 24_000);
            ("audio/pcm", tone.iter().flat_map(|sample| sample.to_le_bytes()).collect())
        }
        "/api/tts" if garbage => ("audio/wav", b"RIFF....WAVE".to_vec()),
        "/api/tts" => {
            let text = asked.path.split(['?', '&']).find_map(|pair| pair.strip_prefix("text=")).expect("a text");
            ("audio/wav", wav(&tone(&text.replace('+', " "), 22_050), 22_050))
        }
        other => panic!("nobody asks {other}"),
    })
}

fn transcription(asked: &Asked, heard: &str) -> Value {
    let (rate_hz, samples) = asked.wav();
    let seconds = samples.len() as f32 / rate_hz as f32;
    if asked.field("response_format").as_deref() == Some("json") {
        return json!({ "text": heard });
    }
    json!({
        "task": "transcribe", "language": "english", "duration": seconds, "text": heard,
        "segments": [{
            "id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": heard, "tokens": [50364, 2425], "temperature": 0.0,
            "avg_logprob": -0.105, "compression_ratio": 0.9, "no_speech_prob": 0.02,
        }],
    })
}

/// 250 ms a word.
fn tone(text: &str, rate_hz: u32) -> Vec<i16> {
    let count = text.split_whitespace().count() as u32 * rate_hz / 4;
    (0..count).map(|i| ((i as f32 * VOICE_HZ * TAU / rate_hz as f32).sin() * 6_000.0) as i16).collect()
}

fn wav(samples: &[i16], rate_hz: u32) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a buffer");
    samples.iter().for_each(|&sample| writer.write_sample(sample).expect("a buffer"));
    writer.finalize().expect("a buffer");
    bytes.into_inner()
}
