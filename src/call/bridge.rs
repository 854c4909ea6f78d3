//! Two legs joined: media relayed here, either side's hang-up ends both.

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{error, info};

use super::leg::{self, Answerer, info_digit};
use super::sounds;
use super::stop::Stop;
use crate::domain::{DtmfMode, EndCause};
use crate::media::{Clip, ClipId, MediaEvent, MediaSession};
use crate::sip::net::{Leg, LegEvent};

/// One of the two legs.
pub struct Side<'a> {
    pub leg: &'a Leg,
    pub events: &'a mut mpsc::Receiver<LegEvent>,
    pub media: &'a MediaSession,
    pub media_events: &'a mut mpsc::Receiver<MediaEvent>,
    pub sdp: &'a mut Answerer,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Caller,
    Person,
}

/// Why the bridge is over. The legs that still live are the caller's of this function to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// One side hung up, with this Q.850 cause.
    HungUp {
        by: Who,
        cause: Option<u8>,
    },
    /// The leg failed in signalling.
    Lost(Who),
    /// No RTP comes from this side any more.
    Dead(Who),
    TooLong,
    /// The call was to end, for this reason.
    Told(EndCause),
}

/// What the bridge came to.
pub struct Finished {
    pub over: Over,
    /// The caller's recording has a hole or ends early.
    pub recording_failed: bool,
}

/// Joins the two until one side ends, `until` comes or the call is to end.
pub async fn run(caller: Side<'_>, person: Side<'_>, until: Instant, stop: &mut Stop) -> Finished {
    let _joined = match caller.media.bridge(person.media) {
        Ok(joined) => joined,
        Err(error) => {
            error!(%error, "the two legs cannot be joined");
            return Finished { over: Over::Lost(Who::Person), recording_failed: false };
        }
    };
    let mut bridge = Bridge {
        caller: End::new(caller.leg, caller.media, caller.sdp),
        person: End::new(person.leg, person.media, person.sdp),
        recording_failed: false,
    };
    // One side may have been on hold while the other was called.
    bridge.person.set_music(bridge.caller.sdp.is_held());
    bridge.caller.set_music(bridge.person.sdp.is_held());
    let (caller_events, caller_media) = (caller.events, caller.media_events);
    let (person_events, person_media) = (person.events, person.media_events);
    let over = loop {
        let over = tokio::select! {
            biased;
            event = caller_events.recv() => bridge.on_leg(Who::Caller, event).await,
            event = person_events.recv() => bridge.on_leg(Who::Person, event).await,
            event = caller_media.recv() => bridge.on_media(Who::Caller, event).await,
            event = person_media.recv() => bridge.on_media(Who::Person, event).await,
            () = tokio::time::sleep_until(until) => Some(Over::TooLong),
            why = stop.told() => Some(Over::Told(why)),
        };
        if let Some(over) = over {
            break over;
        }
    };
    Finished { over, recording_failed: bridge.recording_failed }
}

struct Bridge<'a> {
    caller: End<'a>,
    person: End<'a>,
    recording_failed: bool,
}

/// What is sent to one side.
struct End<'a> {
    leg: &'a Leg,
    media: &'a MediaSession,
    sdp: &'a mut Answerer,
    /// The other side is on hold: music instead of its voice.
    music: bool,
}

impl<'a> End<'a> {
    fn new(leg: &'a Leg, media: &'a MediaSession, sdp: &'a mut Answerer) -> Self {
        Self { leg, media, sdp, music: false }
    }

    fn set_music(&mut self, music: bool) {
        if std::mem::replace(&mut self.music, music) == music {
            return;
        }
        self.media.stop_playout(20);
        if music {
            self.media.play_repeating(Clip { id: MUSIC, audio: sounds::hold_music() });
        }
    }
}

impl<'a> Bridge<'a> {
    /// Both sides, the one that something came from first.
    fn sides(&mut self, who: Who) -> (&mut End<'a>, &mut End<'a>) {
        match who {
            Who::Caller => (&mut self.caller, &mut self.person),
            Who::Person => (&mut self.person, &mut self.caller),
        }
    }

    async fn on_leg(&mut self, who: Who, event: Option<LegEvent>) -> Option<Over> {
        let (from, to) = self.sides(who);
        let Some(event) = event else { return Some(Over::Lost(who)) };
        match event {
            LegEvent::Reinvite { body } => {
                let answer = from.sdp.reinvite(body.as_deref(), from.leg, from.media);
                from.leg.answer_reinvite(answer).await;
                to.set_music(from.sdp.is_held());
            }
            LegEvent::Acked { body: Some(answer) } => {
                from.sdp.late_answer(&answer, from.media);
                to.set_music(from.sdp.is_held());
            }
            LegEvent::Info { content_type, body } => {
                if let Some(digit) = info_digit(&content_type, &body) {
                    leg::press(to.leg, to.media, digit).await;
                }
            }
            LegEvent::Ended { by_remote: true, cause, .. } => return Some(Over::HungUp { by: who, cause }),
            LegEvent::Cancelled => return Some(Over::HungUp { by: who, cause: None }),
            event if event.is_last() => return Some(Over::Lost(who)),
            _ => {}
        }
        None
    }

    async fn on_media(&mut self, who: Who, event: Option<MediaEvent>) -> Option<Over> {
        let (_, to) = self.sides(who);
        match event {
            // Keys in the other forms are passed on by the media threads.
            Some(MediaEvent::Dtmf { digit, .. }) if to.media.keys_by() == DtmfMode::Info => {
                leg::press(to.leg, to.media, digit).await;
            }
            Some(MediaEvent::RecordingFailed { why }) => {
                tracing::error!(%why, "the recording stops here; the call goes on");
                self.recording_failed = true;
            }
            Some(MediaEvent::Dead { silent_ms }) => {
                info!(silent_ms, side = ?who, "no audio arrives any more; both legs are ended");
                return Some(Over::Dead(who));
            }
            // The media threads pass voice and keys on by themselves.
            Some(_) => {}
            None => return Some(Over::Dead(who)),
        }
        None
    }
}

/// The music's clip; no line of the agent has this number.
const MUSIC: ClipId = ClipId(u64::MAX);
