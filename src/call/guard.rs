//! What surrounds a conversation: it runs in a task of its own, so that one that fails or hangs still ends in words, with a
//! BYE and a closed record.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, error};

use super::agent::{Conversation, Finished, Parts};
use super::record::Journal;
use super::watchdog::{Guard, Lifeline, Pulse};
use super::{Node, mock, sounds};
use crate::dialogue::Receptionist;
use crate::domain::{AgentProfile, EndCause, RecordingState};
use crate::media::{Clip, ClipId, EncodedAudio, MediaSession};
use crate::sip::net::Leg;

/// The apology, in the session's numbers; no line of the agent has this one.
const APOLOGY: ClipId = ClipId(u64::MAX - 2);
/// How long the far end gets to play what is in its jitter buffer before our BYE.
const GRACE: Duration = Duration::from_millis(300);

/// A conversation's surroundings.
pub struct Guarded {
    leg: Leg,
    media: Arc<MediaSession>,
    journal: Arc<Journal>,
    apology: EncodedAudio,
    records: bool,
    pulse: Pulse,
    given_up: oneshot::Receiver<()>,
    _watch: Guard,
}

impl Guarded {
    /// Puts the call under the watchdog's eyes.
    pub fn new(
        node: &Node,
        leg: &Leg,
        media: &Arc<MediaSession>,
        profile: &AgentProfile,
        journal: Arc<Journal>,
    ) -> Self {
        // Now, since the folder of phrases may be what hangs later.
        let prompts = &node.speech.prompts;
        let fillers = Receptionist::fillers(profile);
        let fillers = fillers.iter().filter_map(|text| prompts.get(text)).collect();
        let apology = prompts.get(&Receptionist::breakdown(profile)).unwrap_or_else(sounds::waiting_tone);
        let line = Lifeline { leg: leg.clone(), media: Arc::clone(media), fillers, apology: apology.clone() };
        let (pulse, watch, given_up) = node.watchdog.watch(line);
        Self {
            leg: leg.clone(),
            media: Arc::clone(media),
            journal,
            apology,
            records: profile.record_calls,
            pulse,
            given_up,
            _watch: watch,
        }
    }

    /// What the conversation is to beat.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Leads the call to its end, whatever becomes of the conversation.
    pub async fn run(mut self, parts: Parts, mock_prompt: Option<EncodedAudio>) -> Finished {
        // Aborted when dropped.
        let mut tasks = JoinSet::new();
        let journal = Arc::clone(&self.journal);
        let conversation = async move {
            match mock_prompt {
                None => Conversation::run(parts, &journal).await,
                Some(prompt) => mock::run(parts, prompt).await,
            }
        };
        tasks.spawn(conversation.instrument(Span::current()));
        tokio::select! {
            joined = tasks.join_next() => match joined {
                Some(Ok(finished)) => finished,
                failed => {
                    let failure = failed.and_then(Result::err).map(|failure| failure.to_string());
                    error!(error = failure, "the conversation failed; the caller is asked to call again");
                    self.pulse.rest();
                    self.apologise().await;
                    self.broken_off()
                }
            },
            // Its sender goes with the watch, which is ours.
            _ = &mut self.given_up => {
                error!("the conversation hangs and is given up");
                self.broken_off()
            }
        }
    }

    async fn apologise(&self) {
        self.media.stop_playout(0);
        let length = Duration::from_millis(self.apology.duration_ms());
        self.media.play(vec![Clip { id: APOLOGY, audio: self.apology.clone() }]);
        tokio::time::sleep(length + GRACE).await;
        self.leg.bye(None).await;
    }

    /// The record of a conversation that cannot say what it came to: what was written down on the way.
    fn broken_off(&self) -> Finished {
        self.media.close();
        let (slots, outcome) = self.journal.taken();
        Finished {
            cause: EndCause::Breakdown,
            outcome,
            slots,
            summary: "The call broke off because of a fault on our side.".to_owned(),
            recording: if self.records { RecordingState::Partial } else { RecordingState::Off },
            transfers: Vec::new(),
        }
    }
}
