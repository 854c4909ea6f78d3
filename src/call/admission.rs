//! How many calls the node and each trunk may have, and how fast a trunk may begin them. Tenants' caps hold on all nodes
//! together: they are behind the port [`Presence`](super::ports::Presence).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Trunk;

/// The span over which a trunk's calls per second are counted: so many may begin at once.
const RATE_SPAN: Duration = Duration::from_secs(1);

/// Counts calls against the caps; shared by all calls of the node.
#[derive(Debug, Clone)]
pub struct Admission {
    inner: Arc<Mutex<Counts>>,
    node_cap: usize,
}

#[derive(Debug, Default)]
struct Counts {
    /// Calls of callers.
    total: usize,
    /// One entry for each trunk that was used; trunks are configured, so they are few.
    by_trunk: HashMap<String, TrunkCounts>,
}

#[derive(Debug, Default)]
struct TrunkCounts {
    /// Legs in either direction: carriers count both against the channels.
    legs: u32,
    incoming: Rate,
    outgoing: Rate,
}

/// A limit of events per second, kept as the time at which all that were let through are paid for.
#[derive(Debug, Default)]
struct Rate {
    paid_at: Option<Instant>,
}

impl Rate {
    /// Lets one through, or says after which time it could be; `per_second` 0 is no limit.
    fn take(&mut self, per_second: u32, now: Instant) -> Result<(), Duration> {
        if per_second == 0 {
            return Ok(());
        }
        let each = RATE_SPAN / per_second;
        let paid_at = self.paid_at.map_or(now, |at| at.max(now)) + each;
        let early = paid_at.saturating_duration_since(now).saturating_sub(RATE_SPAN);
        if !early.is_zero() {
            return Err(early);
        }
        self.paid_at = Some(paid_at);
        Ok(())
    }
}

/// Why a call is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The trunk's channels are all in use: 486, since 503 would have the carrier hold back every tenant's calls.
    TrunkFull,
    /// The trunk begins calls too fast; one more may begin after this time: 503 with Retry-After.
    TrunkTooFast(Duration),
    /// The node is full: 503 with Retry-After.
    NodeFull,
}

/// The right to one leg; dropping it frees the place, however the leg ended.
#[derive(Debug)]
pub struct Slot {
    inner: Arc<Mutex<Counts>>,
    /// Whether it is a caller's call, which counts on the node.
    caller: bool,
    trunk: Option<String>,
}

impl Admission {
    /// Admits at most `node_cap` calls at once.
    pub fn new(node_cap: usize) -> Self {
        Self { inner: Arc::default(), node_cap }
    }

    /// Takes a place for a caller's call that came over `trunk`.
    ///
    /// # Errors
    /// [`Refusal`]: the node's cap is checked first, since it protects every tenant. What is refused counts nowhere.
    pub fn admit(&self, trunk: Option<&Trunk>, now: Instant) -> Result<Slot, Refusal> {
        let mut counts = self.lock();
        if counts.total >= self.node_cap {
            return Err(Refusal::NodeFull);
        }
        if let Some(trunk) = trunk {
            counts.begin(trunk, now, |of_trunk| &mut of_trunk.incoming)?;
        }
        counts.total += 1;
        Ok(self.slot(true, trunk))
    }

    /// Whether one more call would be refused by the node's cap.
    pub fn is_full(&self) -> bool {
        self.lock().total >= self.node_cap
    }

    /// Takes a place on `trunk` for a call that is placed for a caller of ours; that caller's own place bounds its
    /// number on the node.
    ///
    /// # Errors
    /// [`Refusal::TrunkFull`] and [`Refusal::TrunkTooFast`].
    pub fn place(&self, trunk: &Trunk, now: Instant) -> Result<Slot, Refusal> {
        self.lock().begin(trunk, now, |of_trunk| &mut of_trunk.outgoing)?;
        Ok(self.slot(false, Some(trunk)))
    }

    fn slot(&self, caller: bool, trunk: Option<&Trunk>) -> Slot {
        Slot { inner: Arc::clone(&self.inner), caller, trunk: trunk.map(|trunk| trunk.name.clone()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Callers' calls at this moment.
    pub fn calls(&self) -> usize {
        self.lock().total
    }

    /// Legs on the trunk of this name at this moment, in both directions.
    pub fn on_trunk(&self, name: &str) -> u32 {
        self.lock().by_trunk.get(name).map_or(0, |of_trunk| of_trunk.legs)
    }
}

impl Counts {
    fn begin(
        &mut self,
        trunk: &Trunk,
        now: Instant,
        rate: impl FnOnce(&mut TrunkCounts) -> &mut Rate,
    ) -> Result<(), Refusal> {
        let of_trunk = self.by_trunk.entry(trunk.name.clone()).or_default();
        let limits = &trunk.settings;
        if limits.channels > 0 && of_trunk.legs >= limits.channels {
            return Err(Refusal::TrunkFull);
        }
        rate(of_trunk).take(limits.cps, now).map_err(Refusal::TrunkTooFast)?;
        of_trunk.legs += 1;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_trunk) = self.trunk.as_ref().and_then(|name| counts.by_trunk.get_mut(name)) {
            of_trunk.legs = of_trunk.legs.saturating_sub(1);
        }
        if self.caller {
            counts.total = counts.total.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TrunkSettings;

    fn trunk(name: &str, channels: u32, cps: u32) -> Trunk {
        let settings = TrunkSettings { channels, cps, ..TrunkSettings::default() };
        let name = name.to_owned();
        Trunk { name, profile: "generic".to_owned(), settings, password: None, dids: Vec::new() }
    }

    #[test]
    fn the_nodes_cap_holds_and_a_dropped_slot_frees_its_place() {
        let (admission, now) = (Admission::new(2), Instant::now());
        let first = admission.admit(None, now).unwrap();
        assert!(!admission.is_full());
        let second = admission.admit(None, now).unwrap();
        assert_eq!(admission.admit(None, now).unwrap_err(), Refusal::NodeFull);
        assert!(admission.is_full());
        drop(first);
        assert_eq!(admission.calls(), 1);
        let again = admission.admit(None, now).unwrap();
        drop((second, again));
        assert_eq!(admission.calls(), 0);
    }

    #[test]
    fn a_trunks_channels_are_shared_by_both_directions_and_no_other_trunk() {
        let (admission, now) = (Admission::new(9), Instant::now());
        let (line, other) = (trunk("line", 2, 0), trunk("other", 0, 0));
        let incoming = admission.admit(Some(&line), now).unwrap();
        let outgoing = admission.place(&line, now).unwrap();
        assert_eq!(admission.admit(Some(&line), now).unwrap_err(), Refusal::TrunkFull);
        assert_eq!(admission.place(&line, now).unwrap_err(), Refusal::TrunkFull);
        assert_eq!((admission.calls(), admission.on_trunk("line")), (1, 2), "what is refused counts nowhere");
        let elsewhere = admission.admit(Some(&other), now).unwrap();
        drop(outgoing);
        let again = admission.place(&line, now).unwrap();
        drop((incoming, again, elsewhere));
        assert_eq!((admission.calls(), admission.on_trunk("line"), admission.on_trunk("other")), (0, 0, 0));
    }

    #[test]
    fn a_trunk_begins_so_many_calls_a_second_each_way() {
        let (admission, start) = (Admission::new(99), Instant::now());
        let line = trunk("line", 0, 2);
        let at = |ms| start + Duration::from_millis(ms);
        let taken = |ms| admission.admit(Some(&line), at(ms)).map(drop);
        let wait = |ms| Err(Refusal::TrunkTooFast(Duration::from_millis(ms)));
        assert_eq!((taken(0), taken(0)), (Ok(()), Ok(())));
        assert_eq!(taken(0), wait(500), "hanging up gives no second chance");
        assert!(admission.place(&line, at(0)).is_ok(), "the other direction has its own");
        assert_eq!(taken(499), wait(1));
        assert_eq!((taken(500), taken(500)), (Ok(()), wait(500)));
        assert_eq!((taken(60_000), taken(60_000), taken(60_000)), (Ok(()), Ok(()), wait(500)), "none are saved up");
    }

    /// One place, and a call's task that holds it.
    fn one_place() -> (Admission, Slot) {
        let admission = Admission::new(1);
        let slot = admission.admit(Some(&trunk("line", 1, 0)), Instant::now()).unwrap();
        assert_eq!((admission.calls(), admission.on_trunk("line")), (1, 1));
        (admission, slot)
    }

    fn assert_free(admission: &Admission) {
        assert_eq!((admission.calls(), admission.on_trunk("line")), (0, 0));
    }

    #[tokio::test]
    async fn a_call_task_that_panics_frees_its_places() {
        let (admission, slot) = one_place();
        let task = tokio::spawn(async move {
            let _slot = slot;
            panic!("the call's task fails");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_free(&admission);
    }

    #[tokio::test]
    async fn a_call_task_that_is_cancelled_frees_its_places() {
        let (admission, slot) = one_place();
        let task = tokio::spawn(async move {
            let _slot = slot;
            std::future::pending::<()>().await;
        });
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_free(&admission);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_runs_out_of_time_frees_its_places() {
        let (admission, slot) = one_place();
        let call = async move {
            let _slot = slot;
            std::future::pending::<()>().await;
        };
        assert!(tokio::time::timeout(Duration::from_secs(5), call).await.is_err());
        assert_free(&admission);
    }
}
