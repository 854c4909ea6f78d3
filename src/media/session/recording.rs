//! Both sides of the call on their way to the recording, and to whoever listens in.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver as StdReceiver, sync_channel};
use std::sync::{Arc, OnceLock};

use super::Session;
use crate::domain::StereoFrame;
use crate::media::engine::MediaEvent;
use crate::media::frame::{FRAME_SAMPLES, PcmFrame};
use crate::media::playout::OutFrame;
use crate::media::recorder::{Chunk, Job};

/// A recording under way.
pub(super) struct Recording {
    key: u64,
    chunk: Box<Chunk>,
    failure: Arc<OnceLock<String>>,
    recycled: StdReceiver<Box<Chunk>>,
    /// A hole was reported.
    has_hole: bool,
}

impl Session {
    pub(super) fn record(&mut self, path: Option<PathBuf>) {
        self.end_recording();
        let Some(path) = path else { return };
        self.recordings += 1;
        let key = (self.key << 16) | (self.recordings & 0xFFFF);
        let failure = Arc::new(OnceLock::new());
        let (recycle, recycled) = sync_channel(2);
        self.jobs.push_back(Job::Open { key, path, failure: Arc::clone(&failure), recycle });
        self.halvers = Default::default();
        self.recording = Some(Recording { key, chunk: Box::default(), failure, recycled, has_hole: false });
    }

    /// Passes both sides on to the recording, and to whoever listens in.
    pub(super) fn record_frame(&mut self, frame: &PcmFrame) {
        self.hand_over_jobs();
        if let Some(why) = self.recording.as_ref().and_then(|recording| recording.failure.get()) {
            self.pending.push_back(MediaEvent::RecordingFailed { why: why.clone() });
            self.recording = None;
        }
        let listeners = self.shared.overheard.get().filter(|listeners| listeners.receiver_count() > 0);
        if self.recording.is_none() && listeners.is_none() {
            return;
        }
        let [of_heard, of_sent] = &mut self.halvers;
        let (mut heard, mut sent) = ([0i16; FRAME_SAMPLES], [0i16; FRAME_SAMPLES]);
        if frame.samples.is_wide() {
            of_heard.process(&frame.samples, &mut heard);
        } else {
            heard.copy_from_slice(&frame.samples);
        }
        match &self.out.frame {
            OutFrame::Law(law, bytes) => _ = law.decode_into(bytes, &mut sent),
            OutFrame::Wide(wide) => of_sent.process(wide.as_slice(), &mut sent),
        }
        if let Some(listeners) = listeners {
            // Who has just left hears nothing.
            _ = listeners.send(StereoFrame(std::array::from_fn(|n| [heard[n], sent[n]])));
        }
        let Some(recording) = &mut self.recording else { return };
        recording.chunk.push(self.frame * FRAME_SAMPLES as u64, &heard, &sent);
        if recording.chunk.is_full() {
            self.flush_recording();
        }
    }

    pub(super) fn flush_recording(&mut self) {
        let in_order = self.jobs.is_empty();
        let Some(recording) = self.recording.as_mut().filter(|r| !r.chunk.is_empty()) else { return };
        let next = recording.recycled.try_recv().unwrap_or_default();
        let chunk = std::mem::replace(&mut recording.chunk, next);
        let job = Job::Write { key: recording.key, chunk };
        let lost = !in_order || self.recorder.try_send(job).is_err();
        if lost && !std::mem::replace(&mut recording.has_hole, true) {
            let why = "the disk is too slow, the recording has a hole".to_owned();
            self.pending.push_back(MediaEvent::RecordingFailed { why });
        }
    }

    pub(super) fn end_recording(&mut self) {
        self.flush_recording();
        if let Some(recording) = self.recording.take() {
            self.jobs.push_back(Job::Close { key: recording.key });
            self.hand_over_jobs();
        }
    }

    pub(super) fn hand_over_jobs(&mut self) {
        while let Some(job) = self.jobs.pop_front() {
            if let Err(job) = self.recorder.try_send(job) {
                self.jobs.push_front(job);
                break;
            }
        }
    }
}
