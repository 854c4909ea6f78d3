//! The price table of a node, and the lines that it makes of a call's usage.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EngineUse, LegUse, Month, Paise, UnitPrice, Usage};
use crate::domain::{CallId, E164};

/// The pulse that plans and most trunks count in, in seconds: every pulse that is begun is paid.
pub const PULSE_S: u32 = 60;

/// In place of a trunk's name: the call came from, or went to, a machine that is no trunk.
pub const DIRECT: &str = "direct";

/// Prices of trunks that have none of their own.
const OTHER_TRUNKS: &str = "default";

/// What things cost the operator, in paise. What has no price costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// By the trunk's name; `default` for trunks that are not named.
    pub trunks: BTreeMap<String, TrunkPrice>,
    /// By the engine's name, which stands for one model: `whisper` and `piper` are the node's own.
    pub engines: BTreeMap<String, EnginePrice>,
    pub sms_per_segment: UnitPrice,
}

/// What a trunk costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkPrice {
    /// Length of a pulse in seconds, 1 to 3600.
    pub pulse_s: u32,
    pub inbound_per_pulse: UnitPrice,
    /// Of second legs, to people whom callers are handed to.
    pub outbound_per_pulse: UnitPrice,
}

impl Default for TrunkPrice {
    fn default() -> Self {
        let free = UnitPrice::default();
        Self { pulse_s: PULSE_S, inbound_per_pulse: free, outbound_per_pulse: free }
    }
}

/// What an engine costs. One on this machine costs processor time, which may be given a price too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnginePrice {
    pub per_audio_second: UnitPrice,
    pub per_million_characters: UnitPrice,
    pub per_1k_tokens_in: UnitPrice,
    pub per_1k_tokens_out: UnitPrice,
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// The caller's leg; the quantity is pulses of the trunk.
    TrunkIn,
    /// Legs to people, each in its own pulses.
    TrunkOut,
    /// Milliseconds of audio.
    Stt,
    /// Characters.
    Tts,
    /// Tokens given.
    LlmIn,
    /// Tokens got.
    LlmOut,
    /// Segments.
    Sms,
}

impl LineKind {
    pub const ALL: [Self; 7] =
        [Self::TrunkIn, Self::TrunkOut, Self::Stt, Self::Tts, Self::LlmIn, Self::LlmOut, Self::Sms];

    /// Its name in the API and in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrunkIn => "trunk_in",
            Self::TrunkOut => "trunk_out",
            Self::Stt => "stt",
            Self::Tts => "tts",
            Self::LlmIn => "llm_in",
            Self::LlmOut => "llm_out",
            Self::Sms => "sms",
        }
    }
}

impl fmt::Display for LineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One line of a call's costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    pub kind: LineKind,
    /// The trunk, the engine, or who sends the SMS.
    pub item: String,
    /// In the unit of its kind.
    pub quantity: u64,
    pub paise: Paise,
}

/// What a call comes to before the tenant's plan is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// At most one of each kind and item.
    pub lines: Vec<LedgerLine>,
    /// Minutes as plans count them: pulses of all its legs, each leg by itself.
    pub minutes: u64,
}

/// A call as it was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCharge {
    pub call: CallId,
    pub month: Month,
    pub answered_at: Timestamp,
    pub did: E164,
    /// From the answer to the end, every second that was begun.
    pub seconds: u64,
    pub minutes: u64,
    /// Those of `minutes` that the plan did not include.
    pub extra_minutes: u64,
    /// What the tenant is charged for `extra_minutes`, without tax.
    pub price: Paise,
    /// What the call cost the operator: the sum of `lines`.
    pub cost: Paise,
    pub lines: Vec<LedgerLine>,
}

/// Pulses of `pulse_s` seconds (at least 1) in an answered leg of this length: what is begun counts, and never none.
pub fn pulses(ms: u64, pulse_s: u32) -> u64 {
    ms.div_ceil(u64::from(pulse_s.max(1)) * 1_000).max(1)
}

impl Prices {
    /// Looks at the values together.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn check(&self) -> Result<(), (String, &'static str)> {
        match self.trunks.iter().find(|(_, price)| !(1..=3_600).contains(&price.pulse_s)) {
            Some((name, _)) => Err((format!("trunks.{name}.pulse_s"), "must be between 1 and 3600")),
            None => Ok(()),
        }
    }

    fn trunk(&self, name: &str) -> TrunkPrice {
        // A machine that is no trunk sends no bill unless it is said to.
        let other = if name == DIRECT { None } else { self.trunks.get(OTHER_TRUNKS) };
        self.trunks.get(name).or(other).copied().unwrap_or_default()
    }

    /// Prices a call: a line for each kind and trunk or engine.
    pub fn charge(&self, usage: &Usage) -> Charge {
        let minutes = usage.legs.iter().map(|leg| pulses(leg.ms, PULSE_S)).fold(0, u64::saturating_add);
        let engines = usage.engines.iter().flat_map(|(what, engines)| {
            engines.iter().map(move |(engine, quantity)| self.engine(*what, engine, *quantity))
        });
        Charge { lines: self.legs(&usage.legs).chain(engines).collect(), minutes }
    }

    fn legs(&self, legs: &[LegUse]) -> impl Iterator<Item = LedgerLine> {
        let mut counts: BTreeMap<(LineKind, &str), (u64, UnitPrice)> = BTreeMap::new();
        for leg in legs {
            let price = self.trunk(&leg.trunk);
            let (kind, per_pulse) = match leg.outbound {
                false => (LineKind::TrunkIn, price.inbound_per_pulse),
                true => (LineKind::TrunkOut, price.outbound_per_pulse),
            };
            let count = counts.entry((kind, leg.trunk.as_str())).or_insert((0, per_pulse));
            count.0 = count.0.saturating_add(pulses(leg.ms, price.pulse_s));
        }
        counts.into_iter().map(|((kind, trunk), (quantity, per_pulse))| LedgerLine {
            kind,
            item: trunk.to_owned(),
            quantity,
            paise: per_pulse.of(quantity, 1),
        })
    }

    fn engine(&self, what: EngineUse, engine: &str, quantity: u64) -> LedgerLine {
        let price = self.engines.get(engine).copied().unwrap_or_default();
        let (kind, price, per) = match what {
            EngineUse::AudioMs => (LineKind::Stt, price.per_audio_second, 1_000),
            EngineUse::Characters => (LineKind::Tts, price.per_million_characters, 1_000_000),
            EngineUse::TokensIn => (LineKind::LlmIn, price.per_1k_tokens_in, 1_000),
            EngineUse::TokensOut => (LineKind::LlmOut, price.per_1k_tokens_out, 1_000),
        };
        LedgerLine { kind, item: engine.to_owned(), quantity, paise: price.of(quantity, per) }
    }

    /// The line of an SMS about a call, sent by `provider` in so many segments.
    pub fn sms(&self, provider: &str, segments: u64) -> LedgerLine {
        let paise = self.sms_per_segment.of(segments, 1);
        LedgerLine { kind: LineKind::Sms, item: provider.to_owned(), quantity: segments, paise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(trunk: &str, outbound: bool, ms: u64) -> LegUse {
        LegUse { trunk: trunk.to_owned(), outbound, ms }
    }

    #[test]
    fn a_pulse_that_is_begun_is_paid() {
        let counted = [0, 1, 59_999, 60_000, 60_001, 100_000, 120_000].map(|ms| pulses(ms, PULSE_S));
        assert_eq!(counted, [1, 1, 1, 1, 2, 2, 2], "100 s cost 120 s");
        assert_eq!(
            (pulses(1_000, 1), pulses(1_001, 1), pulses(5_000, 0), pulses(u64::MAX, 60)),
            (1, 2, 5, u64::MAX / 60_000 + 1)
        );
    }

    #[test]
    fn each_leg_is_counted_in_its_own_pulses_and_engines_by_what_they_were_given() {
        let prices: Prices = serde_json::from_value(serde_json::json!({
            "trunks": { "line": { "inbound_per_pulse": 0.5, "outbound_per_pulse": 50 }, "default": { "pulse_s": 1, "outbound_per_pulse": 1 } },
            "engines": { "openai": { "per_audio_second": 0.83, "per_1k_tokens_in": 1.25, "per_1k_tokens_out": "5" },
                         "voice": { "per_million_characters": 125_000 } },
            "sms_per_segment": 18.5
        }))
        .unwrap();
        let meter = super::super::Meter::default();
        for leg in [
            leg("line", false, 100_000),
            leg("line", true, 61_000),
            leg("line", true, 2_000),
            leg("spare", true, 2_100),
            leg(DIRECT, true, 9),
        ] {
            meter.leg(leg);
        }
        for (engine, what, quantity) in [
            ("openai", EngineUse::AudioMs, 61_500),
            ("openai", EngineUse::TokensIn, 800),
            ("openai", EngineUse::TokensOut, 99),
            ("voice", EngineUse::Characters, 240),
            ("whisper", EngineUse::AudioMs, 9_000),
        ] {
            meter.used(engine, what, quantity);
        }
        let charge = prices.charge(&meter.read());
        let lines: Vec<_> = charge
            .lines
            .iter()
            .map(|line| (line.kind.name(), line.item.as_str(), line.quantity, line.paise.0))
            .collect();
        assert_eq!(
            lines,
            [
                ("trunk_in", "line", 2, 1),
                ("trunk_out", "direct", 1, 0),
                ("trunk_out", "line", 3, 150),
                ("trunk_out", "spare", 3, 3),
                ("stt", "openai", 61_500, 51),
                ("stt", "whisper", 9_000, 0),
                ("tts", "voice", 240, 30),
                ("llm_in", "openai", 800, 1),
                ("llm_out", "openai", 99, 0),
            ]
        );
        assert_eq!(charge.minutes, 2 + 2 + 1 + 1 + 1, "plans count minutes, whatever the trunk counts in");
        assert_eq!(
            prices.sms("msg91", 2),
            LedgerLine { kind: LineKind::Sms, item: "msg91".into(), quantity: 2, paise: Paise(37) }
        );
    }

    #[test]
    fn names_are_those_of_serde_and_a_pulse_has_a_length() {
        for kind in LineKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let endless: Prices =
            serde_json::from_value(serde_json::json!({ "trunks": { "line": { "pulse_s": 0 } } })).unwrap();
        assert_eq!(endless.check().unwrap_err().0, "trunks.line.pulse_s");
        assert!(
            serde_json::from_value::<Prices>(serde_json::json!({ "engines": { "a": { "per_minute": 1 } } })).is_err()
        );
    }
}
