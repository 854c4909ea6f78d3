//! Tenants, numbers, receptionists and calls by the API: what an operator and a tenant do with them, and what is refused.

use super::*;
use crate::domain::AgentProfile;

/// A studio that cannot say one word.
#[derive(Default)]
pub(super) struct FakeStudio;

impl Studio for FakeStudio {
    fn voice(&self) -> String {
        "en_US-joe-medium".to_owned()
    }

    fn check(&self, profile: &AgentProfile) -> Result<(), Vec<FieldError>> {
        let known = profile.speech.tts.iter().all(|name| name == "piper");
        if known { Ok(()) } else { Err(vec![FieldError::new("speech", "no engine is called that")]) }
    }

    fn rehearse<'a>(
        &'a self,
        profile: &'a AgentProfile,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Phrases, Problem>> + Send + 'a>> {
        Box::pin(async {
            match profile.greeting.as_deref() {
                Some(greeting) if greeting.contains("Xyzzy") => {
                    Err(Problem::invalid(vec![FieldError::new("phrases", format!("`{greeting}` cannot be spoken"))]))
                }
                _ => Ok(Phrases { ready: 40, waiting: 2 }),
            }
        })
    }
}

/// Two carriers.
pub(super) fn trunk_profiles() -> TrunkProfiles {
    use crate::domain::{TrunkMode, TrunkSettings};
    Arc::new(|name| match name {
        "generic-peer" => Some(TrunkSettings::default()),
        "jio" => Some(TrunkSettings { mode: TrunkMode::Register, ..TrunkSettings::default() }),
        _ => None,
    })
}

impl Api {
    pub(super) async fn write(
        &self,
        key: u8,
        method: Method,
        path: &str,
        if_match: Option<&str>,
        body: Value,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", bearer(key))
            .header("content-type", "application/json");
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn create(&self, key: u8, path: &str, body: Value) -> Answer {
        self.write(key, Method::POST, path, None, body).await
    }

    /// A new draft of ours: its path and its entity tag.
    async fn draft(&self, body: Value) -> (String, String) {
        let made = self.create(OURS, "/v1/profiles", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&made.body));
        (made.header("location").to_owned(), made.header("etag").to_owned())
    }
}

fn salon() -> Value {
    json!({
        "name": "Kiran Salon",
        "numbers": ["080 4718 0055"],
        "profile": {
            "business_name": "Kiran Salon", "visit_word": "booking", "address": "4, Church Street",
            "hours": {"mon": ["10:00-13:00", "16:00-24:00"]}
        }
    })
}

#[tokio::test]
async fn one_post_onboards_a_tenant_that_is_answered_and_has_a_key() {
    let api = api().await;
    let made = api.create(PLATFORM, "/v1/tenants", salon()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&made.body));
    let made = made.json();
    assert_eq!((&made["numbers"], &made["tenant"]["status"]), (&json!(["+918047180055"]), &json!("active")));
    assert_eq!((&made["phrases_ready"], &made["tenant"]["max_calls"]), (&json!(40), &json!(3)));
    let route = api.f.store.find_did(&number("+918047180055")).await.unwrap().unwrap();
    assert_eq!(route.profile.business_name, "Kiran Salon");
    assert_eq!(made["profile_id"], route.profile.id.to_string());
    // Its own key opens its own things.
    let key = format!("Bearer {}", made["api_key"].as_str().unwrap());
    let dids = api.send(Method::GET, "/v1/dids", &[("authorization", &key)]).await.json();
    assert_eq!(dids["dids"], json!([{"number": "+918047180055", "profile_id": made["profile_id"]}]));
    let id = made["tenant"]["id"].as_str().unwrap();
    let own = api.send(Method::GET, &format!("/v1/tenants/{id}"), &[("authorization", &key)]).await;
    assert_eq!(own.json(), made["tenant"]);
    let listed = api.get(PLATFORM, "/v1/tenants?limit=2").await.json();
    assert_eq!(listed["tenants"].as_array().unwrap().len(), 2);
    let rest = format!("/v1/tenants?cursor={}", listed["next_cursor"].as_str().unwrap());
    assert_eq!(api.get(PLATFORM, &rest).await.json()["tenants"], json!([made["tenant"]]));
    // The name alone makes a receptionist that takes messages.
    let least = api.create(PLATFORM, "/v1/tenants", json!({"name": "Verma Cycles"})).await;
    assert_eq!(least.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_onboarding_that_cannot_be_done_leaves_nothing() {
    let api = api().await;
    api.create(PLATFORM, "/v1/tenants", salon()).await;
    let taken = api.create(PLATFORM, "/v1/tenants", salon()).await;
    assert_eq!((taken.status, taken.detail()), (StatusCode::CONFLICT, "one of the numbers is taken".to_owned()));
    for (pointer, value, field) in [
        ("/name", json!(" "), "name"),
        ("/numbers", json!(["12"]), "numbers[0]"),
        ("/numbers", json!(["8047180000", "+918047180000"]), "numbers"),
        ("/profile/business_name", json!(""), "profile.business_name"),
        ("/profile/hours/mon", json!(["22:00-02:00"]), "profile.hours.mon[0]"),
        ("/profile/hours", json!({"monday": []}), "profile.hours.monday"),
        ("/profile/visit_word", json!(3), "profile.visit_word"),
    ] {
        let mut body = salon();
        *body.pointer_mut(pointer).unwrap() = value;
        let refused = api.create(PLATFORM, "/v1/tenants", body).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]));
    }
    let mut silent = salon();
    silent["numbers"] = json!(["080 4718 0056"]);
    silent["profile"]["greeting"] = json!("Xyzzy");
    let refused = api.create(PLATFORM, "/v1/tenants", silent).await;
    assert_eq!(refused.fields(), ["profile.phrases"], "{}", refused.detail());
    assert_eq!(api.get(PLATFORM, "/v1/tenants").await.json()["tenants"].as_array().unwrap().len(), 3);
    let by_tenant = api.create(OURS, "/v1/tenants", salon()).await;
    assert_eq!(by_tenant.status, StatusCode::NOT_FOUND, "to a tenant the route is not there");
}

#[tokio::test]
async fn a_tenant_is_changed_suspended_and_resumed_by_the_operator() {
    let api = api().await;
    let path = format!("/v1/tenants/{}", api.f.ours.tenant());
    let changed = api.write(PLATFORM, Method::PATCH, &path, None, json!({"max_calls": 9})).await.json();
    assert_eq!((&changed["max_calls"], &changed["name"]), (&json!(9), &json!("Sharma Dental Clinic")));
    let null = api.write(PLATFORM, Method::PATCH, &path, None, json!({"name": null})).await;
    assert_eq!((null.status, null.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["name".to_owned()]));
    for (verb, status) in [("suspend", "suspended"), ("suspend", "suspended"), ("resume", "active")] {
        let answer = api.create(PLATFORM, &format!("{path}/{verb}"), Value::Null).await;
        assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!(status)));
        let listed = api.get(PLATFORM, "/v1/tenants?status=suspended").await.json();
        assert_eq!(listed["tenants"].as_array().unwrap().len(), usize::from(status == "suspended"));
    }
    for (method, path) in [(Method::PATCH, path.clone()), (Method::POST, format!("{path}/suspend"))] {
        let refused = api.write(OURS, method, &path, None, json!({})).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{path}");
    }
    let nobody = format!("/v1/tenants/{}", crate::domain::TenantId::from_uuid(uuid::Uuid::from_u128(404)));
    for path in [nobody.as_str(), "/v1/tenants/ten_x"] {
        assert_eq!(api.get(PLATFORM, path).await.status, StatusCode::NOT_FOUND);
        let change = api.write(PLATFORM, Method::PATCH, path, None, json!({"max_calls": 1})).await;
        assert_eq!(change.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn numbers_are_given_moved_and_taken_away() {
    let api = api().await;
    let (place, _) = api.draft(json!({"business_name": "Clinic"})).await;
    let profile = place.rsplit('/').next().unwrap().to_owned();
    let first = api.f.store.profiles(api.f.ours).await.unwrap()[0].id.to_string();
    for text in ["080-4718-0000", "+918047180001", "08047180002"] {
        let made = api.create(OURS, "/v1/dids", json!({"number": text, "profile_id": first})).await;
        assert_eq!(made.status, StatusCode::CREATED);
        assert!(made.header("location").starts_with("/v1/dids/+9180471800"), "{}", made.header("location"));
    }
    let page = api.get(OURS, "/v1/dids?limit=2").await.json();
    assert_eq!(page["dids"][1]["number"], "+918047180001");
    let next = format!("/v1/dids?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let page = api.get(OURS, &next).await.json();
    assert_eq!((page["dids"].as_array().unwrap().len(), &page["next_cursor"]), (1, &Value::Null));
    let path = "/v1/dids/+918047180001";
    let moved = api.write(OURS, Method::PATCH, path, None, json!({"profile_id": profile})).await.json();
    assert_eq!(moved, json!({"number": "+918047180001", "profile_id": profile}));
    let same = api.write(OURS, Method::PATCH, path, None, json!({})).await.json();
    assert_eq!(same, moved, "what is absent stays");
    assert_eq!(api.write(OURS, Method::DELETE, path, None, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(OURS, path).await.status, StatusCode::NOT_FOUND);
    let log = api.f.store.audit(api.f.ours, None, 50).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).take(2).collect();
    assert_eq!(actions, ["did.delete", "did.update"], "who did it is written down");
}

#[tokio::test]
async fn numbers_that_cannot_be_had_are_refused_without_a_word_about_their_owner() {
    let api = api().await;
    let ours = api.f.store.profiles(api.f.ours).await.unwrap()[0].id.to_string();
    let theirs = json!({"number": "+918047180000", "profile_id": ours});
    assert_eq!(api.create(THEIRS, "/v1/dids", theirs.clone()).await.status, StatusCode::CREATED, "same profile id");
    let taken = api.create(OURS, "/v1/dids", theirs).await;
    assert_eq!((taken.status, taken.detail().as_str()), (StatusCode::CONFLICT, "the number is taken"));
    assert!(!taken.problem().contains(&api.f.theirs.tenant().to_string()));
    let unknown = "prof_000000000000000000000000000000ff";
    for (body, field) in [
        (json!({"number": "hello", "profile_id": ours}), "number"),
        (json!({"number": "1234", "profile_id": ours}), "number"),
        (json!({"number": "+918047180009", "profile_id": unknown}), "profile_id"),
        (json!({"number": "+918047180009", "profile_id": "ten_x"}), "profile_id"),
        (json!({"number": "+918047180009"}), "profile_id"),
        (json!({"number": "+918047180009", "profile_id": ours, "tenant": "x"}), "tenant"),
    ] {
        let refused = api.create(OURS, "/v1/dids", body).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]));
    }
    for path in ["/v1/dids/+918047180000", "/v1/dids/x"] {
        assert_eq!(api.get(OURS, path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(api.write(OURS, Method::DELETE, path, None, Value::Null).await.status, StatusCode::NOT_FOUND);
    }
    let null = api.write(THEIRS, Method::PATCH, "/v1/dids/+918047180000", None, json!({"profile_id": null})).await;
    assert_eq!(null.fields(), ["profile_id"]);
}

#[tokio::test]
async fn a_draft_is_written_published_and_rolled_back() {
    let api = api().await;
    let (path, tag) =
        api.draft(json!({"business_name": "Clinic", "greeting": "Namaste.", "landmark": "the metro"})).await;
    let stored = api.get(OURS, &path).await;
    assert_eq!((stored.header("etag"), &stored.json()["published_version"]), (tag.as_str(), &Value::Null));
    assert_eq!(stored.json()["draft"]["time_zone"], "Asia/Kolkata");
    // Absent stays, null goes.
    let change = json!({"business_name": "Clinic Two", "landmark": null, "turns": {"barge_in_ms": 300}});
    let changed = api.write(OURS, Method::PATCH, &path, Some(&tag), change).await;
    let draft = &changed.json()["draft"];
    assert_eq!((&draft["business_name"], &draft["greeting"]), (&json!("Clinic Two"), &json!("Namaste.")));
    assert_eq!((&draft["landmark"], &draft["turns"]["barge_in_ms"]), (&Value::Null, &json!(300)));
    assert_eq!(draft["turns"]["end_of_turn_ms"], 500);
    let publish = format!("{path}/publish");
    let published = api.write(OURS, Method::POST, &publish, Some(changed.header("etag")), Value::Null).await;
    assert_eq!((published.status, &published.json()["version"]), (StatusCode::OK, &json!(1)));
    assert_eq!(published.json()["phrases_waiting"], 2);
    let second =
        api.write(OURS, Method::PATCH, &path, Some(published.header("etag")), json!({"address": "2, B Road"})).await;
    let published = api.write(OURS, Method::POST, &publish, Some(second.header("etag")), Value::Null).await;
    assert_eq!(published.json()["version"], 2);
    let back = api.write(OURS, Method::POST, &format!("{path}/roll-back"), Some("*"), json!({"version": 1})).await;
    assert_eq!((&back.json()["published_version"], &back.json()["draft"]["address"]), (&json!(1), &json!("2, B Road")));
    let history = api.get(OURS, &format!("{path}/versions?limit=1")).await.json();
    assert_eq!(history["versions"][0]["profile"]["address"], "2, B Road");
    let older = format!("{path}/versions?cursor={}", history["next_cursor"].as_str().unwrap());
    assert_eq!(api.get(OURS, &older).await.json()["versions"][0]["version"], 1);
    assert_eq!(api.get(OURS, &format!("{path}/versions/1")).await.json()["profile"]["business_name"], "Clinic Two");
    let gone = api.write(OURS, Method::DELETE, &path, Some("*"), Value::Null).await;
    assert_eq!((gone.status, api.get(OURS, &path).await.status), (StatusCode::NO_CONTENT, StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn one_editor_does_not_overwrite_another() {
    let api = api().await;
    let (path, tag) = api.draft(json!({"business_name": "Clinic"})).await;
    let change = |name: &str| json!({"business_name": name});
    let first = api.write(OURS, Method::PATCH, &path, Some(&tag), change("First")).await;
    assert_eq!(first.status, StatusCode::OK);
    let (publish, hours) = (format!("{path}/publish"), format!("{path}/hours"));
    for (method, path, body) in [
        (Method::PATCH, &path, change("Second")),
        (Method::POST, &publish, Value::Null),
        (Method::PUT, &hours, json!({})),
        (Method::DELETE, &path, Value::Null),
    ] {
        let stale = api.write(OURS, method.clone(), path, Some(&tag), body.clone()).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{method} {path}");
        let blind = api.write(OURS, method.clone(), path, None, body).await;
        assert_eq!(blind.status, StatusCode::PRECONDITION_REQUIRED, "{method} {path}");
    }
    assert_eq!(api.get(OURS, &path).await.json()["draft"]["business_name"], "First");
}

#[tokio::test]
async fn what_cannot_be_spoken_or_done_is_not_published() {
    let api = api().await;
    let (path, tag) = api.draft(json!({"business_name": "Clinic", "greeting": "Xyzzy"})).await;
    let refused = api.write(OURS, Method::POST, &format!("{path}/publish"), Some(&tag), Value::Null).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.problem().contains("`Xyzzy` cannot be spoken"), "{}", refused.problem());
    assert_eq!(api.get(OURS, &path).await.json()["published_version"], Value::Null);
    for (body, field) in [
        (json!({}), "business_name"),
        (json!({"business_name": "Clinic", "speech": {"tts": ["nobody"]}}), "speech"),
        (json!({"business_name": "Clinic", "time_zone": "Mars/Olympus"}), "time_zone"),
        (json!({"business_name": "Clinic", "turns": {"watchdog": 1}}), "turns.watchdog"),
        (json!({"business_name": "Clinic", "holidays": [{"date": "2026-02-30"}]}), "holidays[0].date"),
        (
            json!({"business_name": "Clinic", "transfers": {"targets": [{"name": "A", "number": "12"}]}}),
            "transfers.targets[0].number",
        ),
    ] {
        let refused = api.create(OURS, "/v1/profiles", body.clone()).await;
        assert_eq!(
            (refused.status, refused.fields()),
            (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]),
            "{body}"
        );
    }
    let null = api.write(OURS, Method::PATCH, &path, Some(&tag), json!({"business_name": null})).await;
    assert_eq!(null.fields(), ["business_name"]);
    let unknown = api.write(OURS, Method::POST, &format!("{path}/roll-back"), Some(&tag), json!({"version": 7})).await;
    assert_eq!(unknown.fields(), ["version"]);
    // A number leads to it.
    let profile = path.rsplit('/').next().unwrap();
    api.create(OURS, "/v1/dids", json!({"number": "+918047180000", "profile_id": profile})).await;
    assert_eq!(api.write(OURS, Method::DELETE, &path, Some(&tag), Value::Null).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_parts_of_a_draft_have_pages_of_their_own() {
    let api = api().await;
    let (path, _) = api.draft(json!({"business_name": "Clinic"})).await;
    let put =
        async |part: &str, body: Value| api.write(OURS, Method::PUT, &format!("{path}/{part}"), Some("*"), body).await;
    let hours = json!({"mon": ["10:00-19:00"], "tue": [], "wed": [], "thu": [], "fri": [], "sat": [], "sun": []});
    assert_eq!(put("hours", json!({"mon": ["10:00-19:00"]})).await.status, StatusCode::OK);
    let knowledge =
        json!({"services": [{"name": "cleaning", "also": [], "price": {"exactly": 800}, "minutes": null}], "faqs": []});
    assert_eq!(put("knowledge", knowledge.clone()).await.status, StatusCode::OK);
    let people = json!({"targets": [{"name": "Dr Sharma", "number": "98450 12345"}]});
    assert_eq!(put("transfers", people).await.status, StatusCode::OK);
    assert_eq!(
        put("transfers", json!({"targets": [{"name": "A", "number": "+14155550100"}]})).await.fields(),
        ["transfers"]
    );
    let get = async |part: &str| api.get(OURS, &format!("{path}/{part}")).await.json();
    assert_eq!((get("hours").await, get("knowledge").await), (hours, knowledge));
    assert_eq!(get("transfers").await["targets"][0]["number"], "+919845012345");

    let holidays = format!("{path}/holidays");
    let add = async |date: &str| {
        api.write(OURS, Method::POST, &holidays, Some("*"), json!({"date": date, "name": "Diwali"})).await
    };
    assert_eq!((add("2026-11-09").await.status, add("2026-11-08").await.status), (StatusCode::OK, StatusCode::OK));
    let twice = add("2026-11-08").await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert!(twice.detail().contains("2026-11-08"), "{}", twice.detail());
    let dates: Vec<Value> =
        get("holidays").await["holidays"].as_array().unwrap().iter().map(|day| day["date"].clone()).collect();
    assert_eq!(dates, [json!("2026-11-08"), json!("2026-11-09")]);
    let day = format!("{holidays}/2026-11-08");
    assert_eq!(api.write(OURS, Method::DELETE, &day, Some("*"), Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.write(OURS, Method::DELETE, &day, Some("*"), Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.get(THEIRS, &holidays).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let api = api().await;
    for name in ["One", "Two"] {
        api.draft(json!({"business_name": name})).await;
    }
    let profiles = api.get(OURS, "/v1/profiles?limit=1").await.json();
    let cursor = profiles["next_cursor"].as_str().unwrap();
    assert_eq!(
        api.get(OURS, &format!("/v1/profiles?cursor={cursor}")).await.json()["profiles"].as_array().unwrap().len(),
        2
    );
    for path in ["/v1/dids", "/v1/calls"] {
        let refused = api.get(OURS, &format!("{path}?cursor={cursor}")).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::BAD_REQUEST, vec!["cursor".to_owned()]), "{path}");
    }
    for (query, field) in
        [("limit=0", "limit"), ("limit=201", "limit"), ("limit=5&limit=6", "limit"), ("order=up", "order")]
    {
        let refused = api.get(OURS, &format!("/v1/profiles?{query}")).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::BAD_REQUEST, vec![field.to_owned()]), "{query}");
    }
}

#[tokio::test]
async fn calls_are_found_by_their_words_and_number_and_deleted_for_good() {
    let api = api().await;
    let call = api.call(api.f.ours, 0, Some(b"RIFF")).await;
    let lines = [
        Turn { heard: Some("Namaste, this".to_owned()), ..turn(0, Speaker::Agent, "Namaste, this is an AI.") },
        turn(1, Speaker::Caller, "I broke a tooth"),
    ];
    for line in &lines {
        api.f.store.append_turn(api.f.ours, call.id, line).await.unwrap();
    }
    let path = format!("/v1/calls/{}", call.id);
    let going_on = api.write(OURS, Method::DELETE, &path, None, Value::Null).await;
    assert_eq!(going_on.status, StatusCode::CONFLICT);
    api.f.store.close_call(api.f.ours, call.id, &close(60)).await.unwrap();
    for (query, found) in [
        ("text=tooth", 1),
        ("text=broke%20tooth", 1),
        ("text=nothing", 0),
        ("did=%2B918047180000&text=tooth", 1),
        ("did=08047180001", 0),
    ] {
        let page = api.get(OURS, &format!("/v1/calls?{query}")).await.json();
        assert_eq!(page["calls"].as_array().map(Vec::len), Some(found), "{query}: {page}");
    }
    for (query, field) in [("text=...", "text"), ("did=x", "did"), ("text=a+b+c+d+e+f+g+h+i", "text")] {
        let refused = api.get(OURS, &format!("/v1/calls?{query}")).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::BAD_REQUEST, vec![field.to_owned()]));
    }
    let transcript = api.get(OURS, &format!("{path}/transcript")).await.json();
    assert_eq!(transcript["lines"][0]["text"], "Namaste, this");
    assert_eq!(transcript["lines"][0]["interrupted"], true);
    let text = api.get(OURS, &format!("{path}/transcript?format=text")).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        String::from_utf8(text.body).unwrap(),
        "[0:00] Agent: Namaste, this —\n[0:04] Caller: I broke a tooth\n"
    );
    let headers = [("authorization", bearer(OURS)), ("accept", "text/plain".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let accepted = api.send(Method::GET, &format!("{path}/transcript"), &headers).await;
    assert_eq!(accepted.header("content-type"), "text/plain; charset=utf-8");

    assert_eq!(api.write(THEIRS, Method::DELETE, &path, None, Value::Null).await.status, StatusCode::NOT_FOUND);
    let file = api.f.folder.path().join("recordings").join(call.tenant.to_string()).join(format!("{}.wav", call.id));
    assert!(file.exists());
    assert_eq!(api.write(OURS, Method::DELETE, &path, None, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert!(!file.exists());
    let bare = api.get(OURS, &path).await.json();
    assert_eq!((&bare["caller"], &bare["summary"], &bare["turns"]), (&Value::Null, &Value::Null, &json!([])));
    assert_eq!(api.get(OURS, &format!("{path}/recording")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let api = api().await;
    let (path, tag) = api.draft(json!({"business_name": "Clinic"})).await;
    let key = api
        .key(40, KeyOwner::Tenant(api.f.ours), Some(&[Permission::ProfilesRead, Permission::NumbersRead]), None)
        .await;
    assert!(key.starts_with("Bearer"));
    for look in [path.as_str(), "/v1/profiles", "/v1/dids"] {
        assert_eq!(api.get(40, look).await.status, StatusCode::OK, "{look}");
    }
    let refused = api.write(40, Method::PATCH, &path, Some(&tag), json!({"address": "x"})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let refused = api.create(40, "/v1/dids", json!({})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_operators_lines_hide_their_passwords() {
    let api = api().await;
    *api.trunks.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    let line = json!({
        "name": "jio-2", "profile": "jio", "password": "hunter2", "dids": ["080 4718 0000"],
        "settings": {"registrar": "ims.example", "from_user": "+918047180000", "channels": 30}
    });
    let made = api.create(PLATFORM, "/v1/trunks", line.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&made.body));
    assert_eq!((&made.json()["has_password"], &made.json()["settings"]["channels"]), (&json!(true), &json!(30)));
    assert_eq!(api.create(PLATFORM, "/v1/trunks", line).await.status, StatusCode::CONFLICT);
    let path = "/v1/trunks/jio-2/settings";
    let change = json!({"settings": {"channels": 40}, "password": null});
    let changed = api.write(PLATFORM, Method::PATCH, path, Some(made.header("etag")), change).await;
    assert_eq!((&changed.json()["has_password"], &changed.json()["settings"]["channels"]), (&json!(false), &json!(40)));
    assert_eq!(changed.json()["settings"]["registrar"], "ims.example");
    for answer in [&made, &changed, &api.get(PLATFORM, path).await] {
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
    }
    let log = api.f.store.platform_audit(None, 10).await.unwrap();
    assert!(log.iter().any(|entry| entry.action == "trunk.create") && !format!("{log:?}").contains("hunter2"));
    let listed = api.get(PLATFORM, "/v1/trunks").await.json();
    assert_eq!((&listed["trunks"][0]["name"], &listed["trunks"][0]["state"]), (&json!("jio-2"), &json!("not_started")));
    for (body, field) in [
        (json!({"name": "A b"}), "name"),
        (json!({"name": "a", "profile": "nobody"}), "profile"),
        (json!({"name": "a", "settings": {"chanels": 3}}), "settings.chanels"),
        (json!({"name": "a", "settings": {"channels": "many"}}), "settings.channels"),
        (json!({"name": "a", "dids": ["12"]}), "dids[0]"),
        (json!({"name": "a", "settings": {"mode": "register", "registrar": "x"}}), "settings.from_user"),
    ] {
        let refused = api.create(PLATFORM, "/v1/trunks", body).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]));
    }
    assert_eq!(api.get(OURS, path).await.status, StatusCode::NOT_FOUND, "lines are the operator's");
    assert_eq!(
        api.write(PLATFORM, Method::DELETE, "/v1/trunks/jio-2", None, Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(api.get(PLATFORM, path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn calls_that_go_on_are_seen_ended_and_told_of_by_their_tenant_only() {
    let api = api().await;
    let live = api.state.live.clone();
    let call = record(api.f.ours, 0);
    let entry = live.enter(api.f.ours, call.id, 3).await.unwrap();
    let key = bearer(OURS);
    let request = |key: &str| Request::get("/v1/events").header("authorization", key).body(Body::empty()).unwrap();
    let watch = api.router.clone().oneshot(request(&key)).await.unwrap();
    assert_eq!(watch.headers()["content-type"], "text/event-stream");
    let foreign = api.router.clone().oneshot(request(&bearer(THEIRS))).await.unwrap();
    entry.answered(&call, None);
    let listed = api.get(OURS, "/v1/live/calls").await.json();
    assert_eq!((&listed["calls"][0]["id"], &listed["partial"]), (&json!(call.id), &json!(false)));
    assert_eq!(api.get(THEIRS, "/v1/live/calls").await.json()["calls"], json!([]));
    assert_eq!(api.get(PLATFORM, "/v1/live/calls").await.json()["calls"].as_array().unwrap().len(), 1);
    let path = format!("/v1/live/calls/{}", call.id);
    assert_eq!(api.get(OURS, &path).await.json()["did"], "+918047180000");
    assert_eq!(api.get(THEIRS, &path).await.status, StatusCode::NOT_FOUND);
    let hang_up = format!("{path}/hang-up");
    assert_eq!(api.create(THEIRS, &hang_up, Value::Null).await.status, StatusCode::NOT_FOUND);
    assert!(!*entry.hang_up_asked().borrow());
    assert_eq!(api.create(OURS, &hang_up, Value::Null).await.status, StatusCode::ACCEPTED);
    assert!(*entry.hang_up_asked().borrow());
    drop(entry);
    assert_eq!(api.get(OURS, &path).await.status, StatusCode::NOT_FOUND);
    // The streams end with the node.
    live.stop().await;
    drop((live, api.state, api.router));
    let told = String::from_utf8(first_events(watch).await).unwrap();
    assert!(told.starts_with("event: call.started\ndata: {") && told.contains("\nevent: call.ended\n"), "{told}");
    assert!(!String::from_utf8(first_events(foreign).await).unwrap().contains("call."));
}

/// What a stream has told until it was silent for a moment of virtual time, or ended.
async fn first_events(response: Response) -> Vec<u8> {
    use futures_util::StreamExt as _;
    let mut stream = response.into_body().into_data_stream();
    let mut told = Vec::new();
    tokio::time::pause();
    // The comment that keeps the stream alive comes after everything that had happened.
    while let Ok(Some(Ok(piece))) = tokio::time::timeout(Duration::from_secs(10), stream.next()).await {
        told.extend_from_slice(&piece);
    }
    tokio::time::resume();
    told
}

#[tokio::test]
async fn an_endpoint_is_told_its_secret_once_and_messages_are_sent_again() {
    let api = api().await;
    let body = json!({"url": "https://example.com/hook", "events": ["call.ended"]});
    let made = api.create(OURS, "/v1/webhooks", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&made.body));
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    let path = made.header("location").to_owned();
    let listed = api.get(OURS, "/v1/webhooks").await;
    assert_eq!(listed.json()["webhooks"][0]["events"], json!(["call.ended"]));
    let rotated = api.create(OURS, &format!("{path}/rotate-secret"), Value::Null).await.json();
    assert_ne!(rotated["secret"], secret);
    for answer in [&listed, &api.get(OURS, &path).await] {
        assert!(!String::from_utf8_lossy(&answer.body).contains("whsec_"));
    }
    for (body, field) in [
        (json!({"url": "http://127.0.0.1:9/"}), "url"),
        (json!({"url": "nowhere"}), "url"),
        (json!({"url": "https://example.com/", "events": ["call.began"]}), "events[0]"),
    ] {
        let refused = api.create(OURS, "/v1/webhooks", body).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]));
    }
    let call = api.call(api.f.ours, 0, None).await;
    api.f.store.close_call(api.f.ours, call.id, &close(60)).await.unwrap();
    let messages = api.get(OURS, &format!("/v1/messages?channel=webhook&call={}", call.id)).await.json();
    assert_eq!(
        (messages["messages"].as_array().unwrap().len(), &messages["messages"][0]["state"]),
        (1, &json!("pending"))
    );
    let message = format!("/v1/messages/{}", messages["messages"][0]["id"].as_str().unwrap());
    assert_eq!(api.get(OURS, &message).await.json()["tries"], json!([]));
    assert_eq!(api.create(OURS, &format!("{message}/resend"), Value::Null).await.status, StatusCode::ACCEPTED);
    assert_eq!(api.create(THEIRS, &format!("{message}/resend"), Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.get(THEIRS, "/v1/messages").await.json()["messages"], json!([]));
    let off = api.write(OURS, Method::PATCH, &path, None, json!({"enabled": false})).await.json();
    assert_eq!((&off["enabled"], &off["url"]), (&json!(false), &json!("https://example.com/hook")));
    assert_eq!(api.write(THEIRS, Method::DELETE, &path, None, Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.write(OURS, Method::DELETE, &path, None, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(OURS, &path).await.status, StatusCode::NOT_FOUND);
}
