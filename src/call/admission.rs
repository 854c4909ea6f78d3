//! How many calls the node and each tenant may have at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{Tenant, TenantId};

/// Counts calls against the caps; shared by all calls of the node.
#[derive(Debug, Clone)]
pub struct Admission {
    inner: Arc<Mutex<Counts>>,
    node_cap: usize,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_tenant: HashMap<TenantId, u32>,
}

/// Why a call is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The tenant has all the calls it pays for: 486 Busy Here.
    TenantBusy,
    /// The node is full: 503 with Retry-After.
    NodeFull,
}

/// The right to one call; dropping it frees the place, however the call ended.
#[derive(Debug)]
pub struct Slot {
    inner: Arc<Mutex<Counts>>,
    tenant: TenantId,
}

impl Admission {
    /// Admits at most `node_cap` calls at once.
    pub fn new(node_cap: usize) -> Self {
        Self { inner: Arc::default(), node_cap }
    }

    /// Takes a place for a call to `tenant`.
    ///
    /// # Errors
    /// [`Refusal`]: the node's cap is checked first, since it protects every tenant.
    pub fn admit(&self, tenant: &Tenant) -> Result<Slot, Refusal> {
        let mut counts = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.node_cap {
            return Err(Refusal::NodeFull);
        }
        let of_tenant = counts.by_tenant.entry(tenant.id).or_default();
        if *of_tenant >= tenant.max_calls {
            return Err(Refusal::TenantBusy);
        }
        *of_tenant += 1;
        counts.total += 1;
        Ok(Slot { inner: Arc::clone(&self.inner), tenant: tenant.id })
    }

    /// Calls at this moment.
    pub fn calls(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        if let Some(of_tenant) = counts.by_tenant.get_mut(&self.tenant) {
            *of_tenant = of_tenant.saturating_sub(1);
            if *of_tenant == 0 {
                counts.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(n: u128, max_calls: u32) -> Tenant {
        Tenant { id: TenantId::from_uuid(Uuid::from_u128(n)), name: String::new(), max_calls }
    }

    #[test]
    fn caps_hold_and_a_dropped_slot_frees_its_place() {
        let admission = Admission::new(3);
        let (a, b) = (tenant(1, 2), tenant(2, 9));
        let first = admission.admit(&a).unwrap();
        let second = admission.admit(&a).unwrap();
        assert_eq!(admission.admit(&a).unwrap_err(), Refusal::TenantBusy);
        let third = admission.admit(&b).unwrap();
        assert_eq!(admission.admit(&b).unwrap_err(), Refusal::NodeFull);
        drop(first);
        assert_eq!(admission.calls(), 2);
        let again = admission.admit(&a).unwrap();
        drop((second, third, again));
        assert_eq!(admission.calls(), 0);
        assert!(admission.inner.lock().unwrap().by_tenant.is_empty(), "a tenant without calls takes no memory");
    }

    #[test]
    fn a_call_task_that_panics_frees_its_place() {
        let admission = Admission::new(1);
        let slot = admission.admit(&tenant(1, 1)).unwrap();
        let died = std::thread::spawn(move || {
            let _slot = slot;
            panic!("the call's task fails");
        })
        .join();
        assert!(died.is_err());
        assert_eq!(admission.calls(), 0);
    }
}
