//! What calls cost and what they are charged at: counted in a [`Meter`], priced by [`Prices`], kept as [`LedgerLine`]s,
//! charged by a [`Plan`], exported with GST.
//!
//! Prices are kept in millionths of a paisa. What a call used of one thing is added up first, then priced, then rounded
//! to whole paise once, half a paisa up: the error of a line is at most half a paisa, and sums of lines are exact.

mod export;
mod gst;
mod meter;
mod money;
mod month;
mod plan;
mod prices;

pub use export::{ExportError, ExportedTenant, UsageExport, safe_cell};
pub use gst::{GstError, GstTerms, Gstin, StateCode, Tax};
pub use meter::{EngineUse, LegUse, Meter, Usage};
pub use money::{MOST_PAISE, Paise, UnitPrice, UnitPriceError};
pub use month::{Month, MonthError};
pub use plan::{Allowance, DayUsage, MonthUsage, Plan, PlanError};
pub use prices::{CallCharge, Charge, DIRECT, EnginePrice, LedgerLine, LineKind, PULSE_S, Prices, TrunkPrice, pulses};
