//! One suite for live calls wherever they are kept, and what only several nodes can show.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::domain::{CallSlots, CallStatus, E164, Pii, ProfileId, RecordingState, Speaker};
use crate::domain::{STEREO_FRAME_SAMPLES, StereoFrame};

mod nodes;

const OURS: TenantScope = TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(1)));
const THEIRS: TenantScope = TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(2)));

const LIMIT: Duration = Duration::from_secs(30);

/// Looks until something is found.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {LIMIT:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until no call of either tenant is counted any more: other places may hear of an end a moment later.
async fn all_gone(live: &Live) {
    until("all places to be free", async || {
        (live.taken(OURS).await == 0 && live.taken(THEIRS).await == 0).then_some(())
    })
    .await;
}

fn call(n: u128) -> CallId {
    CallId::from_uuid(Uuid::from_u128(n))
}

fn record(scope: TenantScope, id: CallId) -> CallRecord {
    CallRecord {
        id,
        tenant: scope.tenant(),
        profile: ProfileId::from_uuid(Uuid::from_u128(3)),
        did: E164::parse("+918047180000").unwrap(),
        caller: Some(E164::parse("+919812345678").unwrap()),
        sip_call_id: "a@b".to_owned(),
        status: CallStatus::Active,
        answered_at: Timestamp::from_second(1_700_000_000 + i64::from(id.uuid().as_u128() as u32)).unwrap(),
        ended_at: None,
        end_cause: None,
        outcome: None,
        slots: CallSlots::default(),
        summary: None,
        recording: RecordingState::Off,
        transfers: Vec::new(),
        bridged_ms: 0,
        trunk: None,
    }
}

fn turn(seq: u32, text: &str) -> Turn {
    let (speaker, text) = (Speaker::Caller, text.to_owned());
    Turn { seq, speaker, text, heard: None, started_ms: 1_500, ended_ms: 2_500, waterfall: None }
}

/// A call that was answered.
async fn answered(live: &Live, scope: TenantScope, id: CallId) -> Entry {
    let entry = live.enter(scope, id, 9).await.expect("a place");
    entry.answered(&record(scope, id), Some("line"));
    entry
}

fn ids(listing: &Listing) -> Vec<CallId> {
    assert!(!listing.partial, "nobody is away");
    listing.calls.iter().map(|call| call.id).collect()
}

/// The next event, which is one.
async fn next(events: &mut Events) -> Happening {
    let delivery = tokio::time::timeout(LIMIT, events.next()).await.expect("an event");
    match delivery.expect("the bus lives") {
        Delivery::Event(event) => event.what.clone(),
        Delivery::Missed => panic!("nothing was missed"),
    }
}

async fn a_call_is_seen_from_its_answer_to_its_end(live: &Live) {
    let entry = live.enter(OURS, call(1), 9).await.unwrap();
    assert_eq!(ids(&live.list(OURS).await), [], "it is not answered yet");
    assert_eq!((live.taken(OURS).await, live.taken(THEIRS).await), (1, 0), "and has its place already");
    let second = answered(live, OURS, call(2)).await;
    entry.answered(&record(OURS, call(1)), Some("line"));
    let foreign = answered(live, THEIRS, call(3)).await;
    assert_eq!(ids(&live.list(OURS).await), [call(1), call(2)]);
    assert_eq!(ids(&live.list(THEIRS).await), [call(3)]);
    assert_eq!(ids(&live.list_all().await), [call(1), call(2), call(3)]);
    entry.phase(LivePhase::Thinking);
    entry.turn(&turn(0, "What are your timings?"));
    let seen = live.get(OURS, call(1)).await.unwrap();
    let last_turn =
        LiveTurn { speaker: Speaker::Caller, text: Pii("What are your timings?".to_owned()), started_ms: 1_500 };
    assert_eq!((seen.phase, seen.turns, seen.last_turn), (LivePhase::Thinking, 1, Some(last_turn)));
    assert_eq!((seen.node.as_str(), seen.trunk.as_deref()), (live.node(), Some("line")));
    assert_eq!(seen.caller.as_ref().map(E164::as_str), Some("+919812345678"));
    assert_eq!(live.get(THEIRS, call(1)).await, None, "another tenant's call looks like none");
    assert_eq!(live.get(OURS, call(9)).await, None);
    entry.ended(EndCause::CallerHungUp, CallOutcome::Message);
    drop(second);
    drop(foreign);
    assert_eq!(ids(&live.list_all().await), []);
    assert_eq!(live.get(OURS, call(1)).await, None);
    all_gone(live).await;
}

async fn caps_are_counted_without_leaks(live: &Live) {
    let first = live.enter(OURS, call(11), 2).await.unwrap();
    let second = live.enter(OURS, call(12), 2).await.unwrap();
    assert!(live.enter(OURS, call(13), 2).await.is_none(), "both places are taken");
    assert!(live.enter(THEIRS, call(14), 0).await.is_none(), "a tenant that may have no calls");
    let foreign = live.enter(THEIRS, call(15), 1).await.expect("another tenant has places of its own");
    second.ended(EndCause::CallerHungUp, CallOutcome::Nothing);
    let third = until("the place of a call that has ended", async || live.enter(OURS, call(16), 2).await).await;
    drop(second);
    assert!(live.enter(OURS, call(17), 2).await.is_none(), "and only once");
    let task = tokio::spawn(async move {
        let _entry = third;
        panic!("the call's task fails");
    });
    assert!(task.await.unwrap_err().is_panic());
    let again = until("the place of a task that failed", async || live.enter(OURS, call(18), 2).await).await;
    let task = tokio::spawn(async move {
        let _entry = again;
        std::future::pending::<()>().await;
    });
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    drop((first, foreign));
    all_gone(live).await;
}

async fn events_reach_those_whom_they_concern(live: &Live) {
    let (mut ours, mut theirs, mut all) = (live.events(OURS), live.events(THEIRS), live.events_all());
    let entry = answered(live, OURS, call(21)).await;
    entry.turn(&turn(0, "Hello?"));
    entry.ended(EndCause::CallerHungUp, CallOutcome::Nothing);
    drop(entry);
    let foreign = answered(live, THEIRS, call(22)).await;
    drop(foreign);
    let (trunk, state) = ("line".to_owned(), "failed".to_owned());
    live.trunk_changed(vec![OURS.tenant(), THEIRS.tenant()], TrunkNews { trunk, state, up: false });
    for (events, expected) in [
        (&mut ours, &["call.started", "call.turn", "call.ended", "trunk.state"][..]),
        (&mut theirs, &["call.started", "call.ended", "trunk.state"]),
        (&mut all, &["call.started", "call.turn", "call.ended", "call.started", "call.ended", "trunk.state"]),
    ] {
        for name in expected {
            assert_eq!(next(events).await.name(), *name);
        }
    }
    let mut events = live.events(OURS);
    let broken = answered(live, OURS, call(23)).await;
    drop(broken);
    assert!(matches!(next(&mut events).await, Happening::CallStarted { call: started } if started.id == call(23)));
    let ended = Happening::CallEnded { call: call(23), cause: None, outcome: None };
    assert_eq!(next(&mut events).await, ended, "a call that breaks off ends too");
}

async fn a_reader_that_is_too_slow_is_told(live: &Live) {
    let mut events = live.events(THEIRS);
    let entry = answered(live, THEIRS, call(31)).await;
    for seq in 0..2_000 {
        entry.turn(&turn(seq, "and"));
    }
    assert_eq!(events.next().await, Some(Delivery::Missed));
    let Some(Delivery::Event(event)) = events.next().await else { panic!("then what is still there") };
    assert!(matches!(&event.what, Happening::CallTurn { turn, .. } if turn.seq > 0), "{event:?}");
}

async fn a_call_is_ended_by_its_own_tenant_only(live: &Live) {
    let entry = live.enter(OURS, call(41), 9).await.unwrap();
    assert_eq!(live.hang_up(OURS, call(41)).await, Err(ReachError::NoSuchCall), "it is not answered yet");
    entry.answered(&record(OURS, call(41)), None);
    let mut asked = entry.wishes();
    assert_eq!(live.hang_up(THEIRS, call(41)).await, Err(ReachError::NoSuchCall));
    assert_eq!(live.hang_up(OURS, call(42)).await, Err(ReachError::NoSuchCall));
    assert_eq!(*asked.borrow(), CallWish::None);
    assert_eq!(live.hand_over(OURS, call(41), "desk".to_owned()).await, Ok(()));
    let desk = CallWish::HandOver("desk".to_owned());
    assert_eq!(*asked.wait_for(|asked| *asked != CallWish::None).await.unwrap(), desk);
    assert_eq!(live.hang_up(OURS, call(41)).await, Ok(()));
    assert_eq!(*asked.wait_for(|asked| *asked != desk).await.unwrap(), CallWish::HangUp);
    assert_eq!(live.hand_over(OURS, call(41), "desk".to_owned()).await, Ok(()));
    assert_eq!(*asked.borrow(), CallWish::HangUp, "it is to be over");
    entry.ended(EndCause::Operator, CallOutcome::Nothing);
    assert_eq!(live.hang_up(OURS, call(41)).await, Err(ReachError::NoSuchCall), "it is over");
}

/// The next tenth of a second.
async fn sound(audio: &mut Audio) -> Chunk {
    let chunk = tokio::time::timeout(LIMIT, audio.next()).await.expect("a chunk");
    chunk.expect("the call goes on")
}

async fn a_call_is_heard_by_its_own_tenant_only(live: &Live) {
    let entry = answered(live, OURS, call(51)).await;
    assert_eq!(live.listen(OURS, call(51)).await.err(), Some(ReachError::NoSuchCall), "there is no sound yet");
    let spoken = tokio::sync::broadcast::Sender::new(64);
    let heard = spoken.downgrade();
    entry.audible(Arc::new(move || Some(heard.upgrade()?.subscribe())));
    assert_eq!(live.listen(THEIRS, call(51)).await.err(), Some(ReachError::NoSuchCall));
    assert_eq!(live.listen(OURS, call(52)).await.err(), Some(ReachError::NoSuchCall));
    let mut audio = live.listen(OURS, call(51)).await.unwrap();
    for n in 0..5 {
        spoken.send(StereoFrame([[n, -n]; STEREO_FRAME_SAMPLES])).unwrap();
    }
    let chunk = sound(&mut audio).await;
    assert_eq!((chunk.len(), &chunk[..4], &chunk[3_196..]), (3_200, &[0, 0, 0, 0][..], &[4, 0, 252, 255][..]));
    drop(spoken);
    let end = tokio::time::timeout(LIMIT, audio.next()).await.expect("the end");
    assert_eq!(end, None, "with the call its sound is over");
}

/// All of the above, which holds wherever live calls are kept.
async fn conforms(live: &Live) {
    a_call_is_seen_from_its_answer_to_its_end(live).await;
    caps_are_counted_without_leaks(live).await;
    events_reach_those_whom_they_concern(live).await;
    a_reader_that_is_too_slow_is_told(live).await;
    a_call_is_ended_by_its_own_tenant_only(live).await;
    a_call_is_heard_by_its_own_tenant_only(live).await;
}

#[tokio::test]
async fn live_calls_of_one_process_conform() {
    conforms(&Live::in_process("one")).await;
}

#[tokio::test]
async fn what_was_said_stays_out_of_the_log() {
    let live = Live::in_process("one");
    let entry = answered(&live, OURS, call(1)).await;
    entry.turn(&turn(0, "my account is 4711"));
    let shown = format!("{:?}", live.list(OURS).await);
    assert!(!shown.contains("4711") && !shown.contains("9812345678"), "{shown}");
}
