//! The trace of a call, as a collector of OTLP over HTTP gets it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::harness::{Demo, wait_for};

/// First lines of requests, and their bodies.
type Requests = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Takes what is posted to it and says that it is well.
struct Collector {
    addr: SocketAddr,
    requests: Requests,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("an address");
        let requests = Requests::default();
        let taken = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || {
                    while let Some(request) = receive(&stream) {
                        taken.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                    }
                });
            }
        });
        Self { addr, requests }
    }

    fn bodies(&self) -> Vec<Vec<u8>> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(requests.iter().all(|(line, _)| line.starts_with("POST /v1/traces ")), "{:?}", requests.first());
        requests.iter().map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let decode = |body: Vec<u8>| ExportTraceServiceRequest::decode(body.as_slice()).expect("it is protobuf");
        let resources = self.bodies().into_iter().flat_map(|body| decode(body).resource_spans);
        let resources: Vec<_> = resources.collect();
        for resource in &resources {
            let attributes = &resource.resource.as_ref().expect("a resource").attributes;
            assert!(attributes.iter().any(|attribute| attribute.key == "service.name"), "{attributes:?}");
        }
        resources.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

fn receive(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n").ok()?;
    Some((line, body))
}

fn text<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        Any::StringValue(text) => Some(text),
        _ => None,
    }
}

#[test]
fn a_call_is_one_trace_with_a_span_for_each_turn_and_step_and_nothing_of_the_caller() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.addr);
    let demo = Demo::start_with(&[("VCA__TELEMETRY__OTLP", &endpoint), ("VCA__LOG__FORMAT", "json")]);
    demo.call(&["--say", "Where is the clinic?", "--say", "No, thank you. Goodbye."]);
    let record = demo.closed_call();
    let spans = wait_for("the call's span", Duration::from_secs(20), || {
        let spans = collector.spans();
        spans.iter().any(|span| span.name == "call").then_some(spans)
    });
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let calls = named("call");
    let [call] = calls.as_slice() else { panic!("one call: {calls:?}") };
    assert!(call.parent_span_id.is_empty(), "it is the root");
    assert_eq!(text(call, "vca.call.id"), record["id"].as_str());
    assert_eq!(text(call, "vca.call.end_cause"), record["end_cause"].as_str());
    assert!(spans.iter().all(|span| span.trace_id == call.trace_id), "one trace");

    let answers = record["turns"].as_array().expect("turns").iter().filter(|turn| turn["waterfall"].is_object());
    let turns = named("turn");
    assert_eq!(turns.len(), answers.count());
    assert!(!turns.is_empty());
    for turn in &turns {
        assert_eq!(turn.parent_span_id, call.span_id);
        assert!(text(turn, "vca.turn.rung").is_some(), "{turn:?}");
        let steps: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == turn.span_id).collect();
        let names: Vec<&str> = steps.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["endpoint", "stt", "dialogue", "tts", "packet"]);
        for step in &steps {
            assert!(step.start_time_unix_nano <= step.end_time_unix_nano, "{step:?}");
            assert!(step.end_time_unix_nano <= turn.end_time_unix_nano, "{step:?}");
        }
        assert_eq!(steps[4].end_time_unix_nano, turn.end_time_unix_nano);
    }

    let sent = collector.bodies().concat();
    let sent = String::from_utf8_lossy(&sent).to_lowercase();
    for secret in ["9812345678", "8047180000", "where is", "clinic", "thank you"] {
        assert!(!sent.contains(secret), "{secret}");
    }
    let trace: String = call.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let log = demo.log_so_far();
    assert!(log.lines().any(|line| line.contains(&trace) && line.contains("answered")), "the log names it: {log}");
}
