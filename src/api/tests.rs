//! Every route as its tenant, as another one, and without a key.

mod access;
mod connections;
mod document;
mod foundation;
mod logs;
mod notifications;
mod privacy;
mod resources;
mod trunks;
mod usage;
mod walk;

use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::domain::{ApiKeyId, By, CallRecord, Permission, RecordingState, Speaker, TenantScope, Turn, Waterfall};
use crate::store::tests::{Fixture, at, close, number, record, sqlite, turn};
use crate::store::{ApiKey, KeyOwner, NewKey};

/// Each owner's key is made of one byte.
const OURS: u8 = 1;
const THEIRS: u8 = 2;
const PLATFORM: u8 = 3;

struct Api {
    f: Fixture,
    router: Router,
    state: ApiState,
    readiness: watch::Sender<Readiness>,
    /// What the list of trunks gives.
    trunks: Arc<Mutex<Option<Vec<TrunkView>>>>,
    dependencies: Dependencies,
    metrics: Arc<Metrics>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn api() -> Api {
    let f = sqlite().await;
    let owners =
        [(OURS, KeyOwner::Tenant(f.ours)), (THEIRS, KeyOwner::Tenant(f.theirs)), (PLATFORM, KeyOwner::Platform)];
    for (byte, owner) in owners {
        let id = ApiKeyId::new(at(0), [byte; 10]);
        f.store.create_api_key(owner, id, "test", &ApiKey::generate([byte; 32]), at(0)).await.unwrap();
    }
    let (readiness, watched) = watch::channel(Readiness::Ready);
    let recordings = Recordings::new(f.folder.path().join("recordings"), None, None);
    let trunks = Arc::new(Mutex::new(None));
    let list = trunks.clone();
    let list: TrunkList = Arc::new(move || list.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let metrics = Arc::new(Metrics::default());
    let (store, counted) = (f.store.clone(), Arc::clone(&metrics));
    let dependencies = Dependencies::default();
    dependencies.add_database(store.clone());
    let state = ApiState {
        endpoints: Endpoints { store: store.clone(), allow_private: false },
        store,
        live: Live::in_process("test"),
        recordings,
        readiness: watched,
        dependencies: dependencies.clone(),
        trunks: list,
        trunk_refresh: Arc::new(|| Box::pin(std::future::ready(false))),
        trunk_profiles: resources::trunk_profiles(),
        studio: Arc::new(resources::FakeStudio),
        metrics: counted,
        gate: Arc::default(),
        passwords: Arc::default(),
        retention: privacy::GENERAL,
        billing: usage::terms(),
        setup: Arc::default(),
    };
    let router = router(state.clone());
    Api { f, router, state, readiness, dependencies, trunks, metrics }
}

impl Api {
    /// The same with other limits.
    fn with_gate(self, config: &GateConfig) -> Self {
        let state = ApiState { gate: Arc::new(Gate::new(config)), ..self.state.clone() };
        Self { router: router(state.clone()), state, ..self }
    }

    /// Makes a key and gives the header that presents it.
    async fn key(
        &self,
        byte: u8,
        owner: KeyOwner,
        scopes: Option<&[Permission]>,
        expires_at: Option<jiff::Timestamp>,
    ) -> String {
        let new = NewKey { id: ApiKeyId::new(at(0), [byte; 10]), name: "test", scopes, expires_at };
        self.f.store.add_api_key(owner, new, &ApiKey::generate([byte; 32]), &By::system(at(0))).await.unwrap();
        bearer(byte)
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, key: u8, path: &str) -> Answer {
        self.send(Method::GET, path, &[("authorization", &bearer(key))]).await
    }

    /// Writes a call and, when given, its recording.
    async fn call(&self, scope: TenantScope, second: i64, recording: Option<&[u8]>) -> CallRecord {
        let call = record(scope, second);
        self.f.store.open_call(scope, &call).await.unwrap();
        if let Some(bytes) = recording {
            let folder = self.f.folder.path().join("recordings").join(call.tenant.to_string());
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{}.wav", call.id)), bytes).unwrap();
        }
        call
    }
}

fn bearer(key: u8) -> String {
    format!("Bearer {}", ApiKey::generate([key; 32]).reveal())
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The fields that are wrong.
    fn fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// Status, type and body, for a snapshot.
    fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let mut problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        // Another one in each run.
        let name = problem.as_object_mut().unwrap().remove("request_id");
        assert_eq!(name, Some(json!(self.header("x-request-id"))));
        serde_json::to_string_pretty(&problem).unwrap()
    }
}

#[tokio::test]
async fn calls_are_listed_for_their_tenant_only() {
    let api = api().await;
    let first = api.call(api.f.ours, 0, None).await;
    let second = api.call(api.f.ours, 10, None).await;
    let foreign = api.call(api.f.theirs, 5, None).await;
    api.f.store.close_call(api.f.ours, first.id, &close(60)).await.unwrap();

    let answer = api.get(OURS, "/v1/calls").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
    let page = answer.json();
    let ids: Vec<&str> = page["calls"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [second.id.to_string(), first.id.to_string()]);
    assert_eq!(page["next_cursor"], Value::Null);
    insta::assert_snapshot!(serde_json::to_string_pretty(&page["calls"][1]).unwrap(), @r#"
    {
      "answered_at": "2025-10-09T08:53:20Z",
      "bridged_ms": 61500,
      "caller": "+919876543210",
      "did": "+918047180000",
      "duration_ms": 60000,
      "end_cause": "caller_hung_up",
      "ended_at": "2025-10-09T08:54:20Z",
      "id": "call_0199c82cc00070008000000000000001",
      "outcome": "message",
      "profile": "prof_0000000000000000000000000000000a",
      "recording": "complete",
      "sip_call_id": "a84b4c76e66710@pbx.example",
      "slots": {
        "email": "ravi@example.co.in",
        "name": "Ravi \"Sonu\" Kumar ❤",
        "number": "+919876543210",
        "pin_code": "560038",
        "preferred_time": null,
        "reason": "a broken tooth'; DROP TABLE calls; --"
      },
      "status": "completed",
      "summary": "Ravi Kumar asks to be called back about a broken tooth.",
      "tenant": "ten_00000000000000000000000000000001",
      "transfers": [
        {
          "answered_at": "2025-10-09T08:53:00Z",
          "bridged_ms": 61500,
          "kind": "warm",
          "number": "+919845012345",
          "result": "bridged",
          "started_at": "2025-10-09T08:52:50Z",
          "target": "Dr Sharma"
        }
      ],
      "trunk": "main-line"
    }
    "#);

    let theirs = api.get(THEIRS, "/v1/calls").await.json();
    assert_eq!(theirs["calls"].as_array().unwrap().len(), 1);
    assert_eq!(theirs["calls"][0]["id"], foreign.id.to_string());
}

#[tokio::test]
async fn pages_follow_the_cursor_and_keep_the_filter() {
    let api = api().await;
    for second in 0..5 {
        let call = api.call(api.f.ours, second, None).await;
        if second != 2 {
            api.f.store.close_call(api.f.ours, call.id, &close(second + 30)).await.unwrap();
        }
    }
    let mut times = Vec::new();
    let mut path = "/v1/calls?status=completed&limit=3".to_owned();
    loop {
        let page = api.get(OURS, &path).await.json();
        for call in page["calls"].as_array().unwrap() {
            times.push(call["answered_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/calls?status=completed&limit=3&cursor={cursor}");
    }
    assert_eq!(times, [4, 3, 1, 0].map(at));
}

#[tokio::test]
async fn every_filter_reaches_the_database() {
    let api = api().await;
    let call = api.call(api.f.ours, 0, None).await;
    api.f.store.close_call(api.f.ours, call.id, &close(60)).await.unwrap();
    let answered = call.answered_at;
    let before = answered - jiff::SignedDuration::from_secs(1);
    let cases = [
        ("status=completed".to_owned(), 1),
        ("status=active".to_owned(), 0),
        ("outcome=message".to_owned(), 1),
        ("outcome=wrong_number".to_owned(), 0),
        ("caller=%2B919876543210".to_owned(), 1),
        ("caller=+919876543210".to_owned(), 1),
        ("caller=09876543210".to_owned(), 1),
        ("caller=9876543211".to_owned(), 0),
        (format!("from={answered}"), 1),
        (format!("until={answered}"), 0),
        (format!("from={before}&until={answered}"), 0),
        ("from=2020-01-01T00:00:00+05:30".to_owned(), 1),
    ];
    for (query, expected) in cases {
        let page = api.get(OURS, &format!("/v1/calls?{query}")).await.json();
        assert_eq!(page["calls"].as_array().map(Vec::len), Some(expected), "{query}: {page}");
    }
}

#[tokio::test]
async fn a_call_shows_its_turns_and_where_the_time_went() {
    let api = api().await;
    let call = api.call(api.f.ours, 0, None).await;
    let waterfall = Waterfall { endpoint_ms: 500, stt_ms: Some(620), first_packet_ms: 700, ..Waterfall::default() };
    let turns = [
        turn(0, Speaker::Caller, "I broke a tooth"),
        Turn {
            heard: Some("Oh no, may".to_owned()),
            waterfall: Some(waterfall),
            ..turn(1, Speaker::Agent, "Oh no, may I have your name?")
        },
    ];
    for turn in &turns {
        api.f.store.append_turn(api.f.ours, call.id, turn).await.unwrap();
    }
    let answer = api.get(OURS, &format!("/v1/calls/{}", call.id)).await.json();
    assert_eq!(answer["caller"], "+919876543210");
    assert_eq!(answer["duration_ms"], Value::Null);
    assert_eq!(serde_json::from_value::<Vec<Turn>>(answer["turns"].clone()).unwrap(), turns);
    assert_eq!(answer["turns"][1]["waterfall"]["stt_ms"], 620);
}

#[tokio::test]
async fn metrics_are_the_operators() {
    let api = api().await;
    api.metrics.call_began();
    let answer = api.get(PLATFORM, "/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], crate::metrics::CONTENT_TYPE);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("\nvca_calls_active 1\n") && text.ends_with("# EOF\n"), "{text}");
    assert_eq!(api.get(OURS, "/metrics").await.status, StatusCode::NOT_FOUND, "they are of all tenants together");
}

#[tokio::test]
async fn without_a_known_key_nothing_is_told() {
    let api = api().await;
    let call = api.call(api.f.ours, 0, Some(b"RIFF")).await;
    let call = format!("/v1/calls/{}", call.id);
    let paths = ["/metrics".to_owned(), "/v1/calls".to_owned(), call.clone(), format!("{call}/recording")];
    let key = ApiKey::generate([OURS; 32]);
    let wrong = [
        vec![],
        vec![("authorization", "Bearer vca_unknown-key-unknown-key".to_owned())],
        vec![("authorization", "Bearer ".to_owned())],
        vec![("authorization", format!("Basic {}", key.reveal()))],
        vec![("authorization", key.reveal().to_owned())],
        vec![("authorization", bearer(OURS)), ("authorization", bearer(THEIRS))],
        vec![("x-api-key", key.reveal().to_owned())],
    ];
    for path in &paths {
        for headers in &wrong {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = api.send(Method::GET, path, &headers).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"vca\"");
            answer.problem();
        }
    }
    insta::assert_snapshot!(api.send(Method::GET, "/v1/calls", &[]).await.problem(), @r#"
    {
      "detail": "send an API key: `Authorization: Bearer vca_…`",
      "status": 401,
      "title": "Unauthorized",
      "type": "urn:vca:problem:unauthorized"
    }
    "#);
    insta::assert_snapshot!(api.get(99, "/v1/calls").await.problem(), @r#"
    {
      "detail": "the API key is not known, or its time is over",
      "status": 401,
      "title": "Unauthorized",
      "type": "urn:vca:problem:unauthorized"
    }
    "#);
    let lower =
        api.send(Method::GET, "/v1/calls", &[("authorization", &bearer(OURS).replace("Bearer", "bearer"))]).await;
    assert_eq!(lower.status, StatusCode::OK, "the scheme is case-insensitive");
}

#[tokio::test]
async fn another_tenants_call_is_like_one_that_never_was() {
    let api = api().await;
    let call = api.call(api.f.ours, 0, Some(b"RIFF")).await;
    let nobodys = record(api.f.ours, 999).id;
    for suffix in ["", "/recording"] {
        let foreign = api.get(THEIRS, &format!("/v1/calls/{}{suffix}", call.id)).await;
        let unknown = api.get(THEIRS, &format!("/v1/calls/{nobodys}{suffix}")).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert_eq!(foreign.problem(), unknown.problem());
        for nonsense in ["call_1", "+919876543210", "..%2F..%2Fetc%2Fpasswd", "%FF"] {
            let answer = api.get(OURS, &format!("/v1/calls/{nonsense}{suffix}")).await;
            assert_eq!(answer.problem(), unknown.problem(), "{nonsense}");
        }
    }
    insta::assert_snapshot!(api.get(THEIRS, &format!("/v1/calls/{}", call.id)).await.problem(), @r#"
    {
      "detail": "there is no such call",
      "status": 404,
      "title": "Not Found",
      "type": "urn:vca:problem:not-found"
    }
    "#);
}

#[tokio::test]
async fn a_platform_key_names_its_tenant() {
    let api = api().await;
    api.call(api.f.ours, 0, None).await;
    let listed = async |key: u8, tenant: String| {
        api.send(Method::GET, "/v1/calls", &[("authorization", &bearer(key)), (TENANT_HEADER, &tenant)]).await
    };
    let (ours, theirs) = (api.f.ours.tenant().to_string(), api.f.theirs.tenant().to_string());
    assert_eq!(listed(PLATFORM, ours.clone()).await.json()["calls"].as_array().unwrap().len(), 1);
    assert_eq!(listed(PLATFORM, theirs.clone()).await.json()["calls"].as_array().unwrap().len(), 0);
    assert_eq!(listed(PLATFORM, "ten_0".to_owned()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(OURS, ours).await.status, StatusCode::OK);
    assert_eq!(listed(OURS, theirs).await.status, StatusCode::NOT_FOUND, "a tenant's key acts for its tenant only");
    insta::assert_snapshot!(api.get(PLATFORM, "/v1/calls").await.problem(), @r#"
    {
      "detail": "some parameters cannot be used; `errors` says which and why",
      "errors": [
        {
          "field": "VCA-Tenant",
          "message": "a platform key says in this header which tenant it acts for: `ten_…`"
        }
      ],
      "status": 400,
      "title": "Bad Request",
      "type": "urn:vca:problem:parameters"
    }
    "#);
}

#[tokio::test]
async fn wrong_parameters_are_all_named() {
    let api = api().await;
    let query = "limit=0&cursor=abc&status=gone&outcome=&caller=12&from=yesterday&until=2026-01-01&page=2&limit=3";
    let answer = api.get(OURS, &format!("/v1/calls?{query}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_snapshot!(answer.problem(), @r#"
    {
      "detail": "some parameters cannot be used; `errors` says which and why",
      "errors": [
        {
          "field": "limit",
          "message": "must be a number from 1 to 200"
        },
        {
          "field": "cursor",
          "message": "the cursor is not one that a page of calls gave out"
        },
        {
          "field": "status",
          "message": "must be one of active, completed, abandoned"
        },
        {
          "field": "outcome",
          "message": "must be one of message, appointment, urgent, transferred, answered, wrong_number, nothing"
        },
        {
          "field": "caller",
          "message": "the number of digits fits no Indian or international number"
        },
        {
          "field": "from",
          "message": "must be a time such as 2026-01-31T18:30:00+05:30 or …Z"
        },
        {
          "field": "until",
          "message": "must be a time such as 2026-01-31T18:30:00+05:30 or …Z"
        },
        {
          "field": "page",
          "message": "is not known here; known: limit, cursor, status, outcome, caller, did, text, from, until"
        },
        {
          "field": "limit",
          "message": "is given twice"
        }
      ],
      "status": 400,
      "title": "Bad Request",
      "type": "urn:vca:problem:parameters"
    }
    "#);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let api = api().await;
    insta::assert_snapshot!(api.get(OURS, "/v2/calls").await.problem(), @r#"
    {
      "detail": "there is nothing at this path; the calls are at /v1/calls",
      "status": 404,
      "title": "Not Found",
      "type": "urn:vca:problem:not-found"
    }
    "#);
    let posted = api.send(Method::POST, "/v1/calls", &[("authorization", &bearer(OURS))]).await;
    assert_eq!((posted.status, posted.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"));
    insta::assert_snapshot!(posted.problem(), @r#"
    {
      "detail": "this path does not take this method; the Allow header lists what it takes",
      "status": 405,
      "title": "Method Not Allowed",
      "type": "urn:vca:problem:method-not-allowed"
    }
    "#);
}

#[tokio::test]
async fn a_recording_is_sent_whole_and_in_parts() {
    let api = api().await;
    let wav: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let call = api.call(api.f.ours, 0, Some(&wav)).await;
    let path = format!("/v1/calls/{}/recording", call.id);
    let whole = api.get(OURS, &path).await;
    assert_eq!(
        (whole.status, whole.header("content-type"), whole.header("accept-ranges")),
        (StatusCode::OK, "audio/wav", "bytes")
    );
    assert_eq!(whole.header("content-length"), "200000");
    assert!(whole.body == wav);

    let ranged =
        async |range: &str| api.send(Method::GET, &path, &[("authorization", &bearer(OURS)), ("range", range)]).await;
    let part = ranged("bytes=65000-131100").await;
    assert_eq!((part.status, part.header("content-range")), (StatusCode::PARTIAL_CONTENT, "bytes 65000-131100/200000"));
    assert_eq!(part.header("content-length"), "66101");
    assert!(part.body == wav[65_000..=131_100]);
    assert!(ranged("bytes=-1").await.body == wav[199_999..]);
    let beyond = ranged("bytes=200000-").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */200000"));
    beyond.problem();
    let head = api.send(Method::HEAD, &path, &[("authorization", &bearer(OURS))]).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (StatusCode::OK, "200000", 0));

    let read = async || {
        let events = api.f.store.events(api.f.ours, call.id).await.unwrap();
        let read = events.into_iter().filter(|event| event.kind == "recording_read");
        read.map(|event| event.data["by"]["id"].clone()).collect::<Vec<_>>()
    };
    let by = |byte| json!(ApiKeyId::new(at(0), [byte; 10]));
    assert_eq!(read().await, [by(OURS)], "all parts are one reading");
    let tenant = api.f.ours.tenant().to_string();
    let headers = [("authorization", &*bearer(PLATFORM)), (TENANT_HEADER, &tenant), ("range", "bytes=9-")];
    assert_eq!(api.send(Method::GET, &path, &headers).await.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(read().await, [by(OURS), by(PLATFORM)], "also from the middle");
}

#[tokio::test]
async fn a_recording_that_is_not_there_says_why() {
    let api = api().await;
    let removed = api.call(api.f.ours, 0, None).await;
    let off = api.call(api.f.ours, 1, None).await;
    api.f.store.set_recording(api.f.ours, off.id, RecordingState::Off).await.unwrap();
    insta::assert_snapshot!(api.get(OURS, &format!("/v1/calls/{}/recording", removed.id)).await.problem(), @r#"
    {
      "detail": "the recording is not on this machine, or was removed",
      "status": 404,
      "title": "Not Found",
      "type": "urn:vca:problem:not-found"
    }
    "#);
    insta::assert_snapshot!(api.get(OURS, &format!("/v1/calls/{}/recording", off.id)).await.problem(), @r#"
    {
      "detail": "this call was not recorded",
      "status": 404,
      "title": "Not Found",
      "type": "urn:vca:problem:not-found"
    }
    "#);
}

#[tokio::test]
async fn a_caller_without_a_number_is_null() {
    let api = api().await;
    let call = CallRecord { caller: None, did: number("+918047180001"), ..record(api.f.ours, 0) };
    api.f.store.open_call(api.f.ours, &call).await.unwrap();
    let shown = api.get(OURS, &format!("/v1/calls/{}", call.id)).await.json();
    assert_eq!((&shown["caller"], &shown["did"]), (&Value::Null, &json!("+918047180001")));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_given_up() {
    let router: Router =
        Router::new().route("/hang", get(std::future::pending::<()>)).layer(middleware::from_fn(frame));
    let request = Request::builder().uri("/hang").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
