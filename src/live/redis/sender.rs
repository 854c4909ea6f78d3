//! Sends what is heard of this node's calls to the nodes that listen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Common, LISTEN_AGAIN, Order};
use crate::domain::{CallId, TenantId};
use crate::live::Shared;
use crate::live::audio::Chunks;

/// How long a call is sent to a node that does not say again that somebody listens there.
const LIFETIME: Duration = LISTEN_AGAIN.saturating_mul(3);
/// Calls that are sent at once, of all calls and nodes.
const MOST: usize = 32;

/// What is being sent; ends with the connection.
#[derive(Default)]
pub(super) struct Sender {
    tasks: JoinSet<()>,
    wanted: HashMap<(CallId, String), watch::Sender<Instant>>,
}

impl Sender {
    /// A node says that somebody there listens to the call of this tenant's.
    pub fn listen(&mut self, common: &Arc<Common>, shared: &Shared, tenant: TenantId, call: CallId, node: String) {
        while self.tasks.try_join_next().is_some() {}
        self.wanted.retain(|_, until| until.receiver_count() > 0);
        let until = Instant::now() + LIFETIME;
        let to = (call, node);
        if let Some(wanted) = self.wanted.get(&to) {
            wanted.send_replace(until);
            return;
        }
        let Some(frames) = shared.own.overhear(tenant, call) else { return };
        if self.wanted.len() >= MOST {
            tracing::warn!(most = MOST, "too many calls are listened to from other nodes; one more is not sent");
            return;
        }
        let (wanted, until) = watch::channel(until);
        self.tasks.spawn(send(Arc::clone(common), Chunks::new(frames), call, to.1.clone(), until));
        self.wanted.insert(to, wanted);
    }
}

async fn send(common: Arc<Common>, mut chunks: Chunks, call: CallId, node: String, until: watch::Receiver<Instant>) {
    loop {
        let chunk = chunks.next().await;
        let sound = chunk.as_ref().map(|chunk| STANDARD.encode(chunk));
        let heard = common.link.order(&node, &Order::Audio { call, sound }).await;
        // A sound that Redis was too slow for is missed, as on any line.
        let nobody = heard == Ok(false);
        if chunk.is_none() || nobody || *until.borrow() < Instant::now() {
            return;
        }
    }
}
