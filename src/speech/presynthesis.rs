//! Phrases made in the background when a receptionist is published: one at a time, at the lowest priority, and only while
//! nobody else waits for a worker, so that callers are not delayed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::facade::Speech;

/// Publications that may wait; one more is refused, and its phrases are made when they are needed.
const WAITING: usize = 64;
/// Phrases of one publication, at most.
pub const MOST_PHRASES: usize = 2_000;
/// How soon a busy pool is looked at again.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// The task; it ends with its owner.
#[derive(Debug)]
pub struct Presynthesis {
    sender: mpsc::Sender<Vec<String>>,
    task: JoinHandle<()>,
}

impl Presynthesis {
    /// Begins with nothing to do; must be called inside a tokio runtime.
    pub fn start(speech: Arc<Speech>) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Vec<String>>(WAITING);
        let task = tokio::spawn(async move {
            while let Some(texts) = receiver.recv().await {
                make(&speech, &texts).await;
            }
        });
        Self { sender, task }
    }

    /// Has `texts` made in the order given, as far as they are missing and [`MOST_PHRASES`] allows. False when too many
    /// publications wait: nothing of it is made then.
    pub fn publish(&self, mut texts: Vec<String>) -> bool {
        texts.truncate(MOST_PHRASES);
        self.sender.try_send(texts).is_ok()
    }
}

impl Drop for Presynthesis {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn make(speech: &Speech, texts: &[String]) {
    let (mut made, mut failed) = (0, 0);
    for text in texts {
        while speech.pool.queued() > 0 {
            tokio::time::sleep(BUSY_PAUSE).await;
        }
        let prepared = speech.prepare(std::slice::from_ref(text), &mut |_, _| {}).await;
        made += prepared.made;
        failed += prepared.failed.len();
        if let Some(error) = prepared.failed.first().filter(|_| failed == 1) {
            warn!(%error, "a phrase is not ready; it will be made when it is needed");
        }
    }
    info!(made, failed, of = texts.len(), "phrases made in the background");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::fake::FakeTts;
    use crate::speech::stt::NoRecogniser;

    #[tokio::test]
    async fn what_is_published_is_ready_after_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let speech = Speech::with_engines(Arc::new(NoRecogniser), Arc::new(FakeTts::default()), dir.path()).unwrap();
        let speech = Arc::new(speech);
        let number = "Your number is nine eight seven six five, four three two one zero.";
        assert!(speech.prompts.ready(number, false).is_none());
        let presynthesis = Presynthesis::start(Arc::clone(&speech));
        assert!(presynthesis.publish(crate::speech::digits::pieces()));
        let last = crate::speech::digits::pieces().pop().unwrap();
        let ready = async {
            while speech.prompts.get_for(&last, true).is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), ready).await.unwrap();
        for wide in [false, true] {
            let audio = speech.prompts.ready(number, wide).unwrap();
            assert_eq!(audio.codec.is_wide(), wide);
            // Thirteen words of 200 ms in seven pieces, and the pauses between them.
            assert_eq!(audio.duration_ms(), 13 * 200 + 60 + 220 + 4 * 25);
        }
    }
}
