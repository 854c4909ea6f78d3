//! Handing the caller to a person: the caller is kept company while the person is called, told of the caller, and asked.
//!
//! Whatever fails, the caller hears something: the line that was begun, music or ringing, the person, or the
//! receptionist again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{info, warn};

use super::mouth::synthesise;
use super::{Conversation, STOP_FADE_MS};
use crate::call::ports::NoLine;
use crate::call::stop::Stop;
use crate::call::transfer::{Attempt, Event, FarEvent, Referral, ReferralEvent, ReferralStep, SecondLeg, Step, Way};
use crate::call::{bridge, leg, sounds};
use crate::dialogue::{self, Receptionist, TransferFailure};
use crate::domain::{EndCause, LivePhase, TransferAttempt, TransferKind, TransferResult, TransferTarget};
use crate::media::{BridgeGuard, Clip, ClipId, EncodedAudio, MediaEvent};
use crate::sip::cause;
use crate::sip::net::LegEvent;
use crate::speech::Speech;
use crate::voice::{self, Ms, TurnController};

/// How long the look-up of a line, and the sending of the INVITE, may take.
const PLACING_LIMIT: Duration = Duration::from_secs(5);
/// What keeps the caller company, in either session's numbers; no line of the agent has these.
const COMPANY: ClipId = ClipId(u64::MAX - 1);
/// The last clip of the summary, on the person's side.
const SUMMARY_END: ClipId = ClipId(1);

/// What a conversation waits for besides its own engines.
pub(super) struct Waits<'w> {
    pub leg_events: mpsc::Receiver<LegEvent>,
    pub media_events: &'w mut mpsc::Receiver<MediaEvent>,
    /// The end of the longest call.
    pub until: Instant,
    pub stop: Stop,
}

/// A line that is looked for, and the INVITE on it.
type Placing = Pin<Box<dyn Future<Output = Result<Way, NoLine>> + Send>>;

/// What an attempt is told.
enum News {
    /// Of the second leg.
    Second(Event),
    /// Of the REFER.
    Referral(ReferralEvent),
}

/// How an attempt ended.
enum Reached {
    Person(Box<SecondLeg>),
    Nobody(TransferFailure),
    /// The caller's side is over.
    CallerGone(EndCause),
}

/// An attempt under way.
struct Reaching {
    attempt: Attempt,
    /// The carrier was asked to call the person; nothing is known of that yet.
    referral: Option<Referral>,
    placing: Option<Placing>,
    second: Option<Box<SecondLeg>>,
    /// The summary and the question; `None` until it is made, empty when it could not be.
    summary: Option<Vec<EncodedAudio>>,
    /// It is to be played as soon as it is there.
    announce: bool,
    company: Company,
    /// Joins the caller with what the far end sends before it answers, until the two are joined for good.
    early: Option<BridgeGuard>,
    answered_at: Option<Timestamp>,
}

/// What the caller hears meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    /// The line that was begun; what follows begins at this time at the latest.
    Line {
        until: Instant,
    },
    Clip,
    /// What the far end sends before it answers.
    EarlyMedia,
}

impl Conversation<'_> {
    /// Begins to hand the caller to the target of this name, as somebody who watches the call wants; what is being said
    /// stops. A name that the profile does not have changes nothing.
    pub(super) fn hand_over_as_asked(&mut self, name: &str) {
        let Some(target) = self.profile.transfers.targets.iter().position(|target| target.name == name) else {
            return warn!(target = name, "the caller cannot be handed over: the profile has no such target");
        };
        self.stop_playout();
        self.step(dialogue::Input::HandOver { target });
    }

    /// Tries to hand the caller over. `None`: nobody was to be had, and the receptionist talks to the caller again.
    pub(super) async fn hand_over(
        &mut self,
        target: usize,
        summary: String,
        waits: &mut Waits<'_>,
    ) -> Option<EndCause> {
        let Some(target) = self.profile.transfers.targets.get(target).cloned() else {
            self.resume(TransferFailure::Failed);
            return None;
        };
        let mut record = TransferAttempt {
            target: target.name.clone(),
            number: target.number.clone(),
            kind: target.kind,
            started_at: Timestamp::now(),
            answered_at: None,
            result: TransferResult::Failed,
            bridged_ms: 0,
        };
        self.journal.phase(LivePhase::HandingOver);
        self.duck(false);
        self.media.resume_playout();
        self.tell(voice::Input::Expect { what: voice::Expectation::None, digits: None });
        let mut reaching = Reaching {
            attempt: Attempt::new(target.kind, self.now()),
            referral: None,
            // A person who is to hear of the caller first cannot be called by the carrier.
            placing: Some(self.place(&target, target.kind == TransferKind::Blind)),
            second: None,
            summary: None,
            announce: false,
            company: Company::Line {
                until: Instant::now() + Duration::from_millis(self.profile.turns.watchdog_ms.into()),
            },
            early: None,
            answered_at: None,
        };
        let reached = self.reach(&target, summary, &mut reaching, waits).await;
        record.answered_at = reaching.answered_at;
        if let Some(second) = reaching.second.take() {
            // Not handed to anybody: cancelled, or hung up on.
            second.end(cause::reason(cause::NORMAL)).await;
        }
        let (cause, back) = match reached {
            Reached::Person(second) => (Some(self.talk(*second, &mut record, waits).await), None),
            Reached::CallerGone(cause) => {
                let referred = cause == EndCause::Referred && self.referred == Some(self.transfers.len());
                record.result = if referred { TransferResult::Referred } else { TransferResult::CallerLeft };
                (Some(cause), None)
            }
            Reached::Nobody(why) => {
                record.result = result(why);
                (None, Some(why))
            }
        };
        info!(target = %record.target, result = ?record.result, bridged_ms = record.bridged_ms, "transfer");
        self.log("transfer", &record);
        self.transfers.push(record);
        if let Some(why) = back {
            self.resume(why);
        }
        cause
    }

    /// Calls the person and keeps the caller company until one of them is gone or the person takes the call.
    async fn reach(
        &mut self,
        target: &TransferTarget,
        summary: String,
        reaching: &mut Reaching,
        waits: &mut Waits<'_>,
    ) -> Reached {
        let making = announcement(Arc::clone(&self.speech), summary, Receptionist::accept_question(&self.profile));
        tokio::pin!(making);
        loop {
            self.keep_company(reaching, target.kind);
            self.pulse.beat();
            self.go_on_without();
            let mouth = self.mouth.next_deadline().unwrap_or(Ms(u64::MAX));
            let deadline = self.at(reaching.deadline().min(mouth));
            let wake = match reaching.company {
                Company::Line { until } => deadline.min(until),
                _ => deadline,
            };
            let news = tokio::select! {
                biased;
                event = waits.leg_events.recv() => {
                    let news = event.as_ref().and_then(referral_news);
                    self.on_leg(event).await;
                    news
                }
                event = waits.media_events.recv() => {
                    self.on_waiting_media(event);
                    None
                }
                found = placed(&mut reaching.placing) => self.on_placed(found, reaching).await,
                made = &mut making, if reaching.summary.is_none() => {
                    reaching.summary = Some(made);
                    None
                }
                event = far_event(&mut reaching.second) => self.on_far(event, reaching).await.map(News::Second),
                done = self.mouth.synthesised() => {
                    let events = self.mouth.take(done, self.now(), &self.media);
                    self.on_mouth(events);
                    None
                }
                () = tokio::time::sleep_until(wake.min(waits.until)) => Some(reaching.tick()),
                cause = waits.stop.told() => return Reached::CallerGone(cause),
            };
            if let Some(cause) = self.over {
                return Reached::CallerGone(cause);
            }
            if Instant::now() >= waits.until {
                return Reached::CallerGone(EndCause::TooLong);
            }
            let reached = match news {
                Some(News::Referral(event)) => self.follow_referral(event, target, reaching),
                Some(News::Second(event)) => self.advance(Some(event), reaching),
                None => self.advance(None, reaching),
            };
            if let Some(reached) = reached {
                return reached;
            }
        }
    }

    /// Looks for a line to the target and, unless the carrier is to call there, calls.
    fn place(&self, target: &TransferTarget, may_refer: bool) -> Placing {
        let outgoing = Arc::clone(&self.outgoing);
        let (to, caller) = (target.number.clone(), self.caller.clone());
        let beside = self.media.beside();
        Box::pin(async move {
            let placing = outgoing.place(to, caller, may_refer, beside);
            tokio::time::timeout(PLACING_LIMIT, placing)
                .await
                .unwrap_or_else(|_| Err(NoLine(format!("no line was found within {} s", PLACING_LIMIT.as_secs()))))
        })
    }

    /// Has the referral decide, while there is one.
    fn follow_referral(
        &mut self,
        event: ReferralEvent,
        target: &TransferTarget,
        reaching: &mut Reaching,
    ) -> Option<Reached> {
        let now = self.now();
        match reaching.referral.as_mut()?.handle(event, now)? {
            ReferralStep::GiveUp(why) => Some(Reached::Nobody(why)),
            ReferralStep::CallOurselves => {
                info!(?event, "the carrier does not hand the caller over; the person is called from here");
                reaching.referral = None;
                reaching.attempt = Attempt::new(target.kind, now);
                reaching.placing = Some(self.place(target, false));
                None
            }
        }
    }

    /// Has the attempt decide, and does what it says.
    fn advance(&mut self, event: Option<Event>, reaching: &mut Reaching) -> Option<Reached> {
        let now = self.now();
        let mut step = event.and_then(|event| reaching.attempt.handle(event, now));
        if step == Some(Step::Announce) {
            reaching.announce = true;
            step = None;
        }
        if reaching.announce && reaching.summary.is_some() {
            reaching.announce = false;
            if !reaching.say_summary() {
                step = reaching.attempt.handle(Event::Speechless, now);
            }
        }
        match step? {
            Step::Announce => None,
            Step::EarlyMedia => {
                self.hear_early(reaching);
                None
            }
            Step::Connect => Some(match reaching.second.take() {
                Some(second) => Reached::Person(second),
                None => Reached::Nobody(TransferFailure::Failed),
            }),
            Step::GiveUp(why) => Some(Reached::Nobody(why)),
        }
    }

    /// Has the caller hear what the far end sends; where that cannot be, our own ringing goes on.
    fn hear_early(&mut self, reaching: &mut Reaching) {
        let Some(second) = &reaching.second else { return };
        match self.media.bridge(&second.media) {
            Ok(joined) => {
                reaching.early = Some(joined);
                reaching.company = Company::EarlyMedia;
                self.quiet();
            }
            Err(error) => warn!(%error, "early media cannot be passed on"),
        }
    }

    async fn on_placed(&mut self, found: Result<Way, NoLine>, reaching: &mut Reaching) -> Option<News> {
        reaching.placing = None;
        match found {
            Ok(Way::Leg(second)) => {
                reaching.second = Some(second);
                None
            }
            Ok(Way::Refer { to, by }) => {
                info!("the caller's carrier is asked to hand the caller over");
                self.leg.refer(to, Some(by), true).await;
                reaching.referral = Some(Referral::new(self.now()));
                self.referred = Some(self.transfers.len());
                None
            }
            Err(error) => {
                warn!(%error, "the person cannot be called");
                Some(News::Second(Event::Ended))
            }
        }
    }

    /// What the second leg told, for the attempt.
    async fn on_far(&mut self, event: FarEvent, reaching: &mut Reaching) -> Option<Event> {
        let second = reaching.second.as_mut()?;
        match event {
            FarEvent::Leg(Some(LegEvent::Provisional { body, .. })) => {
                let media = body.is_some_and(|sdp| second.early(&sdp));
                Some(Event::Progress { media })
            }
            FarEvent::Leg(Some(LegEvent::Answered { sdp })) => {
                reaching.answered_at = Some(Timestamp::now());
                match second.answered(&sdp) {
                    Ok(()) => Some(Event::Answered),
                    Err(error) => {
                        warn!(%error, "the person's side answered with SDP that cannot be used");
                        Some(Event::Failed { status: 488 })
                    }
                }
            }
            FarEvent::Leg(Some(LegEvent::Info { content_type, body })) => {
                leg::info_digit(&content_type, &body).map(Event::Key)
            }
            FarEvent::Leg(Some(LegEvent::Failed { status, cause: q850, .. })) => {
                // Carriers say 480 or 503 for much; the cause from the telephone network is more exact.
                let status = q850.and_then(cause::status_of).unwrap_or(status);
                Some(Event::Failed { status })
            }
            FarEvent::Leg(Some(LegEvent::Reinvite { body })) => {
                let answer = second.sdp.reinvite(body.as_deref(), &second.leg, &second.media);
                second.leg.answer_reinvite(answer).await;
                None
            }
            FarEvent::Leg(Some(LegEvent::Acked { body: Some(answer) })) => {
                second.sdp.late_answer(&answer, &second.media);
                None
            }
            FarEvent::Leg(Some(event)) if !event.is_last() => None,
            FarEvent::Leg(_) | FarEvent::Media(None | Some(MediaEvent::Dead { .. })) => Some(Event::Ended),
            FarEvent::Media(Some(MediaEvent::Dtmf { digit, .. })) => Some(Event::Key(digit)),
            FarEvent::Media(Some(MediaEvent::PlayoutFinished { id: SUMMARY_END, .. })) => Some(Event::Announced),
            FarEvent::Media(Some(_)) => None,
        }
    }

    /// The caller's own session, while they wait: nothing is listened to.
    fn on_waiting_media(&mut self, event: Option<MediaEvent>) {
        match event {
            Some(MediaEvent::Frame(_) | MediaEvent::Dtmf { .. }) => {}
            Some(event) => self.on_media(event),
            None => self.over = Some(EndCause::DeadMedia),
        }
    }

    /// Sees to it that the caller hears something: music or ringing behind the line that was begun.
    fn keep_company(&mut self, reaching: &mut Reaching, kind: TransferKind) {
        let Company::Line { until } = reaching.company else { return };
        if self.mouth.is_all_sent() || Instant::now() >= until {
            let audio = match kind {
                TransferKind::Warm => sounds::hold_music(),
                TransferKind::Blind => sounds::ringback(),
            };
            self.media.play_repeating(Clip { id: COMPANY, audio });
            reaching.company = Company::Clip;
            self.journal.phase(LivePhase::HandingOver);
        }
    }

    /// Ends what plays to the caller.
    fn quiet(&mut self) {
        self.media.stop_playout(STOP_FADE_MS);
        let events = self.mouth.cut(self.now());
        self.on_mouth(events);
    }

    /// Joins both until one hangs up.
    async fn talk(&mut self, second: SecondLeg, record: &mut TransferAttempt, waits: &mut Waits<'_>) -> EndCause {
        self.quiet();
        self.step(dialogue::Input::TransferDone);
        record.result = TransferResult::Bridged;
        self.journal.phase(LivePhase::WithPerson);
        let mut second = second;
        second.media.stop_playout(STOP_FADE_MS);
        let began = Instant::now();
        let caller = bridge::Side {
            leg: &self.leg,
            events: &mut waits.leg_events,
            media: &self.media,
            media_events: &mut *waits.media_events,
            sdp: &mut self.capabilities,
        };
        let person = bridge::Side {
            leg: &second.leg,
            events: &mut second.events,
            media: &second.media,
            media_events: &mut second.media_events,
            sdp: &mut second.sdp,
        };
        let finished = bridge::run(caller, person, waits.until, &mut waits.stop).await;
        record.bridged_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if finished.recording_failed && self.recording == crate::domain::RecordingState::Complete {
            self.recording = crate::domain::RecordingState::Failed;
        }
        let (cause, reason) = ending(&finished.over);
        if !matches!(finished.over, bridge::Over::HungUp { by: bridge::Who::Person, .. }) {
            second.end(reason.clone()).await;
        }
        self.bye_reason = Some(reason);
        cause
    }

    /// The receptionist talks to the caller again.
    fn resume(&mut self, why: TransferFailure) {
        self.quiet();
        self.turns = TurnController::starting(self.profile.turns.clone(), self.now());
        self.journal.phase(LivePhase::Listening);
        self.follow_hold();
        self.step(dialogue::Input::TransferFailed { reason: why });
    }
}

impl Reaching {
    fn deadline(&self) -> voice::Ms {
        self.referral.as_ref().map_or_else(|| self.attempt.deadline(), Referral::deadline)
    }

    fn tick(&self) -> News {
        if self.referral.is_some() { News::Referral(ReferralEvent::Tick) } else { News::Second(Event::Tick) }
    }

    /// Plays the summary to the person; false when there is nothing to play.
    fn say_summary(&mut self) -> bool {
        let parts = self.summary.as_deref().unwrap_or_default();
        let (Some(second), Some(last)) = (&self.second, parts.len().checked_sub(1)) else { return false };
        let number = |index: usize| if index == last { SUMMARY_END } else { ClipId(SUMMARY_END.0 + 1) };
        let clips = parts.iter().enumerate().map(|(index, audio)| Clip { id: number(index), audio: audio.clone() });
        second.media.play(clips.collect());
        true
    }
}

/// What the caller's leg tells of our REFER.
fn referral_news(event: &LegEvent) -> Option<News> {
    match event {
        LegEvent::ReferProgress { status } => Some(News::Referral(ReferralEvent::Progress(*status))),
        LegEvent::ReferFailed { status, reason } => {
            info!(status, reason, "the carrier refuses to hand the caller over");
            Some(News::Referral(ReferralEvent::Failed))
        }
        _ => None,
    }
}

async fn placed(placing: &mut Option<Placing>) -> Result<Way, NoLine> {
    match placing {
        Some(placing) => placing.await,
        None => std::future::pending().await,
    }
}

async fn far_event(second: &mut Option<Box<SecondLeg>>) -> FarEvent {
    match second {
        Some(second) => second.next().await,
        None => std::future::pending().await,
    }
}

/// The summary, and the question whether the person takes the call; empty when no voice is to be had.
async fn announcement(speech: Arc<Speech>, summary: String, question: String) -> Vec<EncodedAudio> {
    match speech.prompts.get(&question) {
        Some(question) => synthesise(&speech, summary).await.into_iter().chain([question]).collect(),
        None => synthesise(&speech, format!("{summary} {question}")).await.into_iter().collect(),
    }
}

fn result(why: TransferFailure) -> TransferResult {
    match why {
        TransferFailure::NoAnswer => TransferResult::NoAnswer,
        TransferFailure::Busy => TransferResult::Busy,
        TransferFailure::Refused => TransferResult::Refused,
        TransferFailure::Failed => TransferResult::Failed,
    }
}

/// What the record says of the end of a bridge, and the Reason that the legs still alive are ended with.
fn ending(over: &bridge::Over) -> (EndCause, String) {
    match over {
        bridge::Over::HungUp { by, cause: q850 } => {
            let ended = match by {
                bridge::Who::Caller => EndCause::CallerHungUp,
                bridge::Who::Person => EndCause::PersonHungUp,
            };
            (ended, cause::reason(q850.unwrap_or(cause::NORMAL)))
        }
        bridge::Over::Lost(_) => (EndCause::Signalling, cause::reason(41)),
        bridge::Over::Dead(_) => (EndCause::DeadMedia, cause::reason(102)),
        bridge::Over::TooLong => (EndCause::TooLong, cause::reason(31)),
        bridge::Over::Told(why) => (*why, cause::reason(31)),
    }
}
