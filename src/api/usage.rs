//! `/v1/usage`: what months came to, of one tenant or, for the operator, of all; and what one call was charged.
//!
//! What calls cost the operator is shown to the operator and to whoever may change a tenant's usage, which is its admin: the
//! ceilings that change what callers get are counted in these costs, so whoever runs the business has to see them come.
//! A viewer, or a key made to read, sees minutes and prices: the operator's own prices are no part of looking at calls.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use jiff::Timestamp;
use jiff::civil::Date;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::{IdPath, MonthPath, no_such};
use super::guard::{Authenticated, Caller};
use super::plan::PlanBody;
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem, query, usage_export};
use crate::domain::billing::{Allowance, CallCharge, DayUsage, LedgerLine, LineKind, Month, MonthUsage, Paise};
use crate::domain::{CallId, E164, Permission, TenantId, TenantScope};
use crate::store::{KeyOwner, Listed};

/// The name of a tenant's list in its cursors.
const LIST: &str = "usage";

/// Usage.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::either(Permission::UsageRead), routes!(list))
        .on(Rule::tenant(Permission::UsageRead), routes!(month))
        .on(Rule::either(Permission::UsageRead), routes!(usage_export::export))
        .on(Rule::tenant(Permission::UsageRead), routes!(charge))
}

/// A month of a tenant.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct UsageView {
    tenant: TenantId,
    /// `null` where only one tenant's months are listed.
    tenant_name: Option<String>,
    month: Month,
    /// Calls that were answered in it and are over.
    calls: u64,
    minutes: u64,
    /// Minutes that the plan does not include.
    extra_minutes: u64,
    /// What they come to, without tax and monthly fee.
    price_paise: i64,
    /// What the calls cost the operator; `null` for whoever may only read.
    cost_paise: Option<i64>,
}

/// Where a tenant stands in the month that runs.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Current {
    month: Month,
    /// What a call that begins now may spend: whatever its profile says, the node's own engines only, or, besides that,
    /// transfers in emergencies only.
    allowance: Allowance,
    plan: PlanBody,
}

/// A page of months, the latest first; of the operator without a tenant, of the tenants in one month.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct UsagePage {
    usage: Vec<UsageView>,
    /// `null` where all tenants are listed.
    current: Option<Current>,
    /// To be passed back as `cursor`; `null` on the last page.
    next_cursor: Option<String>,
}

/// A month with its days.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct UsageDetail {
    #[serde(flatten)]
    usage: UsageView,
    /// In their order: the whole month, or, while it runs, until today.
    days: Vec<DayView>,
}

/// A day as clocks in India have it.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct DayView {
    #[schema(value_type = String, format = Date)]
    day: Date,
    calls: u64,
    minutes: u64,
    extra_minutes: u64,
    price_paise: i64,
    /// `null` for whoever may only read.
    cost_paise: Option<i64>,
}

/// What one call was charged.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct ChargeView {
    call: CallId,
    month: Month,
    answered_at: Timestamp,
    did: E164,
    /// From the answer to the end, every second that was begun.
    seconds: u64,
    minutes: u64,
    /// Minutes that the plan does not include.
    extra_minutes: u64,
    /// What they come to, without tax.
    price_paise: i64,
    /// What the call cost the operator, the sum of `lines`; `null` for whoever may only read.
    cost_paise: Option<i64>,
    /// `null` likewise.
    lines: Option<Vec<LineView>>,
}

/// One line of a call's costs.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct LineView {
    kind: LineKind,
    /// The trunk, the engine, or who sends the SMS.
    item: String,
    /// Pulses, milliseconds of audio, characters, tokens or segments.
    quantity: u64,
    paise: i64,
}

impl UsageView {
    fn new(tenant: TenantId, usage: MonthUsage, costs: bool) -> Self {
        let MonthUsage { month, calls, minutes, extra_minutes, cost, price } = usage;
        let cost_paise = costs.then_some(cost.0);
        Self { tenant, tenant_name: None, month, calls, minutes, extra_minutes, price_paise: price.0, cost_paise }
    }
}

impl DayView {
    fn new(usage: DayUsage, costs: bool) -> Self {
        let DayUsage { day, calls, minutes, extra_minutes, cost, price } = usage;
        Self { day, calls, minutes, extra_minutes, price_paise: price.0, cost_paise: costs.then_some(cost.0) }
    }
}

impl ChargeView {
    fn new(charge: CallCharge, costs: bool) -> Self {
        let line = |LedgerLine { kind, item, quantity, paise: Paise(paise) }| LineView { kind, item, quantity, paise };
        Self {
            call: charge.call,
            month: charge.month,
            answered_at: charge.answered_at,
            did: charge.did,
            seconds: charge.seconds,
            minutes: charge.minutes,
            extra_minutes: charge.extra_minutes,
            price_paise: charge.price.0,
            cost_paise: costs.then_some(charge.cost.0),
            lines: costs.then(|| charge.lines.into_iter().map(line).collect()),
        }
    }
}

/// Whether somebody is shown what calls cost the operator.
fn sees_costs(caller: &Caller) -> bool {
    matches!(caller.principal.owner, KeyOwner::Platform) || caller.principal.grant.allows(Permission::UsageWrite)
}

/// A tenant's months with calls, the latest first, its plan, and what calls may spend now; of the operator who names no
/// tenant, the sums of one month, the running one by default, of every tenant.
#[utoipa::path(get, path = "/v1/usage", operation_id = "listUsage", tag = "usage",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows of a page, 50 by default"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("month" = Option<Month>, Query, description = "Only for the operator who names no tenant"),
    ),
    responses((status = 200, body = UsagePage)))]
pub(super) async fn list(State(state): State<ApiState>, caller: Caller, uri: Uri) -> Result<Json<UsagePage>, Problem> {
    let (mut limit, mut cursor, mut wanted) = (query::DEFAULT_LIMIT, None, None);
    query::read(&uri, |name, value| {
        match name {
            "limit" => limit = query::limit(value)?,
            "cursor" => cursor = Some(value.to_owned()),
            "month" if caller.scope.is_some() => return Err("is for the operator who names no tenant".to_owned()),
            "month" => {
                wanted = Some(value.parse().map_err(|error: crate::domain::billing::MonthError| error.to_string())?)
            }
            _ => query::unknown(&["limit", "cursor", "month"])?,
        }
        Ok(())
    })?;
    let page = match caller.scope {
        Some(scope) => months(&state, &caller, scope, cursor, limit).await?,
        None => tenants(&state, wanted.unwrap_or(Month::of(caller.now)), cursor, limit).await?,
    };
    Ok(Json(page))
}

async fn months(
    state: &ApiState,
    caller: &Caller,
    scope: TenantScope,
    cursor: Option<String>,
    limit: u32,
) -> Result<UsagePage, Problem> {
    let before = cursor.map(|cursor| query::open(LIST, &cursor)).transpose().map_err(bad_cursor)?;
    let Listed { items, more } = state.store.usage_months(scope, before, limit).await?;
    let (allowance, plan) = (state.store.allowance(scope, caller.now).await?, state.store.plan(scope).await?);
    Ok(UsagePage {
        next_cursor: query::after(LIST, more, items.last().map(|usage| usage.month)),
        usage: items.into_iter().map(|usage| UsageView::new(scope.tenant(), usage, sees_costs(caller))).collect(),
        current: Some(Current { month: Month::of(caller.now), allowance, plan: plan.into() }),
    })
}

async fn tenants(state: &ApiState, month: Month, cursor: Option<String>, limit: u32) -> Result<UsagePage, Problem> {
    // A place among the tenants of another month leads on just as well, but to a list that nobody has asked for.
    let list = format!("{LIST} of {month}");
    let after = cursor.map(|cursor| query::open(&list, &cursor)).transpose().map_err(bad_cursor)?;
    let Listed { items, more } = state.store.usage_of_all(month, after, limit).await?;
    let view = |(tenant, name, usage)| UsageView { tenant_name: Some(name), ..UsageView::new(tenant, usage, true) };
    Ok(UsagePage {
        next_cursor: query::after(&list, more, items.last().map(|(tenant, ..)| *tenant)),
        usage: items.into_iter().map(view).collect(),
        current: None,
    })
}

fn bad_cursor(message: String) -> Problem {
    Problem::bad_request(vec![FieldError::new("cursor", message)])
}

/// A tenant's month and its days, as clocks in India have them; zeros where there was no call.
#[utoipa::path(get, path = "/v1/usage/{month}", operation_id = "getUsage", tag = "usage",
    params(("month" = Month, Path)), responses((status = 200, body = UsageDetail)))]
pub(super) async fn month(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    MonthPath(month): MonthPath,
) -> Result<Json<UsageDetail>, Problem> {
    let costs = sees_costs(&caller);
    let usage = state.store.usage(scope, month).await?;
    let used = state.store.usage_days(scope, month).await?;
    let today = Month::day_of(caller.now);
    let of = |day| used.iter().find(|used| used.day == day).copied().unwrap_or(DayUsage::none(day));
    let days = month.days().take_while(|day| *day <= today).map(|day| DayView::new(of(day), costs)).collect();
    Ok(Json(UsageDetail { usage: UsageView::new(scope.tenant(), usage, costs), days }))
}

/// What a call was charged, with the lines of its costs. There is none until the call is over.
#[utoipa::path(get, path = "/v1/calls/{id}/charge", operation_id = "getCallCharge", tag = "usage",
    params(("id" = CallId, Path)), responses((status = 200, body = ChargeView)))]
pub(super) async fn charge(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> Result<Json<ChargeView>, Problem> {
    if let Some(charge) = state.store.ledger(scope, id).await? {
        return Ok(Json(ChargeView::new(charge, sees_costs(&caller))));
    }
    Err(match state.store.call_record(scope, id).await? {
        Some(_) => Problem::not_found("the call is not charged yet; it is once it has ended"),
        None => no_such::<CallId>(),
    })
}
