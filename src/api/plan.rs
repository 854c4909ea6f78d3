//! `/v1/plan`: what a tenant pays, how much of it is included, and its ceilings. Read by the tenant, written by the operator.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::Body;
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem};
use crate::domain::Permission;
use crate::domain::billing::{Gstin, MOST_PAISE, Paise, Plan, PlanError, StateCode};

/// The most that an amount may be, in paise.
const MOST: i64 = MOST_PAISE.0;
/// More minutes than all months of all calls have.
const MOST_MINUTES: u64 = 1_000_000_000;

/// Plans.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::UsageRead), routes!(show))
        // A tenant admin may do everything within his tenant; what he pays is agreed with the operator.
        .on(Rule::platform_for_tenant(Permission::UsageWrite), routes!(put))
}

/// A tenant's plan. What is absent includes, charges or limits nothing.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PlanBody {
    /// Per month, without tax.
    #[garde(range(min = 0, max = MOST))]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    monthly_fee_paise: i64,
    /// Minutes that the fee covers: pulses of 60 s of all legs.
    #[garde(range(max = MOST_MINUTES))]
    #[schema(maximum = 1_000_000_000)]
    included_minutes: u64,
    /// For each minute beyond them, without tax.
    #[garde(range(min = 0, max = MOST))]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    extra_minute_paise: i64,
    /// Costs of a month from which on calls use the node's own engines only.
    #[garde(inner(range(min = 0, max = MOST)))]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    soft_ceiling_paise: Option<i64>,
    /// The same in minutes.
    #[garde(inner(range(max = MOST_MINUTES)))]
    #[schema(maximum = 1_000_000_000)]
    soft_ceiling_minutes: Option<u64>,
    /// Costs of a month from which on callers are handed to people in emergencies only.
    #[garde(inner(range(min = 0, max = MOST)))]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    hard_ceiling_paise: Option<i64>,
    /// The same in minutes.
    #[garde(inner(range(max = MOST_MINUTES)))]
    #[schema(maximum = 1_000_000_000)]
    hard_ceiling_minutes: Option<u64>,
    /// Of the business, where it is registered for GST.
    #[garde(skip)]
    #[schema(value_type = Option<String>, examples("27AAPFU0939F1ZV"))]
    gstin: Option<Gstin>,
    /// Its state as two digits; that of `gstin` where nothing is said.
    #[garde(skip)]
    #[schema(value_type = Option<String>, examples("27"))]
    place_of_supply: Option<StateCode>,
}

impl From<Plan> for PlanBody {
    fn from(plan: Plan) -> Self {
        Self {
            monthly_fee_paise: plan.monthly_fee_paise.0,
            included_minutes: plan.included_minutes,
            extra_minute_paise: plan.extra_minute_paise.0,
            soft_ceiling_paise: plan.soft_ceiling_paise.map(|Paise(most)| most),
            soft_ceiling_minutes: plan.soft_ceiling_minutes,
            hard_ceiling_paise: plan.hard_ceiling_paise.map(|Paise(most)| most),
            hard_ceiling_minutes: plan.hard_ceiling_minutes,
            gstin: plan.gstin,
            place_of_supply: plan.place_of_supply,
        }
    }
}

impl From<PlanBody> for Plan {
    fn from(body: PlanBody) -> Self {
        Self {
            monthly_fee_paise: Paise(body.monthly_fee_paise),
            included_minutes: body.included_minutes,
            extra_minute_paise: Paise(body.extra_minute_paise),
            soft_ceiling_paise: body.soft_ceiling_paise.map(Paise),
            soft_ceiling_minutes: body.soft_ceiling_minutes,
            hard_ceiling_paise: body.hard_ceiling_paise.map(Paise),
            hard_ceiling_minutes: body.hard_ceiling_minutes,
            gstin: body.gstin,
            place_of_supply: body.place_of_supply,
        }
    }
}

fn unfit(error: &PlanError) -> Problem {
    Problem::invalid(vec![FieldError::new(error.field(), error.to_string())])
}

/// The tenant's plan; one that includes, charges and limits nothing where none was made.
#[utoipa::path(get, path = "/v1/plan", operation_id = "getPlan", tag = "usage",
    responses((status = 200, body = PlanBody)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
) -> Result<Json<PlanBody>, Problem> {
    Ok(Json(state.store.plan(scope).await?.into()))
}

/// Replaces the plan of the tenant that `VCA-Tenant` names; it holds for calls that end from now on.
#[utoipa::path(put, path = "/v1/plan", operation_id = "putPlan", tag = "usage",
    request_body = PlanBody, responses((status = 200, body = PlanBody)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(body): Body<PlanBody>,
) -> Result<Json<PlanBody>, Problem> {
    let plan = Plan::from(body);
    plan.check().map_err(|error| unfit(&error))?;
    state.store.change_plan(scope, &plan, &caller.by()).await?;
    Ok(Json(plan.into()))
}
