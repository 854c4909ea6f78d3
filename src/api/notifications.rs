//! `/v1/notifications`: who is told of a tenant's calls by SMS, and under which registered template.
//!
//! In which language a text is, and whether it waits for the daytime, are matters of the template: its text and its category.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::dids::Number;
use super::extract::Body;
use super::guard::{Authenticated, Caller};
use super::routes::{Routes, Rule};
use super::{ApiState, FieldError, Problem};
use crate::domain::{CallerNotice, NoticeAbout, NoticeError, NoticeSettings, OwnerNotice, Permission};

/// A provider's name of a template, at most.
const LONGEST_NAME: usize = 200;

/// How a tenant is told.
pub(super) fn routes() -> Routes {
    Routes::default()
        .on(Rule::tenant(Permission::MessagesRead), routes!(show))
        .on(Rule::tenant(Permission::MessagesWrite), routes!(put))
}

/// Who is told of calls by SMS. What is absent tells nobody.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize, ToSchema, garde::Validate)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NotificationSettings {
    #[garde(skip)]
    owner: OwnerSettings,
    /// A confirmation to whoever left a request, in the tenant's own name; `null` sends none.
    #[garde(inner(custom(named)))]
    caller: Option<CallerNotice>,
}

/// The summary of a call to the owner, in the platform's name.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OwnerSettings {
    /// Indian mobile numbers, as people write them.
    #[schema(max_items = 5)]
    mobiles: Vec<Number>,
    about: NoticeAbout,
}

fn named(caller: &CallerNotice, _: &()) -> garde::Result {
    match &caller.template.provider_id {
        Some(name) if name.chars().count() > LONGEST_NAME => {
            Err(garde::Error::new(format!("template.provider_id has more than {LONGEST_NAME} characters")))
        }
        _ => Ok(()),
    }
}

impl From<NoticeSettings> for NotificationSettings {
    fn from(NoticeSettings { owner, caller }: NoticeSettings) -> Self {
        let OwnerNotice { mobiles, about } = owner;
        Self { owner: OwnerSettings { mobiles: mobiles.into_iter().map(Number).collect(), about }, caller }
    }
}

impl From<NotificationSettings> for NoticeSettings {
    fn from(NotificationSettings { owner, caller }: NotificationSettings) -> Self {
        let mobiles = owner.mobiles.into_iter().map(|Number(number)| number).collect();
        Self { owner: OwnerNotice { mobiles, about: owner.about }, caller }
    }
}

fn unfit(error: &NoticeError) -> Problem {
    let field = match error {
        NoticeError::TooManyMobiles => "owner.mobiles".to_owned(),
        // They are counted from 1 for people.
        NoticeError::NotAMobile(number) => format!("owner.mobiles[{}]", number.saturating_sub(1)),
        NoticeError::Length | NoticeError::Placeholder(_) => "caller.template.text".to_owned(),
        NoticeError::Values { .. } => "caller.template.values".to_owned(),
        NoticeError::DltId | NoticeError::Header => "caller.sender".to_owned(),
    };
    Problem::invalid(vec![FieldError::new(field, error.to_string())])
}

/// Who is told of the tenant's calls by SMS.
#[utoipa::path(get, path = "/v1/notifications", operation_id = "getNotifications", tag = "messages",
    responses((status = 200, body = NotificationSettings)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
) -> Result<Json<NotificationSettings>, Problem> {
    Ok(Json(state.store.notice_settings(scope).await?.into()))
}

/// Replaces who is told, from the next call that ends on. A template is refused where operators would refuse what it makes.
#[utoipa::path(put, path = "/v1/notifications", operation_id = "putNotifications", tag = "messages",
    request_body = NotificationSettings, responses((status = 200, body = NotificationSettings)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Authenticated(scope): Authenticated,
    caller: Caller,
    Body(body): Body<NotificationSettings>,
) -> Result<Json<NotificationSettings>, Problem> {
    let settings = NoticeSettings::from(body);
    settings.check().map_err(|error| unfit(&error))?;
    state.store.change_notice_settings(scope, &settings, &caller.by()).await?;
    Ok(Json(settings.into()))
}
