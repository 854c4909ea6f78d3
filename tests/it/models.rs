//! A stand-in of a language model's server, in OpenAI's chat completions format, and what every implementation makes of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vca::domain::{Pii, Secret};
use vca::speech::engines::{EngineKind, EngineSpec};
use vca::speech::http::HttpFailure;
use vca::speech::llm::{LanguageModel, LlmError, LlmRequest, LlmResponse, Message, Models, NoModel, Role, Usage};

const KEY: &str = "sk-secret-0123456789";
/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(600);

/// What the server does with requests.
#[derive(Debug, Clone)]
pub enum Mode {
    /// Answers with this object as the message's content.
    Says(Value),
    /// Sees this intent in whatever it is to classify, and knows nothing else.
    Sees(&'static str),
    /// Answers with this text as the message's content.
    Text(&'static str),
    /// Reads the request and never answers.
    Hangs,
    /// Promises a body and breaks off in the middle of it.
    Cut,
    /// This status, these headers, this body.
    Status(u16, &'static str, &'static str),
    /// As an older server: `response_format` of `json_schema` is a bad request.
    KnowsNoSchema(Value),
    /// A choice that ended for this reason.
    Finished(&'static str),
    /// A body without an end that is of use.
    Endless,
}

/// The server; its threads end when the test process does.
#[derive(Clone)]
pub struct ModelServer {
    pub address: SocketAddr,
    mode: Mode,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl ModelServer {
    pub fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("an address");
        let server = Self { address, mode, asked: Arc::default() };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = serving.clone();
                std::thread::spawn(move || while server.serve(&stream).is_some() {});
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Heads and bodies of all requests so far.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves one request of a connection; `None` at its end.
    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let (head, body) = read_request(stream)?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((head, body.clone()));
        match self.mode.clone() {
            Mode::Says(json) => answer(stream, 200, "", &completion(&json.to_string(), "stop")),
            Mode::Sees(intent) => {
                let json = match body["response_format"]["json_schema"]["name"].as_str() {
                    Some("classify") => json!({
                        "intent": intent, "name": null, "number": null, "reason": null, "time": null, "facts": [],
                    }),
                    Some("phrase") => json!({ "facts": [], "answer": null }),
                    _ => json!({ "name": null, "number": null, "reason": null, "time": null }),
                };
                answer(stream, 200, "", &completion(&json.to_string(), "stop"))
            }
            Mode::Text(text) => answer(stream, 200, "", &completion(text, "stop")),
            Mode::Finished(reason) => answer(stream, 200, "", &completion("{\"intent\":", reason)),
            Mode::Status(status, headers, body) => answer(stream, status, headers, body),
            Mode::KnowsNoSchema(json) if body["response_format"]["type"] == "json_object" => {
                answer(stream, 200, "", &completion(&json.to_string(), "stop"))
            }
            Mode::KnowsNoSchema(_) => {
                let body = r#"{"error":{"message":"json_schema","type":"invalid_request_error","code":null}}"#;
                answer(stream, 400, "", body)
            }
            Mode::Hangs => {
                std::thread::park_timeout(FOR_EVER);
                None
            }
            Mode::Cut => {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"cho",
                );
                None
            }
            Mode::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
                let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
                while stream.write_all(chunk.as_bytes()).is_ok() {}
                None
            }
        }
    }
}

fn completion(content: &str, reason: &str) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_764_000_000, "model": "stand-in",
        "choices": [{
            "index": 0, "finish_reason": reason, "logprobs": null,
            "message": { "role": "assistant", "content": content, "refusal": null },
        }],
        "usage": { "prompt_tokens": 211, "completion_tokens": 17, "total_tokens": 228 },
    })
    .to_string()
}

fn answer(mut stream: &TcpStream, status: u16, headers: &str, body: &str) -> Option<()> {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).ok()
}

fn read_request(mut stream: &TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let found = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = found {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
            let length: usize = length.unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return Some((head, serde_json::from_slice(&bytes[end + 4..end + 4 + length]).unwrap_or(Value::Null)));
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn spec(kind: EngineKind, server: &ModelServer) -> EngineSpec {
    EngineSpec {
        url: Some(server.url()),
        model: Some("stand-in".to_owned()),
        api_key: Some(Secret::new(KEY)),
        ..EngineSpec::new(kind)
    }
}

fn request(time: Duration) -> LlmRequest {
    let schema = json!({
        "type": "object",
        "properties": { "intent": { "type": "string", "enum": ["message", "unclear"] } },
        "required": ["intent"],
        "additionalProperties": false,
    });
    let message = |role, text: &str| Message { role, text: Pii(text.to_owned()) };
    let messages = vec![message(Role::System, "Which intent?"), message(Role::User, "I am Asha, tell him that")];
    LlmRequest { task: "classify", schema, messages, max_tokens: 40, deadline: Instant::now() + time }
}

const SOON: Duration = Duration::from_millis(300);
const ENOUGH: Duration = Duration::from_secs(20);

fn order(specs: &[(&str, EngineSpec)]) -> vca::speech::llm::ModelOrder {
    let specs: Vec<(String, EngineSpec)> =
        specs.iter().map(|(name, spec)| ((*name).to_owned(), spec.clone())).collect();
    let models = Models::new(specs.iter().map(|(name, spec)| (name, spec))).expect("a client");
    models.order(&specs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())
}

fn message() -> Value {
    json!({ "intent": "message" })
}

/// The suite: every kind of server, in every mode.
#[tokio::test]
async fn every_kind_answers_by_the_schema_or_fails_by_the_deadline() {
    let kinds = [EngineKind::OpenaiLlm, EngineKind::XaiLlm, EngineKind::GeminiLlm, EngineKind::CompatibleLlm];
    let bad = |why: &str| LlmError::BadAnswer(why.to_owned());
    let cases: Vec<(Mode, Duration, Result<(), LlmError>)> = vec![
        (Mode::Says(message()), ENOUGH, Ok(())),
        (Mode::KnowsNoSchema(message()), ENOUGH, Ok(())),
        (Mode::Hangs, SOON, Err(LlmError::TimedOut)),
        (Mode::Text("Sure! Here you are."), ENOUGH, Err(bad("it is no JSON"))),
        (Mode::Text("{\"intent\": \"message\""), ENOUGH, Err(bad("it is no JSON"))),
        (Mode::Says(json!({ "intent": "transfer" })), ENOUGH, Err(bad("`intent` is none of the values it may have"))),
        (
            Mode::Says(json!({ "intent": "message", "to": "+911234567890" })),
            ENOUGH,
            Err(bad("the answer has a key that was not asked for")),
        ),
        (Mode::Finished("length"), ENOUGH, Err(bad("it is cut off"))),
        (Mode::Status(200, "", "{}"), ENOUGH, Err(bad("it is empty"))),
        (Mode::Status(200, "", "<html>"), ENOUGH, Err(bad("it is no chat completion"))),
        (
            Mode::Status(
                429,
                "Retry-After: 7\r\n",
                r#"{"error":{"message":"I am Asha","code":"rate_limit_exceeded"}}"#,
            ),
            ENOUGH,
            Err(LlmError::Http(HttpFailure::RateLimited {
                code: "rate_limit_exceeded".to_owned(),
                retry_after: Some(Duration::from_secs(7)),
            })),
        ),
        (
            Mode::Status(401, "", r#"{"error":{"message":"wrong key sk-secret","code":"invalid_api_key"}}"#),
            ENOUGH,
            Err(LlmError::Http(HttpFailure::Refused { status: 401, code: "invalid_api_key".to_owned() })),
        ),
        (
            Mode::Status(500, "", "I am Asha"),
            ENOUGH,
            Err(LlmError::Http(HttpFailure::Status { status: 500, code: String::new() })),
        ),
        (Mode::Endless, ENOUGH, Err(LlmError::Http(HttpFailure::TooLong(64 << 10)))),
    ];
    for kind in kinds {
        for (mode, time, wanted) in &cases {
            let server = ModelServer::start(mode.clone());
            let models = order(&[("model", EngineSpec { timeout_ms: 10_000, ..spec(kind, &server) })]);
            let answer = models.complete(&request(*time)).await;
            let case = format!("{kind} {mode:?}: {answer:?}");
            match (wanted, &answer) {
                (Ok(()), Ok(LlmResponse { json: Pii(json), usage })) => {
                    assert_eq!(*json, message(), "{case}");
                    assert_eq!(*usage, Usage { prompt_tokens: 211, completion_tokens: 17 }, "{case}");
                }
                (wanted, answer) => {
                    assert_eq!(answer.as_ref().err(), wanted.as_ref().err(), "{case}");
                    assert!(!case.contains("Asha") || matches!(mode, Mode::Status(..)), "{case}");
                }
            }
            if let Err(error) = &answer {
                assert!(!error.to_string().contains("Asha") && !error.to_string().contains("sk-secret"), "{error}");
            }
            let asked = server.asked();
            // Neither a 429 nor a 500 is tried again behind our back.
            let tries = if matches!(mode, Mode::KnowsNoSchema(_)) { 2 } else { 1 };
            assert_eq!(asked.len(), tries, "{case}");
            let (head, body) = &asked[0];
            assert!(head.starts_with("post /v1/chat/completions http/1.1"), "{head}");
            assert!(head.contains(&format!("authorization: bearer {KEY}")), "{head}");
            assert_eq!(body["model"], "stand-in");
            assert_eq!(body["response_format"]["json_schema"]["strict"], true);
            assert_eq!(body["messages"][1]["content"], "I am Asha, tell him that");
            let limit = if matches!(kind, EngineKind::OpenaiLlm | EngineKind::XaiLlm) {
                "max_completion_tokens"
            } else {
                "max_tokens"
            };
            assert_eq!(body[limit], 40, "{body}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_failure_of_the_connection() {
    let server = ModelServer::start(Mode::Cut);
    let models = order(&[("model", spec(EngineKind::OpenaiLlm, &server))]);
    let error = models.complete(&request(ENOUGH)).await.expect_err("half an answer");
    assert!(matches!(error, LlmError::Http(HttpFailure::Connection(_))), "{error}");
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let spec = EngineSpec { url: Some(format!("http://{gone}")), ..spec(EngineKind::CompatibleLlm, &server) };
    let error = order(&[("model", spec)]).complete(&request(ENOUGH)).await.expect_err("nobody there");
    assert!(matches!(error, LlmError::Http(HttpFailure::Connection(_))), "{error}");
}

#[tokio::test]
async fn a_server_without_schemas_is_asked_plainly_from_then_on() {
    let server = ModelServer::start(Mode::KnowsNoSchema(message()));
    let models = order(&[("model", spec(EngineKind::CompatibleLlm, &server))]);
    for _ in 0..2 {
        models.complete(&request(ENOUGH)).await.expect("an answer");
    }
    let formats: Vec<Value> = server.asked().iter().map(|(_, body)| body["response_format"]["type"].clone()).collect();
    assert_eq!(formats, ["json_schema", "json_object", "json_object"]);
    let plain = &server.asked()[1].1;
    assert!(
        plain["messages"][0]["content"].as_str().is_some_and(|text| text.contains("additionalProperties")),
        "{plain}"
    );
}

#[tokio::test]
async fn the_next_model_answers_for_one_that_fails_and_the_failing_one_is_left_alone() {
    let limited = ModelServer::start(Mode::Status(429, "Retry-After: 600\r\n", "{}"));
    let hanging = ModelServer::start(Mode::Hangs);
    let good = ModelServer::start(Mode::Says(message()));
    let short = EngineSpec { timeout_ms: 100, failures: 2, pause_s: 600, ..spec(EngineKind::GeminiLlm, &hanging) };
    let models =
        order(&[("a", spec(EngineKind::XaiLlm, &limited)), ("b", short), ("c", spec(EngineKind::OpenaiLlm, &good))]);
    for _ in 0..4 {
        models.complete(&request(ENOUGH)).await.expect("the third answers");
    }
    let asked = [&limited, &hanging, &good].map(|server| server.asked().len());
    assert_eq!(asked, [1, 2, 4], "one 429 with a wait, two time-outs");
}

#[tokio::test]
async fn without_a_model_nothing_is_asked() {
    assert_eq!(NoModel.complete(&request(ENOUGH)).await, Err(LlmError::Unavailable));
    assert_eq!(
        Models::default().order(&["gone".to_owned()]).complete(&request(ENOUGH)).await,
        Err(LlmError::Unavailable)
    );
}
