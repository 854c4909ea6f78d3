//! The conformance suite: what every database under [`Store`] must do, each verb also as a foreign tenant.
//!
//! `conformance!` runs each case on a fresh database of each kind.

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use access::{
    an_answer_is_kept_for_a_day, an_invitation_is_taken_up_once, keys_are_made_for_something_and_end, sessions_end,
    users_belong_to_their_owner,
};

use super::*;
use crate::domain::billing::{Charge, Prices};
use crate::domain::{
    Actor, AgentProfile, ApiKeyId, CallFilter, CallId, CallOutcome, CallRecord, CallSlots, CallStatus, DayHours, Did,
    E164, EndCause, Grant, Knowledge, ProfileId, RecordingState, Speaker, Tenant, TenantId, TransferAttempt,
    TransferKind, TransferResult, TransferTarget, Transfers, Turn, TurnSettings, Waterfall, WeeklyHours,
};

/// A store with two tenants; the folder lives as long as the fixture.
pub(crate) struct Fixture {
    pub store: Store,
    pub ours: TenantScope,
    pub theirs: TenantScope,
    pub folder: TempDir,
}

pub(crate) async fn sqlite() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("vca.sqlite")).await.unwrap();
    with_two_tenants(store, folder).await
}

/// The same on a database of its own in a PostgreSQL server that all tests of this process share.
pub(crate) async fn postgres() -> Fixture {
    let url = tokio::task::spawn_blocking(servers::shared_database).await.unwrap();
    let options = PostgresOptions { url: Secret::new(url), max_connections: 4, migrate: true };
    let store = Store::connect(&options).await.unwrap();
    with_two_tenants(store, tempfile::tempdir().unwrap()).await
}

async fn with_two_tenants(store: Store, folder: TempDir) -> Fixture {
    let [ours, theirs] = [1, 2].map(|n| TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(n))));
    for (scope, name) in [(ours, "Sharma Dental Clinic"), (theirs, "Verma Motors")] {
        let tenant = Tenant { id: scope.tenant(), name: name.to_owned(), max_calls: 3 };
        store.put_tenant(scope, &tenant).await.unwrap();
        store.put_profile(scope, &profile(scope)).await.unwrap();
    }
    Fixture { store, ours, theirs, folder }
}

macro_rules! conformance {
    ($($case:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::sqlite().await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::postgres().await).await;
            })*
        }
    };
}

conformance![
    a_dialled_number_leads_to_its_tenant_and_profile,
    a_number_is_not_taken_from_another_tenant,
    onboarding_again_updates,
    a_call_is_read_back_as_it_was_written,
    a_turn_written_again_is_replaced,
    a_call_closes_once,
    events_are_appended_once,
    pages_cover_every_call_once_while_calls_arrive,
    filters_select,
    a_foreign_tenant_sees_and_changes_nothing,
    open_calls_are_repaired_after_a_crash,
    calls_of_a_process_that_lives_are_left_alone,
    a_call_that_was_taken_for_abandoned_gets_its_true_end,
    an_erased_call_takes_nothing_that_comes_late,
    keys_authenticate_their_owner_only,
    a_platform_key_acts_for_tenants_that_exist,
    writers_do_not_disturb_each_other,
    users_belong_to_their_owner,
    sessions_end,
    an_invitation_is_taken_up_once,
    keys_are_made_for_something_and_end,
    an_answer_is_kept_for_a_day,
];

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + second).unwrap()
}

pub(crate) fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

/// Both tenants use the same profile id: it is theirs, not the world's.
fn profile(scope: TenantScope) -> AgentProfile {
    AgentProfile {
        id: ProfileId::from_uuid(Uuid::from_u128(10)),
        business_name: format!("Business {}", scope.tenant()),
        visit_word: "appointment".to_owned(),
        greeting: None,
        record_calls: true,
        hours: WeeklyHours(std::array::from_fn(|_| vec![DayHours { opens_min: 600, closes_min: 1_140 }])),
        address: "12, M G Road, Bengaluru".to_owned(),
        landmark: Some("opposite the metro station".to_owned()),
        time_zone: "Asia/Kolkata".to_owned(),
        voice: "en_US-joe-medium".to_owned(),
        turns: TurnSettings::default(),
        ask: vec![crate::domain::Ask::PinCode, crate::domain::Ask::Email],
        speech: crate::domain::SpeechChoice::default(),
        knowledge: Knowledge::default(),
        emergency_transfers_only: false,
        transfers: Transfers {
            targets: vec![TransferTarget {
                name: "Dr Sharma".to_owned(),
                number: "98450 12345".parse().unwrap(),
                hours: None,
                kind: TransferKind::Warm,
            }],
            allow_foreign: false,
        },
    }
}

/// A call answered `second` seconds into the test, open.
pub(crate) fn record(scope: TenantScope, second: i64) -> CallRecord {
    CallRecord {
        id: CallId::new(at(second), scope.tenant().uuid().as_bytes()[6..].try_into().unwrap()),
        tenant: scope.tenant(),
        profile: ProfileId::from_uuid(Uuid::from_u128(10)),
        did: number("+918047180000"),
        caller: Some(number("+919876543210")),
        sip_call_id: "a84b4c76e66710@pbx.example".to_owned(),
        status: CallStatus::Active,
        answered_at: at(second),
        ended_at: None,
        end_cause: None,
        outcome: None,
        slots: CallSlots::default(),
        summary: None,
        recording: RecordingState::Partial,
        transfers: Vec::new(),
        bridged_ms: 0,
        trunk: Some("main-line".to_owned()),
    }
}

pub(crate) fn turn(seq: u32, speaker: Speaker, text: &str) -> Turn {
    let started_ms = u64::from(seq) * 4_000;
    Turn { seq, speaker, text: text.to_owned(), heard: None, started_ms, ended_ms: started_ms + 2_500, waterfall: None }
}

fn slots() -> CallSlots {
    CallSlots {
        name: Some("Ravi \"Sonu\" Kumar ❤".to_owned()),
        number: Some(number("+919876543210")),
        reason: Some("a broken tooth'; DROP TABLE calls; --".to_owned()),
        preferred_time: None,
        email: crate::domain::EmailAddress::parse("ravi@example.co.in").ok(),
        pin_code: crate::domain::PinCode::parse("560038").ok(),
    }
}

fn attempt(second: i64) -> TransferAttempt {
    TransferAttempt {
        target: "Dr Sharma".to_owned(),
        number: "98450 12345".parse().unwrap(),
        kind: TransferKind::Warm,
        started_at: at(second - 90),
        answered_at: Some(at(second - 80)),
        result: TransferResult::Bridged,
        bridged_ms: 61_500,
    }
}

pub(crate) fn close(second: i64) -> CloseCall {
    CloseCall {
        ended_at: at(second),
        end_cause: EndCause::CallerHungUp,
        outcome: CallOutcome::Message,
        slots: slots(),
        summary: "Ravi Kumar asks to be called back about a broken tooth.".to_owned(),
        recording: RecordingState::Complete,
        transfers: vec![attempt(second)],
        bridged_ms: 61_500,
        charge: Charge::default(),
    }
}

async fn a_dialled_number_leads_to_its_tenant_and_profile(f: Fixture) {
    let did = number("+918047180000");
    assert_eq!(f.store.find_did(&did).await.unwrap(), None);
    for (scope, number) in [(f.ours, did.clone()), (f.theirs, number("+918047180001"))] {
        let did = Did { number, tenant: scope.tenant(), profile: profile(scope).id };
        f.store.put_did(scope, &did).await.unwrap();
    }
    let route = f.store.find_did(&did).await.unwrap().unwrap();
    assert_eq!(route.scope, f.ours);
    assert_eq!(route.tenant.name, "Sharma Dental Clinic");
    assert_eq!(route.profile, profile(f.ours));
    assert_eq!(f.store.routes().await.unwrap().len(), 2);
    let mut abroad = profile(f.ours);
    abroad.transfers.targets[0].number = "+14155550100".parse().unwrap();
    assert!(matches!(f.store.put_profile(f.ours, &abroad).await, Err(StoreError::Transfers(_))));
    abroad.transfers.allow_foreign = true;
    f.store.put_profile(f.ours, &abroad).await.unwrap();
}

async fn a_number_is_not_taken_from_another_tenant(f: Fixture) {
    let did = |scope: TenantScope| Did {
        number: number("+918047180000"),
        tenant: scope.tenant(),
        profile: profile(scope).id,
    };
    f.store.put_did(f.ours, &did(f.ours)).await.unwrap();
    assert!(matches!(f.store.put_did(f.theirs, &did(f.theirs)).await, Err(StoreError::Conflict)));
    assert_eq!(f.store.find_did(&number("+918047180000")).await.unwrap().unwrap().scope, f.ours);
    let unknown_profile = Did { profile: ProfileId::from_uuid(Uuid::from_u128(99)), ..did(f.ours) };
    assert!(matches!(f.store.put_did(f.ours, &unknown_profile).await, Err(StoreError::NotFound)));
}

async fn onboarding_again_updates(f: Fixture) {
    let tenant = Tenant { id: f.ours.tenant(), name: "Sharma Dental".to_owned(), max_calls: 7 };
    f.store.put_tenant(f.ours, &tenant).await.unwrap();
    assert_eq!(f.store.tenant(f.ours).await.unwrap(), tenant);
    let changed = AgentProfile { address: "14, M G Road".to_owned(), ..profile(f.ours) };
    f.store.put_profile(f.ours, &changed).await.unwrap();
    assert_eq!(f.store.profiles(f.ours).await.unwrap(), [changed]);
    assert_eq!(f.store.profiles(f.theirs).await.unwrap(), [profile(f.theirs)]);
}

async fn a_call_is_read_back_as_it_was_written(f: Fixture) {
    let opened = CallRecord { caller: None, ..record(f.ours, 0) };
    f.store.open_call(f.ours, &opened).await.unwrap();
    // Written again by who did not get the answer; but not by another call.
    f.store.open_call(f.ours, &opened).await.unwrap();
    let another = CallRecord { sip_call_id: "another".to_owned(), ..opened.clone() };
    assert!(matches!(f.store.open_call(f.ours, &another).await, Err(StoreError::Conflict)));
    f.store.set_slots(f.ours, opened.id, &slots(), Some(CallOutcome::Urgent)).await.unwrap();
    let waterfall =
        Waterfall { endpoint_ms: 510, stt_ms: Some(600), first_packet_ms: 690, cached: true, ..Waterfall::default() };
    let turns = [
        turn(0, Speaker::Agent, "Namaste, this is an AI receptionist."),
        turn(1, Speaker::Caller, "मेरा दाँत टूट गया"),
        Turn {
            waterfall: Some(waterfall),
            heard: Some("May I".to_owned()),
            ..turn(2, Speaker::Agent, "May I have your name?")
        },
    ];
    for turn in &turns {
        f.store.append_turn(f.ours, opened.id, turn).await.unwrap();
    }
    let (stored, stored_turns) = f.store.call(f.ours, opened.id).await.unwrap().unwrap();
    assert_eq!(stored, CallRecord { slots: slots(), outcome: Some(CallOutcome::Urgent), ..opened });
    assert_eq!(stored_turns, turns);
}

async fn a_turn_written_again_is_replaced(f: Fixture) {
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    let spoken = turn(0, Speaker::Agent, "We are open from ten to seven.");
    let interrupted = Turn { heard: Some("We are open".to_owned()), ended_ms: 900, ..spoken.clone() };
    f.store.append_turn(f.ours, call.id, &spoken).await.unwrap();
    f.store.append_turn(f.ours, call.id, &interrupted).await.unwrap();
    assert_eq!(f.store.turns(f.ours, call.id).await.unwrap(), [interrupted]);
}

async fn a_call_closes_once(f: Fixture) {
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    f.store.close_call(f.ours, call.id, &close(60)).await.unwrap();
    f.store.close_call(f.ours, call.id, &CloseCall { end_cause: EndCause::Shutdown, ..close(99) }).await.unwrap();
    let stored = f.store.call_record(f.ours, call.id).await.unwrap().unwrap();
    let expected = CallRecord {
        status: CallStatus::Completed,
        ended_at: Some(at(60)),
        end_cause: Some(EndCause::CallerHungUp),
        outcome: Some(CallOutcome::Message),
        slots: slots(),
        summary: Some(close(60).summary),
        recording: RecordingState::Complete,
        transfers: vec![attempt(60)],
        bridged_ms: 61_500,
        ..call
    };
    assert_eq!(stored, expected);
    let late = f.store.set_slots(f.ours, expected.id, &CallSlots::default(), None).await;
    assert!(matches!(late, Err(StoreError::NotFound)), "a closed call keeps its slots");
    f.store.set_recording(f.ours, expected.id, RecordingState::Failed).await.unwrap();
    let stored = f.store.call_record(f.ours, expected.id).await.unwrap().unwrap();
    assert_eq!(stored.recording, RecordingState::Failed);
}

async fn events_are_appended_once(f: Fixture) {
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    let event = |seq| CallEvent {
        seq,
        at_ms: u64::from(seq) * 20,
        kind: EVENT_NOTICE.to_owned(),
        data: serde_json::json!({"text": "This call is recorded.", "n": seq}),
    };
    f.store.append_events(f.ours, call.id, &[event(0), event(1)]).await.unwrap();
    // A retry of what was written already, with something new.
    let other = CallEvent { kind: "other".to_owned(), ..event(1) };
    f.store.append_events(f.ours, call.id, &[other, event(2)]).await.unwrap();
    assert_eq!(f.store.events(f.ours, call.id).await.unwrap(), [event(0), event(1), event(2)]);
}

async fn pages_cover_every_call_once_while_calls_arrive(f: Fixture) {
    // Three calls share each second, so that the identifier has to decide.
    let mut written = Vec::new();
    for n in 0..10u8 {
        let call = CallRecord {
            id: CallId::new(at(i64::from(n)), [n; 10]),
            answered_at: at(i64::from(n / 3)),
            ..record(f.ours, 0)
        };
        f.store.open_call(f.ours, &call).await.unwrap();
        written.push(call);
    }
    written.sort_by_key(|call| std::cmp::Reverse((call.answered_at, call.id)));
    let mut read = Vec::new();
    let mut cursor = None;
    loop {
        let page = f.store.list_calls(f.ours, &CallFilter::default(), cursor, 3).await.unwrap();
        assert!(page.items.len() <= 3);
        read.extend(page.items);
        let newer = record(f.ours, 100 + i64::try_from(read.len()).unwrap());
        f.store.open_call(f.ours, &newer).await.unwrap();
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(read, written);
    let all = f.store.list_calls(f.ours, &CallFilter::default(), None, 14).await.unwrap();
    assert_eq!((all.items.len(), all.next), (14, None), "a page that is exactly full is the last one");
}

async fn filters_select(f: Fixture) {
    for second in 0..4 {
        let caller = number(if second % 2 == 0 { "+919876543210" } else { "+919876543211" });
        let call = CallRecord { caller: Some(caller), ..record(f.ours, second) };
        f.store.open_call(f.ours, &call).await.unwrap();
        if second < 2 {
            f.store.close_call(f.ours, call.id, &close(second + 60)).await.unwrap();
        }
    }
    let any = CallFilter::default();
    let cases = [
        (any.clone(), vec![3, 2, 1, 0]),
        (CallFilter { status: Some(CallStatus::Completed), ..any.clone() }, vec![1, 0]),
        (CallFilter { outcome: Some(CallOutcome::Message), ..any.clone() }, vec![1, 0]),
        (CallFilter { outcome: Some(CallOutcome::Urgent), ..any.clone() }, vec![]),
        (CallFilter { caller: Some(number("+919876543211")), ..any.clone() }, vec![3, 1]),
        (CallFilter { from: Some(at(1)), until: Some(at(3)), ..any.clone() }, vec![2, 1]),
        (CallFilter { status: Some(CallStatus::Active), from: Some(at(3)), ..any }, vec![3]),
    ];
    for (filter, seconds) in cases {
        let page = f.store.list_calls(f.ours, &filter, None, 10).await.unwrap();
        let times: Vec<Timestamp> = page.items.iter().map(|call| call.answered_at).collect();
        assert_eq!(times, seconds.into_iter().map(at).collect::<Vec<_>>(), "{filter:?}");
    }
}

async fn a_foreign_tenant_sees_and_changes_nothing(f: Fixture) {
    let call = record(f.ours, 0);
    let line = turn(0, Speaker::Caller, "My name is Ravi");
    let event = CallEvent { seq: 0, at_ms: 0, kind: EVENT_NOTICE.to_owned(), data: serde_json::Value::Null };
    let did = Did { number: number("+918047180000"), tenant: f.ours.tenant(), profile: profile(f.ours).id };
    f.store.open_call(f.ours, &call).await.unwrap();
    f.store.append_turn(f.ours, call.id, &line).await.unwrap();
    f.store.append_events(f.ours, call.id, std::slice::from_ref(&event)).await.unwrap();
    f.store.put_did(f.ours, &did).await.unwrap();
    let before = f.store.call(f.ours, call.id).await.unwrap();

    let theirs = f.theirs;
    let page = f.store.list_calls(theirs, &CallFilter::default(), None, 10).await.unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
    assert_eq!(f.store.call(theirs, call.id).await.unwrap(), None);
    assert_eq!(f.store.call_record(theirs, call.id).await.unwrap(), None);
    assert_eq!(f.store.turns(theirs, call.id).await.unwrap(), []);
    assert_eq!(f.store.events(theirs, call.id).await.unwrap(), []);
    assert_eq!(f.store.dids(theirs).await.unwrap(), []);
    assert_eq!(f.store.profiles(theirs).await.unwrap(), [profile(theirs)]);
    let other = turn(0, Speaker::Caller, "overwritten");
    let stolen = CallRecord { id: CallId::new(at(9), [9; 10]), ..call.clone() };
    let tenant = Tenant { id: f.ours.tenant(), name: "taken over".to_owned(), max_calls: 0 };
    for refused in [
        f.store.open_call(theirs, &stolen).await,
        f.store.append_turn(theirs, call.id, &other).await,
        f.store.append_events(theirs, call.id, &[event]).await,
        f.store.set_slots(theirs, call.id, &slots(), None).await,
        f.store.set_recording(theirs, call.id, RecordingState::Failed).await,
        f.store.close_call(theirs, call.id, &close(1)).await,
        f.store.put_tenant(theirs, &tenant).await,
        f.store.put_did(theirs, &did).await,
    ] {
        assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    }
    let reused_id = CallRecord { tenant: theirs.tenant(), ..call.clone() };
    assert!(matches!(f.store.open_call(theirs, &reused_id).await, Err(StoreError::Conflict)));
    assert_eq!(f.store.call(f.ours, call.id).await.unwrap(), before);
    assert_eq!(f.store.tenant(f.ours).await.unwrap().name, "Sharma Dental Clinic");
}

async fn open_calls_are_repaired_after_a_crash(f: Fixture) {
    let (told, silent, ended) = (record(f.ours, 0), record(f.theirs, 5), record(f.ours, 10));
    for (scope, call) in [(f.ours, &told), (f.theirs, &silent), (f.ours, &ended)] {
        f.store.open_call(scope, call).await.unwrap();
    }
    f.store.set_slots(f.ours, told.id, &CallSlots { reason: None, ..slots() }, None).await.unwrap();
    for line in [turn(0, Speaker::Agent, "How may I help?"), turn(1, Speaker::Caller, "I broke a tooth")] {
        f.store.append_turn(f.ours, told.id, &line).await.unwrap();
    }
    f.store.close_call(f.ours, ended.id, &close(30)).await.unwrap();

    let repaired = f.store.repair_abandoned(at(86_400), &Prices::default()).await.unwrap();
    assert_eq!(repaired, [(told.id, f.ours.tenant()), (silent.id, f.theirs.tenant())]);
    let stored = f.store.call_record(f.ours, told.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.end_cause), (CallStatus::Abandoned, Some(EndCause::Crash)));
    assert_eq!(stored.ended_at, Some(at(0) + jiff::SignedDuration::from_millis(6_500)), "the last turn's end");
    assert_eq!((stored.outcome, stored.recording), (Some(CallOutcome::Message), RecordingState::Partial));
    insta::allow_duplicates! {
    insta::assert_snapshot!(
        stored.summary.unwrap(),
        @r#"The call was cut off by a restart of the system. Name: Ravi "Sonu" Kumar ❤. Number: +919876543210. Email: ravi@example.co.in. PIN code: 560038. The caller's last words: "I broke a tooth"."#
    );
    }
    let stored = f.store.call_record(f.theirs, silent.id).await.unwrap().unwrap();
    assert_eq!((stored.outcome, stored.ended_at), (Some(CallOutcome::Nothing), Some(at(5))));
    let stored = f.store.call_record(f.ours, ended.id).await.unwrap().unwrap();
    assert_eq!(stored.status, CallStatus::Completed);
    assert_eq!(f.store.repair_abandoned(at(86_401), &Prices::default()).await.unwrap(), []);
    assert_eq!(f.store.cut_off_since(at(0)).await.unwrap().len(), 2);
    assert_eq!(f.store.cut_off_since(at(1)).await.unwrap(), [(silent.id, f.theirs.tenant())]);
}

async fn calls_of_a_process_that_lives_are_left_alone(f: Fixture) {
    let call = record(f.ours, 0);
    f.store.beat(at(0)).await.unwrap();
    f.store.open_call(f.ours, &call).await.unwrap();
    assert_eq!(f.store.repair_abandoned(at(59), &Prices::default()).await.unwrap(), []);
    f.store.beat(at(50)).await.unwrap();
    assert_eq!(f.store.repair_abandoned(at(109), &Prices::default()).await.unwrap(), []);
    assert_eq!(f.store.repair_abandoned(at(110), &Prices::default()).await.unwrap(), [(call.id, f.ours.tenant())]);
    // One that has left does not live.
    let next = CallRecord { id: CallId::new(at(120), [3; 10]), ..record(f.ours, 120) };
    f.store.open_call(f.ours, &next).await.unwrap();
    f.store.beat(at(120)).await.unwrap();
    f.store.leave().await.unwrap();
    assert_eq!(f.store.repair_abandoned(at(121), &Prices::default()).await.unwrap(), [(next.id, f.ours.tenant())]);
}

async fn a_call_that_was_taken_for_abandoned_gets_its_true_end(f: Fixture) {
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    f.store.repair_abandoned(at(90), &Prices::default()).await.unwrap();
    // The process was only cut off from the database, and writes on.
    f.store.set_slots(f.ours, call.id, &slots(), None).await.unwrap();
    f.store.close_call(f.ours, call.id, &close(60)).await.unwrap();
    let stored = f.store.call_record(f.ours, call.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.end_cause), (CallStatus::Completed, Some(EndCause::CallerHungUp)));
    assert_eq!(stored.summary, Some(close(60).summary));
    assert_eq!(f.store.repair_abandoned(at(86_400), &Prices::default()).await.unwrap(), []);
}

/// What a node kept on disk while the database was away may come after the erasure.
async fn an_erased_call_takes_nothing_that_comes_late(f: Fixture) {
    let call = record(f.ours, 0);
    f.store.open_call(f.ours, &call).await.unwrap();
    f.store.repair_abandoned(at(86_400), &Prices::default()).await.unwrap();
    f.store.erase_call(f.ours, call.id, at(90_000)).await.unwrap();
    f.store.append_turn(f.ours, call.id, &turn(0, Speaker::Caller, "my tooth hurts")).await.unwrap();
    let said = CallEvent { seq: 7, at_ms: 0, kind: "utterance".to_owned(), data: serde_json::json!("my tooth hurts") };
    f.store.append_events(f.ours, call.id, &[said]).await.unwrap();
    assert!(matches!(
        f.store.set_slots(f.ours, call.id, &slots(), Some(CallOutcome::Message)).await,
        Err(StoreError::NotFound)
    ));
    f.store.close_call(f.ours, call.id, &close(60)).await.unwrap();
    let record = f.store.call_record(f.ours, call.id).await.unwrap().unwrap();
    assert_eq!((record.caller, record.slots, record.summary), (None, CallSlots::default(), None));
    assert_eq!(f.store.turns(f.ours, call.id).await.unwrap(), []);
    assert_eq!(f.store.events(f.ours, call.id).await.unwrap(), []);
}

async fn keys_authenticate_their_owner_only(f: Fixture) {
    assert!(!f.store.has_api_keys().await.unwrap());
    let key = |byte| ApiKey::generate([byte; 32]);
    let id = |byte| ApiKeyId::new(at(0), [byte; 10]);
    f.store.create_api_key(KeyOwner::Tenant(f.ours), id(1), "first start", &key(1), at(0)).await.unwrap();
    f.store.create_api_key(KeyOwner::Tenant(f.theirs), id(2), "theirs", &key(2), at(0)).await.unwrap();
    assert!(f.store.has_api_keys().await.unwrap());
    let ours = f.store.authenticate(key(1).reveal(), at(1)).await.unwrap().unwrap();
    let expected = Principal { actor: Actor::ApiKey(id(1)), owner: KeyOwner::Tenant(f.ours), grant: Grant::Everything };
    assert_eq!(ours, expected);
    assert_eq!(f.store.scope_for(&ours, f.ours.tenant()).await.unwrap(), Some(f.ours));
    assert_eq!(f.store.scope_for(&ours, f.theirs.tenant()).await.unwrap(), None);
    let nearly = format!("{}A", &key(1).reveal()[..46]);
    for presented in ["", "vca_", key(3).reveal(), &nearly, &key(1).reveal().to_lowercase()] {
        assert_eq!(f.store.authenticate(presented, at(1)).await.unwrap(), None, "{presented}");
    }
    let again = f.store.create_api_key(KeyOwner::Platform, id(3), "again", &key(1), at(0)).await;
    assert!(matches!(again, Err(StoreError::Conflict)));
}

async fn a_platform_key_acts_for_tenants_that_exist(f: Fixture) {
    let key = ApiKey::generate([7; 32]);
    f.store.create_api_key(KeyOwner::Platform, ApiKeyId::new(at(0), [7; 10]), "operator", &key, at(0)).await.unwrap();
    let operator = f.store.authenticate(key.reveal(), at(1)).await.unwrap().unwrap();
    assert_eq!(f.store.scope_for(&operator, f.theirs.tenant()).await.unwrap(), Some(f.theirs));
    let nobody = TenantId::from_uuid(Uuid::from_u128(404));
    assert_eq!(f.store.scope_for(&operator, nobody).await.unwrap(), None);
}

async fn writers_do_not_disturb_each_other(f: Fixture) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16u8 {
        let (store, scope) = (f.store.clone(), f.ours);
        tasks.spawn(async move {
            let call = CallRecord { id: CallId::new(at(0), [n; 10]), ..record(scope, 0) };
            store.open_call(scope, &call).await?;
            for seq in 0..4 {
                store.append_turn(scope, call.id, &turn(seq, Speaker::Caller, "hello")).await?;
            }
            store.close_call(scope, call.id, &close(60)).await
        });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
    assert_eq!(f.store.list_calls(f.ours, &CallFilter::default(), None, 50).await.unwrap().items.len(), 16);
}

mod access;
mod ledger;
mod opening;
mod outbox;
mod resources;
mod row_security;

/// The servers of `tests/support`, shared with the integration tests.
#[path = "../../tests/support/servers.rs"]
pub(crate) mod servers;

proptest! {
    #[test]
    fn no_text_upsets_the_cursor(text in "[0-9a-f-]{0,60}|\\PC{0,20}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }
}
