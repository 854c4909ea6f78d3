//! Who is on the phone, on which node: the places that tenants' caps count, what live views show, and the requests that
//! others make of a call.
//!
//! A node's own calls are always in its memory. They are never the only copy of anything: what is written down of a call is
//! in the database, and here nothing outlives the call.

mod audio;
mod events;
mod leases;
mod own;
mod redis;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

pub use audio::{Audio, Chunk, Overhear};
pub use events::{Delivery, Event, Events, Happening};
pub use redis::{Notice, Observer, RedisError, RedisOptions};

use crate::domain::{
    CallId, CallOutcome, CallRecord, CallWish, EndCause, LiveCall, LivePhase, LiveTurn, TenantId, TenantScope, Turn,
};
use audio::{Asking, FarEars};
use events::Bus;
use leases::Leases;
use own::Own;
use redis::{Order, Redis};

/// Live calls; clones are handles to the same.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
    /// What connects this node with others; absent for a node alone.
    redis: Option<Arc<Redis>>,
}

/// What a node knows and tells, with or without others.
struct Shared {
    /// This process among those that share a platform.
    node: String,
    own: Own,
    bus: Bus,
    leases: Leases,
    /// Who listens to calls of other nodes.
    far_ears: FarEars,
}

impl Shared {
    fn new(node: String, alone: bool) -> Arc<Self> {
        let (own, bus, leases) = (Own::default(), Bus::default(), Leases::new(alone));
        Arc::new(Self { node, own, bus, leases, far_ears: FarEars::default() })
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("node", &self.shared.node).finish_non_exhaustive()
    }
}

/// Calls that go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The longest first.
    pub calls: Vec<LiveCall>,
    /// Whether calls of other nodes may be missing, because these could not be asked.
    pub partial: bool,
}

/// Why a call could not be asked to end, or to be heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// No call of this tenant's with this id goes on.
    #[error("no such call goes on")]
    NoSuchCall,
    /// The node that has the call, or what connects the nodes, does not answer now.
    #[error("the node that has the call does not answer: try again in a few seconds")]
    Unreachable,
}

/// What a trunk's state has come to, without what only the operator may know; for [`Live::trunk_changed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkNews {
    pub trunk: String,
    /// One word, as the API calls it.
    pub state: String,
    pub up: bool,
}

impl Live {
    /// The calls of this process alone. `node` names it in events and lists.
    pub fn in_process(node: impl Into<String>) -> Self {
        Self { shared: Shared::new(node.into(), true), redis: None }
    }

    /// The calls of every node that uses the same Redis and prefix; `node` is unlike any other's name, and any earlier
    /// one's. Runs on the current tokio runtime. Redis may be away now: `observer` is told when it comes and goes.
    ///
    /// # Errors
    /// [`RedisError::BadUrl`].
    pub fn shared(node: impl Into<String>, options: &RedisOptions, observer: Observer) -> Result<Self, RedisError> {
        let shared = Shared::new(node.into(), false);
        let redis = Redis::start(options, &shared, observer)?;
        Ok(Self { shared, redis: Some(Arc::new(redis)) })
    }

    /// The name of this node.
    pub fn node(&self) -> &str {
        &self.shared.node
    }

    /// Takes one of the tenant's `most` places for a call that is going to be answered; `None` when all are taken.
    /// Dropping the entry frees the place.
    ///
    /// All nodes count together. While they cannot, each counts its own calls.
    pub async fn enter(&self, scope: TenantScope, call: CallId, most: u32) -> Option<Entry> {
        let wishes = self.shared.own.enter(scope, call, most)?;
        // From here on, so that nothing is left behind when this is given up.
        let entry = Entry { live: self.clone(), scope, call, wishes };
        if let Some(redis) = &self.redis
            && redis.enter(scope.tenant(), call, most).await == Some(false)
        {
            return None;
        }
        self.shared.own.admit(call);
        Some(entry)
    }

    /// Places that the tenant's calls take at this moment.
    pub async fn taken(&self, scope: TenantScope) -> u32 {
        let own = self.shared.own.taken(scope.tenant());
        match &self.redis {
            // Never fewer than are certain.
            Some(redis) => redis.taken(scope.tenant()).await.map_or(own, |all| all.max(own)),
            None => own,
        }
    }

    /// The tenant's calls that go on.
    pub async fn list(&self, scope: TenantScope) -> Listing {
        self.listing(Some(scope.tenant())).await
    }

    /// The calls of all tenants: for the platform's operator only.
    pub async fn list_all(&self) -> Listing {
        self.listing(None).await
    }

    async fn listing(&self, tenant: Option<TenantId>) -> Listing {
        let (others, partial) = match &self.redis {
            Some(redis) => redis.list(tenant).await.map_or((Vec::new(), true), |calls| (calls, false)),
            None => (Vec::new(), false),
        };
        let mut calls = self.shared.own.list(tenant);
        // Of its own calls this node knows best.
        calls.extend(others.into_iter().filter(|call| call.node != self.shared.node));
        calls.sort_by_key(|call| (call.answered_at, call.id));
        Listing { calls, partial }
    }

    /// The tenant's call with this id, while it goes on; `None` also for another tenant's.
    pub async fn get(&self, scope: TenantScope, call: CallId) -> Option<LiveCall> {
        match self.shared.own.get(scope.tenant(), call) {
            Some(own) => Some(own),
            None => self.elsewhere(scope, call).await.ok().flatten(),
        }
    }

    /// The tenant's call on another node.
    async fn elsewhere(&self, scope: TenantScope, call: CallId) -> Result<Option<LiveCall>, ReachError> {
        let Some(redis) = &self.redis else { return Ok(None) };
        let found = redis.get(call).await.ok_or(ReachError::Unreachable)?;
        Ok(found.filter(|call| call.tenant == scope.tenant() && call.node != self.shared.node))
    }

    /// What happens to the tenant's calls and trunks from now on.
    pub fn events(&self, scope: TenantScope) -> Events {
        self.shared.bus.subscribe(Some(scope))
    }

    /// What happens on the whole platform: for its operator only.
    pub fn events_all(&self) -> Events {
        self.shared.bus.subscribe(None)
    }

    /// Asks for the end of a call. `Ok` says that its node was told: the call's `call.ended` says that it is over.
    ///
    /// # Errors
    /// [`ReachError::NoSuchCall`], also for another tenant's call; [`ReachError::Unreachable`].
    pub async fn hang_up(&self, scope: TenantScope, call: CallId) -> Result<(), ReachError> {
        self.wish(scope, call, CallWish::HangUp).await
    }

    /// Asks that the caller be handed to this target of the call's profile. `Ok` says that the call's node was told: the
    /// call's phases and its record say what came of it.
    ///
    /// # Errors
    /// As [`Live::hang_up`].
    pub async fn hand_over(&self, scope: TenantScope, call: CallId, target: String) -> Result<(), ReachError> {
        self.wish(scope, call, CallWish::HandOver(target)).await
    }

    async fn wish(&self, scope: TenantScope, call: CallId, wish: CallWish) -> Result<(), ReachError> {
        if self.shared.own.wish(scope.tenant(), call, wish.clone()) {
            return Ok(());
        }
        let there = self.elsewhere(scope, call).await?.ok_or(ReachError::NoSuchCall)?;
        let redis = self.redis.as_ref().ok_or(ReachError::NoSuchCall)?;
        let tenant = scope.tenant();
        let order = match wish {
            CallWish::HandOver(target) => Order::HandOver { tenant, call, target },
            CallWish::HangUp | CallWish::None => Order::HangUp { tenant, call },
        };
        let told = redis.order(&there.node, &order).await;
        if told == Some(true) { Ok(()) } else { Err(ReachError::Unreachable) }
    }

    /// Both sides of a call as they are heard from now on.
    ///
    /// # Errors
    /// [`ReachError::NoSuchCall`], also for another tenant's call; [`ReachError::Unreachable`].
    pub async fn listen(&self, scope: TenantScope, call: CallId) -> Result<Audio, ReachError> {
        if let Some(frames) = self.shared.own.overhear(scope.tenant(), call) {
            return Ok(Audio::here(frames));
        }
        let there = self.elsewhere(scope, call).await?.ok_or(ReachError::NoSuchCall)?;
        let redis = self.redis.as_ref().ok_or(ReachError::NoSuchCall)?;
        // Before it is asked for: the first sound may come at once.
        let chunks = self.shared.far_ears.subscribe(call);
        let order = Order::Listen { tenant: scope.tenant(), call, node: self.shared.node.clone() };
        if redis.order(&there.node, &order).await != Some(true) {
            return Err(ReachError::Unreachable);
        }
        let redis = Arc::clone(redis);
        let asking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(redis::LISTEN_AGAIN).await;
                redis.order(&there.node, &order).await;
            }
        });
        Ok(Audio::there(chunks, Asking(asking.abort_handle())))
    }

    /// Asks for the lease of this name, until the receiver is dropped: true while it is this node's. Of all nodes at most
    /// one has it while they can agree; a node alone has every lease.
    pub fn lease(&self, name: &str) -> watch::Receiver<bool> {
        self.shared.leases.get(name)
    }

    /// Gives all leases back for good, so that others take over at once.
    pub async fn release_leases(&self) {
        let Some(redis) = &self.redis else { return };
        redis.leave();
        let held = self.shared.leases.all().into_iter().filter(|(_, held)| *held).map(|(name, _)| name);
        let held: Vec<String> = held.collect();
        held.iter().for_each(|name| self.shared.leases.set(name, false));
        redis.release(&held).await;
    }

    /// Ends what runs for this node in the background; its calls have left before.
    pub async fn stop(&self) {
        if let Some(redis) = &self.redis {
            redis.stop().await;
        }
    }

    /// Tells what became of a trunk to the tenants whose numbers it carries.
    pub fn trunk_changed(&self, tenants: Vec<TenantId>, news: TrunkNews) {
        let TrunkNews { trunk, state, up } = news;
        self.tell(tenants, Happening::TrunkState { trunk, state, up });
    }

    fn tell(&self, tenants: Vec<TenantId>, what: Happening) {
        let event = Event { at: Timestamp::now(), node: self.shared.node.clone(), tenants, what };
        let event = Arc::new(event);
        self.shared.bus.publish(Arc::clone(&event));
        if let Some(redis) = &self.redis {
            redis.tell(event);
        }
    }
}

/// A call's place and its line in the list of live calls; dropping it frees both. No method waits.
pub struct Entry {
    live: Live,
    scope: TenantScope,
    call: CallId,
    wishes: watch::Receiver<CallWish>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("call", &self.call).finish_non_exhaustive()
    }
}

impl Entry {
    /// The call was answered: from now on it is in the list.
    pub fn answered(&self, record: &CallRecord, trunk: Option<&str>) {
        let call = LiveCall {
            id: self.call,
            tenant: self.scope.tenant(),
            node: self.live.node().to_owned(),
            profile: record.profile,
            did: record.did.clone(),
            caller: record.caller.clone(),
            trunk: trunk.map(str::to_owned),
            answered_at: record.answered_at,
            phase: LivePhase::default(),
            turns: 0,
            last_turn: None,
        };
        if self.live.shared.own.change(self.call, |live| *live = Some(call.clone())).is_some() {
            self.tell(Happening::CallStarted { call });
        }
    }

    /// Where the call is heard, for those who listen in.
    pub fn audible(&self, overhear: Overhear) {
        self.live.shared.own.audible(self.call, overhear);
    }

    /// The conversation has come to another phase.
    pub fn phase(&self, phase: LivePhase) {
        self.change(|live| live.phase = phase);
    }

    /// Somebody has finished speaking.
    pub fn turn(&self, turn: &Turn) {
        let last = LiveTurn {
            speaker: turn.speaker,
            text: crate::domain::Pii(turn.text.clone()),
            started_ms: turn.started_ms,
        };
        let phase = self.change(|live| {
            live.turns += 1;
            live.last_turn = Some(last);
            live.phase
        });
        if let Some(phase) = phase {
            self.tell(Happening::CallTurn { call: self.call, phase, turn: turn.clone() });
        }
    }

    /// The call is over; its place is free.
    pub fn ended(&self, cause: EndCause, outcome: CallOutcome) {
        self.leave(Some(cause), Some(outcome));
    }

    /// What others want done with the call.
    pub fn wishes(&self) -> watch::Receiver<CallWish> {
        self.wishes.clone()
    }

    /// `None` for a call that is not answered, or has left.
    fn change<T>(&self, change: impl FnOnce(&mut LiveCall) -> T) -> Option<T> {
        let changed = self.live.shared.own.change(self.call, |live| live.as_mut().map(change)).flatten();
        if let Some(redis) = &self.live.redis {
            redis.changed();
        }
        changed
    }

    fn leave(&self, cause: Option<EndCause>, outcome: Option<CallOutcome>) {
        let Some(left) = self.live.shared.own.leave(self.call) else { return };
        if let Some(redis) = &self.live.redis {
            redis.left(self.scope.tenant(), self.call);
        }
        if left.is_some() {
            self.tell(Happening::CallEnded { call: self.call, cause, outcome });
        }
    }

    fn tell(&self, what: Happening) {
        self.live.tell(vec![self.scope.tenant()], what);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.leave(None, None);
    }
}
