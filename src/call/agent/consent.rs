//! What the caller was told of recording, and what the caller wishes.

use serde_json::json;

use super::Conversation;
use super::mouth::Ended;
use crate::dialogue::Receptionist;
use crate::domain::RecordingState;

impl Conversation<'_> {
    /// Writes down, once, that the caller has heard the notice: that it is an assistant, and whether calls are recorded.
    pub(super) fn note_notice(&mut self, ended: &Ended) {
        if self.notice_noted || ended.started.is_none() {
            return;
        }
        let notice = Receptionist::notice(&self.profile);
        // What was not heard whole is said again before the next line.
        if ended.heard.as_ref().unwrap_or(&ended.text).contains(&notice) {
            self.notice_noted = true;
            self.log("notice", &json!({ "text": notice, "recorded": self.profile.record_calls }));
        }
    }

    /// The caller does not want to be recorded: the recording ends, and what there is of it goes.
    pub(super) fn stop_recording(&mut self) {
        self.media.set_recording(None);
        self.recording = RecordingState::Refused;
        self.log("recording_refused", &json!({}));
        let (recordings, (tenant, call)) = (self.recordings.clone(), self.id);
        self.chores.spawn(async move {
            // Done once more after the call, and at the next sweep.
            if let Err(error) = recordings.delete(tenant, call).await {
                tracing::error!(%call, %error, "the recording that the caller did not want is removed later");
            }
        });
    }
}
