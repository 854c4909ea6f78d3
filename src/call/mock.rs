//! An agent for load tests: it plays a prompt over and over until the caller hangs up, and understands nothing.
//!
//! Signalling, RTP both ways and the record are real; recogniser, voice and dialogue have no part in it.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::info;

use super::agent::{Finished, Parts};
use super::leg::{Answerer, info_digit};
use crate::domain::{CallOutcome, CallSlots, EndCause, RecordingState};
use crate::media::{Clip, ClipId, Codec, EncodedAudio, MediaEvent, MediaSession, tone};
use crate::sip::net::{Leg, LegEvent};

/// Length of the prompt: whole periods of the tone, so that it is heard without a break.
const PROMPT_MS: u64 = 5_000;
/// Pitch of the prompt.
const PROMPT_HZ: f32 = 440.0;

/// The prompt of every mock call.
pub fn prompt() -> EncodedAudio {
    let samples = PROMPT_MS as usize * crate::media::SAMPLE_RATE_HZ as usize / 1_000;
    EncodedAudio::from_pcm(Codec::Pcma, &tone::sine(PROMPT_HZ, 8_000.0, samples))
}

/// Plays `prompt` until the caller hangs up, the call is too long, or it is told to end.
pub async fn run(parts: Parts, prompt: EncodedAudio) -> Finished {
    let Parts {
        leg,
        mut leg_events,
        media,
        mut media_events,
        sdp: mut answerer,
        profile,
        longest_call,
        mut stop,
        pulse,
        ..
    } = parts;
    // Its prompt never ends, and it has nothing that could hang.
    pulse.rest();
    let answered = Instant::now();
    let too_long = tokio::time::sleep(longest_call);
    tokio::pin!(too_long);
    media.play_repeating(Clip { id: ClipId(0), audio: prompt });
    let mut digits = String::new();
    let cause = loop {
        tokio::select! {
            event = leg_events.recv() => {
                if let Some(cause) = on_leg(event, &leg, &media, &mut answerer, &mut digits).await {
                    break cause;
                }
            }
            event = media_events.recv() => match event {
                Some(MediaEvent::Dtmf { digit, .. }) => digits.push(digit),
                Some(MediaEvent::Dead { .. }) | None => break EndCause::DeadMedia,
                Some(_) => {}
            },
            () = &mut too_long => break EndCause::TooLong,
            cause = stop.told() => break cause,
        }
    };
    if cause != EndCause::CallerHungUp {
        leg.bye(None).await;
    }
    report(&media, answered.elapsed(), &digits);
    let recording = if profile.record_calls { RecordingState::Complete } else { RecordingState::Off };
    media.close();
    finish_recording(media_events).await;
    Finished {
        cause,
        outcome: CallOutcome::Nothing,
        slots: CallSlots::default(),
        summary: format!("A load test's call; {} keys were pressed.", digits.len()),
        recording,
        transfers: Vec::new(),
    }
}

async fn on_leg(
    event: Option<LegEvent>,
    leg: &Leg,
    media: &MediaSession,
    answerer: &mut Answerer,
    digits: &mut String,
) -> Option<EndCause> {
    match event {
        Some(LegEvent::Reinvite { body }) => {
            let answer = answerer.reinvite(body.as_deref(), leg, media);
            leg.answer_reinvite(answer).await;
            None
        }
        Some(LegEvent::Acked { body: Some(answer) }) => {
            answerer.late_answer(&answer, media);
            None
        }
        Some(LegEvent::Info { content_type, body }) => {
            digits.extend(info_digit(&content_type, &body));
            None
        }
        Some(LegEvent::Ended { by_remote: true, .. } | LegEvent::Cancelled) => Some(EndCause::CallerHungUp),
        Some(LegEvent::Ended { .. } | LegEvent::Failed { .. }) | None => Some(EndCause::Signalling),
        Some(_) => None,
    }
}

/// One line for the load runner, which adds them up.
fn report(media: &MediaSession, lasted: Duration, digits: &str) {
    let stats = media.stats();
    info!(
        target: "vca::load",
        lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        rtp_sent = stats.packets_sent,
        rtp_send_errors = stats.send_errors,
        rtp_received = stats.packets_received,
        rtp_lost = stats.packets_lost,
        rtp_late = stats.packets_late,
        concealed_ms = stats.concealed_ms,
        jitter_us = stats.jitter_us,
        digits,
        "mock call over"
    );
}

async fn finish_recording(mut media_events: mpsc::Receiver<MediaEvent>) {
    let done = async { while media_events.recv().await.is_some() {} };
    let _ = tokio::time::timeout(super::agent::RECORDING_LIMIT, done).await;
}
