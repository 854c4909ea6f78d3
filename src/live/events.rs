//! What happens on the phone, for those who watch.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::domain::{CallId, CallOutcome, EndCause, LiveCall, LivePhase, TenantId, TenantScope, Turn};

/// Events that a reader may be behind; one that is slower misses the oldest and is told so.
const BEHIND: usize = 1_024;

/// What happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type")]
pub enum Happening {
    /// A call was answered.
    #[serde(rename = "call.started")]
    CallStarted { call: LiveCall },
    /// Somebody has finished speaking; `phase` is where the conversation stood then.
    #[serde(rename = "call.turn")]
    CallTurn { call: CallId, phase: LivePhase, turn: Turn },
    /// The call is over. Cause and outcome are absent when its task broke off.
    #[serde(rename = "call.ended")]
    CallEnded { call: CallId, cause: Option<EndCause>, outcome: Option<CallOutcome> },
    /// A trunk came up, went down, or changed its state otherwise, as seen from one node.
    #[serde(rename = "trunk.state")]
    TrunkState { trunk: String, state: String, up: bool },
}

impl Happening {
    /// The name of this kind of event, as in `type`: `call.started`, `call.turn`, `call.ended`, `trunk.state`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CallStarted { .. } => "call.started",
            Self::CallTurn { .. } => "call.turn",
            Self::CallEnded { .. } => "call.ended",
            Self::TrunkState { .. } => "trunk.state",
        }
    }
}

/// One event. Show [`Event::what`], never `tenants`: who shares a trunk is nobody's business but the platform's.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    pub at: Timestamp,
    /// The node where it happened.
    pub node: String,
    /// Whom it concerns; the platform sees every event.
    pub tenants: Vec<TenantId>,
    pub what: Happening,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    Event(Arc<Event>),
    /// Events were missed, because the reader was too slow or the other nodes could not be heard: what it knows is to be
    /// read anew.
    Missed,
}

/// The bus of this node.
pub(super) struct Bus(broadcast::Sender<Delivery>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

impl Bus {
    pub fn publish(&self, event: Arc<Event>) {
        // Nobody may be watching.
        let _ = self.0.send(Delivery::Event(event));
    }

    /// Events of other nodes may have been missed.
    pub fn missed(&self) {
        let _ = self.0.send(Delivery::Missed);
    }

    pub fn subscribe(&self, audience: Option<TenantScope>) -> Events {
        Events { receiver: self.0.subscribe(), audience: audience.map(TenantScope::tenant) }
    }
}

/// A reader of events, from its subscription on.
pub struct Events {
    receiver: broadcast::Receiver<Delivery>,
    /// `None` is the platform.
    audience: Option<TenantId>,
}

impl Events {
    /// Waits for the next event of this audience; `None` when the node stops. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            match self.receiver.recv().await {
                Ok(Delivery::Event(event)) if self.audience.is_some_and(|tenant| !event.tenants.contains(&tenant)) => {}
                Ok(delivery) => return Some(delivery),
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(Delivery::Missed),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
