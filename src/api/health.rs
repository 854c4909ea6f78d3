//! The probes of process managers and load balancers; the only routes without authentication.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa_axum::routes;

use super::routes::{Routes, Rule};
use super::{ApiState, Problem};
use crate::store::Store;

/// How long a dependency may take to say how it is.
const LIMIT: Duration = Duration::from_secs(2);

/// Whether calls can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet: `waiting_for` names what is missing, such as "models".
    Starting {
        waiting_for: String,
    },
    Ready,
    /// Not any more: VCA is stopping and lets the calls that go on end.
    Draining,
}

/// How a dependency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Up,
    /// It works in part.
    Degraded,
    Down,
}

/// How a dependency is, and in a few words why. Everybody may read it: no name, address or secret belongs here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Standing {
    state: Condition,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Standing {
    /// All is well.
    pub fn up() -> Self {
        Self { state: Condition::Up, detail: None }
    }

    /// It works in part.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self { state: Condition::Degraded, detail: Some(detail.into()) }
    }

    /// It does not work.
    pub fn down(detail: impl Into<String>) -> Self {
        Self { state: Condition::Down, detail: Some(detail.into()) }
    }

    /// So many of so many work.
    pub fn of_parts(up: usize, all: usize) -> Self {
        let detail = format!("{up} of {all} up");
        match up {
            _ if up >= all => Self::up(),
            0 => Self::down(detail),
            _ => Self::degraded(detail),
        }
    }
}

/// Whether calls can be taken while the dependency is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Informational,
}

/// Asks a dependency how it is; taken for down when it takes more than two seconds.
pub type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Standing> + Send>> + Send + Sync>;

/// What the node leans on, for `/readyz`. Clones are handles to the same list.
#[derive(Clone, Default)]
pub struct Dependencies(Arc<RwLock<BTreeMap<&'static str, (Need, Probe)>>>);

impl fmt::Debug for Dependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dependencies").field(&self.list().keys().collect::<Vec<_>>()).finish()
    }
}

impl Dependencies {
    /// Adds a dependency, in place of one of the same name.
    pub fn add<F, S>(&self, name: &'static str, need: Need, probe: F)
    where
        F: Fn() -> S + Send + Sync + 'static,
        S: Future<Output = Standing> + Send + 'static,
    {
        let probe: Probe = Arc::new(move || Box::pin(probe()));
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, (need, probe));
    }

    /// Adds the database, without which no call finds its receptionist.
    pub fn add_database(&self, store: Store) {
        self.add("database", Need::Required, move || {
            let store = store.clone();
            async move {
                let Err(error) = store.ping().await else { return Standing::up() };
                // The reason is in the log: the route is open to everybody.
                tracing::error!(error = %error, "not ready: the database does not answer");
                Standing::down("the database does not answer")
            }
        });
    }

    fn list(&self) -> BTreeMap<&'static str, (Need, Probe)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks all of them at once.
    async fn ask(&self) -> BTreeMap<&'static str, (Need, Standing)> {
        let mut asked = tokio::task::JoinSet::new();
        let mut found = BTreeMap::new();
        for (name, (need, probe)) in self.list() {
            found.insert(name, (need, Standing::down("no answer")));
            asked.spawn(async move { (name, need, tokio::time::timeout(LIMIT, probe()).await) });
        }
        // One that panics stays without an answer.
        while let Some(answered) = asked.join_next().await {
            if let Ok((name, need, Ok(standing))) = answered {
                found.insert(name, (need, standing));
            }
        }
        found
    }
}

/// The answer of a probe.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    status: &'static str,
    /// How each thing is that the node leans on: `state` (`up`, `degraded`, `down`), `required`, and `detail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Object)]
    dependencies: Option<Value>,
}

pub(super) fn routes() -> Routes {
    Routes::default().on(Rule::Open, routes!(live)).on(Rule::Open, routes!(ready))
}

/// The process runs and answers.
#[utoipa::path(get, path = "/healthz", operation_id = "live", tag = "operation", responses((status = 200, body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "ok", dependencies: None })
}

/// Calls can be taken, or 503 with the reason; both with how each dependency is.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "operation",
    responses((status = 200, body = Health), (status = 503, content_type = "application/problem+json", body = Problem)))]
pub(super) async fn ready(State(state): State<ApiState>) -> Result<Response, Problem> {
    let readiness = state.readiness.borrow().clone();
    match readiness {
        Readiness::Starting { waiting_for } => {
            return Err(Problem::unavailable(format!("starting: waiting for {waiting_for}")));
        }
        Readiness::Draining => return Err(Problem::unavailable("stopping: no new calls are taken")),
        Readiness::Ready => {}
    }
    let found = state.dependencies.ask().await;
    let missing: Vec<&str> = found
        .iter()
        .filter(|(_, (need, standing))| *need == Need::Required && standing.state == Condition::Down)
        .map(|(name, _)| *name)
        .collect();
    let shown = |(name, (need, standing)): (&'static str, (Need, Standing))| {
        let mut shown = json!(standing);
        shown["required"] = (need == Need::Required).into();
        (name.to_owned(), shown)
    };
    let reason = format!("not ready: {}", missing.join(", "));
    let is_ready = missing.is_empty();
    let dependencies = Value::Object(found.into_iter().map(shown).collect());
    if is_ready {
        return Ok(Json(Health { status: "ready", dependencies: Some(dependencies) }).into_response());
    }
    Err(Problem::unavailable(reason).with_dependencies(dependencies))
}
