//! The worker with a real database and stand-ins at the other end.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use jiff::Timestamp;
use tower::ServiceExt as _;

use super::http::{Http, exchange};
use super::sms::providers::{ProviderKind, ProviderSettings};
use super::stand_in::{Answer, Seen, StandIn};
use super::webhook::endpoints::{EndpointError, Endpoints};
use super::webhook::guard::UrlRefused;
use super::webhook::sender::WebhookSender;
use super::webhook::signature::SigningSecret;
use super::worker::{SmsWay, Ways, Worker};
use super::*;
use crate::domain::billing::{LineKind, Prices};
use crate::domain::{
    Attempt, By, CallOutcome, EventKind, Message, MessageFilter, MessageState, NoticeSettings, OwnerNotice, Secret,
    SmsSender, SmsTemplate, SmsValue, Webhook, WebhookChange,
};
use crate::store::tests::{Fixture, close, number, record, sqlite};
use crate::store::{CloseCall, Store};

const LONGEST: Duration = Duration::from_secs(30);

fn template(text: &str, values: &[SmsValue]) -> SmsTemplate {
    SmsTemplate {
        id: "1107160000000000001".parse().unwrap(),
        text: text.to_owned(),
        values: values.to_vec(),
        category: Default::default(),
        provider_id: None,
    }
}

fn way(url: &str, template: SmsTemplate) -> SmsWay {
    let settings = ProviderSettings {
        kind: ProviderKind::Http,
        url: Some(url.to_owned()),
        account: None,
        key: None,
        token: None,
        receipts: None,
    };
    SmsWay {
        provider: settings.provider(&Http::new(true).unwrap()).unwrap(),
        sender: SmsSender { entity_id: "1101160000000000001".parse().unwrap(), header: "VCASMS".parse().unwrap() },
        template,
        dashboard: Some("https://vca.in".to_owned()),
        prices: Prices { sms_per_segment: "18.5".parse().unwrap(), ..Prices::default() },
    }
}

fn start(store: &Store, sms: SmsWay, allow_private: bool) -> Worker {
    let webhooks = WebhookSender { http: Http::new(allow_private).unwrap(), allow_private };
    Worker::start(store.clone(), Ways { sms, webhooks })
}

fn plain(url: &str) -> SmsWay {
    way(url, template("{#var#}{#var#} See {#url#}", &[SmsValue::Summary, SmsValue::Summary, SmsValue::Link]))
}

async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = found().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONGEST, waiting).await.unwrap_or_else(|_| panic!("{what} does not come"))
}

async fn endpoint(f: &Fixture, url: &str, events: &[EventKind]) -> (Webhook, SigningSecret) {
    let endpoints = Endpoints { store: f.store.clone(), allow_private: true };
    let (webhook, secret) = endpoints.create(f.ours, url, events, None, &By::system(Timestamp::now())).await.unwrap();
    (webhook, SigningSecret::parse(secret.reveal()).unwrap())
}

async fn missed_call(f: &Fixture) {
    let now = Timestamp::now();
    let call = crate::domain::CallRecord { answered_at: now, ..record(f.ours, 0) };
    f.store.open_call(f.ours, &call).await.unwrap();
    let ended_at = now.checked_add(jiff::SignedDuration::from_secs(14)).unwrap();
    let close = CloseCall { ended_at: now, outcome: CallOutcome::Nothing, slots: Default::default(), ..close(0) };
    f.store.close_call(f.ours, call.id, &CloseCall { ended_at, ..close }).await.unwrap();
}

/// The tenant's one message, once it is in this state.
async fn reached(f: &Fixture, state: MessageState) -> (Message, Vec<Attempt>) {
    until("the state of the message", async || {
        let page = f.store.messages(f.ours, &MessageFilter::default(), None, 10).await.unwrap();
        let message = page.items.into_iter().find(|message| message.state == state)?;
        f.store.message(f.ours, message.id).await.unwrap()
    })
    .await
}

fn verified(seen: &Seen, secret: &SigningSecret) -> bool {
    let [id, timestamp, signature] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| seen.header(name));
    secret.verify(id, timestamp, signature, seen.body.as_bytes(), Timestamp::now()).is_ok()
}

async fn owner(f: &Fixture) {
    let owner = OwnerNotice { mobiles: vec![number("+919845012345")], ..OwnerNotice::default() };
    f.store.put_notice_settings(f.ours, &NoticeSettings { owner, caller: None }).await.unwrap();
}

#[tokio::test]
async fn an_event_is_signed_and_sent_again_under_its_identifier() {
    let (f, stand_in) = (sqlite().await, StandIn::start().await);
    let (_, secret) = endpoint(&f, &format!("{}/hook", stand_in.url), &[EventKind::CallEnded]).await;
    stand_in.answer(503, "");
    let worker = start(&f.store, plain("http://127.0.0.1:1"), true);
    missed_call(&f).await;
    let (pending, _) = until("the first try", async || {
        let page = f.store.messages(f.ours, &MessageFilter::default(), None, 10).await.unwrap();
        let message = page.items.into_iter().find(|message| message.attempts == 1)?;
        f.store.message(f.ours, message.id).await.unwrap()
    })
    .await;
    assert_eq!((pending.state, pending.last_error.as_deref()), (MessageState::Pending, Some("it answered 503")));
    f.store.resend_message(f.ours, pending.id, &By::system(Timestamp::now())).await.unwrap();
    let (_, attempts) = reached(&f, MessageState::Sent).await;
    assert_eq!(attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [Some(503), Some(200)]);
    let seen = stand_in.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| verified(seen, &secret) && seen.header("webhook-id") == pending.id.to_string()));
    assert_eq!((seen[0].path.as_str(), seen[0].header("content-type")), ("/hook", "application/json"));
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!((&seen[0].json()["type"], &seen[0].json()["data"]["duration_s"]), (&"call.ended".into(), &14.into()));
    worker.stop().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_an_endpoint_that_is_gone_is_turned_off() {
    let (f, stand_in, inside) = (sqlite().await, StandIn::start().await, StandIn::start().await);
    let (webhook, _) = endpoint(&f, &stand_in.url, &[EventKind::CallEnded]).await;
    let headers = vec![("location", format!("{}/secret", inside.url))];
    stand_in.answer_with(Answer { status: 307, headers, body: String::new() });
    stand_in.answer(410, "");
    let worker = start(&f.store, plain("http://127.0.0.1:1"), true);
    missed_call(&f).await;
    let id = until("the redirect", async || {
        let page = f.store.messages(f.ours, &MessageFilter::default(), None, 10).await.unwrap();
        page.items.iter().find(|m| m.last_error.as_deref() == Some("it answered 307")).map(|m| m.id)
    })
    .await;
    f.store.resend_message(f.ours, id, &By::system(Timestamp::now())).await.unwrap();
    let (dead, _) = reached(&f, MessageState::Dead).await;
    assert_eq!(dead.last_error.as_deref(), Some("the endpoint says that it is gone"));
    let off = until("the endpoint", async || {
        f.store.webhook(f.ours, webhook.id).await.unwrap().filter(|webhook| !webhook.enabled)
    })
    .await;
    assert!(off.disabled_reason.is_some_and(|why| why.contains("410")));
    assert!(inside.seen().is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn the_inside_is_refused_at_registration_at_change_and_at_connecting() {
    let (f, stand_in) = (sqlite().await, StandIn::start().await);
    let endpoints = Endpoints { store: f.store.clone(), allow_private: false };
    let create = endpoints.create(f.ours, "https://10.0.0.1/", &[], None, &By::system(Timestamp::now())).await;
    assert!(matches!(create, Err(EndpointError::Url(UrlRefused::Private))));
    let (fine, _) =
        endpoints.create(f.ours, "https://example.com/", &[], None, &By::system(Timestamp::now())).await.unwrap();
    let inside = WebhookChange { url: Some("https://[::1]/".to_owned()), ..WebhookChange::default() };
    assert!(matches!(
        endpoints.change(f.ours, fine.id, inside, &By::system(Timestamp::now())).await,
        Err(EndpointError::Url(UrlRefused::Private))
    ));
    let short = endpoints
        .create(f.ours, "https://example.com/", &[], Some(&Secret::new("whsec_AAAA")), &By::system(Timestamp::now()))
        .await;
    assert!(matches!(short, Err(EndpointError::Secret(_))));
    assert_eq!(f.store.webhooks(f.ours).await.unwrap().len(), 1);
    // A name that leads inside, past the check of the text.
    let url = stand_in.url.replace("127.0.0.1", "localhost").parse().unwrap();
    let refused = exchange(Http::new(false).unwrap().post(url)).await.unwrap_err();
    assert!(refused.to_string().contains("private network"), "{refused}");
    // Registered while it was allowed, and called when it is not any more.
    endpoint(&f, &stand_in.url, &[EventKind::CallEnded]).await;
    let worker = start(&f.store, plain("http://127.0.0.1:1"), false);
    missed_call(&f).await;
    until("the refusal", async || {
        let filter = MessageFilter { state: Some(MessageState::Dead), ..MessageFilter::default() };
        let page = f.store.messages(f.ours, &filter, None, 10).await.unwrap();
        page.items.into_iter().find(|message| message.webhook != Some(fine.id))
    })
    .await;
    assert!(stand_in.seen().is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn the_owner_is_told_of_a_missed_call_and_the_report_is_passed_on() {
    let (f, gateway, stand_in) = (sqlite().await, StandIn::start().await, StandIn::start().await);
    owner(&f).await;
    endpoint(&f, &stand_in.url, &[EventKind::MessageDelivered]).await;
    gateway.answer(200, r#"{"id":"g-1"}"#);
    let sms = plain(&gateway.url);
    let receipts = receipts::router(f.store.clone(), sms.provider.clone(), &Secret::new("r1"));
    let worker = start(&f.store, sms, true);
    missed_call(&f).await;
    let (sent, _) = reached(&f, MessageState::Sent).await;
    let body = gateway.seen()[0].json();
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("Missed call from 98765 43210, 14 s- See https://vca.in/c/"), "{text}");
    assert_eq!((sent.text.as_deref(), sent.segments, sent.provider_id.as_deref()), (Some(text), Some(1), Some("g-1")));
    assert_eq!(body["id"], sent.id.to_string());
    let charged = f.store.ledger(f.ours, sent.call.unwrap()).await.unwrap().unwrap();
    let costs: Vec<_> = charged.lines.iter().map(|line| (line.kind, line.quantity, line.paise.0)).collect();
    assert_eq!(costs, [(LineKind::Sms, 1, 19)], "its call is charged for it, once");
    let report = async |token: &str, body: &'static str| {
        let request = Request::post(format!("/receipts/{token}")).body(Body::from(body)).unwrap();
        receipts.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let delivered = r#"{"id":"g-1","state":"delivered"}"#;
    assert_eq!(report("r2", delivered).await, 404);
    assert_eq!(report("r1", "nonsense").await, 400);
    assert_eq!(report("r1", r#"{"id":"other","state":"delivered"}"#).await, 204);
    assert_eq!(report("r1", delivered).await, 204);
    reached(&f, MessageState::Delivered).await;
    let told = until("the event", async || stand_in.seen().first().cloned()).await.json();
    assert_eq!(
        (&told["type"], &told["data"]["message_id"]),
        (&"message.delivered".into(), &sent.id.to_string().into())
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_template_that_the_operator_would_refuse_is_not_sent() {
    let (f, gateway) = (sqlite().await, StandIn::start().await);
    owner(&f).await;
    let worker = start(&f.store, way(&gateway.url, template("{#numeric#}", &[SmsValue::Kind])), true);
    missed_call(&f).await;
    let (dead, _) = reached(&f, MessageState::Dead).await;
    assert!(dead.last_error.as_deref().is_some_and(|why| why.contains("placeholder 1")), "{dead:?}");
    worker.stop().await;
    // Mended, it is sent under the same identifier.
    let worker = start(&f.store, plain(&gateway.url), true);
    f.store.resend_message(f.ours, dead.id, &By::system(Timestamp::now())).await.unwrap();
    assert_eq!(reached(&f, MessageState::Sent).await.0.id, dead.id);
    assert_eq!(gateway.seen().len(), 1);
    worker.stop().await;
}
