//! The calls of this node: always in memory, whatever else keeps them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use super::audio::Overhear;
use crate::domain::{CallId, CallWish, LiveCall, StereoFrame, TenantId, TenantScope};

/// One call of this node, from its admission on.
struct OwnCall {
    tenant: TenantId,
    /// Absent until the call is answered.
    live: Option<LiveCall>,
    wish: watch::Sender<CallWish>,
    /// Where it is heard, once there is sound.
    overhear: Option<Overhear>,
    /// Whether its place is certain, so that the other nodes are to know of it.
    admitted: bool,
    /// Whether there is something that the other nodes do not know.
    changed: bool,
}

/// A call as the other nodes are to know it.
pub(super) struct Kept {
    pub tenant: TenantId,
    pub call: CallId,
    /// Absent until it is answered.
    pub live: Option<LiveCall>,
}

#[derive(Default)]
struct Calls {
    by_id: HashMap<CallId, OwnCall>,
    by_tenant: HashMap<TenantId, u32>,
}

/// All calls of this node, and how many each tenant has.
#[derive(Default)]
pub(super) struct Own(Mutex<Calls>);

impl Own {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of the tenant's `most` places on this node; the receiver tells what others want done with the call.
    pub fn enter(&self, scope: TenantScope, call: CallId, most: u32) -> Option<watch::Receiver<CallWish>> {
        let mut calls = self.lock();
        let of_tenant = calls.by_tenant.entry(scope.tenant()).or_default();
        if *of_tenant >= most {
            return None;
        }
        *of_tenant += 1;
        let (wish, wishes) = watch::channel(CallWish::None);
        let (tenant, live, overhear) = (scope.tenant(), None, None);
        calls.by_id.insert(call, OwnCall { tenant, live, wish, overhear, admitted: false, changed: false });
        Some(wishes)
    }

    /// Changes what is known of a call; a call that has left stays gone.
    pub fn change<T>(&self, call: CallId, change: impl FnOnce(&mut Option<LiveCall>) -> T) -> Option<T> {
        let mut calls = self.lock();
        let own = calls.by_id.get_mut(&call)?;
        own.changed = true;
        Some(change(&mut own.live))
    }

    /// The call's place is certain.
    pub fn admit(&self, call: CallId) {
        if let Some(own) = self.lock().by_id.get_mut(&call) {
            own.admitted = true;
        }
    }

    /// What the other nodes are to know: of all calls, or of those that have changed since this was asked last.
    pub fn kept(&self, all: bool) -> Vec<Kept> {
        let mut calls = self.lock();
        let wanted = calls.by_id.iter_mut().filter(|(_, own)| own.admitted && (all || own.changed));
        let kept = |(call, own): (&CallId, &mut OwnCall)| {
            own.changed = false;
            Kept { tenant: own.tenant, call: *call, live: own.live.clone() }
        };
        wanted.map(kept).collect()
    }

    /// Whether the call is here still.
    pub fn has(&self, call: CallId) -> bool {
        self.lock().by_id.contains_key(&call)
    }

    /// Frees the call's place; what was known of it, `None` when it had left before.
    pub fn leave(&self, call: CallId) -> Option<Option<LiveCall>> {
        let mut calls = self.lock();
        let own = calls.by_id.remove(&call)?;
        if let Some(of_tenant) = calls.by_tenant.get_mut(&own.tenant) {
            *of_tenant = of_tenant.saturating_sub(1);
            if *of_tenant == 0 {
                calls.by_tenant.remove(&own.tenant);
            }
        }
        Some(own.live)
    }

    /// Places that the tenant's calls take on this node.
    pub fn taken(&self, tenant: TenantId) -> u32 {
        self.lock().by_tenant.get(&tenant).copied().unwrap_or(0)
    }

    /// The answered calls of one tenant, or of all.
    pub fn list(&self, tenant: Option<TenantId>) -> Vec<LiveCall> {
        let wanted = |own: &&OwnCall| tenant.is_none_or(|tenant| own.tenant == tenant);
        self.lock().by_id.values().filter(wanted).filter_map(|own| own.live.clone()).collect()
    }

    /// The call, when it is this tenant's and answered.
    pub fn get(&self, tenant: TenantId, call: CallId) -> Option<LiveCall> {
        self.lock().by_id.get(&call).filter(|own| own.tenant == tenant)?.live.clone()
    }

    /// The call can be heard.
    pub fn audible(&self, call: CallId, overhear: Overhear) {
        if let Some(own) = self.lock().by_id.get_mut(&call) {
            own.overhear = Some(overhear);
        }
    }

    /// What is heard from now on of an answered call of this tenant's here.
    pub fn overhear(&self, tenant: TenantId, call: CallId) -> Option<broadcast::Receiver<StereoFrame>> {
        let calls = self.lock();
        let own = calls.by_id.get(&call).filter(|own| own.tenant == tenant && own.live.is_some())?;
        own.overhear.as_ref()?()
    }

    /// Asks something of the call's task; whether it is an answered call of this tenant's here.
    pub fn wish(&self, tenant: TenantId, call: CallId, wish: CallWish) -> bool {
        match self.lock().by_id.get(&call) {
            Some(own) if own.tenant == tenant && own.live.is_some() => {
                // Who wants it to be over is not overtaken.
                own.wish.send_if_modified(|old| {
                    *old != CallWish::HangUp && {
                        *old = wish;
                        true
                    }
                });
                true
            }
            _ => false,
        }
    }
}
