//! The outbox: what the end of a call writes, and the way of a message.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;
use crate::domain::{
    CallerNotice, Channel, EventKind, MessageFilter, MessageState, NoticeAbout, NoticeError, NoticeSettings,
    OwnerNotice, ReceiptState, SmsSender, SmsTemplate, SmsValue, Topic, Webhook, WebhookChange, WebhookId,
};

conformance![
    the_end_of_a_call_writes_its_messages_once,
    the_owner_hears_of_what_it_asked_for,
    a_call_cut_off_by_a_crash_is_told_of,
    a_message_is_taken_by_one_node_at_a_time,
    tries_that_fail_are_put_off_and_then_given_up,
    a_holder_whose_lease_ran_out_does_no_harm,
    a_report_counts_once,
    what_was_given_up_can_be_sent_again,
    an_endpoint_is_changed_turned_off_and_removed_with_its_messages,
    settings_that_cannot_be_followed_are_refused,
    a_foreign_tenant_sees_no_message_and_no_endpoint,
    pages_of_messages_cover_each_once,
    an_erased_call_leaves_no_message,
];

fn by(second: i64) -> crate::domain::By {
    crate::domain::By::system(at(second))
}

const LEASE: SignedDuration = SignedDuration::from_secs(30);

fn secret(letter: &str) -> Secret {
    Secret::new(format!("whsec_{}", letter.repeat(32)))
}

async fn hook(f: &Fixture, scope: TenantScope, n: u8, events: &[EventKind]) -> Webhook {
    let id = WebhookId::new(at(i64::from(n)), [n; 10]);
    let url = format!("https://example.com/{n}");
    f.store.create_webhook(scope, id, &url, events, &secret("a"), &by(i64::from(n))).await.unwrap()
}

fn settings() -> NoticeSettings {
    let template = SmsTemplate {
        id: "1107160000000000001".parse().unwrap(),
        text: "Thank you for calling {#var#}.".to_owned(),
        values: vec![SmsValue::Business],
        category: Default::default(),
        provider_id: None,
    };
    let sender = SmsSender { entity_id: "1101160000000000001".parse().unwrap(), header: "SHARMA".parse().unwrap() };
    NoticeSettings {
        owner: OwnerNotice { mobiles: vec![number("+919845012345")], about: NoticeAbout::Wanted },
        caller: Some(CallerNotice { sender, template }),
    }
}

async fn topics(f: &Fixture, scope: TenantScope) -> Vec<Topic> {
    let page = f.store.messages(scope, &MessageFilter::default(), None, 100).await.unwrap();
    let mut topics: Vec<Topic> = page.items.iter().map(|message| message.topic).collect();
    topics.sort_by_key(|topic| topic.name());
    topics
}

async fn call_at(f: &Fixture, second: i64) -> CallRecord {
    let call = record(f.ours, second);
    f.store.open_call(f.ours, &call).await.unwrap();
    f.store.close_call(f.ours, call.id, &close(second + 60)).await.unwrap();
    call
}

async fn the_end_of_a_call_writes_its_messages_once(f: Fixture) {
    f.store.put_notice_settings(f.ours, &settings()).await.unwrap();
    let all = hook(&f, f.ours, 1, &[]).await;
    let some = hook(&f, f.ours, 2, &[EventKind::CallEnded]).await;
    hook(&f, f.theirs, 3, &[]).await;
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    assert_eq!(topics(&f, f.ours).await, [Topic::CallStarted]);
    for _ in 0..2 {
        f.store.close_call(f.ours, call.id, &close(60)).await.unwrap();
    }
    let expected =
        [Topic::CallEnded, Topic::CallEnded, Topic::CallStarted, Topic::CallSummary, Topic::SmsCaller, Topic::SmsOwner];
    assert_eq!(topics(&f, f.ours).await, expected);
    assert_eq!(topics(&f, f.theirs).await, []);
    let claimed = f.store.claim_messages(Channel::Webhook, at(60), LEASE, 100).await.unwrap();
    let of_some: Vec<_> = claimed.iter().filter(|claimed| claimed.message.webhook == Some(some.id)).collect();
    assert_eq!(of_some.len(), 1);
    let payload = &of_some[0].payload;
    assert_eq!(payload["type"], "call.ended");
    assert_eq!(payload["timestamp"], at(60).to_string());
    assert_eq!((&payload["data"]["duration_s"], &payload["data"]["outcome"]), (&60.into(), &"message".into()));
    assert_eq!(payload["data"]["caller"], "+919876543210");
    assert_eq!(claimed.iter().filter(|claimed| claimed.message.webhook == Some(all.id)).count(), 3);
    let sms = f.store.claim_messages(Channel::Sms, at(60), LEASE, 100).await.unwrap();
    let numbers: Vec<_> = sms.iter().map(|sms| sms.message.to.clone().unwrap().to_string()).collect();
    assert!(numbers.contains(&"+919845012345".to_owned()) && numbers.contains(&"+919876543210".to_owned()));
}

async fn the_owner_hears_of_what_it_asked_for(f: Fixture) {
    let mut wishes = settings();
    wishes.caller = None;
    for (n, outcome, about, expected) in [
        (0, CallOutcome::Nothing, NoticeAbout::Wanted, 1),
        (1, CallOutcome::Answered, NoticeAbout::Wanted, 0),
        (2, CallOutcome::WrongNumber, NoticeAbout::Wanted, 0),
        (3, CallOutcome::Transferred, NoticeAbout::Wanted, 0),
        (4, CallOutcome::Urgent, NoticeAbout::Wanted, 1),
        (5, CallOutcome::Answered, NoticeAbout::All, 1),
    ] {
        wishes.owner.about = about;
        f.store.put_notice_settings(f.ours, &wishes).await.unwrap();
        let call = record(f.ours, n * 100);
        f.store.open_call(f.ours, &call).await.unwrap();
        f.store.close_call(f.ours, call.id, &CloseCall { outcome, ..close(n * 100 + 14) }).await.unwrap();
        let filter = MessageFilter { call: Some(call.id), ..MessageFilter::default() };
        let found = f.store.messages(f.ours, &filter, None, 10).await.unwrap().items;
        assert_eq!(found.len(), expected, "{outcome:?} {about:?}");
    }
}

async fn a_call_cut_off_by_a_crash_is_told_of(f: Fixture) {
    f.store.put_notice_settings(f.ours, &settings()).await.unwrap();
    hook(&f, f.ours, 1, &[EventKind::CallEnded]).await;
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    assert_eq!(f.store.repair_abandoned(at(500), &Prices::default()).await.unwrap().len(), 1);
    assert_eq!(topics(&f, f.ours).await, [Topic::CallEnded, Topic::SmsOwner]);
    let told = f.store.claim_messages(Channel::Webhook, at(500), LEASE, 10).await.unwrap();
    assert_eq!(told[0].payload["data"]["status"], "abandoned");
    assert!(f.store.repair_abandoned(at(600), &Prices::default()).await.unwrap().is_empty());
    assert_eq!(topics(&f, f.ours).await.len(), 2);
}

async fn a_message_is_taken_by_one_node_at_a_time(f: Fixture) {
    hook(&f, f.ours, 1, &[EventKind::CallEnded]).await;
    for n in 0..20 {
        call_at(&f, n).await;
    }
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store = f.store.clone();
        nodes.spawn(async move { store.claim_messages(Channel::Webhook, at(1_000), LEASE, 5).await.unwrap() });
    }
    let taken: Vec<_> = nodes.join_all().await.into_iter().flatten().map(|claimed| claimed.message.id).collect();
    assert_eq!((taken.len(), taken.iter().collect::<BTreeSet<_>>().len()), (20, 20), "each once");
    assert_eq!(f.store.next_message_due(Channel::Webhook).await.unwrap(), Some(at(1_030)));
    assert_eq!(f.store.next_message_due(Channel::Sms).await.unwrap(), None);
    // Nobody finishes them: they are free again when the lease has passed.
    assert!(f.store.claim_messages(Channel::Webhook, at(1_029), LEASE, 5).await.unwrap().is_empty());
    assert_eq!(f.store.claim_messages(Channel::Webhook, at(1_030), LEASE, 50).await.unwrap().len(), 20);
    assert!(f.store.claim_messages(Channel::Sms, at(1_030), LEASE, 50).await.unwrap().is_empty());
}

async fn tries_that_fail_are_put_off_and_then_given_up(f: Fixture) {
    hook(&f, f.ours, 1, &[EventKind::CallEnded]).await;
    call_at(&f, 0).await;
    let claimed = f.store.claim_messages(Channel::Webhook, at(60), LEASE, 1).await.unwrap().remove(0);
    assert_eq!(claimed.failures, 0);
    let tried = Tried { took_ms: 12, status: Some(503), ..Tried::default() };
    f.store.message_failed(&claimed, &tried, "it answered 503", Some(at(70)), at(61)).await.unwrap();
    assert!(f.store.claim_messages(Channel::Webhook, at(69), LEASE, 1).await.unwrap().is_empty());
    let claimed = f.store.claim_messages(Channel::Webhook, at(70), LEASE, 1).await.unwrap().remove(0);
    assert_eq!(claimed.failures, 1);
    f.store.message_postponed(&claimed, at(75)).await.unwrap();
    let claimed = f.store.claim_messages(Channel::Webhook, at(75), LEASE, 1).await.unwrap().remove(0);
    assert_eq!(claimed.failures, 1, "being put off is no failure");
    f.store.message_failed(&claimed, &Tried::default(), "no answer", None, at(76)).await.unwrap();
    let (message, attempts) = f.store.message(f.ours, claimed.message.id).await.unwrap().unwrap();
    assert_eq!((message.state, message.attempts, message.finished_at), (MessageState::Dead, 2, Some(at(76))));
    assert_eq!(message.last_error.as_deref(), Some("no answer"));
    let told: Vec<_> = attempts.iter().map(|a| (a.number, a.at, a.status, a.error.as_deref())).collect();
    assert_eq!(told, [(1, at(61), Some(503), Some("it answered 503")), (2, at(76), None, Some("no answer"))]);
    assert_eq!(f.store.next_message_due(Channel::Webhook).await.unwrap(), None);
}

async fn a_holder_whose_lease_ran_out_does_no_harm(f: Fixture) {
    hook(&f, f.ours, 1, &[EventKind::CallEnded]).await;
    call_at(&f, 0).await;
    let slow = f.store.claim_messages(Channel::Webhook, at(60), LEASE, 1).await.unwrap().remove(0);
    let next = f.store.claim_messages(Channel::Webhook, at(90), LEASE, 1).await.unwrap().remove(0);
    assert_eq!(slow.message.id, next.message.id);
    f.store.message_failed(&slow, &Tried::default(), "late", None, at(91)).await.unwrap();
    f.store.message_postponed(&slow, at(900)).await.unwrap();
    let (message, attempts) = f.store.message(f.ours, slow.message.id).await.unwrap().unwrap();
    assert_eq!((message.state, attempts.len()), (MessageState::Pending, 0), "the holder decides");
    // What is sent is sent, whoever says so, and is said once.
    f.store.message_sent(&slow, &Tried::default(), at(92)).await.unwrap();
    f.store.message_sent(&next, &Tried::default(), at(93)).await.unwrap();
    f.store.message_failed(&next, &Tried::default(), "late", None, at(94)).await.unwrap();
    let (message, attempts) = f.store.message(f.ours, slow.message.id).await.unwrap().unwrap();
    assert_eq!((message.state, message.finished_at, attempts.len()), (MessageState::Sent, Some(at(92)), 1));
}

async fn sent_sms(f: &Fixture, second: i64, provider_id: &str) -> crate::domain::MessageId {
    call_at(f, second).await;
    let claimed = f.store.claim_messages(Channel::Sms, at(second + 60), LEASE, 1).await.unwrap().remove(0);
    let tried = Tried {
        text: Some("Message: Ravi".to_owned()),
        segments: Some(1),
        provider: Some("msg91".to_owned()),
        provider_id: Some(provider_id.to_owned()),
        ..Tried::default()
    };
    f.store.message_sent(&claimed, &tried, at(second + 61)).await.unwrap();
    claimed.message.id
}

async fn a_report_counts_once(f: Fixture) {
    f.store.put_notice_settings(f.ours, &NoticeSettings { caller: None, ..settings() }).await.unwrap();
    hook(&f, f.ours, 1, &[EventKind::MessageDelivered]).await;
    let id = sent_sms(&f, 0, "req-1").await;
    let report = async |provider: &str, id: &str, state| {
        f.store.record_receipt(provider, id, state, Some("ABSENT"), at(100)).await.unwrap()
    };
    let state = async || f.store.message(f.ours, id).await.unwrap().unwrap().0;
    assert!(!report("exotel", "req-1", ReceiptState::Delivered).await, "another provider's");
    assert!(report("msg91", "req-1", ReceiptState::Undelivered).await);
    assert_eq!((state().await.state, state().await.last_error.as_deref()), (MessageState::Undelivered, Some("ABSENT")));
    for report_state in [ReceiptState::Delivered, ReceiptState::Delivered, ReceiptState::Undelivered] {
        assert!(report("msg91", "req-1", report_state).await);
        assert_eq!(state().await.state, MessageState::Delivered);
    }
    assert_eq!((state().await.last_error, state().await.text.as_deref()), (None, Some("Message: Ravi")));
    let told = f.store.claim_messages(Channel::Webhook, at(100), LEASE, 10).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].payload["data"]["message_id"], id.to_string());
}

async fn what_was_given_up_can_be_sent_again(f: Fixture) {
    let endpoint = hook(&f, f.ours, 1, &[EventKind::CallEnded]).await;
    for n in 0..3 {
        call_at(&f, n).await;
    }
    let mut ids = Vec::new();
    for claimed in f.store.claim_messages(Channel::Webhook, at(100), LEASE, 10).await.unwrap() {
        f.store.message_failed(&claimed, &Tried::default(), "gone", None, at(100)).await.unwrap();
        ids.push(claimed.message.id);
    }
    f.store.resend_message(f.ours, ids[0], &by(200)).await.unwrap();
    let again = f.store.claim_messages(Channel::Webhook, at(200), LEASE, 10).await.unwrap();
    assert_eq!((again.len(), again[0].message.id, again[0].failures), (1, ids[0], 0), "the same key, from the start");
    f.store.message_sent(&again[0], &Tried::default(), at(201)).await.unwrap();
    assert!(matches!(f.store.replay_webhook(f.theirs, endpoint.id, &by(300)).await, Err(StoreError::NotFound)));
    assert_eq!(f.store.replay_webhook(f.ours, endpoint.id, &by(300)).await.unwrap(), 2);
    assert_eq!(f.store.claim_messages(Channel::Webhook, at(300), LEASE, 10).await.unwrap().len(), 2);
}

async fn an_endpoint_is_changed_turned_off_and_removed_with_its_messages(f: Fixture) {
    let endpoint = hook(&f, f.ours, 1, &[]).await;
    let read = async || f.store.webhook(f.ours, endpoint.id).await.unwrap();
    assert_eq!(read().await, Some(endpoint.clone()));
    let url = Some("https://example.org/".to_owned());
    let change = WebhookChange { url, events: Some(vec![EventKind::TrunkState]), enabled: None };
    f.store.change_webhook(f.ours, endpoint.id, &change, &by(2)).await.unwrap();
    f.store.disable_webhook(f.ours, endpoint.id, "it answered 410").await.unwrap();
    let off = read().await.unwrap();
    assert_eq!((off.url.as_str(), off.enabled), ("https://example.org/", false));
    assert_eq!((off.events, off.disabled_reason.as_deref()), (vec![EventKind::TrunkState], Some("it answered 410")));
    f.store.emit(f.ours, EventKind::TrunkState, "line.1", &serde_json::json!({}), at(5)).await.unwrap();
    assert!(topics(&f, f.ours).await.is_empty(), "it is off");
    let change = WebhookChange { enabled: Some(true), ..WebhookChange::default() };
    f.store.change_webhook(f.ours, endpoint.id, &change, &by(3)).await.unwrap();
    assert_eq!(read().await.unwrap().disabled_reason, None);
    for _ in 0..2 {
        f.store.emit(f.ours, EventKind::TrunkState, "line.1", &serde_json::json!({"up": false}), at(6)).await.unwrap();
    }
    assert_eq!(topics(&f, f.ours).await, [Topic::TrunkState], "told once");
    f.store.rotate_webhook_secret(f.ours, endpoint.id, &secret("b"), &by(1_000)).await.unwrap();
    let secrets = async |now| {
        let endpoint = f.store.endpoint(f.ours, endpoint.id, now).await.unwrap().unwrap();
        endpoint.secrets.iter().map(|secret| secret.reveal().to_owned()).collect::<Vec<_>>()
    };
    let day = 24 * 3_600;
    assert_eq!(secrets(at(1_000 + day - 1)).await, [secret("b").reveal(), secret("a").reveal()]);
    assert_eq!(secrets(at(1_000 + day)).await, [secret("b").reveal()]);
    f.store.delete_webhook(f.ours, endpoint.id, &by(2_000)).await.unwrap();
    let log = f.store.audit(f.ours, None, 99).await.unwrap();
    let actions: Vec<&str> = log.iter().rev().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["webhook.create", "webhook.update", "webhook.update", "webhook.rotate_secret", "webhook.delete"]
    );
    assert_eq!(log[3].after.as_ref().unwrap()["host"], "example.org");
    assert!(read().await.is_none() && topics(&f, f.ours).await.is_empty());
    for n in 0..20 {
        hook(&f, f.ours, n, &[]).await;
    }
    let id = WebhookId::new(at(99), [99; 10]);
    let more = f.store.create_webhook(f.ours, id, "https://example.com/", &[], &secret("a"), &by(99)).await;
    assert!(matches!(more, Err(StoreError::TooMany { most: 20, .. })));
    assert_eq!(f.store.webhooks(f.ours).await.unwrap().len(), 20);
}

async fn settings_that_cannot_be_followed_are_refused(f: Fixture) {
    assert_eq!(f.store.notice_settings(f.ours).await.unwrap(), NoticeSettings::default());
    f.store.put_notice_settings(f.ours, &settings()).await.unwrap();
    let mut wrong = settings();
    wrong.owner.mobiles = vec![number("+14155550100")];
    let refused = f.store.put_notice_settings(f.ours, &wrong).await;
    assert!(matches!(refused, Err(StoreError::Notice(NoticeError::NotAMobile(1)))));
    assert_eq!(f.store.notice_settings(f.ours).await.unwrap(), settings());
    assert_eq!(f.store.notice_settings(f.theirs).await.unwrap(), NoticeSettings::default());
}

async fn a_foreign_tenant_sees_no_message_and_no_endpoint(f: Fixture) {
    let endpoint = hook(&f, f.ours, 1, &[]).await;
    call_at(&f, 0).await;
    let id = f.store.messages(f.ours, &MessageFilter::default(), None, 1).await.unwrap().items[0].id;
    let missing = |result: Result<()>| assert!(matches!(result, Err(StoreError::NotFound)), "{result:?}");
    assert!(f.store.message(f.theirs, id).await.unwrap().is_none());
    missing(f.store.resend_message(f.theirs, id, &by(0)).await);
    assert!(f.store.webhook(f.theirs, endpoint.id).await.unwrap().is_none());
    let on = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    missing(f.store.change_webhook(f.theirs, endpoint.id, &on, &by(0)).await.map(drop));
    missing(f.store.rotate_webhook_secret(f.theirs, endpoint.id, &secret("x"), &by(0)).await);
    missing(f.store.disable_webhook(f.theirs, endpoint.id, "x").await);
    missing(f.store.delete_webhook(f.theirs, endpoint.id, &by(0)).await);
    f.store.defer_webhook(f.theirs, endpoint.id, at(9_999)).await.unwrap();
    assert!(f.store.webhooks(f.theirs).await.unwrap().is_empty());
    assert_eq!(f.store.claim_messages(Channel::Webhook, at(100), LEASE, 9).await.unwrap().len(), 3);
    f.store.defer_webhook(f.ours, endpoint.id, at(9_999)).await.unwrap();
    assert_eq!(f.store.next_message_due(Channel::Webhook).await.unwrap(), Some(at(9_999)));
}

async fn pages_of_messages_cover_each_once(f: Fixture) {
    hook(&f, f.ours, 1, &[]).await;
    for n in 0..4 {
        call_at(&f, n).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = f.store.messages(f.ours, &MessageFilter::default(), cursor, 5).await.unwrap();
        seen.extend(page.items.iter().map(|message| (message.created_at, message.id)));
        let Some(next) = page.next else { break };
        let text = next.to_string();
        assert_eq!(text.parse(), Ok(next));
        cursor = Some(next);
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (12, 12));
    assert!(seen.is_sorted_by(|a, b| a >= b));
}

async fn an_erased_call_leaves_no_message(f: Fixture) {
    hook(&f, f.ours, 1, &[EventKind::CallEnded]).await;
    let (call, kept) = (call_at(&f, 0).await, call_at(&f, 1).await);
    let claimed = f.store.claim_messages(Channel::Webhook, at(100), LEASE, 1).await.unwrap().remove(0);
    f.store.message_sent(&claimed, &Tried::default(), at(100)).await.unwrap();
    f.store.erase_call(f.ours, call.id, at(200)).await.unwrap();
    let left = f.store.messages(f.ours, &MessageFilter::default(), None, 10).await.unwrap().items;
    assert_eq!(left.iter().map(|message| message.call).collect::<Vec<_>>(), [Some(kept.id)]);
}
