//! Erasure, export and retention over both databases.

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::domain::billing::{Month, Plan};
use crate::domain::{
    Actor, ApiKeyId, CallSlots, Did, EmailAddress, Retention, Role, Secret, Speaker, Turn, User, UserId, WebhookId,
};
use crate::store::tests::{Fixture, at, close, number, postgres, record, sqlite};
use crate::store::{ApiKey, CallEvent, CloseCall, KeyOwner, Principal};
use crate::vault::MasterKeys;

const DID: &str = "+918047180000";
const CALLER: &str = "+919876543210";
const DAY: i64 = 24 * 3_600;

fn recordings(f: &Fixture) -> Recordings {
    let keys = MasterKeys::parse(&"5".repeat(64)).unwrap();
    Recordings::new(f.folder.path().join("recordings"), Some(Arc::new(keys)), None)
}

/// A closed call with a turn, events and a recording.
async fn call(f: &Fixture, scope: TenantScope, second: i64, caller: &str) -> CallRecord {
    let open = CallRecord { caller: Some(number(caller)), slots: CallSlots::default(), ..record(scope, second) };
    f.store.open_call(scope, &open).await.unwrap();
    let turn = Turn {
        seq: 0,
        speaker: Speaker::Caller,
        text: "My tooth hurts.".to_owned(),
        heard: None,
        started_ms: 0,
        ended_ms: 900,
        waterfall: None,
    };
    f.store.append_turn(scope, open.id, &turn).await.unwrap();
    let event = |seq, kind: &str| CallEvent { seq, at_ms: 0, kind: kind.to_owned(), data: serde_json::json!({}) };
    f.store.append_events(scope, open.id, &[event(0, "opening"), event(1, "notice"), event(2, "step")]).await.unwrap();
    let closing = CloseCall { slots: CallSlots::default(), ..close(second + 60) };
    f.store.close_call(scope, open.id, &closing).await.unwrap();
    let folder = f.folder.path().join("recordings").join(open.tenant.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{}.wav", open.id)), b"RIFFvoice").unwrap();
    f.store.call_record(scope, open.id).await.unwrap().unwrap()
}

async fn kinds(f: &Fixture, scope: TenantScope, call: CallId) -> Vec<String> {
    f.store.events(scope, call).await.unwrap().into_iter().map(|event| event.kind).collect()
}

async fn erasure_takes_all_that_is_one_callers_and_holds_the_number(f: &Fixture) {
    let recordings = recordings(f);
    let now = at(10 * DAY);
    let first = call(f, f.ours, 0, CALLER).await;
    let second = call(f, f.ours, DAY, CALLER).await;
    let other = call(f, f.ours, 100, "+919000000001").await;
    let foreign = call(f, f.theirs, 0, CALLER).await;
    assert!(first.summary.is_some());

    let exported = export(&f.store, f.ours, &number(CALLER), now).await.unwrap();
    let ids: Vec<CallId> = exported.calls.iter().map(|call| call.record.id).collect();
    assert!(ids.contains(&first.id) && ids.contains(&second.id) && !ids.contains(&foreign.id), "{ids:?}");
    assert_eq!(exported.calls[0].turns.len(), 1);
    assert_eq!(exported.calls[0].notices.len(), 1);
    assert_eq!(exported.calls[0].recording_file, Some(format!("{}.wav", exported.calls[0].record.id)));

    let done = erase(&f.store, &recordings, f.ours, &number(CALLER), "test", &By::system(now), [1; 10]).await.unwrap();
    assert!(done.calls >= 2 && done.recordings >= 2 && done.active == 0, "{done:?}");
    for erased in [&first, &second] {
        let (left, turns) = f.store.call(f.ours, erased.id).await.unwrap().unwrap();
        assert_eq!((left.caller, left.summary, left.slots), (None, None, CallSlots::default()));
        assert_eq!((left.recording, left.sip_call_id.as_str()), (RecordingState::Erased, ""));
        assert_eq!(
            (left.answered_at, left.ended_at, left.did),
            (erased.answered_at, erased.ended_at, erased.did.clone())
        );
        assert!(turns.is_empty());
        assert_eq!(kinds(f, f.ours, erased.id).await, ["notice"], "what holds no word of the caller's stays");
        assert!(recordings.open(left.tenant, erased.id).await.is_err());
        assert_eq!(f.store.held_number(f.ours, erased.id).await.unwrap(), Some(number(CALLER)));
        assert_eq!(f.store.held_number(f.theirs, erased.id).await.unwrap(), None, "another tenant's");
    }
    let (kept, turns) = f.store.call(f.theirs, foreign.id).await.unwrap().unwrap();
    assert_eq!((kept.caller, turns.len()), (Some(number(CALLER)), 1), "another tenant's caller");
    assert!(recordings.open(kept.tenant, foreign.id).await.is_ok());
    let noted = f.store.erasures(f.ours, None, 10).await.unwrap().items;
    assert_eq!((noted[0].number_masked.as_str(), noted[0].actor.as_str(), noted[0].calls), ("…10", "test", done.calls));
    assert!(f.store.erasures(f.theirs, None, 10).await.unwrap().items.is_empty());
    let log = f.store.audit(f.ours, None, 10).await.unwrap();
    assert_eq!((log[0].action.as_str(), &log[0].object), ("erasure.create", &done.id.to_string()));
    assert!(!format!("{log:?}").contains("9876543210"));

    // The second time there is nothing left to erase but the calls where the number was only left to call back.
    let again = erase(&f.store, &recordings, f.ours, &number(CALLER), "test", &By::system(now), [2; 10]).await.unwrap();
    assert_eq!((again.calls, again.recordings), (0, 0));
    // The year of the first call is over a day before that of the second one.
    assert_eq!(f.store.release_held_numbers(at(365 * DAY + 1)).await.unwrap(), 1);
    assert_eq!(f.store.held_number(f.ours, first.id).await.unwrap(), None);
    assert!(f.store.held_number(f.ours, second.id).await.unwrap().is_some());
    assert!(f.store.call_record(f.ours, other.id).await.unwrap().unwrap().caller.is_some());
}

async fn one_call_is_erased_as_all_of_a_number_are(f: &Fixture) {
    let recordings = recordings(f);
    let gone = call(f, f.ours, 0, CALLER).await;
    let kept = call(f, f.ours, 100, CALLER).await;
    let active = CallRecord { caller: Some(number(CALLER)), ..record(f.ours, 200) };
    f.store.open_call(f.ours, &active).await.unwrap();
    let by = By::system(at(DAY));
    let erase = async |scope, call| erase_call(&f.store, &recordings, scope, call, &by).await;
    assert!(matches!(erase(f.ours, active.id).await, Err(PrivacyError::Store(StoreError::StillUsed))));
    assert!(matches!(erase(f.theirs, gone.id).await, Err(PrivacyError::Store(StoreError::NotFound))));
    for _ in 0..2 {
        erase(f.ours, gone.id).await.unwrap();
        let (left, turns) = f.store.call(f.ours, gone.id).await.unwrap().unwrap();
        assert_eq!((left.caller, left.summary, left.recording), (None, None, RecordingState::Erased));
        assert!(turns.is_empty() && recordings.open(left.tenant, gone.id).await.is_err());
        assert_eq!(f.store.held_number(f.ours, gone.id).await.unwrap(), Some(number(CALLER)));
    }
    let log = f.store.audit(f.ours, None, 10).await.unwrap();
    assert_eq!(log.iter().filter(|entry| entry.action == "call.delete").count(), 1, "the second time changes nothing");
    let (other, turns) = f.store.call(f.ours, kept.id).await.unwrap().unwrap();
    assert_eq!((other.caller, turns.len()), (Some(number(CALLER)), 1));
    assert!(recordings.open(other.tenant, kept.id).await.is_ok());
}

async fn each_kind_goes_when_its_days_are_over(f: &Fixture) {
    let recordings = recordings(f);
    let old = call(f, f.ours, 0, CALLER).await;
    let foreign = call(f, f.theirs, 0, CALLER).await;
    let general = Retention { recordings_days: Some(30), transcripts_days: Some(60), records_days: None };
    let own = Retention { recordings_days: Some(10), records_days: Some(90), ..Retention::default() };
    f.store.set_retention(f.ours, &own).await.unwrap();
    assert_eq!(f.store.retention(f.ours).await.unwrap(), own);
    assert_eq!(f.store.retention(f.theirs).await.unwrap(), Retention::default());
    let run = async |days: i64| retain(&f.store, &recordings, general, at(days * DAY)).await.unwrap();
    let (ours, theirs) = (old.tenant, foreign.tenant);

    let sum = run(9).await;
    assert_eq!(sum, Retained::default());
    let sum = run(11).await;
    assert_eq!((sum.recordings, sum.transcripts, sum.records, sum.failed), (1, 0, 0, 0));
    assert!(recordings.open(ours, old.id).await.is_err() && recordings.open(theirs, foreign.id).await.is_ok());
    let sum = run(61).await;
    assert_eq!((sum.recordings, sum.transcripts, sum.records), (1, 2, 0));
    let (left, turns) = f.store.call(f.ours, old.id).await.unwrap().unwrap();
    assert!(turns.is_empty() && left.caller.is_some() && left.summary.is_some());
    let sum = run(91).await;
    assert_eq!((sum.transcripts, sum.records), (0, 1));
    assert_eq!(f.store.call_record(f.ours, old.id).await.unwrap().unwrap().caller, None);
    assert!(f.store.call_record(f.theirs, foreign.id).await.unwrap().unwrap().caller.is_some());
    assert_eq!(run(92).await, Retained::default(), "once is enough");
}

/// All that a business has beside its calls.
async fn furnish(f: &Fixture) -> (ApiKey, User) {
    let by = By::system(at(0));
    let did =
        Did { number: number(DID), tenant: f.ours.tenant(), profile: f.store.profiles(f.ours).await.unwrap()[0].id };
    f.store.create_did(f.ours, &did, &by).await.unwrap();
    let key = ApiKey::generate([1; 32]);
    let owner = KeyOwner::Tenant(f.ours);
    f.store.create_api_key(owner, ApiKeyId::new(at(0), [1; 10]), "crm", &key, at(0)).await.unwrap();
    let user = User {
        id: UserId::new(at(0), [1; 10]),
        tenant: Some(f.ours.tenant()),
        email: EmailAddress::parse("anita@example.com").unwrap(),
        name: "Anita Rao".to_owned(),
        role: Role::TenantAdmin,
        disabled: false,
        created_at: at(0),
    };
    f.store.create_user(&user, &Secret::new("$argon2id$none"), &by).await.unwrap();
    let webhook = WebhookId::new(at(0), [1; 10]);
    f.store
        .create_webhook(f.ours, webhook, "https://example.com/", &[], &Secret::new("whsec_x"), &By::system(at(0)))
        .await
        .unwrap();
    f.store.set_retention(f.ours, &Retention { records_days: Some(3_650), ..Retention::default() }).await.unwrap();
    let plan = Plan { included_minutes: 77, ..Plan::default() };
    f.store.put_plan(f.ours, &plan).await.unwrap();
    (key, user)
}

async fn a_business_is_erased_also_when_that_is_broken_off(f: &Fixture) {
    let recordings = recordings(f);
    let (key, user) = furnish(f).await;
    let calls = [call(f, f.ours, 0, CALLER).await, call(f, f.ours, DAY, "+919000000001").await];
    let foreign = call(f, f.theirs, 0, CALLER).await;
    assert!(!calls[0].transfers.is_empty() && !messages(f, f.ours).await.is_empty(), "there is much to erase");
    // One of them was erased before, as a caller.
    erase(&f.store, &recordings, f.ours, &number("+919000000001"), "test", &By::system(at(2 * DAY)), [1; 10])
        .await
        .unwrap();
    let month = Month::of(at(0));
    let charged = f.store.usage(f.ours, month).await.unwrap();

    let by = By::system(at(10 * DAY));
    let active = record(f.ours, 9 * DAY);
    f.store.open_call(f.ours, &active).await.unwrap();
    assert!(matches!(f.store.begin_tenant_erasure(f.ours, &by).await, Err(StoreError::StillUsed)));
    assert!(f.store.find_did(&number(DID)).await.unwrap().is_some(), "nothing has begun");
    f.store.close_call(f.ours, active.id, &close(9 * DAY + 60)).await.unwrap();
    f.store.begin_tenant_erasure(f.ours, &by).await.unwrap();
    assert!(matches!(f.store.begin_tenant_erasure(f.ours, &by).await, Err(StoreError::NotFound)), "it is gone");

    // Hidden at once, before anything else is erased.
    assert_eq!(f.store.find_did(&number(DID)).await.unwrap(), None);
    let operator =
        Principal { actor: Actor::System, owner: KeyOwner::Platform, grant: crate::domain::Grant::Everything };
    assert_eq!(f.store.scope_for(&operator, f.ours.tenant()).await.unwrap(), None);
    assert_eq!(f.store.authenticate(key.reveal(), by.at).await.unwrap(), None);
    assert_eq!(f.store.user_by_email(&user.email).await.unwrap(), None);
    let listed = f.store.list_tenants(None, None, 9).await.unwrap().items;
    assert_eq!(listed.iter().map(|account| account.tenant.id).collect::<Vec<_>>(), [f.theirs.tenant()]);
    let theirs = Did {
        number: number(DID),
        tenant: f.theirs.tenant(),
        profile: f.store.profiles(f.theirs).await.unwrap()[0].id,
    };
    f.store.create_did(f.theirs, &theirs, &by).await.unwrap();

    // Killed half-way; a later run goes on.
    assert_eq!(f.store.erase_records(f.ours, Timestamp::MAX, by.at, 1).await.unwrap(), 1);
    assert!(f.store.erase_tenant_part(f.ours).await.unwrap());
    assert!(!f.store.finish_tenant_erasure(f.ours, by.at).await.unwrap());
    let sum = retain(&f.store, &recordings, Retention::default(), at(10 * DAY + 60)).await.unwrap();
    assert_eq!(sum.failed, 0);
    for call in &calls {
        let (left, turns) = f.store.call(f.ours, call.id).await.unwrap().unwrap();
        assert_eq!((left.caller, left.summary, left.transfers), (None, None, vec![]));
        assert!(turns.is_empty() && recordings.open(left.tenant, call.id).await.is_err());
    }
    assert_eq!(
        f.store.held_number(f.ours, calls[0].id).await.unwrap(),
        Some(number(CALLER)),
        "the year that the law wants"
    );
    assert!(messages(f, f.ours).await.is_empty());
    assert!(f.store.webhooks(f.ours).await.unwrap().is_empty() && f.store.profiles(f.ours).await.unwrap().is_empty());
    assert_eq!(f.store.retention(f.ours).await.unwrap(), Retention::default());
    assert_eq!(f.store.plan(f.ours).await.unwrap(), Plan::default());
    accounts_are_kept(f, charged.calls + 1, &user).await;

    // What a node brings late goes too, until nobody can bring any more.
    let late = call(f, f.ours, 9 * DAY + 100, CALLER).await;
    retain(&f.store, &recordings, Retention::default(), at(11 * DAY)).await.unwrap();
    assert_eq!(f.store.call_record(f.ours, late.id).await.unwrap().unwrap().caller, None);
    assert_eq!(f.store.tenants_in_erasure(at(0)).await.unwrap(), [f.ours]);
    assert_eq!(f.store.tenants_in_erasure(at(11 * DAY)).await.unwrap(), []);

    let (kept, turns) = f.store.call(f.theirs, foreign.id).await.unwrap().unwrap();
    assert_eq!((kept.caller, turns.len()), (Some(number(CALLER)), 1), "another tenant's caller");
    assert!(recordings.open(kept.tenant, foreign.id).await.is_ok());
    assert!(f.store.find_did(&number(DID)).await.unwrap().is_some_and(|route| route.scope == f.theirs));
}

async fn messages(f: &Fixture, scope: TenantScope) -> Vec<crate::domain::Message> {
    f.store.messages(scope, &crate::domain::MessageFilter::default(), None, 100).await.unwrap().items
}

/// What was charged, and who did what, without anybody's name.
async fn accounts_are_kept(f: &Fixture, calls: u64, user: &User) {
    let month = Month::of(at(0));
    assert_eq!(f.store.usage(f.ours, month).await.unwrap().calls, calls);
    assert_eq!(f.store.billed_tenants(month).await.unwrap()[0].0, f.ours);
    let shown = |usage: &[(crate::domain::TenantId, String, crate::domain::billing::MonthUsage)]| {
        usage.iter().any(|of| of.0 == f.ours.tenant())
    };
    assert!(shown(&f.store.usage_of_all(month, None, 9).await.unwrap().items));
    assert!(!shown(&f.store.usage_of_all(Month::of(at(300 * DAY)), None, 9).await.unwrap().items));
    let log = f.store.audit(f.ours, None, 99).await.unwrap();
    let erased = log.iter().find(|entry| entry.action == "tenant.erase").unwrap();
    assert_eq!(erased.before.as_ref().unwrap()["plan"]["included_minutes"], 77, "for the last invoice");
    let made = log.iter().find(|entry| entry.action == "user.create").unwrap();
    assert_eq!((made.object.as_str(), &made.after), (user.id.to_string().as_str(), &None));
    assert!(!format!("{log:?}").contains("anita"));
}

async fn files_that_nobody_may_have_are_swept(f: &Fixture) {
    let recordings = recordings(f);
    let kept = call(f, f.ours, 0, CALLER).await;
    let refused = call(f, f.ours, 10, CALLER).await;
    f.store.set_recording(f.ours, refused.id, RecordingState::Refused).await.unwrap();
    assert_eq!(sweep(&f.store, &recordings).await.unwrap(), 1);
    assert!(recordings.open(kept.tenant, kept.id).await.is_ok());
    assert!(recordings.open(refused.tenant, refused.id).await.is_err());
}

#[tokio::test]
async fn on_sqlite() {
    erasure_takes_all_that_is_one_callers_and_holds_the_number(&sqlite().await).await;
    one_call_is_erased_as_all_of_a_number_are(&sqlite().await).await;
    each_kind_goes_when_its_days_are_over(&sqlite().await).await;
    a_business_is_erased_also_when_that_is_broken_off(&sqlite().await).await;
    files_that_nobody_may_have_are_swept(&sqlite().await).await;
}

#[tokio::test]
async fn on_postgresql() {
    erasure_takes_all_that_is_one_callers_and_holds_the_number(&postgres().await).await;
    one_call_is_erased_as_all_of_a_number_are(&postgres().await).await;
    each_kind_goes_when_its_days_are_over(&postgres().await).await;
    a_business_is_erased_also_when_that_is_broken_off(&postgres().await).await;
    files_that_nobody_may_have_are_swept(&postgres().await).await;
}
