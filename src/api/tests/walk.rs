//! The route walk: every operation of the document as everybody who may not call it.
//!
//! A new route has its place in the document by itself. Where its path has parameters, or it takes a body, the two tables
//! below say what to put there; without that this test fails and names the route.

use std::collections::BTreeSet;

use axum::body::Body;

use super::*;
use crate::api::tests::document::{json as document, operations};
use crate::domain::{EmailAddress, Invitation, InvitationId, Role, Secret, SessionId, User, UserId};
use crate::store::Token;

/// Operations that whoever is authenticated may call, for matters of his own.
const FOR_ANYONE: &[&str] =
    &["changePassword", "endSession", "getMe", "listSessions", "rotateSession", "signOut", "signOutEverywhere"];

/// Operations that need no credential.
const OPEN: &[&str] = &["acceptInvitation", "live", "ready", "setUp", "signIn"];

/// Things of ours, to be named in paths.
struct Ours {
    /// It goes on.
    call: String,
    /// It is over.
    charged: String,
    key: String,
    user: String,
    session: String,
    invitation: String,
    profile: String,
    tenant: String,
    message: String,
    webhook: String,
}

impl Ours {
    /// The path with our things in it.
    fn fill(&self, path: &str) -> String {
        let id = if path == "/v1/calls/{id}/charge" {
            &self.charged
        } else if path.starts_with("/v1/calls/") || path.starts_with("/v1/live/calls/") {
            &self.call
        } else if path.starts_with("/v1/keys/") {
            &self.key
        } else if path.starts_with("/v1/users/") {
            &self.user
        } else if path.starts_with("/v1/sessions/") {
            &self.session
        } else if path.starts_with("/v1/invitations/") {
            &self.invitation
        } else if path.starts_with("/v1/messages/") {
            &self.message
        } else if path.starts_with("/v1/webhooks/") {
            &self.webhook
        } else if path.starts_with("/v1/profiles/") {
            &self.profile
        } else {
            ""
        };
        let filled = path.replace("{name}", "ours").replace("{id}", id).replace("{tenant}", &self.tenant);
        let filled =
            filled.replace("{number}", "+918047180001").replace("{version}", "1").replace("{date}", "2026-11-08");
        let filled = filled.replace("{month}", "2025-10");
        assert!(!filled.contains('{') && !filled.ends_with('/'), "say in Ours::fill what stands in {path}");
        filled
    }

    /// What tells one of our things in a list.
    fn things(&self) -> [(&'static str, &str); 9] {
        [
            ("listCalls", &self.call),
            ("listKeys", &self.key),
            ("listUsers", &self.user),
            ("listInvitations", &self.invitation),
            ("listProfiles", &self.profile),
            ("listMessages", &self.message),
            ("listWebhooks", &self.webhook),
            ("listDids", "+918047180001"),
            ("exportUsage", &self.charged),
        ]
    }
}

/// A body that the operation would take.
fn body(name: &str, operation: &Value) -> Value {
    match name {
        "createUser" => {
            json!({ "email": "new@example.com", "name": "N", "role": "viewer", "password": "correct horse battery" })
        }
        "createWebhook" => json!({ "url": "https://example.com/" }),
        "updateWebhook" => json!({}),
        "createTenant" => json!({ "name": "n" }),
        "createDid" => json!({ "number": "+918047180002", "profile_id": "prof_0000000000000000000000000000000a" }),
        "createProfile" => json!({ "business_name": "n" }),
        "createTrunk" => json!({ "name": "n" }),
        "rollBackProfile" => json!({ "version": 1 }),
        "addHoliday" => json!({ "date": "2026-11-08" }),
        "updateTenant" | "updateDid" | "updateProfile" | "updateTrunk" => json!({}),
        "setHours" | "setKnowledge" | "setTransferTargets" => json!({}),
        "createErasure" | "createExport" => json!({ "number": "+919876543299" }),
        "updateRetention" => json!({}),
        "putPlan" | "putNotifications" => json!({}),
        "createKey" => json!({ "name": "n" }),
        "createInvitation" => json!({ "email": "new@example.com", "role": "viewer" }),
        "updateUser" | "updateKey" => json!({ "name": "n" }),
        "changePassword" => json!({ "current": "x", "new": "correct horse battery" }),
        _ => {
            assert!(operation["requestBody"].is_null(), "say in `body` what {name} takes");
            Value::Null
        }
    }
}

/// One operation, ready to be sent.
struct Step {
    name: String,
    method: Method,
    path: String,
    body: Value,
    /// Whose data it reaches, and the permission that it needs; `None` for anyone's own matters.
    access: Option<(String, Permission)>,
    roles: Vec<Role>,
    has_parameters: bool,
}

struct Walk {
    /// Keeps our call on the phone.
    _entry: crate::live::Entry,
    api: Api,
    ours: Ours,
    steps: Vec<Step>,
}

async fn walk() -> Walk {
    let api = api().await;
    let much = 1_000_000.try_into().unwrap();
    let api = api.with_gate(&GateConfig {
        requests_per_minute: much,
        burst: much,
        failures_per_minute: much,
        ..GateConfig::default()
    });
    let f = &api.f;
    let trunk = super::trunks::trunk("ours", &["+918047180001"]);
    *api.trunks.lock().unwrap_or_else(PoisonError::into_inner) = Some(vec![trunk]);
    let profile = f.store.profiles(f.ours).await.unwrap()[0].id;
    let did = crate::domain::Did { number: number("+918047180001"), tenant: f.ours.tenant(), profile };
    f.store.put_did(f.ours, &did).await.unwrap();
    let call = api.call(f.ours, 0, Some(b"RIFF")).await;
    let entry = api.state.live.enter(f.ours, call.id, 3).await.unwrap();
    entry.answered(&call, None);
    let webhook = crate::domain::WebhookId::new(at(0), [OURS; 10]);
    f.store
        .create_webhook(f.ours, webhook, "https://example.com/", &[], &Secret::new("whsec_x"), &By::system(at(0)))
        .await
        .unwrap();
    let told = api.call(f.ours, 50, None).await;
    f.store.close_call(f.ours, told.id, &close(60)).await.unwrap();
    let messages = f.store.messages(f.ours, &crate::domain::MessageFilter::default(), None, 1).await.unwrap();
    // Of an identifier that the other tenant has not got.
    let mut profile = f.store.profiles(f.ours).await.unwrap().remove(0);
    profile.id = crate::domain::ProfileId::new(at(0), [OURS; 10]);
    f.store.put_profile(f.ours, &profile).await.unwrap();
    let user = api.user(Role::TenantAdmin).await;
    let (session, _) = api.session(&user, jiff::Timestamp::now()).await;
    let invitation = Invitation {
        id: InvitationId::new(at(0), [1; 10]),
        tenant: Some(f.ours.tenant()),
        email: EmailAddress::parse("invited@example.com").unwrap(),
        role: Role::Viewer,
        created_at: at(0),
        expires_at: jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24),
    };
    f.store.invite(&invitation, &Token::generate([77; 32]), &By::system(at(0))).await.unwrap();
    let ours = Ours {
        call: call.id.to_string(),
        charged: told.id.to_string(),
        key: ApiKeyId::new(at(0), [OURS; 10]).to_string(),
        user: user.id.to_string(),
        session: session.to_string(),
        invitation: invitation.id.to_string(),
        profile: profile.id.to_string(),
        tenant: f.ours.tenant().to_string(),
        message: messages.items[0].id.to_string(),
        webhook: webhook.to_string(),
    };
    let steps = operations(&document())
        .into_iter()
        .filter(|(_, _, operation)| operation["security"] != json!([{}]))
        .map(|(path, method, operation)| {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let access = operation.get("x-vca-access");
            Step {
                body: body(&name, &operation),
                path: ours.fill(&path),
                // A month is everybody's; what is in it is not.
                has_parameters: path.replace("{month}", "").contains('{'),
                access: access.map(|access| {
                    let reach = access["reach"].as_str().unwrap().to_owned();
                    (reach, access["permission"].as_str().unwrap().parse().unwrap())
                }),
                roles: access
                    .map(|access| serde_json::from_value(access["roles"].clone()).unwrap())
                    .unwrap_or_default(),
                name,
                method,
            }
        })
        .collect();
    Walk { _entry: entry, api, ours, steps }
}

impl Api {
    async fn user(&self, role: Role) -> User {
        let n = self.f.store.users(KeyOwner::Tenant(self.f.ours), None, 200).await.unwrap().len();
        let user = User {
            id: UserId::new(at(0), [u8::try_from(n).unwrap(); 10]),
            tenant: Some(self.f.ours.tenant()),
            email: EmailAddress::parse(&format!("user{n}@example.com")).unwrap(),
            name: "U".to_owned(),
            role,
            disabled: false,
            created_at: at(0),
        };
        self.f.store.create_user(&user, &Secret::new("$argon2id$none"), &By::system(at(0))).await.unwrap();
        user
    }

    /// Begins a session and gives the cookie of it.
    async fn session(&self, user: &User, now: jiff::Timestamp) -> (SessionId, String) {
        let token = Token::generate(rand::random());
        let id = SessionId::new(now, rand::random());
        self.f.store.open_session(user, id, &token, &By::system(now)).await.unwrap();
        (id, token.reveal().to_owned())
    }

    async fn step(&self, step: &Step, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(&step.method).uri(&step.path).header("if-match", "*");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if step.body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(step.body.to_string())
        };
        let (parts, body) = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap().into_parts();
        // A stream of events has no end.
        let streams = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if streams { Vec::new() } else { to_bytes(body, usize::MAX).await.unwrap().to_vec() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The headers of a browser with this session.
    fn cookies(token: &str) -> [(&'static str, String); 2] {
        [("cookie", format!("vca_session={token}")), ("x-csrf-token", crate::api::sessions::csrf(token))]
    }
}

#[tokio::test]
async fn every_route_has_a_rule() {
    let mut open = BTreeSet::new();
    let mut anyone = BTreeSet::new();
    for (path, method, operation) in operations(&document()) {
        let name = operation["operationId"].as_str().unwrap().to_owned();
        if operation["security"] == json!([{}]) {
            open.insert(name);
        } else if operation["x-vca-access"].is_null() {
            anyone.insert(name);
        } else {
            let access = &operation["x-vca-access"];
            let permission: Permission = access["permission"].as_str().unwrap().parse().unwrap();
            let reads = permission.is_read();
            assert_eq!(
                reads,
                method == Method::GET,
                "{method} {path} changes something with {permission}, or reads without"
            );
        }
    }
    assert_eq!(open.iter().map(String::as_str).collect::<Vec<_>>(), OPEN, "what is open is named here");
    assert_eq!(anyone.iter().map(String::as_str).collect::<Vec<_>>(), FOR_ANYONE, "and what is for anyone");
}

#[tokio::test]
async fn no_route_without_a_credential_or_with_one_that_is_over() {
    let Walk { api, steps, _entry, .. } = walk().await;
    let over = api.key(21, KeyOwner::Tenant(api.f.ours), None, Some(at(60))).await;
    let user = api.user(Role::TenantAdmin).await;
    let (_, session) = api.session(&user, at(0)).await;
    let session = Api::cookies(&session);
    let session = session.each_ref().map(|(name, value)| (*name, value.as_str()));
    for step in &steps {
        for headers in [
            vec![],
            vec![("authorization", over.as_str())],
            vec![("authorization", "Bearer vca_none")],
            session.to_vec(),
        ] {
            let answer = api.step(step, &headers).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}: {headers:?}", step.name);
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
}

#[tokio::test]
async fn no_route_shows_another_tenants_things() {
    let Walk { api, ours: things, steps, _entry } = walk().await;
    let ours = api.f.ours.tenant().to_string();
    let theirs = bearer(THEIRS);
    for step in steps.iter().filter(|step| step.access.is_some()) {
        let named = api.step(step, &[("authorization", &theirs), (TENANT_HEADER, &ours)]).await;
        assert_eq!(named.status, StatusCode::NOT_FOUND, "{}: naming our tenant", step.name);
        if step.has_parameters {
            let answer = api.step(step, &[("authorization", &theirs)]).await;
            assert_eq!(
                answer.status,
                StatusCode::NOT_FOUND,
                "{}: {}",
                step.name,
                String::from_utf8_lossy(&answer.body)
            );
        } else if step.method == Method::GET {
            let answer = api.step(step, &[("authorization", &theirs)]).await;
            let of_platform = step.access.as_ref().is_some_and(|(reach, _)| reach == "platform");
            let expected = if of_platform { StatusCode::NOT_FOUND } else { StatusCode::OK };
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, expected, "{}: {text}", step.name);
            for (_, thing) in things.things() {
                assert!(!text.contains(thing), "{}: {thing} in {text}", step.name);
            }
            assert!(!text.contains(&ours), "{}: {text}", step.name);
        }
    }
    // They are there to be seen.
    for (name, thing) in things.things() {
        let step = steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("{name} is a route"));
        let answer = api.step(step, &[("authorization", &bearer(OURS))]).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == StatusCode::OK && text.contains(thing), "{name}: no {thing} in {text}");
    }
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let Walk { api, steps, _entry, .. } = walk().await;
    let viewer = api.user(Role::Viewer).await;
    for step in &steps {
        let (_, session) = api.session(&viewer, jiff::Timestamp::now()).await;
        let headers = Api::cookies(&session);
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = api.step(step, &headers).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match &step.access {
            Some((reach, _)) if reach == "platform" => {
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", step.name)
            }
            Some(_) if step.roles.contains(&Role::Viewer) => {
                assert_eq!(step.method, Method::GET, "{}: a viewer changes nothing", step.name);
                assert_eq!(answer.status, StatusCode::OK, "{}: {text}", step.name);
            }
            Some(_) => assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}: {text}", step.name),
            None => assert_ne!(answer.status, StatusCode::FORBIDDEN, "{}: {text}", step.name),
        }
    }
}

#[tokio::test]
async fn a_key_without_the_permission_is_refused() {
    let Walk { api, steps, _entry, .. } = walk().await;
    let mut made = 30;
    for step in &steps {
        let Some((reach, permission)) = &step.access else { continue };
        let others: Vec<_> = Permission::ALL.iter().copied().filter(|other| other != permission).collect();
        let owner = if reach == "platform" { KeyOwner::Platform } else { KeyOwner::Tenant(api.f.ours) };
        made += 1;
        let key = api.key(made, owner, Some(&others), None).await;
        let answer = api.step(step, &[("authorization", &key)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}: {}", step.name, String::from_utf8_lossy(&answer.body));
    }
}
