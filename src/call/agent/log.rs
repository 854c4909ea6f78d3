//! The event log of a call: what the receptionist was made from, and every step with its time, its input and what it led
//! to, so that the call can be replayed. Stored as the call goes, through the journal.

use serde::Serialize;
use tracing::warn;

use super::Conversation;
use crate::call::ports::LogEvent;
use crate::dialogue::Opening;

/// Events that are kept of one call. A call of an hour has some hundred; only a caller who drums on the keypad or a fault
/// of ours makes more.
const MOST_EVENTS: u32 = 4_096;

impl Conversation<'_> {
    pub(super) fn log_opening(&mut self) {
        let opening = Opening::new(self.profile.clone(), self.caller.clone());
        self.log("opening", &opening);
    }

    pub(super) fn log(&mut self, kind: &'static str, what: &impl Serialize) {
        if self.next_event == MOST_EVENTS {
            warn!(MOST_EVENTS, "the event log of this call is full; what comes now cannot be replayed");
        }
        if self.next_event < MOST_EVENTS {
            let data = serde_json::to_value(what).expect("invariant: what is logged is plain data");
            self.journal.event(LogEvent { seq: self.next_event, at_ms: self.now().0, kind: kind.into(), data });
        }
        self.next_event = self.next_event.saturating_add(1);
    }
}
