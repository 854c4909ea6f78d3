//! Keeps this node's calls alive in Redis, tells the others what happens here, and finds out when Redis is back.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::{Away, Common, HEARTBEAT, Note, RETRY};
use crate::live::Shared;

/// Notes that are told together.
const TOGETHER: usize = 256;

pub(super) struct Keeper {
    common: Arc<Common>,
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Note>,
}

impl Keeper {
    pub fn new(common: Arc<Common>, shared: Arc<Shared>, queue: mpsc::Receiver<Note>) -> Self {
        Self { common, shared, queue }
    }

    pub async fn run(mut self) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut up = self.common.up.subscribe();
        let mut notes = Vec::with_capacity(TOGETHER);
        loop {
            let outcome = if self.common.is_up() {
                tokio::select! {
                    received = self.queue.recv_many(&mut notes, TOGETHER) => {
                        if received == 0 {
                            return;
                        }
                        self.tell(&mut notes).await
                    }
                    () = self.common.changed.notified() => self.keep(false).await,
                    _ = heartbeat.tick() => self.keep(true).await,
                    // Somebody else found that Redis is away.
                    _ = up.changed() => continue,
                }
            } else {
                // Everything anew: Redis may have come back without memory.
                self.keep(true).await
            };
            match outcome {
                Ok(()) => self.common.found(),
                Err(away) => {
                    self.common.lost(&away);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Writes all calls of this node, or only those with something new to show.
    async fn keep(&self, all: bool) -> Result<(), Away> {
        let kept = self.shared.own.kept(all);
        // Also with none: it is what finds Redis away, or back.
        if kept.is_empty() && all {
            return self.common.link.ping().await;
        }
        let written = self.common.link.keep(&kept).await;
        // A call may have left meanwhile, and must not come back.
        let left: Vec<_> =
            kept.iter().filter(|kept| !self.shared.own.has(kept.call)).map(|kept| (kept.tenant, kept.call)).collect();
        written?;
        if left.is_empty() { Ok(()) } else { self.common.link.leave(&left).await }
    }

    async fn tell(&self, notes: &mut Vec<Note>) -> Result<(), Away> {
        let (mut events, mut left) = (Vec::new(), Vec::new());
        for note in notes.drain(..) {
            match note {
                Note::Event(event) => events.push(event),
                Note::Left(tenant, call) => left.push((tenant, call)),
            }
        }
        // Whoever hears of a call finds it in the list.
        self.keep(false).await?;
        self.common.link.leave(&left).await?;
        self.common.link.publish(&events).await
    }
}
