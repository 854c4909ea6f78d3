//! Who sees which trunk, and how much of it.

use super::*;
use crate::domain::{Did, TrunkMode};

pub(super) fn trunk(name: &str, dids: &[&str]) -> TrunkView {
    TrunkView {
        name: name.to_owned(),
        profile: "generic-register".to_owned(),
        mode: TrunkMode::Register,
        state: TrunkStanding::Registered,
        up: true,
        since: at(0),
        last_error: Some("no answer from 203.0.113.5:5060".to_owned()),
        next_try: Some(at(900)),
        expires_at: Some(at(1_800)),
        dids: dids.iter().map(|did| number(did)).collect(),
        surroundings: Some(TrunkSurroundings {
            target: Some("203.0.113.5:5060 (UDP)".to_owned()),
            public_addr: Some("198.51.100.7:5060".parse().unwrap()),
            options_answered: Some(true),
            sources: vec!["203.0.113.0/29".parse().unwrap()],
            active_calls: 7,
            channels: Some(30),
        }),
    }
}

/// Our number on a shared trunk with theirs, and a trunk that is theirs alone.
async fn with_trunks() -> Api {
    let api = api().await;
    for (scope, did) in [(api.f.ours, "+918047180001"), (api.f.theirs, "+918047180002")] {
        let profile = api.f.store.profiles(scope).await.unwrap()[0].id;
        let did = Did { number: number(did), tenant: scope.tenant(), profile };
        api.f.store.put_did(scope, &did).await.unwrap();
    }
    let shared = trunk("shared", &["+918047180001", "+918047180002", "+918047180003"]);
    let trunks = vec![shared, trunk("theirs", &["+918047180002"]), trunk("spare", &[])];
    *api.trunks.lock().unwrap_or_else(PoisonError::into_inner) = Some(trunks);
    api
}

#[tokio::test]
async fn the_operator_sees_every_trunk() {
    let api = with_trunks().await;
    let page = api.get(PLATFORM, "/v1/trunks").await.json();
    let names: Vec<&str> = page["trunks"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shared", "theirs", "spare"]);
    let one = api.get(PLATFORM, "/v1/trunks/theirs").await;
    assert_eq!(one.status, StatusCode::OK);
    insta::assert_snapshot!(serde_json::to_string_pretty(&one.json()).unwrap(), @r#"
    {
      "active_calls": 7,
      "channels": 30,
      "dids": [
        "+918047180002"
      ],
      "expires_at": "2025-10-09T09:23:20Z",
      "last_error": "no answer from 203.0.113.5:5060",
      "mode": "register",
      "name": "theirs",
      "next_try": "2025-10-09T09:08:20Z",
      "options_answered": true,
      "profile": "generic-register",
      "public_addr": "198.51.100.7:5060",
      "since": "2025-10-09T08:53:20Z",
      "sources": [
        "203.0.113.0/29"
      ],
      "state": "registered",
      "target": "203.0.113.5:5060 (UDP)",
      "up": true
    }
    "#);
    let unknown = api.get(PLATFORM, "/v1/trunks/nothing").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    unknown.problem();
}

#[tokio::test]
async fn a_tenant_sees_how_its_own_line_is_and_nothing_of_others() {
    let api = with_trunks().await;
    let answer = api.get(OURS, "/v1/trunks").await;
    let page = answer.json();
    assert_eq!(page["trunks"].as_array().unwrap().len(), 1, "{page}");
    let line = &page["trunks"][0];
    assert_eq!(
        (&line["name"], &line["state"], &line["dids"]),
        (&json!("shared"), &json!("registered"), &json!(["+918047180001"]))
    );
    let text = String::from_utf8(answer.body).unwrap();
    for hidden in ["8047180002", "8047180003", "203.0.113", "198.51.100", "theirs", "spare"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    let foreign = api.get(OURS, "/v1/trunks/theirs").await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(foreign.problem(), api.get(OURS, "/v1/trunks/nothing").await.problem(), "like one that never was");

    let ours = api.f.ours.tenant().to_string();
    let acting = async |key: u8, tenant: &str| {
        api.send(Method::GET, "/v1/trunks", &[("authorization", &bearer(key)), (TENANT_HEADER, tenant)]).await
    };
    assert_eq!(acting(PLATFORM, &ours).await.json(), page, "an operator who acts for a tenant sees what it sees");
    assert_eq!(acting(THEIRS, &ours).await.status, StatusCode::NOT_FOUND);
    for path in ["/v1/trunks", "/v1/trunks/shared"] {
        assert_eq!(api.send(Method::GET, path, &[]).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(api.get(99, path).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn trunks_that_are_not_begun_are_not_there_yet() {
    let api = api().await;
    assert_eq!(api.get(PLATFORM, "/v1/trunks").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_can_be_no_name_names_no_trunk() {
    let api = api().await;
    *api.trunks.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    for name in ["%FF", "%00", "a%00b", "nobody"] {
        for path in [format!("/v1/trunks/{name}"), format!("/v1/trunks/{name}/settings")] {
            let answer = api.get(PLATFORM, &path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            answer.problem();
        }
        let gone = api.write(PLATFORM, Method::DELETE, &format!("/v1/trunks/{name}"), None, Value::Null).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{name}");
    }
}
