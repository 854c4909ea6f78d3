//! Calls that somebody places to try a receptionist out, before or after its publication: through the same signalling,
//! media and conversation as any other, by a ticket in the place of a dialled number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ports::Route;
use crate::domain::{CallId, E164};

/// How long a ticket waits for its call.
const LIFETIME: Duration = Duration::from_secs(30);
/// Tickets that wait at once.
const MOST: usize = 64;

/// A call that is going to come.
#[derive(Debug, Clone)]
pub struct TestCall {
    /// Its identifier, known before it is answered.
    pub id: CallId,
    /// Who answers.
    pub route: Route,
    /// The number that its record names.
    pub did: E164,
}

/// The calls that are going to come, by their tickets; clones are handles to the same.
#[derive(Debug, Clone, Default)]
pub struct TestCalls(Arc<Mutex<HashMap<String, (Instant, TestCall)>>>);

impl TestCalls {
    /// Answers the one call whose Request-URI has this ticket as its user part. False when too many are expected.
    #[must_use]
    pub fn expect(&self, ticket: String, call: TestCall) -> bool {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.retain(|_, (since, _)| since.elapsed() < LIFETIME);
        if calls.len() >= MOST {
            return false;
        }
        calls.insert(ticket, (Instant::now(), call));
        true
    }

    /// The call of this ticket, which holds once.
    pub(super) fn take(&self, ticket: &str) -> Option<TestCall> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, call) = calls.remove(ticket)?;
        (since.elapsed() < LIFETIME).then_some(call)
    }
}
