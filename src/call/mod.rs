//! One call from admission to record.
//!
//! ```text
//! INVITE ─► route (DID → tenant) ─► admit (caps) ─► SDP answer ─► 180, 200 ─► Conversation ─► BYE ─► record closed
//!              404                    486, 503        488
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{Instrument, Span, error, field, info, info_span};

use crate::domain::billing::{Allowance, DIRECT, LegUse, Meter};
use crate::domain::{CallId, CallRecord, CallSlots, CallStatus, E164, RecordingState, TEST_TRUNK, Trunk};
use crate::media::{
    Capabilities, EncodedAudio, MediaEngine, MediaError, MediaEvent, MediaSession, SdpSession, SessionOptions,
};
use crate::metrics::Metrics;
use crate::sip::message::{HeaderName, HeaderValue};
use crate::sip::net::{IncomingCall, InviteInfo, Leg, LegEvent, LegPolicy, Stack};
use crate::sip::trunk::Trunks;
use crate::speech::Speech;
use crate::telemetry::{CallTrace, Telemetry};
use crate::vault::Recordings;

pub mod admission;
mod agent;
mod bridge;
mod guard;
pub mod leg;
pub mod lines;
pub mod mock;
pub mod overload;
pub mod ports;
mod record;
mod router;
mod sounds;
mod stop;
pub mod test_call;
mod transfer;
pub mod watchdog;

use admission::{Admission, Refusal, Slot};
use leg::Answerer;
use overload::Gauge;
pub use record::SpoolFolder;

use ports::{CallBook, Closing, OutboundLines, Presence, Present, Route};
use record::Journal;
use router::NoRoute;
use stop::Stop;
use test_call::TestCalls;
use watchdog::Watchdog;

/// What the node answers calls with.
pub struct Node {
    pub book: Arc<dyn CallBook>,
    pub presence: Arc<dyn Presence>,
    pub media: Arc<MediaEngine>,
    pub speech: Arc<Speech>,
    pub admission: Admission,
    pub overload: Arc<Gauge>,
    pub metrics: Arc<Metrics>,
    pub telemetry: Telemetry,
    pub watchdog: Watchdog,
    /// Where calls to people are placed.
    pub stack: Stack,
    /// Whom calls come from.
    pub trunks: Trunks,
    /// Calls that try receptionists out.
    pub tests: TestCalls,
    pub lines: Arc<dyn OutboundLines>,
    pub settings: Settings,
}

/// How the node answers.
#[derive(Debug, Clone)]
pub struct Settings {
    pub recordings: Recordings,
    /// Where what the database does not take waits for it.
    pub spool: SpoolFolder,
    /// Ringing time before the answer.
    pub answer_after: Duration,
    /// The longest call.
    pub longest_call: Duration,
    /// When a refused caller may try again, at the earliest: twice that at the latest.
    pub retry_after_s: u32,
    /// How long calls may go on after a drain began.
    pub drain: Duration,
    /// For load tests: every call gets this prompt, over and over, instead of a conversation.
    pub mock_prompt: Option<EncodedAudio>,
}

/// Answers calls until the stack ends or `shutdown` turns true, then lets the calls that go on finish.
pub async fn serve(node: Arc<Node>, mut incoming: mpsc::Receiver<IncomingCall>, shutdown: watch::Receiver<bool>) {
    let mut calls = JoinSet::new();
    // Aborted when dropped.
    let mut watches = JoinSet::new();
    let (gauge, media, speech) = (Arc::clone(&node.overload), Arc::clone(&node.media), Arc::clone(&node.speech));
    watches.spawn(overload::watch(gauge, media, speech));
    watches.spawn(record::look_after(Arc::clone(&node.book), node.settings.spool.clone()));
    let mut draining = shutdown.clone();
    let (stop, stopped) = watch::channel(false);
    loop {
        tokio::select! {
            call = incoming.recv() => match call {
                Some(call) => {
                    let span = info_span!("call", sip.call_id = %call.invite.call_id, trace.id = field::Empty);
                    calls.spawn(answer(Arc::clone(&node), call, stopped.clone()).instrument(span));
                }
                None => break,
            },
            Some(ended) = calls.join_next() => report(ended),
            _ = draining.wait_for(|drain| *drain) => break,
        }
    }
    drop(incoming);
    let all_done = async {
        while let Some(ended) = calls.join_next().await {
            report(ended)
        }
    };
    if tokio::time::timeout(node.settings.drain, all_done).await.is_err() {
        stop.send_replace(true);
    }
    while let Some(ended) = calls.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failure) = ended {
        error!(error = %failure, "a call's task failed; its leg and its places were freed");
    }
}

/// Refuses a call: status, reason, headers.
struct Refused(u16, &'static str, Vec<(HeaderName, HeaderValue)>);

impl Refused {
    fn plain(status: u16, reason: &'static str) -> Self {
        Self(status, reason, Vec::new())
    }

    fn later(status: u16, reason: &'static str, settings: &Settings) -> Self {
        let after = HeaderValue::from(overload::retry_after(settings.retry_after_s, rand::random()));
        Self(status, reason, vec![(HeaderName::RetryAfter, after)])
    }
}

fn refused(refusal: Refusal, settings: &Settings) -> Refused {
    match refusal {
        Refusal::TrunkFull => Refused::later(486, "All Channels Busy", settings),
        Refusal::TrunkTooFast(after) => {
            let seconds = HeaderValue::from(after.as_secs().saturating_add(1).to_string());
            Refused(503, "Too Many Calls A Second", vec![(HeaderName::RetryAfter, seconds)])
        }
        Refusal::NodeFull => Refused::later(503, "All Lines Busy", settings),
    }
}

/// A call that is going to be answered.
struct Prepared {
    /// The trunk it came over.
    trunk: Option<Trunk>,
    route: Route,
    did: E164,
    /// Absent when withheld, or not known.
    caller: Option<E164>,
    /// Somebody tries the receptionist out.
    is_test: bool,
    slot: Slot,
    present: Box<dyn Present>,
    id: CallId,
    media: MediaSession,
    media_events: mpsc::Receiver<MediaEvent>,
    answer: Vec<u8>,
    sdp: Answerer,
}

impl Prepared {
    /// What the call came over, for its record and the live views.
    fn trunk_name(&self) -> Option<&str> {
        self.trunk.as_ref().map(|trunk| trunk.name.as_str()).or(self.is_test.then_some(TEST_TRUNK))
    }

    /// The record as it is opened at the answer, which is now.
    fn record(&self, invite: &InviteInfo) -> CallRecord {
        CallRecord {
            id: self.id,
            tenant: self.route.scope.tenant(),
            profile: self.route.profile.id,
            did: self.did.clone(),
            caller: self.caller.clone(),
            sip_call_id: invite.call_id.to_string(),
            status: CallStatus::Active,
            answered_at: Timestamp::now(),
            ended_at: None,
            end_cause: None,
            outcome: None,
            slots: CallSlots::default(),
            summary: None,
            recording: if self.route.profile.record_calls { RecordingState::Partial } else { RecordingState::Off },
            transfers: Vec::new(),
            bridged_ms: 0,
            trunk: self.trunk_name().map(str::to_owned),
        }
    }
}

async fn answer(node: Arc<Node>, call: IncomingCall, shutdown: watch::Receiver<bool>) {
    let IncomingCall { leg, mut events, invite } = call;
    let trace = node.telemetry.call(SystemTime::now() - invite.received_at.elapsed());
    if let Some(id) = trace.id() {
        Span::current().record("trace.id", id);
    }
    match prepare(&node, &leg, &invite).await {
        Err(Refused(status, reason, headers)) => {
            info!(status, reason, "the call is refused");
            node.metrics.call_refused(status);
            trace.refused(status);
            leg.reject(status, reason, headers).await;
        }
        Ok(prepared) => {
            leg.ring().await;
            if ring(&mut events, node.settings.answer_after).await {
                converse(&node, leg, events, &invite, prepared, Watched { drain: shutdown, trace }).await;
            }
        }
    }
}

/// Lets the phone ring; false when the caller gave up meanwhile.
async fn ring(events: &mut mpsc::Receiver<LegEvent>, answer_after: Duration) -> bool {
    if answer_after.is_zero() {
        return true;
    }
    let ringing = tokio::time::sleep(answer_after);
    tokio::pin!(ringing);
    loop {
        tokio::select! {
            () = &mut ringing => return true,
            event = events.recv() => match event {
                Some(LegEvent::Cancelled | LegEvent::Ended { .. } | LegEvent::Failed { .. }) | None => return false,
                Some(_) => {}
            },
        }
    }
}

async fn prepare(node: &Node, leg: &Leg, invite: &InviteInfo) -> Result<Prepared, Refused> {
    // Before anything that costs: a call that is refused must be cheap.
    let Some(_setting_up) = node.overload.enter(invite.received_at.elapsed()) else {
        return Err(Refused::later(503, "Overloaded", &node.settings));
    };
    let trunk = node.trunks.of_invite(invite);
    if let Some(trunk) = &trunk {
        leg.set_policy(LegPolicy::from(&trunk.settings)).await;
    }
    let arrival = router::find(&*node.book, &node.tests, &node.trunks, trunk.as_deref(), leg, invite).await;
    let router::Arrival { mut route, did, test } = arrival.map_err(|why| match why {
        NoRoute::NoSuchNumber => Refused::plain(404, "No Such Number"),
        // The number exists, and will be answered again: a 404 has carriers announce that it does not.
        NoRoute::Suspended => Refused::plain(480, "Temporarily Unavailable"),
        NoRoute::NoDirectory => Refused::later(503, "Directory Not Available", &node.settings),
    })?;
    let caller = router::caller(invite, trunk.as_deref());
    let id = test.unwrap_or_else(|| CallId::new(Timestamp::now(), rand::random()));
    // A full node asks nobody else.
    if node.admission.is_full() {
        return Err(refused(Refusal::NodeFull, &node.settings));
    }
    let present = node.presence.enter(route.scope, id, route.tenant.max_calls).await;
    // The tenant has all the calls it pays for.
    let present = present.ok_or_else(|| Refused::later(486, "Busy Here", &node.settings))?;
    let admitted = node.admission.admit(trunk.as_deref(), Instant::now());
    let slot = admitted.map_err(|refusal| refused(refusal, &node.settings))?;
    if route.allowance > Allowance::Full {
        let allowance = route.allowance.name();
        info!(call = %id, tenant = %route.scope.tenant(), allowance, "the month's ceiling is reached; the call spends less");
    }
    route.allowance.apply(&mut route.profile);
    let recording = route.profile.record_calls.then(|| node.settings.recordings.to_write(route.scope.tenant(), id));
    if let Some(folder) = recording.as_deref().and_then(Path::parent)
        && let Err(error) = tokio::fs::create_dir_all(folder).await
    {
        // The recorder will say so in the record; the call goes on.
        error!(%error, folder = %folder.display(), "no folder for the recording");
    }
    let settings = trunk.as_ref().map(|trunk| &trunk.settings);
    let of_trunk = settings.map(SessionOptions::from).unwrap_or_default();
    let options = SessionOptions { recording, local_ip: Some(leg.local_ip()), ..of_trunk };
    let (media, media_events) = node.media.open(options).map_err(|error| no_media(node, &error))?;
    let capabilities = match settings {
        Some(settings) => Capabilities::from(settings),
        // Of a far end that nobody has described, the offer counts: G.711 where it is in it.
        None if invite.body.is_some() => Capabilities::any_codec(),
        None => Capabilities::default(),
    };
    let mut sdp = Answerer::new(SdpSession::random()).with_capabilities(capabilities);
    // The endpoint lets no body through that is not SDP (415).
    let offer = invite.body.as_ref().map(|(_, offer)| offer.as_slice());
    let answer = sdp.reinvite(offer, leg, &media).map_err(|(status, reason)| {
        info!(status, reason, "the offer cannot be answered");
        if status == 488 { Refused::plain(488, "Not Acceptable Here") } else { Refused::plain(400, "Bad SDP") }
    })?;
    let trunk = trunk.map(Arc::unwrap_or_clone);
    let (caller, is_test) = (caller.number(), test.is_some());
    Ok(Prepared { trunk, route, did, caller, is_test, slot, present, id, media, media_events, answer, sdp })
}

fn no_media(node: &Node, failure: &MediaError) -> Refused {
    error!(error = %failure, "no media session for a call");
    Refused::later(503, "No Media Port Free", &node.settings)
}

/// What goes along with a conversation.
struct Watched {
    drain: watch::Receiver<bool>,
    trace: CallTrace,
}

async fn converse(
    node: &Arc<Node>,
    leg: Leg,
    leg_events: mpsc::Receiver<LegEvent>,
    invite: &InviteInfo,
    prepared: Prepared,
    Watched { drain, trace }: Watched,
) {
    let record = prepared.record(invite);
    let trunk_name = prepared.trunk_name().map(str::to_owned);
    let trunk_name = trunk_name.as_deref();
    let Prepared { trunk, route, did, caller, is_test, slot, present, id, media, media_events, answer, sdp } = prepared;
    let present: Arc<dyn Present> = Arc::from(present);
    let started = Instant::now();
    leg.answer(answer).await;
    node.metrics.call_began();
    let (meter, line) = (Meter::default(), trunk_name.unwrap_or(DIRECT).to_owned());
    trace.answered(id, route.scope.tenant(), trunk_name);
    let (book, scope) = (Arc::clone(&node.book), route.scope);
    let spool = node.settings.spool.clone();
    let journal = Arc::new(Journal::open(book, spool, Arc::clone(&present), scope, record, trunk_name));
    info!(call = %id, tenant = %scope.tenant(), trunk = trunk_name, "answered");
    let outgoing = transfer::Outgoing {
        meter: meter.clone(),
        stack: node.stack.clone(),
        lines: Arc::clone(&node.lines),
        media: Arc::clone(&node.media),
        did,
        trunk,
        source: invite.source,
        transport: invite.transport,
    };
    let media = Arc::new(media);
    let heard = Arc::downgrade(&media);
    present.audible(Arc::new(move || heard.upgrade().map(|media| media.overhear())));
    let guarded = guard::Guarded::new(node, &leg, &media, &route.profile, Arc::clone(&journal));
    let parts = agent::Parts {
        leg,
        leg_events,
        media,
        media_events,
        sdp,
        speech: node.speech.for_call(&route.profile.speech, meter.clone()),
        profile: route.profile,
        caller,
        outgoing,
        longest_call: node.settings.longest_call,
        stop: Stop::new(drain, present.wishes()),
        pulse: guarded.pulse(),
        metrics: Arc::clone(&node.metrics),
        trace: trace.clone(),
        recordings: node.settings.recordings.clone(),
        id: (route.scope.tenant(), id),
    };
    let finished = guarded.run(parts, node.settings.mock_prompt.clone()).await;
    let (cause, outcome) = (finished.cause, finished.outcome);
    node.metrics.call_ended(outcome, cause);
    trace.ended(outcome, cause);
    let lasted = started.elapsed();
    info!(call = %id, ?cause, ?outcome, seconds = lasted.as_secs(), "ended");
    // No carrier is paid for a test, and no minute of the plan.
    if !is_test {
        meter.leg(LegUse { trunk: line, outbound: false, ms: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX) });
    }
    let closing = Closing {
        ended_at: Timestamp::now(),
        end_cause: cause,
        outcome,
        slots: finished.slots,
        summary: finished.summary,
        recording: finished.recording,
        bridged_ms: finished.transfers.iter().map(|attempt| attempt.bridged_ms).sum(),
        transfers: finished.transfers,
        usage: meter.read(),
    };
    // The line is free; a bucket or a database that is slow may keep the rest open for a while.
    drop(slot);
    present.ended(cause, outcome);
    if closing.recording == RecordingState::Refused
        && let Err(error) = node.settings.recordings.delete(route.scope.tenant(), id).await
    {
        error!(call = %id, %error, "the recording that the caller did not want is removed later");
    }
    journal.close(closing).await;
}
