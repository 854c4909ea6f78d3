//! The end of a conversation: in words where it is for a reason of ours, and what is left to do after them.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use super::handover::Waits;
use super::mouth::MouthEvent;
use super::{Conversation, Finished, RECORDING_LIMIT, elapsed};
use crate::dialogue;
use crate::domain::{EndCause, TransferResult};
use crate::media::MediaEvent;
use crate::sip::cause::{NORMAL, reason};

/// How long the media session may take to report what was played of the last lines.
const LAST_REPORTS: Duration = Duration::from_millis(300);
/// How long a farewell may take, until the call is ended without more words.
const FAREWELL: Duration = Duration::from_secs(10);

impl Conversation<'_> {
    /// Stops what is being said and begins the farewell; gives the cause that the call ends for when that is over. A
    /// farewell that is under way already goes on.
    pub(super) fn take_leave(&mut self, cause: EndCause, waits: &mut Waits<'_>) -> Option<EndCause> {
        waits.until = Instant::now() + FAREWELL;
        if self.last_line.is_none() {
            self.stop_playout();
            self.step(dialogue::Input::MustEnd);
        }
        Some(cause)
    }

    /// Writes down what was heard last, hangs up, and waits for the recording.
    pub(super) async fn finish(mut self, cause: EndCause, mut media_events: mpsc::Receiver<MediaEvent>) -> Finished {
        self.pulse.rest();
        // The caller heard at most what was sent until now; the session is about to close and reports no more.
        self.media.stop_playout(0);
        let mut events = self.mouth.cut(self.now());
        let reports = async {
            while self.mouth.is_busy() {
                match media_events.recv().await {
                    Some(MediaEvent::PlayoutStopped { id, played_ms, .. }) => {
                        events.extend(self.mouth.clip_stopped(id, played_ms, elapsed(self.answered)));
                    }
                    Some(MediaEvent::PlayoutFinished { id, .. }) => {
                        events.extend(self.mouth.clip_finished(id, elapsed(self.answered)));
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        };
        if tokio::time::timeout(LAST_REPORTS, reports).await.is_err() {
            debug!("the media session did not say in time how much was played");
        }
        for event in events {
            if let MouthEvent::Stopped(ended) | MouthEvent::Finished(ended) = event {
                self.line_over(ended);
            }
        }
        if cause == EndCause::Referred {
            self.step(dialogue::Input::TransferDone);
            let attempt = self.referred.and_then(|index| self.transfers.get_mut(index));
            attempt.into_iter().for_each(|attempt| attempt.result = TransferResult::Referred);
            self.bye_reason = Some(reason(NORMAL));
        }
        self.step(dialogue::Input::HungUp);
        if cause != EndCause::CallerHungUp {
            self.leg.bye(self.bye_reason.take()).await;
        }
        let finished = Finished {
            cause,
            outcome: self.receptionist.outcome(),
            slots: self.receptionist.slots().clone(),
            summary: self.receptionist.summary(),
            recording: self.recording,
            transfers: self.transfers,
        };
        self.media.close();
        // The receiver ends when the recording is whole.
        let recording_done = async { while media_events.recv().await.is_some() {} };
        if tokio::time::timeout(RECORDING_LIMIT, recording_done).await.is_err() {
            tracing::error!("the recording was not finished in time");
        }
        finished
    }
}
