//! Listening in on a call, on this node or another.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;

use crate::domain::{CallId, StereoFrame};

/// Frames of 20 ms in one [`Chunk`].
const FRAMES_A_CHUNK: usize = 5;
/// Chunks that wait for a listener; one that is further behind misses some.
const QUEUE: usize = 32;
/// How long nothing may come of another node's call before it is given up.
const SILENCE: Duration = Duration::from_secs(5);

/// A tenth of a second: samples at 8 kHz, 16 bits, little-endian, left (the caller) and right (the agent) in turn.
pub type Chunk = Arc<[u8]>;

/// Where a call of this node is heard; `None` when it is over.
pub type Overhear = Arc<dyn Fn() -> Option<broadcast::Receiver<StereoFrame>> + Send + Sync>;

/// What somebody hears who listens in; dropping it ends that.
pub struct Audio(Source);

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audio")
    }
}

enum Source {
    Here(Chunks),
    There { chunks: broadcast::Receiver<Chunk>, _asking: Asking },
}

/// The task that keeps another node sending.
pub(super) struct Asking(pub AbortHandle);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Audio {
    pub(super) fn here(frames: broadcast::Receiver<StereoFrame>) -> Self {
        Self(Source::Here(Chunks::new(frames)))
    }

    pub(super) fn there(chunks: broadcast::Receiver<Chunk>, asking: Asking) -> Self {
        Self(Source::There { chunks, _asking: asking })
    }

    /// The next tenth of a second; `None` when the call is over, or its node does not answer any more.
    pub async fn next(&mut self) -> Option<Chunk> {
        match &mut self.0 {
            Source::Here(chunks) => chunks.next().await,
            Source::There { chunks, .. } => loop {
                match tokio::time::timeout(SILENCE, chunks.recv()).await {
                    Ok(Ok(chunk)) => return Some(chunk),
                    Ok(Err(RecvError::Lagged(_))) => {}
                    Ok(Err(RecvError::Closed)) | Err(_) => return None,
                }
            },
        }
    }
}

/// Frames, gathered.
pub(super) struct Chunks {
    frames: broadcast::Receiver<StereoFrame>,
    bytes: Vec<u8>,
}

impl Chunks {
    pub fn new(frames: broadcast::Receiver<StereoFrame>) -> Self {
        Self { frames, bytes: Vec::new() }
    }

    pub async fn next(&mut self) -> Option<Chunk> {
        for _ in 0..FRAMES_A_CHUNK {
            let frame = loop {
                match self.frames.recv().await {
                    Ok(frame) => break frame,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            };
            self.bytes.extend(frame.0.as_flattened().iter().flat_map(|sample| sample.to_le_bytes()));
        }
        Some(std::mem::take(&mut self.bytes).into())
    }
}

/// Who on this node listens to calls of others.
#[derive(Default)]
pub(super) struct FarEars(Mutex<HashMap<CallId, broadcast::Sender<Chunk>>>);

impl FarEars {
    /// What comes of this call from now on.
    pub fn subscribe(&self, call: CallId) -> broadcast::Receiver<Chunk> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.retain(|_, listeners| listeners.receiver_count() > 0);
        calls.entry(call).or_insert_with(|| broadcast::Sender::new(QUEUE)).subscribe()
    }

    /// Passes on what came.
    pub fn hear(&self, call: CallId, chunk: Chunk) {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = calls.get(&call) {
            // Who has just left hears nothing.
            let _ = listeners.send(chunk);
        }
    }

    /// The call is over.
    pub fn end(&self, call: CallId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
    }
}
