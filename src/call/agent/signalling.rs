//! What the caller's leg tells the conversation.

use super::Conversation;
use crate::call::leg;
use crate::domain::{EndCause, LivePhase};
use crate::sip::net::LegEvent;
use crate::voice;

impl Conversation<'_> {
    pub(super) async fn on_leg(&mut self, event: Option<LegEvent>) {
        match event {
            Some(LegEvent::Reinvite { body }) => {
                let answer = self.capabilities.reinvite(body.as_deref(), &self.leg, &self.media);
                self.leg.answer_reinvite(answer).await;
                self.follow_hold();
            }
            Some(LegEvent::Acked { body: Some(answer) }) => {
                self.capabilities.late_answer(&answer, &self.media);
                self.follow_hold();
            }
            Some(LegEvent::Info { content_type, body }) => {
                if let Some(digit) = leg::info_digit(&content_type, &body) {
                    self.tell(voice::Input::Dtmf { digit });
                }
            }
            // Whenever it comes: caller and person are together. (202 only says that the carrier tries.)
            Some(LegEvent::ReferProgress { status: 200 | 201 | 203..=299 }) => self.over = Some(EndCause::Referred),
            Some(LegEvent::Ended { by_remote, .. }) => {
                self.over = Some(if by_remote { EndCause::CallerHungUp } else { EndCause::Signalling });
            }
            Some(LegEvent::Cancelled) => self.over = Some(EndCause::CallerHungUp),
            Some(LegEvent::Failed { .. }) | None => self.over = Some(EndCause::Signalling),
            Some(_) => {}
        }
    }

    /// On hold the media session keeps what plays, and the conversation stands still.
    pub(super) fn follow_hold(&mut self) {
        let held = self.capabilities.is_held();
        self.tell(voice::Input::Hold(held));
        match (held, self.held_since) {
            (true, None) => {
                self.held_since = Some(self.now());
                self.journal.phase(LivePhase::OnHold);
            }
            (false, Some(since)) => {
                self.held_since = None;
                self.journal.phase(LivePhase::Listening);
                // Who was on hold did not wait for the answer meanwhile.
                let held_ms = self.now().since(since);
                self.answers.iter_mut().for_each(|answer| answer.speech_end = answer.speech_end + held_ms);
            }
            _ => {}
        }
    }
}
