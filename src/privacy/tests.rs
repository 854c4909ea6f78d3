//! Erasure, export and retention over both databases.

use std::sync::Arc;

use super::*;
use crate::domain::{CallSlots, Retention, Speaker, Turn};
use crate::store::tests::{Fixture, at, close, number, postgres, record, sqlite};
use crate::store::{CallEvent, CloseCall};
use crate::vault::MasterKeys;

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
    files_that_nobody_may_have_are_swept(&sqlite().await).await;
}

#[tokio::test]
async fn on_postgresql() {
    erasure_takes_all_that_is_one_callers_and_holds_the_number(&postgres().await).await;
    one_call_is_erased_as_all_of_a_number_are(&postgres().await).await;
    each_kind_goes_when_its_days_are_over(&postgres().await).await;
    files_that_nobody_may_have_are_swept(&postgres().await).await;
}
