//! What one call uses of what costs money, counted while it goes on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// A thing that an engine is paid by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineUse {
    /// Audio given to a recogniser, in milliseconds.
    AudioMs,
    /// Characters given to a voice.
    Characters,
    /// Tokens given to a language model.
    TokensIn,
    /// Tokens that it gave.
    TokensOut,
}

/// One answered leg on a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegUse {
    /// The trunk's name, or [`super::DIRECT`].
    pub trunk: String,
    /// Whether we called; else we were called.
    pub outbound: bool,
    /// From the answer to the end, in milliseconds.
    pub ms: u64,
}

/// What a call used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub legs: Vec<LegUse>,
    /// By engine, as the configuration calls it.
    pub engines: BTreeMap<EngineUse, BTreeMap<String, u64>>,
}

impl Usage {
    /// How much of this an engine was given, or gave.
    pub fn of(&self, engine: &str, what: EngineUse) -> u64 {
        self.engines.get(&what).and_then(|engines| engines.get(engine)).copied().unwrap_or(0)
    }
}

/// Counts for one call; clones count together. What is begun is counted at once, and taken back when it turns out to cost
/// nothing: what is still under way when the call ends is paid too.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Usage>>);

impl Meter {
    /// Counts what an engine is given or gives.
    pub fn used(&self, engine: &str, what: EngineUse, quantity: u64) {
        if quantity > 0 {
            let mut usage = self.lock();
            let count = usage.engines.entry(what).or_default().entry(engine.to_owned()).or_default();
            *count = count.saturating_add(quantity);
        }
    }

    /// Takes back what was counted and is not paid.
    pub fn take_back(&self, engine: &str, what: EngineUse, quantity: u64) {
        let mut usage = self.lock();
        let Some(engines) = usage.engines.get_mut(&what) else { return };
        if let Some(count) = engines.get_mut(engine) {
            *count = count.saturating_sub(quantity);
        }
        engines.retain(|_, count| *count > 0);
        usage.engines.retain(|_, engines| !engines.is_empty());
    }

    /// Counts a leg that is over.
    pub fn leg(&self, leg: LegUse) {
        self.lock().legs.push(leg);
    }

    /// What was used so far.
    pub fn read(&self) -> Usage {
        self.lock().clone()
    }

    /// A count is whole after each change, so a poisoned lock still guards one.
    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_back_is_as_if_it_was_never_used() {
        let meter = Meter::default();
        meter.used("openai", EngineUse::AudioMs, 3_000);
        meter.clone().used("openai", EngineUse::AudioMs, 500);
        meter.used("piper", EngineUse::Characters, 12);
        meter.used("piper", EngineUse::TokensIn, 0);
        meter.take_back("openai", EngineUse::AudioMs, 3_000);
        meter.take_back("piper", EngineUse::Characters, 12);
        meter.take_back("nobody", EngineUse::Characters, 12);
        let expected = BTreeMap::from([(EngineUse::AudioMs, BTreeMap::from([("openai".to_owned(), 500)]))]);
        assert_eq!(meter.read().engines, expected);
        meter.used("openai", EngineUse::AudioMs, u64::MAX);
        assert_eq!(meter.read().of("openai", EngineUse::AudioMs), u64::MAX);
        let written = serde_json::to_string(&meter.read()).unwrap();
        assert_eq!(serde_json::from_str::<Usage>(&written).unwrap(), meter.read(), "{written}");
    }
}
