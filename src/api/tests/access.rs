//! People and keys: how they get in, what they may do, and what is written down about it.

use axum::body::Body;

use super::*;
use crate::store::{Attempt, Known, Token};

const PASSWORD: &str = "correct horse battery";

/// A browser that has signed in.
struct Browser {
    cookie: String,
    csrf: String,
}

impl Api {
    async fn body(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, key: u8, path: &str, body: Value) -> Answer {
        self.body(Method::POST, path, &[("authorization", &bearer(key))], &body).await
    }

    async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.body(Method::POST, "/v1/session", &[], &json!({ "email": email, "password": password })).await
    }

    async fn browser(&self, email: &str) -> Browser {
        Browser::of(&self.sign_in(email, PASSWORD).await)
    }

    async fn by(&self, browser: &Browser, method: Method, path: &str, body: &Value) -> Answer {
        self.body(method, path, &[("cookie", &browser.cookie), ("x-csrf-token", &browser.csrf)], body).await
    }

    async fn actions(&self, key: u8) -> Vec<String> {
        let log = self.get(key, "/v1/audit").await.json();
        log["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    }
}

impl Browser {
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        let cookies: Vec<&str> =
            answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
        let session = cookies.iter().find(|cookie| cookie.starts_with("vca_session=")).unwrap();
        let csrf = cookies.iter().find(|cookie| cookie.starts_with("vca_csrf=")).unwrap();
        assert!(session.contains("; HttpOnly") && session.contains("; SameSite=Strict"), "{session}");
        assert!(session.contains("; Secure") && session.contains("; Path=/"), "{session}");
        assert!(!csrf.contains("HttpOnly"), "our page reads it: {csrf}");
        let cookie = session.split(';').next().unwrap().to_owned();
        Self { cookie, csrf: answer.json()["csrf_token"].as_str().unwrap().to_owned() }
    }
}

fn person(email: &str, role: &str) -> Value {
    json!({ "email": email, "name": "Asha", "role": role, "password": PASSWORD })
}

#[tokio::test]
async fn the_first_user_is_made_once_with_the_token() {
    let api = api().await;
    let token = Token::generate([5; 32]);
    let state = ApiState { setup: Arc::new(SetupToken::new(Some(token.clone()))), ..api.state.clone() };
    let api = Api { router: router(state.clone()), state, ..api };
    let first = |token: &str, password: &str| json!({ "token": token, "email": "Op@example.com", "name": "Op", "password": password });
    let set_up = async |body: Value| api.body(Method::POST, "/v1/setup", &[], &body).await;
    assert_eq!(set_up(first("guess", PASSWORD)).await.status, StatusCode::FORBIDDEN);
    let short = set_up(first(token.reveal(), "short")).await;
    assert_eq!(
        (short.status, &short.json()["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("password"))
    );
    let made = set_up(first(token.reveal(), PASSWORD)).await;
    assert_eq!((made.status, &made.json()["role"]), (StatusCode::CREATED, &json!("platform_admin")));
    assert_eq!(set_up(first(token.reveal(), PASSWORD)).await.status, StatusCode::FORBIDDEN, "once");
    let browser = api.browser("op@example.com").await;
    let me = api.by(&browser, Method::GET, "/v1/me", &Value::Null).await.json();
    assert_eq!(
        (&me["role"], &me["tenant"], &me["user"]["email"]),
        (&json!("platform_admin"), &Value::Null, &json!("op@example.com"))
    );
}

#[tokio::test]
async fn a_session_is_begun_guarded_rotated_and_ended() {
    let api = api().await;
    assert_eq!(
        api.post(OURS, "/v1/users", person("asha@example.com", "tenant_admin")).await.status,
        StatusCode::CREATED
    );
    for (email, password) in [("asha@example.com", "correct horse batterz"), ("nobody@example.com", PASSWORD)] {
        let refused = api.sign_in(email, password).await;
        assert_eq!(refused.json()["detail"], "the e-mail address or the password is wrong");
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    let browser = api.browser("asha@example.com").await;
    let read = async |browser: &Browser| api.by(browser, Method::GET, "/v1/calls", &Value::Null).await.status;
    assert_eq!(read(&browser).await, StatusCode::OK);
    let new_key = json!({ "name": "dashboard" });
    for csrf in ["", "guess", &browser.cookie] {
        let headers = [("cookie", browser.cookie.as_str()), ("x-csrf-token", csrf)];
        assert_eq!(
            api.body(Method::POST, "/v1/keys", &headers, &new_key).await.status,
            StatusCode::FORBIDDEN,
            "{csrf}"
        );
    }
    assert_eq!(api.by(&browser, Method::POST, "/v1/keys", &new_key).await.status, StatusCode::CREATED);

    let rotated = Browser::of(&api.by(&browser, Method::PUT, "/v1/session", &Value::Null).await);
    assert_eq!((read(&browser).await, read(&rotated).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    let log = api.f.store.platform_audit(None, 99).await.unwrap();
    assert_eq!(log.iter().filter(|entry| entry.action == "session.rotate").count(), 1);
    let other = api.browser("asha@example.com").await;
    let change = json!({ "current": PASSWORD, "new": "another long password" });
    let changed = Browser::of(&api.by(&rotated, Method::PUT, "/v1/me/password", &change).await);
    assert_eq!((read(&rotated).await, read(&other).await), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    let sessions = api.by(&changed, Method::GET, "/v1/sessions", &Value::Null).await.json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
    assert_eq!(api.sign_in("asha@example.com", PASSWORD).await.status, StatusCode::UNAUTHORIZED);

    let ended = api.by(&changed, Method::DELETE, "/v1/session", &Value::Null).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(ended.headers.get_all("set-cookie").iter().all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0")));
    assert_eq!(read(&changed).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_a_password_is_slow() {
    let api = api().await;
    let limits = GateConfig { sign_ins_per_minute: 2.try_into().unwrap(), ..GateConfig::default() };
    let api = api.with_gate(&limits);
    assert_eq!(api.post(OURS, "/v1/users", person("asha@example.com", "viewer")).await.status, StatusCode::CREATED);
    for _ in 0..2 {
        assert_eq!(api.sign_in("asha@example.com", "wrong").await.status, StatusCode::UNAUTHORIZED);
    }
    let throttled = api.sign_in("asha@example.com", PASSWORD).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=30).contains(&throttled.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(api.sign_in("else@example.com", PASSWORD).await.status, StatusCode::UNAUTHORIZED, "another account");
}

#[tokio::test]
async fn people_are_invited_changed_and_removed() {
    let api = api().await;
    let wrong = api.post(OURS, "/v1/invitations", json!({ "email": "v@example.com", "role": "platform_admin" })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "a tenant makes no platform admin");
    let invited = api.post(OURS, "/v1/invitations", json!({ "email": "v@example.com", "role": "viewer" })).await;
    assert_eq!(invited.status, StatusCode::CREATED);
    let accept = json!({ "token": invited.json()["token"], "name": "Vijay", "password": PASSWORD });
    let user = api.body(Method::POST, "/v1/invitations/accept", &[], &accept).await;
    assert_eq!((user.status, &user.json()["role"]), (StatusCode::CREATED, &json!("viewer")));
    let again = api.body(Method::POST, "/v1/invitations/accept", &[], &accept).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "an invitation is for one");
    let path = format!("/v1/users/{}", user.json()["id"].as_str().unwrap());
    assert_eq!(api.get(THEIRS, &path).await.status, StatusCode::NOT_FOUND);

    let viewer = api.browser("v@example.com").await;
    assert_eq!(api.by(&viewer, Method::GET, "/v1/calls", &Value::Null).await.status, StatusCode::OK);
    for (method, place) in [(Method::GET, "/v1/users"), (Method::GET, "/v1/audit"), (Method::DELETE, path.as_str())] {
        assert_eq!(api.by(&viewer, method, place, &Value::Null).await.status, StatusCode::FORBIDDEN, "{place}");
    }
    let key = bearer(OURS);
    let disabled = api.body(Method::PATCH, &path, &[("authorization", &key)], &json!({ "disabled": true })).await;
    assert_eq!((disabled.status, &disabled.json()["disabled"]), (StatusCode::OK, &json!(true)));
    assert_eq!(api.by(&viewer, Method::GET, "/v1/me", &Value::Null).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(api.sign_in("v@example.com", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(api.send(Method::DELETE, &path, &[("authorization", &key)]).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(OURS, &path).await.status, StatusCode::NOT_FOUND);

    let log = api.get(OURS, "/v1/audit?limit=200").await.json();
    let change = log["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == "user.update").unwrap();
    assert_eq!((&change["before"]["disabled"], &change["after"]["disabled"]), (&json!(false), &json!(true)));
    assert_eq!(
        (&change["actor"]["kind"], &change["request_id"]),
        (&json!("api_key"), &json!(disabled.header("x-request-id")))
    );
    assert!(!log.to_string().contains("argon2"), "{log}");
    assert_eq!(api.actions(THEIRS).await, Vec::<String>::new());
    assert!(api.actions(PLATFORM).await.contains(&"user.delete".to_owned()));
}

#[tokio::test]
async fn nobody_takes_his_own_access_away() {
    let api = api().await;
    let made = api.post(OURS, "/v1/users", person("asha@example.com", "tenant_admin")).await.json();
    let browser = api.browser("asha@example.com").await;
    let path = format!("/v1/users/{}", made["id"].as_str().unwrap());
    for change in [json!({ "disabled": true }), json!({ "role": "viewer" })] {
        assert_eq!(api.by(&browser, Method::PATCH, &path, &change).await.status, StatusCode::CONFLICT, "{change}");
    }
    assert_eq!(api.by(&browser, Method::DELETE, &path, &Value::Null).await.status, StatusCode::CONFLICT);
    assert_eq!(api.by(&browser, Method::PATCH, &path, &json!({ "name": "Asha R" })).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_is_made_for_something_rotated_and_removed() {
    let api = api().await;
    let made = api.post(OURS, "/v1/keys", json!({ "name": "crm", "scopes": ["calls:read"] })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (path, made) = (format!("/v1/keys/{}", made.json()["id"].as_str().unwrap()), made.json());
    let with = async |secret: &Value, path: &str| {
        let bearer = format!("Bearer {}", secret.as_str().unwrap());
        api.send(Method::GET, path, &[("authorization", &bearer)]).await.status
    };
    assert_eq!(with(&made["secret"], "/v1/calls").await, StatusCode::OK);
    assert_eq!(with(&made["secret"], "/v1/keys").await, StatusCode::FORBIDDEN);
    assert_eq!(api.get(OURS, &path).await.json().get("secret"), None);
    assert_eq!(api.get(THEIRS, &path).await.status, StatusCode::NOT_FOUND);

    let rotated = api.post(OURS, &format!("{path}/rotate"), Value::Null).await.json();
    assert_eq!(with(&made["secret"], "/v1/calls").await, StatusCode::UNAUTHORIZED);
    assert_eq!(with(&rotated["secret"], "/v1/calls").await, StatusCode::OK);

    let key = [("authorization", bearer(OURS))];
    let key = key.each_ref().map(|(name, value)| (*name, value.as_str()));
    let over = json!({ "expires_at": "2020-01-01T00:00:00Z" });
    assert_eq!(api.body(Method::PATCH, &path, &key, &over).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let until = api.body(Method::PATCH, &path, &key, &json!({ "expires_at": "2099-01-01T00:00:00Z" })).await.json();
    assert_eq!((&until["name"], &until["expires_at"]), (&json!("crm"), &json!("2099-01-01T00:00:00Z")));
    let named = api.body(Method::PATCH, &path, &key, &json!({ "name": "CRM", "expires_at": null })).await.json();
    assert_eq!((&named["name"], &named["expires_at"]), (&json!("CRM"), &Value::Null));
    assert_eq!(api.send(Method::DELETE, &path, &key).await.status, StatusCode::NO_CONTENT);
    assert_eq!(with(&rotated["secret"], "/v1/calls").await, StatusCode::UNAUTHORIZED);

    let log = api.get(OURS, "/v1/audit").await.json();
    // What happens within a millisecond has no order in the log.
    let mut actions = api.actions(OURS).await;
    actions.sort();
    assert_eq!(actions, ["api_key.create", "api_key.delete", "api_key.rotate", "api_key.update", "api_key.update"]);
    let secrets = [&made["secret"], &rotated["secret"]].map(|secret| secret.as_str().unwrap());
    assert!(secrets.iter().all(|secret| !log.to_string().contains(secret)));
}

#[tokio::test]
async fn nobody_gives_what_he_has_not() {
    let api = api().await;
    let only =
        api.key(11, KeyOwner::Tenant(api.f.ours), Some(&[Permission::KeysWrite, Permission::UsersWrite]), None).await;
    let send = async |path: &str, body: Value| api.body(Method::POST, path, &[("authorization", &only)], &body).await;
    let refused = send("/v1/keys", json!({ "name": "x", "scopes": ["calls:read"] })).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(send("/v1/users", person("x@example.com", "viewer")).await.status, StatusCode::FORBIDDEN);
    let all = send("/v1/keys", json!({ "name": "x" })).await;
    assert_eq!(all.json()["scopes"], json!(["users:write", "keys:write"]), "all means all that the giver has");
    let ours = format!("/v1/keys/{}/rotate", ApiKeyId::new(at(0), [OURS; 10]));
    assert_eq!(send(&ours, Value::Null).await.status, StatusCode::FORBIDDEN, "nor takes another's over");
}

#[tokio::test]
async fn a_lesser_admin_neither_signs_a_greater_one_out_nor_takes_his_invitation_back() {
    let api = api().await;
    let lesser = api.key(12, KeyOwner::Tenant(api.f.ours), Some(&[Permission::UsersWrite]), None).await;
    let user = api.post(OURS, "/v1/users", person("boss@example.com", "tenant_admin")).await.json();
    let invited = json!({ "email": "next@example.com", "role": "tenant_admin" });
    let invitation = api.post(OURS, "/v1/invitations", invited).await.json();
    let path = |list: &str, of: &Value| format!("/v1/{list}/{}", of["id"].as_str().unwrap());
    let (sign_out, revoke) = (format!("{}/sign-out", path("users", &user)), path("invitations", &invitation));
    let lesser = [("authorization", lesser.as_str())];
    assert_eq!(api.send(Method::POST, &sign_out, &lesser).await.status, StatusCode::FORBIDDEN);
    assert_eq!(api.send(Method::DELETE, &revoke, &lesser).await.status, StatusCode::FORBIDDEN);
    assert_eq!(api.get(OURS, "/v1/invitations").await.json()["invitations"].as_array().unwrap().len(), 1);
    let ours = bearer(OURS);
    let ours = [("authorization", ours.as_str())];
    assert_eq!(api.send(Method::POST, &sign_out, &ours).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.send(Method::DELETE, &revoke, &ours).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.send(Method::DELETE, &revoke, &ours).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_request_that_is_sent_again_changes_nothing() {
    let api = api().await;
    let ours = bearer(OURS);
    let send = async |key: &str, name: &str| {
        let headers = [("authorization", ours.as_str()), ("idempotency-key", key)];
        api.body(Method::POST, "/v1/keys", &headers, &json!({ "name": name })).await
    };
    let first = send("k1", "crm").await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (StatusCode::CREATED, ""));
    let again = send("k1", "crm").await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (StatusCode::CREATED, "true"));
    assert_eq!((&again.json()["id"], &again.json()["secret"]), (&first.json()["id"], &Value::Null));
    assert_eq!(again.header("content-type"), "application/json");
    assert_eq!(send("k1", "other").await.status, StatusCode::CONFLICT, "the key is for one request");
    assert_eq!(send("two words", "x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send("k2", "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(send("k2", "").await.header("idempotency-replayed"), "true", "a refusal is an answer too");

    let twin = Attempt { actor: api.actor(OURS), tenant: None, key: "k3", hash: [0; 32] };
    assert_eq!(api.f.store.begin_attempt(twin, jiff::Timestamp::now()).await.unwrap(), Known::New);
    assert_eq!(send("k3", "crm").await.status, StatusCode::CONFLICT, "one like it is under way");
    let theirs = [("authorization", bearer(THEIRS)), ("idempotency-key", "k1".to_owned())];
    let theirs = theirs.each_ref().map(|(name, value)| (*name, value.as_str()));
    let other = api.body(Method::POST, "/v1/keys", &theirs, &json!({ "name": "crm" })).await;
    assert_eq!(other.header("idempotency-replayed"), "", "keys are each principal's own");
    let keys = api.get(OURS, "/v1/keys").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "the first of all, and one");
}

#[tokio::test]
async fn a_secret_is_not_told_again() {
    let api = api().await;
    let (ours, platform) = (bearer(OURS), bearer(PLATFORM));
    let hook = json!({ "url": "https://example.com/" });
    let made = api.body(Method::POST, "/v1/webhooks", &[("authorization", &ours)], &hook).await.json();
    let rotate = format!("/v1/webhooks/{}/rotate-secret", made["id"].as_str().unwrap());
    let cases = [
        (&ours, "/v1/webhooks", hook, "secret"),
        (&ours, &*rotate, Value::Null, "secret"),
        (&ours, "/v1/keys", json!({ "name": "crm" }), "secret"),
        (&ours, "/v1/invitations", json!({ "email": "new@example.com", "role": "viewer" }), "token"),
        (&platform, "/v1/tenants", json!({ "name": "n" }), "api_key"),
    ];
    for (authorization, path, body, secret) in cases {
        let headers = [("authorization", authorization.as_str()), ("idempotency-key", path)];
        let first = api.body(Method::POST, path, &headers, &body).await.json();
        let again = api.body(Method::POST, path, &headers, &body).await;
        assert!(first[secret].as_str().is_some_and(|secret| secret.len() > 20), "{path}: {first}");
        assert_eq!((again.header("idempotency-replayed"), &again.json()[secret]), ("true", &Value::Null), "{path}");
    }
}

impl Api {
    fn actor(&self, key: u8) -> crate::domain::Actor {
        crate::domain::Actor::ApiKey(ApiKeyId::new(at(0), [key; 10]))
    }
}

#[tokio::test]
async fn lists_of_one_kind_page_with_their_own_cursors_only() {
    let api = api().await;
    for n in 0..3 {
        assert_eq!(api.post(OURS, "/v1/keys", json!({ "name": format!("key {n}") })).await.status, StatusCode::CREATED);
    }
    let first = api.get(OURS, "/v1/keys?limit=2").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = api.get(OURS, &format!("/v1/keys?limit=3&cursor={cursor}")).await.json();
    assert_eq!((second["keys"].as_array().unwrap().len(), &second["next_cursor"]), (2, &Value::Null));
    let full = api.get(OURS, "/v1/keys?limit=4").await.json();
    assert_eq!((full["keys"].as_array().unwrap().len(), &full["next_cursor"]), (4, &Value::Null), "there is no more");
    let log = api.get(OURS, "/v1/audit?limit=3").await.json();
    assert_eq!((log["entries"].as_array().unwrap().len(), &log["next_cursor"]), (3, &Value::Null));
    assert!(api.get(OURS, "/v1/audit?limit=2").await.json()["next_cursor"].is_string());
    for list in ["/v1/calls", "/v1/users", "/v1/audit"] {
        let refused = api.get(OURS, &format!("{list}?cursor={cursor}")).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["field"]),
            (StatusCode::BAD_REQUEST, &json!("cursor")),
            "{list}"
        );
    }
}
