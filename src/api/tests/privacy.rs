//! Erasure, export and retention by the API.

use super::*;
use crate::domain::Retention;

/// What the configuration says.
pub(super) const GENERAL: Retention =
    Retention { recordings_days: Some(90), transcripts_days: Some(180), records_days: None };

const CALLER: &str = "+919876543210";

impl Api {
    /// A call of the caller's that is over, with a turn and a recording.
    async fn over(&self, scope: TenantScope, second: i64) -> CallRecord {
        let call = self.call(scope, second, Some(b"RIFF")).await;
        self.f.store.append_turn(scope, call.id, &turn(0, Speaker::Caller, "My tooth hurts.")).await.unwrap();
        self.f.store.close_call(scope, call.id, &close(second + 60)).await.unwrap();
        call
    }

    async fn keyed(&self, path: &str, key: &str, body: Value) -> Answer {
        let request = Request::post(path)
            .header("authorization", bearer(OURS))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap().into() }
    }
}

#[tokio::test]
async fn a_callers_data_are_erased_once_and_the_erasure_is_written_down() {
    let api = api().await;
    // Numbers are held for a year after the call, as the clock has it.
    let since = jiff::Timestamp::now().as_second() - at(3_600).as_second();
    let (first, second) = (api.over(api.f.ours, since).await, api.over(api.f.ours, since + 100).await);
    let foreign = api.over(api.f.theirs, 0).await;
    let active = api.call(api.f.ours, 200, None).await;
    // As people write it.
    let body = json!({ "number": "098765 43210" });
    let done = api.keyed("/v1/erasures", "e1", body.clone()).await;
    assert_eq!(done.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&done.body));
    let erased = done.json();
    assert_eq!((&erased["calls"], &erased["recordings"], &erased["active"]), (&json!(2), &json!(2), &json!(1)));
    let again = api.keyed("/v1/erasures", "e1", body.clone()).await;
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", erased.clone()));

    for call in [&first, &second] {
        let left = api.get(OURS, &format!("/v1/calls/{}", call.id)).await.json();
        assert_eq!((&left["caller"], &left["turns"], &left["recording"]), (&Value::Null, &json!([]), &json!("erased")));
        assert!(api.f.store.held_number(api.f.ours, call.id).await.unwrap().is_some());
    }
    for (key, call) in [(THEIRS, &foreign), (OURS, &active)] {
        assert_eq!(api.get(key, &format!("/v1/calls/{}", call.id)).await.json()["caller"], CALLER);
    }
    api.create(OURS, "/v1/erasures", body).await;
    let page = api.get(OURS, "/v1/erasures?limit=1").await.json();
    assert_eq!(page["erasures"][0]["calls"], 0, "the latest first");
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = api.get(OURS, &format!("/v1/erasures?limit=1&cursor={cursor}")).await.json();
    assert_eq!((&page["erasures"][0]["id"], &page["next_cursor"]), (&erased["id"], &Value::Null));
    assert_eq!(page["erasures"][0]["number_masked"], "…10");
    assert_eq!(page["erasures"][0]["actor"], format!("api_key {}", ApiKeyId::new(at(0), [OURS; 10])));
    assert_eq!(api.get(THEIRS, "/v1/erasures").await.json()["erasures"], json!([]));

    let log = api.get(OURS, "/v1/audit").await.json().to_string();
    assert!(log.contains("erasure.create") && !log.contains("9876543210"), "{log}");
    let refused = api.create(OURS, "/v1/erasures", json!({ "number": "12" })).await;
    assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["number".to_owned()]));
}

#[tokio::test]
async fn an_export_is_all_of_one_caller_audited_and_never_kept() {
    let api = api().await;
    let call = api.over(api.f.ours, 0).await;
    api.over(api.f.theirs, 0).await;
    let body = json!({ "number": CALLER });
    let export = api.keyed("/v1/exports", "x1", body.clone()).await;
    assert_eq!(export.status, StatusCode::OK, "{}", String::from_utf8_lossy(&export.body));
    let made = export.json();
    assert_eq!((&made["number"], made["calls"].as_array().map(Vec::len)), (&json!(CALLER), Some(1)));
    assert_eq!(
        (&made["calls"][0]["id"], &made["calls"][0]["turns"][0]["text"]),
        (&json!(call.id), &json!("My tooth hurts."))
    );
    assert_eq!(made["calls"][0]["recording_file"], format!("{}.wav", call.id));

    // Sent again, it is made again, as things are then.
    let later = api.over(api.f.ours, 100).await;
    let again = api.keyed("/v1/exports", "x1", body.clone()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (StatusCode::OK, ""));
    assert_eq!(again.json()["calls"][1]["id"], json!(later.id));
    let log = api.f.store.audit(api.f.ours, None, 9).await.unwrap();
    let noted: Vec<_> = log.iter().filter(|entry| entry.action == "export.create").collect();
    assert_eq!((noted.len(), noted[0].object.as_str()), (2, "…10"));

    let scopes = Some(&[Permission::PrivacyRead, Permission::CallsRead][..]);
    api.key(51, KeyOwner::Tenant(api.f.ours), scopes, None).await;
    assert_eq!(api.create(51, "/v1/exports", body).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn retention_is_changed_by_what_is_there() {
    let api = api().await;
    let change = async |body: Value| api.write(OURS, Method::PATCH, "/v1/retention", None, body).await;
    let all = |own: [Value; 3], in_force: [Value; 3]| {
        let days = |[recordings, transcripts, records]: [Value; 3]| json!({ "recordings_days": recordings, "transcripts_days": transcripts, "records_days": records });
        let mut view = days(own);
        view["in_force"] = days(in_force);
        view
    };
    let null = Value::Null;
    let first = all([null.clone(), null.clone(), null.clone()], [json!(90), json!(180), null.clone()]);
    assert_eq!(api.get(OURS, "/v1/retention").await.json(), first);
    let own = change(json!({ "recordings_days": 30, "transcripts_days": 0, "records_days": 365 })).await.json();
    // 0 keeps for good, whatever the platform says.
    assert_eq!(own, all([json!(30), json!(0), json!(365)], [json!(30), null.clone(), json!(365)]));
    let less = change(json!({ "recordings_days": null, "records_days": 400 })).await.json();
    assert_eq!(less, all([null.clone(), json!(0), json!(400)], [json!(90), null, json!(400)]));
    assert_eq!(change(json!({})).await.json(), less);
    assert_eq!(api.get(OURS, "/v1/retention").await.json(), less);
    assert_eq!(api.get(THEIRS, "/v1/retention").await.json(), first);
    let log = api.f.store.audit(api.f.ours, None, 9).await.unwrap();
    assert_eq!(log.iter().filter(|entry| entry.action == "retention.update").count(), 2, "no change, no entry");
    assert_eq!(log[0].before.as_ref().unwrap()["recordings_days"], 30);
    for (body, field) in [
        (json!({ "recordings_days": 36_501 }), "recordings_days"),
        (json!({ "records_days": -1 }), "records_days"),
        (json!({ "days": 1 }), "days"),
    ] {
        let refused = change(body).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]));
    }
}

#[tokio::test]
async fn a_business_is_deleted_by_the_operator_once_its_calls_are_over() {
    let api = api().await;
    let did = json!({ "number": "080 4718 0001", "profile_id": api.f.store.profiles(api.f.ours).await.unwrap()[0].id });
    assert_eq!(api.create(OURS, "/v1/dids", did).await.status, StatusCode::CREATED);
    let call = api.call(api.f.ours, 0, Some(b"RIFF")).await;
    let path = format!("/v1/tenants/{}", api.f.ours.tenant());
    let delete = async |key: u8| api.write(key, Method::DELETE, &path, None, Value::Null).await;
    assert_eq!(delete(OURS).await.status, StatusCode::NOT_FOUND, "it is the operator's to do");
    let refused = delete(PLATFORM).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.detail().contains("calls go on"), "{}", refused.detail());
    assert_eq!(api.get(OURS, "/v1/dids").await.json()["dids"].as_array().unwrap().len(), 1);
    api.f.store.close_call(api.f.ours, call.id, &close(60)).await.unwrap();

    assert_eq!(delete(PLATFORM).await.status, StatusCode::ACCEPTED);
    assert_eq!(delete(PLATFORM).await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.get(OURS, "/v1/calls").await.status, StatusCode::UNAUTHORIZED);
    for path in [path.clone(), format!("{path}/suspend")] {
        let method = if path.ends_with("suspend") { Method::POST } else { Method::GET };
        assert_eq!(api.write(PLATFORM, method, &path, None, Value::Null).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let headers = [("authorization", bearer(PLATFORM)), (TENANT_HEADER, api.f.ours.tenant().to_string())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(api.send(Method::GET, "/v1/calls", &headers).await.status, StatusCode::NOT_FOUND);
    let listed = api.get(PLATFORM, "/v1/tenants").await.json();
    assert_eq!(listed["tenants"].as_array().unwrap().len(), 1, "{listed}");

    let did =
        json!({ "number": "080 4718 0001", "profile_id": api.f.store.profiles(api.f.theirs).await.unwrap()[0].id });
    assert_eq!(api.create(THEIRS, "/v1/dids", did).await.status, StatusCode::CREATED, "the number is free");
    for _ in 0..500 {
        if api.f.store.tenants_in_erasure(jiff::Timestamp::MAX).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let left = api.f.store.call_record(api.f.ours, call.id).await.unwrap().unwrap();
    assert_eq!((left.caller, left.recording), (None, RecordingState::Erased));
    assert!(api.f.store.profiles(api.f.ours).await.unwrap().is_empty());
}
