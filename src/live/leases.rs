//! Which leases this node holds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

/// All leases that were asked for.
pub(super) struct Leases {
    held: Mutex<HashMap<String, watch::Sender<bool>>>,
    /// Whether a new one is held at once: a node alone has all.
    alone: bool,
    asked: Notify,
}

impl Leases {
    pub fn new(alone: bool) -> Self {
        Self { held: Mutex::default(), alone, asked: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<bool>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a lease; true while this node holds it.
    pub fn get(&self, name: &str) -> watch::Receiver<bool> {
        let lease = self.lock().entry(name.to_owned()).or_insert_with(|| watch::Sender::new(self.alone)).subscribe();
        self.asked.notify_one();
        lease
    }

    /// Pends until another is asked for.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Every lease that somebody here wants still, and whether it is held. One that nobody wants ends by itself.
    pub fn all(&self) -> Vec<(String, bool)> {
        let mut leases = self.lock();
        leases.retain(|_, held| held.receiver_count() > 0);
        leases.iter().map(|(name, held)| (name.clone(), *held.borrow())).collect()
    }

    pub fn set(&self, name: &str, held: bool) {
        if let Some(lease) = self.lock().get(name) {
            lease.send_if_modified(|now| std::mem::replace(now, held) != held);
        }
    }
}
