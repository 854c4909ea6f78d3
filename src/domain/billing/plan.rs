//! What a tenant pays, how much of it is included, and what happens when a month costs too much.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Gstin, Month, Paise, StateCode};
use crate::domain::{AgentProfile, SpeechChoice};

/// A tenant's plan. Nothing is included, charged or limited where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Per month, without tax.
    pub monthly_fee_paise: Paise,
    /// Minutes (pulses of 60 s, of all legs) that the fee covers.
    pub included_minutes: u64,
    /// For each minute beyond them, without tax.
    pub extra_minute_paise: Paise,
    /// Costs of a month, or its minutes, from which on calls use the node's own engines only.
    pub soft_ceiling_paise: Option<Paise>,
    pub soft_ceiling_minutes: Option<u64>,
    /// The same, from which on calls are answered to take messages, and are handed to people in emergencies only.
    pub hard_ceiling_paise: Option<Paise>,
    pub hard_ceiling_minutes: Option<u64>,
    /// Of the business, where it is registered for GST.
    pub gstin: Option<Gstin>,
    /// The state where the business is; that of `gstin` where nothing is said.
    pub place_of_supply: Option<StateCode>,
}

/// Why a plan cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("{0} is below zero")]
    Negative(&'static str),
    #[error("{hard} is below {soft}: a month reaches the soft ceiling first")]
    Order { soft: &'static str, hard: &'static str },
    #[error(
        "gstin is of state {gstin}, place_of_supply is {place}: a registered business is supplied where it is registered"
    )]
    OtherState { gstin: StateCode, place: StateCode },
}

/// A month of a tenant in sums; the running one while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthUsage {
    pub month: Month,
    /// Calls that were answered in it and are over.
    pub calls: u64,
    pub minutes: u64,
    pub extra_minutes: u64,
    /// What the calls cost the operator.
    pub cost: Paise,
    /// What the tenant is charged for `extra_minutes`, without tax and monthly fee.
    pub price: Paise,
}

/// A day of a month in sums, as clocks in India have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUsage {
    pub day: Date,
    pub calls: u64,
    pub minutes: u64,
    pub extra_minutes: u64,
    pub cost: Paise,
    pub price: Paise,
}

impl DayUsage {
    /// A day on which there was no call.
    pub const fn none(day: Date) -> Self {
        Self { day, calls: 0, minutes: 0, extra_minutes: 0, cost: Paise::ZERO, price: Paise::ZERO }
    }
}

impl MonthUsage {
    /// A month in which there was no call.
    pub const fn none(month: Month) -> Self {
        Self { month, calls: 0, minutes: 0, extra_minutes: 0, cost: Paise::ZERO, price: Paise::ZERO }
    }
}

/// What a call may spend. No call is refused or dropped for its costs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Allowance {
    /// Whatever its profile says.
    #[default]
    Full,
    /// The soft ceiling is reached: no engine but the node's own, no language model.
    LocalEngines,
    /// The hard ceiling is reached: besides that, nobody is called for a caller who is in no emergency. What costs
    /// nothing stays: questions are answered, messages and appointments taken.
    MessagesOnly,
}

impl Allowance {
    /// Its name in logs and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::LocalEngines => "local_engines",
            Self::MessagesOnly => "messages_only",
        }
    }

    /// Takes from a profile what its call may not spend.
    pub fn apply(self, profile: &mut AgentProfile) {
        if self >= Self::LocalEngines {
            profile.speech = SpeechChoice::default();
        }
        profile.emergency_transfers_only |= self == Self::MessagesOnly;
    }
}

impl PlanError {
    /// The key of the plan that it is about.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Negative(key) => key,
            Self::Order { hard, .. } => hard,
            Self::OtherState { .. } => "place_of_supply",
        }
    }
}

impl Plan {
    /// Looks at the values together.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn check(&self) -> Result<(), PlanError> {
        let amounts = [
            ("monthly_fee_paise", Some(self.monthly_fee_paise)),
            ("extra_minute_paise", Some(self.extra_minute_paise)),
            ("soft_ceiling_paise", self.soft_ceiling_paise),
            ("hard_ceiling_paise", self.hard_ceiling_paise),
        ];
        if let Some((key, _)) =
            amounts.into_iter().find(|(_, amount)| amount.is_some_and(|amount| amount < Paise::ZERO))
        {
            return Err(PlanError::Negative(key));
        }
        if self.hard_ceiling_paise.zip(self.soft_ceiling_paise).is_some_and(|(hard, soft)| hard < soft) {
            return Err(PlanError::Order { soft: "soft_ceiling_paise", hard: "hard_ceiling_paise" });
        }
        if self.hard_ceiling_minutes.zip(self.soft_ceiling_minutes).is_some_and(|(hard, soft)| hard < soft) {
            return Err(PlanError::Order { soft: "soft_ceiling_minutes", hard: "hard_ceiling_minutes" });
        }
        match (self.gstin.as_ref().map(Gstin::state), self.place_of_supply) {
            (Some(gstin), Some(place)) if gstin != place => Err(PlanError::OtherState { gstin, place }),
            _ => Ok(()),
        }
    }

    /// What the next call may spend after this much of the month. Calls that go on at once do not see each other's costs:
    /// a ceiling is passed by at most theirs.
    pub fn allowance(&self, used: &MonthUsage) -> Allowance {
        let reached = |paise: Option<Paise>, minutes: Option<u64>| {
            paise.is_some_and(|most| used.cost >= most) || minutes.is_some_and(|most| used.minutes >= most)
        };
        if reached(self.hard_ceiling_paise, self.hard_ceiling_minutes) {
            Allowance::MessagesOnly
        } else if reached(self.soft_ceiling_paise, self.soft_ceiling_minutes) {
            Allowance::LocalEngines
        } else {
            Allowance::Full
        }
    }

    /// Of `minutes` that bring the month's minutes without those billed as extra already to `unbilled`, those beyond what
    /// is included, and their price without tax.
    pub fn extra(&self, minutes: u64, unbilled: u64) -> (u64, Paise) {
        let extra = unbilled.saturating_sub(self.included_minutes).min(minutes);
        (extra, self.extra_minute_paise.checked_mul(extra).unwrap_or(super::MOST_PAISE).min(super::MOST_PAISE))
    }

    /// Where the tenant is supplied, for the tax; `None` when nobody has said.
    pub fn supplied_in(&self) -> Option<StateCode> {
        self.place_of_supply.or_else(|| self.gstin.as_ref().map(Gstin::state))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn used(cost: i64, minutes: u64) -> MonthUsage {
        MonthUsage { cost: Paise(cost), minutes, ..MonthUsage::none("2026-11".parse().unwrap()) }
    }

    fn profile() -> AgentProfile {
        serde_json::from_value(serde_json::json!({
            "id": "prof_00000000000000000000000000000001", "business_name": "Clinic", "visit_word": "appointment",
            "greeting": null, "record_calls": false, "hours": [[], [], [], [], [], [], []], "address": "",
            "landmark": null, "time_zone": "Asia/Kolkata", "voice": "joe", "turns": {}
        }))
        .unwrap()
    }

    #[test]
    fn a_ceiling_is_reached_in_money_or_in_minutes() {
        let plan = Plan {
            soft_ceiling_paise: Some(Paise(1_000)),
            hard_ceiling_paise: Some(Paise(2_000)),
            hard_ceiling_minutes: Some(100),
            ..Plan::default()
        };
        for (cost, minutes, allowance) in [
            (999, 99, Allowance::Full),
            (1_000, 99, Allowance::LocalEngines),
            (1_999, 0, Allowance::LocalEngines),
            (2_000, 0, Allowance::MessagesOnly),
            (0, 100, Allowance::MessagesOnly),
        ] {
            assert_eq!(plan.allowance(&used(cost, minutes)), allowance, "{cost} paise, {minutes} minutes");
        }
        assert_eq!(Plan::default().allowance(&used(i64::MAX, u64::MAX)), Allowance::Full, "no ceiling, no limit");
    }

    #[test]
    fn a_profile_loses_only_what_costs_money() {
        let full = AgentProfile {
            speech: SpeechChoice { stt: vec!["cloud".into()], llm: vec!["model".into()], ..SpeechChoice::default() },
            ..profile()
        };
        let applied = |allowance: Allowance| {
            let mut profile = full.clone();
            allowance.apply(&mut profile);
            profile
        };
        assert_eq!(applied(Allowance::Full), full);
        let local = AgentProfile { speech: SpeechChoice::default(), ..full.clone() };
        assert_eq!(applied(Allowance::LocalEngines), local);
        assert_eq!(applied(Allowance::MessagesOnly), AgentProfile { emergency_transfers_only: true, ..local });
        let kept = AgentProfile { emergency_transfers_only: true, ..full };
        let mut again = kept.clone();
        Allowance::Full.apply(&mut again);
        assert_eq!(again, kept, "the tenant's own wish stays");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let negative = Plan { extra_minute_paise: Paise(-1), ..Plan::default() };
        assert_eq!(negative.check(), Err(PlanError::Negative("extra_minute_paise")));
        let order = Plan { soft_ceiling_minutes: Some(10), hard_ceiling_minutes: Some(9), ..Plan::default() };
        assert!(matches!(order.check(), Err(PlanError::Order { hard: "hard_ceiling_minutes", .. })));
        let gstin: Gstin = "27AAPFU0939F1ZV".parse().unwrap();
        let elsewhere = Plan { gstin: Some(gstin), place_of_supply: Some("29".parse().unwrap()), ..Plan::default() };
        assert!(matches!(elsewhere.check(), Err(PlanError::OtherState { .. })));
        let home = Plan { place_of_supply: None, ..elsewhere };
        assert_eq!((home.check(), home.supplied_in()), (Ok(()), Some("27".parse().unwrap())));
    }

    proptest! {
        #[test]
        fn every_minute_is_included_or_charged_once(included in 0..200u64, calls in prop::collection::vec(1..30u64, 0..20)) {
            let plan = Plan { included_minutes: included, extra_minute_paise: Paise(150), ..Plan::default() };
            let (mut month, mut extra, mut price) = (0, 0, 0);
            for minutes in calls {
                month += minutes;
                let (beyond, paise) = plan.extra(minutes, month);
                extra += beyond;
                price += paise.0;
            }
            prop_assert_eq!(extra, month.saturating_sub(included));
            prop_assert_eq!(price, i64::try_from(extra).unwrap() * 150);
        }
    }
}
