//! Keypad entries: digits until `#`, the wanted length, or a pause.

use super::types::Ms;
use crate::domain::Pii;

/// The pause that completes an entry.
pub(super) const INTER_DIGIT_MS: u64 = 4_000;
/// The tone of a key may be heard in the audio for so long after its event, and is not voice.
const TONE_MS: u64 = 200;
/// Nothing that is asked for is longer; an entry of this length is complete.
const MAX_DIGITS: usize = 32;

/// The entry under way.
#[derive(Debug, Default)]
pub(super) struct Keypad {
    digits: Pii<String>,
    last_key: Option<Ms>,
    /// When an entry was complete by its length; its `#` may still come.
    full_at: Option<Ms>,
    /// How many digits complete an entry.
    pub wanted: Option<u8>,
}

impl Keypad {
    /// Whether the key is the `#` of an entry that was complete without it: callers who were told to press it do.
    pub fn is_late_hash(&self, key: char, now: Ms) -> bool {
        key == '#' && !self.is_open() && self.full_at.is_some_and(|at| now.since(at) < INTER_DIGIT_MS)
    }

    /// Takes a key; gives the entry when it is complete. `*` begins anew, `A`–`D` mean nothing.
    pub fn key(&mut self, key: char, now: Ms) -> Option<String> {
        self.last_key = Some(now);
        self.full_at = None;
        match key {
            '0'..='9' => self.digits.0.push(key),
            '*' => self.digits.0.clear(),
            '#' => return self.take(),
            _ => {}
        }
        let wanted = self.wanted.filter(|n| *n > 0).map_or(MAX_DIGITS, |n| usize::from(n).min(MAX_DIGITS));
        if self.digits.0.len() < wanted {
            return None;
        }
        self.full_at = Some(now);
        self.take()
    }

    /// When the entry under way will be complete by a pause.
    pub fn deadline(&self) -> Option<Ms> {
        self.last_key.filter(|_| self.is_open()).map(|at| at + INTER_DIGIT_MS)
    }

    /// Ends the entry under way.
    pub fn take(&mut self) -> Option<String> {
        (!self.digits.0.is_empty()).then(|| std::mem::take(&mut self.digits.0))
    }

    /// A hold is over: the pause in an entry under way begins now.
    pub fn taken_back(&mut self, now: Ms) {
        self.last_key = self.last_key.filter(|_| self.is_open()).map(|_| now);
    }

    /// Whether a key's tone may be in the audio.
    pub fn tone_sounds(&self, now: Ms) -> bool {
        self.last_key.is_some_and(|at| now.since(at) < TONE_MS)
    }

    /// Whether an entry is under way.
    pub fn is_open(&self) -> bool {
        !self.digits.0.is_empty()
    }
}
