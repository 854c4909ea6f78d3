//! The UDP ports that calls may use: pairs of an even port for RTP and the odd one above for RTCP.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// Free ports in the order they are handed out: a port just freed comes last, so that late packets of its last call
/// meet nobody.
#[derive(Debug)]
pub struct PortPool {
    free: Mutex<VecDeque<u16>>,
}

impl PortPool {
    /// A pool of the even ports whose odd neighbour lies in the range too.
    pub fn new(range: RangeInclusive<u16>) -> Arc<Self> {
        let end = *range.end();
        let free = range.filter(|port| port % 2 == 0 && *port < end && *port > 0).collect();
        Arc::new(Self { free: Mutex::new(free) })
    }

    /// Takes the port that has been free for longest.
    pub fn take(self: &Arc<Self>) -> Option<PortGuard> {
        let port = self.lock().pop_front()?;
        Some(PortGuard { port, pool: Arc::clone(self) })
    }

    /// How many calls could still be opened.
    pub fn available(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<u16>> {
        // The queue is whole after any panic, because no operation on it can stop half way.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port in use; dropping it gives it back.
#[derive(Debug)]
pub struct PortGuard {
    port: u16,
    pool: Arc<PortPool>,
}

impl PortGuard {
    /// The even RTP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortGuard {
    fn drop(&mut self) {
        self.pool.lock().push_back(self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_even_ports_with_their_neighbour() {
        let pool = PortPool::new(10_001..=10_006);
        let ports: Vec<PortGuard> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(ports.iter().map(PortGuard::port).collect::<Vec<_>>(), [10_002, 10_004]);
        assert!(PortPool::new(0..=1).take().is_none());
        assert_eq!(PortPool::new(65_534..=65_535).take().map(|p| p.port()), Some(65_534));
    }

    #[test]
    fn a_freed_port_is_used_last() {
        let pool = PortPool::new(10_000..=10_007);
        let first = pool.take().unwrap();
        let second = pool.take().unwrap();
        drop(second);
        drop(first);
        let order: Vec<PortGuard> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(order.iter().map(PortGuard::port).collect::<Vec<_>>(), [10_004, 10_006, 10_002, 10_000]);
        assert_eq!(pool.available(), 0);
        drop(order);
        assert_eq!(pool.available(), 4);
    }
}
