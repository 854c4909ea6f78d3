//! What every route has: a name for each request, limits, and bodies that are read strictly.

use axum::routing::post;
use axum::{Extension, Json};
use serde::Deserialize;

use super::*;
use crate::api::extract::Body as Checked;
use crate::api::guard::Caller;

#[tokio::test]
async fn a_request_keeps_its_name() {
    let api = api().await;
    let named = api.send(Method::GET, "/healthz", &[("x-request-id", "from-the-client.1")]).await;
    assert_eq!(named.header("x-request-id"), "from-the-client.1");
    let refused = api.send(Method::GET, "/v1/calls", &[("x-request-id", "from-the-client.2")]).await;
    assert_eq!(refused.json()["request_id"], "from-the-client.2");
    let made = api.send(Method::GET, "/healthz", &[("x-request-id", "a b")]).await;
    assert_eq!(made.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn a_principal_that_asks_too_much_is_told_when_to_go_on() {
    let api = api().await;
    let limits = GateConfig {
        requests_per_minute: 1.try_into().unwrap(),
        burst: 2.try_into().unwrap(),
        ..GateConfig::default()
    };
    let api = api.with_gate(&limits);
    for remaining in ["1", "0"] {
        let answer = api.get(OURS, "/v1/calls").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!((answer.header("ratelimit-limit"), answer.header("ratelimit-remaining")), ("2", remaining));
    }
    let refused = api.get(OURS, "/v1/calls").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((refused.header("ratelimit-remaining"), refused.header("ratelimit-reset")), ("0", "120"));
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    insta::assert_snapshot!(refused.problem(), @r#"
    {
      "detail": "too many requests; the header Retry-After says in how many seconds to go on",
      "status": 429,
      "title": "Too Many Requests",
      "type": "urn:vca:problem:rate-limited"
    }
    "#);
    assert_eq!(api.get(THEIRS, "/v1/calls").await.status, StatusCode::OK, "each has a rate of its own");
}

#[tokio::test]
async fn guesses_are_slowed_down_by_address() {
    let api = api().await;
    let api = api.with_gate(&GateConfig { failures_per_minute: 2.try_into().unwrap(), ..GateConfig::default() });
    for expected in [StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(api.get(99, "/v1/calls").await.status, expected);
    }
    assert_eq!(api.get(OURS, "/v1/calls").await.status, StatusCode::OK, "a good key from the same address");
}

#[tokio::test]
async fn other_origins_may_read_only_where_they_are_named() {
    let api = api().await;
    let from = [("origin", "https://dashboard.example")];
    let closed = api.send(Method::GET, "/healthz", &from).await;
    assert_eq!(closed.header("access-control-allow-origin"), "");
    let origins = vec!["https://dashboard.example".to_owned()];
    let api = api.with_gate(&GateConfig { cors_origins: origins, ..GateConfig::default() });
    let open = api.send(Method::GET, "/healthz", &from).await;
    assert_eq!(open.header("access-control-allow-origin"), "https://dashboard.example");
    let other = api.send(Method::GET, "/healthz", &[("origin", "https://other.example")]).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    let preflight = [from[0], ("access-control-request-method", "PATCH")];
    let asked = api.send(Method::OPTIONS, "/v1/calls", &preflight).await;
    assert_eq!((asked.status, asked.header("access-control-allow-credentials")), (StatusCode::OK, "true"));
}

#[derive(Debug, Deserialize, garde::Validate)]
#[serde(deny_unknown_fields)]
struct Note {
    #[garde(length(min = 1, max = 20))]
    title: String,
    #[serde(default)]
    #[garde(dive)]
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, garde::Validate)]
#[serde(deny_unknown_fields)]
struct Line {
    #[garde(range(max = 9))]
    number: u32,
}

#[tokio::test]
async fn wrong_bodies_name_the_field() {
    let router: Router = Router::new()
        .route(
            "/",
            post(async |Checked(note): Checked<Note>| {
                Json(format!("{} {}", note.title, note.lines.iter().map(|line| line.number).sum::<u32>()))
            }),
        )
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(frame));
    let send = async |kind: &str, body: String| {
        let request = Request::builder().method("POST").uri("/").header("content-type", kind);
        let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let fields: Value = serde_json::from_slice(&body).unwrap();
        let fields = fields["errors"].as_array().into_iter().flatten();
        (status, fields.map(|error| error["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" "))
    };
    let json = "application/json";
    assert_eq!(send(json, r#"{"title":"x","lines":[{"number":3}]}"#.to_owned()).await, (200, String::new()));
    let cases = [
        (r#"{"title":"","lines":[{"number":1},{"number":10}]}"#, 422, "lines[1].number title"),
        (r#"{"lines":[]}"#, 422, "title"),
        (r#"{"title":"x","colour":"red"}"#, 422, "colour"),
        (r#"{"title":"x","lines":[{"number":1,"colour":"red"}]}"#, 422, "lines[0].colour"),
        (r#"{"title":"x","lines":[{}]}"#, 422, "lines[0].number"),
        (r#"{"title":3}"#, 422, "title"),
        ("[]", 422, "body"),
        ("{", 400, ""),
        ("", 400, ""),
    ];
    for (body, status, fields) in cases {
        assert_eq!(send(json, body.to_owned()).await, (status, fields.to_owned()), "{body}");
    }
    assert_eq!(send("text/plain", "{}".to_owned()).await.0, 415);
    let padded = |bytes: usize| format!("{{\"title\":\"x\"}}{}", " ".repeat(bytes - 13));
    assert_eq!(send(json, padded(1_000_000)).await.0, 200);
    assert_eq!(send(json, padded(1_000_001)).await.0, 413);
}

#[tokio::test]
async fn a_handler_behind_no_rule_learns_of_nobody() {
    let router: Router = Router::new().route("/", post(async |caller: Caller| Extension(caller.scope.is_some())));
    let request = Request::builder().method("POST").uri("/").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_key_that_is_made_for_less_does_less() {
    let api = api().await;
    let only = api.key(11, KeyOwner::Tenant(api.f.ours), Some(&[Permission::TrunksRead]), None).await;
    assert_eq!(api.send(Method::GET, "/v1/calls", &[("authorization", &only)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        api.send(Method::GET, "/v1/trunks", &[("authorization", &only)]).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let over = api.key(12, KeyOwner::Tenant(api.f.ours), None, Some(at(60))).await;
    assert_eq!(api.send(Method::GET, "/v1/calls", &[("authorization", &over)]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn probes_need_no_key_and_tell_the_state() {
    let api = api().await;
    let probe = async |path| api.send(Method::GET, path, &[]).await;
    assert_eq!(probe("/healthz").await.json(), json!({ "status": "ok" }));
    let database = json!({ "state": "up", "required": true });
    let ready = probe("/readyz").await;
    assert_eq!(ready.json(), json!({ "status": "ready", "dependencies": { "database": database } }));
    for (name, standing) in [("trunks", Standing::of_parts(1, 2)), ("speech", Standing::of_parts(0, 3))] {
        api.dependencies.add(name, Need::Informational, move || std::future::ready(standing.clone()));
    }
    api.dependencies.add("redis", Need::Informational, || async { panic!("the probe fails") });
    let ready = probe("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK, "none of them is needed for calls");
    let trunks = json!({ "state": "degraded", "required": false, "detail": "1 of 2 up" });
    assert_eq!(ready.json()["dependencies"]["trunks"], trunks);
    assert_eq!(ready.json()["dependencies"]["speech"]["state"], "down");
    assert_eq!(ready.json()["dependencies"]["redis"]["detail"], "no answer");
    api.readiness.send_replace(Readiness::Starting { waiting_for: "models".to_owned() });
    let starting = probe("/readyz").await;
    assert_eq!((starting.status, starting.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    insta::assert_snapshot!(starting.problem(), @r#"
    {
      "detail": "starting: waiting for models",
      "status": 503,
      "title": "Service Unavailable",
      "type": "urn:vca:problem:unavailable"
    }
    "#);
    assert_eq!(probe("/healthz").await.status, StatusCode::OK);
    api.readiness.send_replace(Readiness::Draining);
    assert_eq!(probe("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    api.readiness.send_replace(Readiness::Ready);
    api.f.store.clone().close().await;
    let down = probe("/readyz").await;
    assert_eq!((down.status, down.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    let told: Value = serde_json::from_str(&down.problem()).unwrap();
    assert_eq!(told["detail"], "not ready: database");
    let database = json!({ "state": "down", "required": true, "detail": "the database does not answer" });
    assert_eq!(told["dependencies"]["database"], database);
    assert_eq!(told["dependencies"]["trunks"]["state"], "degraded");
    let broken = api.get(OURS, "/v1/calls").await;
    assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
    insta::assert_snapshot!(broken.problem(), @r#"
    {
      "detail": "the server failed to answer; its log says why",
      "status": 500,
      "title": "Internal Server Error",
      "type": "urn:vca:problem:internal"
    }
    "#);
}

#[tokio::test]
async fn streams_of_one_principal_are_bounded() {
    let api = api().await;
    let open = async |key: u8| {
        let request = Request::get("/v1/events").header("authorization", bearer(key)).body(Body::empty()).unwrap();
        api.router.clone().oneshot(request).await.unwrap()
    };
    let mut streams = Vec::new();
    for _ in 0..8 {
        let stream = open(OURS).await;
        assert_eq!(stream.status(), StatusCode::OK);
        streams.push(stream);
    }
    let refused = open(OURS).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(open(THEIRS).await.status(), StatusCode::OK, "each has its own");
    streams.pop();
    assert_eq!(open(OURS).await.status(), StatusCode::OK, "one that was closed makes room");
}
