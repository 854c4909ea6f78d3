//! How many streams of events one principal has open at once. A stream is one request however long it lasts, so the rate
//! of requests does not bound them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Problem;
use crate::domain::Actor;

/// Of one key or user on this node: tabs of a browser, or the processes of a client.
pub(super) const MOST_STREAMS: u32 = 8;
/// When whoever has too many may try again.
const RETRY_AFTER_S: u32 = 60;

type Counts = Arc<Mutex<HashMap<Actor, u32>>>;

/// The streams that are open.
#[derive(Default)]
pub(super) struct Streams(Counts);

/// One of them, until it is dropped.
pub(super) struct OpenStream {
    actor: Actor,
    counts: Counts,
}

impl Streams {
    /// Counts one more of this principal's.
    ///
    /// # Errors
    /// 429 when it has [`MOST_STREAMS`].
    pub(super) fn open(&self, actor: Actor) -> Result<OpenStream, Problem> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(actor).or_default();
        if *count >= MOST_STREAMS {
            return Err(Problem::too_many_requests(RETRY_AFTER_S));
        }
        *count += 1;
        Ok(OpenStream { actor, counts: Arc::clone(&self.0) })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.actor) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.actor);
            }
        }
    }
}
