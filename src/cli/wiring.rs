//! Puts the parts together: the store behind the call's port, the node behind the SIP stack.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use super::config::Config;
use super::{Failure, config};
use crate::api::{Dependencies, Need, Standing, TrunkList, TrunkStanding, TrunkSurroundings, TrunkView};
use crate::call::admission::Admission;
use crate::call::ports::{BoxFuture, CallBook, Closing, LogEvent, PortError, Route};
use crate::domain::billing::{Allowance, Prices};
use crate::domain::{CallId, CallOutcome, CallRecord, CallSlots, E164, Secret, TenantScope, Trunk, TrunkMode, Turn};
use crate::metrics::Metrics;
use crate::sip::trunk::{TrunkState, TrunkStatus, Trunks};
use crate::speech::Speech;
use crate::speech::engines::BreakerState;
use crate::speech::http::{self, HttpLimits};
use crate::store::{self, CloseCall, Store, StoreError};
use crate::telemetry::Telemetry;
use crate::vault::{Bucket, BucketSettings, MasterKeys, Recordings};

/// How long a call waits for the database to say who answers it, before what was said last counts.
const ROUTE_PATIENCE: Duration = Duration::from_secs(1);

/// Numbers that are kept in memory for when the database is away.
const MOST_ROUTES: usize = 50_000;

/// The store as the calls see it.
pub struct StoreBook {
    store: Store,
    /// What calls cost.
    prices: Prices,
    /// Who answered which number when the database said so last.
    routes: Mutex<HashMap<E164, Route>>,
}

impl StoreBook {
    /// Reads every route, so that a number is answered even if its first call finds the database away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn new(store: Store, prices: Prices) -> Result<Self, StoreError> {
        let known = store.routes().await?.into_iter().take(MOST_ROUTES);
        let routes = known.map(|(number, route)| (number, port_route(route))).collect();
        Ok(Self { store, prices, routes: Mutex::new(routes) })
    }

    /// Without any route in memory.
    pub fn empty(store: Store, prices: Prices) -> Self {
        Self { store, prices, routes: Mutex::default() }
    }

    /// What the next call of a tenant may spend. A database that does not say limits no call.
    async fn allowance(&self, scope: TenantScope) -> Allowance {
        let found = tokio::time::timeout(ALLOWANCE_PATIENCE, self.store.allowance(scope, Timestamp::now())).await;
        match found.map_err(|_elapsed| StoreError::Timeout).flatten() {
            Ok(allowance) => allowance,
            Err(error) => {
                warn!(tenant = %scope.tenant(), %error, "the month's costs are not known; the call is not limited");
                Allowance::Full
            }
        }
    }

    fn remember(&self, did: &E164, route: Option<&Route>) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        match route {
            Some(route) if routes.len() < MOST_ROUTES || routes.contains_key(did) => {
                routes.insert(did.clone(), route.clone());
            }
            Some(_) => {}
            None => {
                routes.remove(did);
            }
        }
    }
}

/// How long a call waits to be told what it may spend.
const ALLOWANCE_PATIENCE: Duration = Duration::from_millis(500);

/// A route as it is kept in memory: not limited.
fn port_route(store::Route { scope, tenant, status, profile }: store::Route) -> Route {
    Route { scope, tenant, status, profile, allowance: Allowance::Full }
}

impl CallBook for StoreBook {
    fn route<'a>(&'a self, did: &'a E164) -> BoxFuture<'a, Result<Option<Route>, PortError>> {
        Box::pin(async move {
            let failure = match tokio::time::timeout(ROUTE_PATIENCE, self.store.find_did(did)).await {
                Ok(Ok(found)) => {
                    let route = found.map(port_route);
                    self.remember(did, route.as_ref());
                    let Some(route) = route else { return Ok(None) };
                    return Ok(Some(Route { allowance: self.allowance(route.scope).await, ..route }));
                }
                Ok(Err(failure)) if failure.is_final() => return Err(port_error(failure)),
                Ok(Err(failure)) => port_error(failure),
                Err(_elapsed) => PortError { message: "the database does not answer".to_owned(), refused: false },
            };
            let known = self.routes.lock().unwrap_or_else(PoisonError::into_inner).get(did).cloned();
            match known {
                Some(route) => {
                    warn!(error = %failure, tenant = %route.scope.tenant(), "the database is away: the call is answered as it said last");
                    Ok(Some(route))
                }
                None => Err(failure),
            }
        })
    }

    fn open<'a>(&'a self, scope: TenantScope, record: &'a CallRecord) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.store.open_call(scope, record).await.map_err(port_error) })
    }

    fn turn<'a>(&'a self, scope: TenantScope, call: CallId, turn: &'a Turn) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.store.append_turn(scope, call, turn).await.map_err(port_error) })
    }

    fn slots<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        slots: &'a CallSlots,
        outcome: CallOutcome,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.store.set_slots(scope, call, slots, Some(outcome)).await.map_err(port_error) })
    }

    fn events<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        events: &'a [LogEvent],
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let events: Vec<store::CallEvent> = events
                .iter()
                .map(|event| store::CallEvent {
                    seq: event.seq,
                    at_ms: event.at_ms,
                    kind: event.kind.clone().into_owned(),
                    data: event.data.clone(),
                })
                .collect();
            self.store.append_events(scope, call, &events).await.map_err(port_error)
        })
    }

    fn close<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        closing: &'a Closing,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let close = CloseCall {
                ended_at: closing.ended_at,
                end_cause: closing.end_cause,
                outcome: closing.outcome,
                slots: closing.slots.clone(),
                summary: closing.summary.clone(),
                recording: closing.recording,
                transfers: closing.transfers.clone(),
                bridged_ms: closing.bridged_ms,
                charge: self.prices.charge(&closing.usage),
            };
            self.store.close_call(scope, call, &close).await.map_err(port_error)
        })
    }
}

fn port_error(error: StoreError) -> PortError {
    PortError { refused: error.is_final(), message: super::one_line(&error) }
}

/// What the node leans on, as far as it is known before it starts. Trunks and speech are told only: calls of other trunks
/// go on, and a receptionist without engines goes on by ready phrases and the keypad.
pub(super) fn dependencies(store: &Store, trunks: &TrunkList) -> Dependencies {
    let dependencies = Dependencies::default();
    dependencies.add_database(store.clone());
    let list = Arc::clone(trunks);
    dependencies.add("trunks", Need::Informational, move || {
        let trunks = list().unwrap_or_default();
        std::future::ready(Standing::of_parts(trunks.iter().filter(|trunk| trunk.up).count(), trunks.len()))
    });
    dependencies
}

/// Where recordings lie, and what they are sealed with.
pub(super) fn recordings(config: &Config) -> Result<Recordings, Failure> {
    let settings = &config.recordings;
    // The environment goes before the file, as for every other key.
    let keys = match (std::env::var("VCA_RECORDING_KEY"), &settings.key_file) {
        (Ok(text), _) => Some(("VCA_RECORDING_KEY".to_owned(), text)),
        (Err(_), Some(path)) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| Failure::Setup(format!("recordings.key_file = {path:?}: {error}")))?;
            Some((format!("recordings.key_file = {path:?}"), text))
        }
        (Err(_), None) => None,
    };
    let parse = |(from, text): (String, String)| {
        MasterKeys::parse(&text).map(Arc::new).map_err(|error| Failure::Setup(format!("{from}: {error}")))
    };
    let keys = keys.map(parse).transpose()?;
    let bucket = settings.bucket.as_ref().map(|name| bucket(config, name)).transpose()?;
    Ok(Recordings::new(config.recordings_dir(), keys, bucket))
}

fn bucket(config: &Config, name: &str) -> Result<Bucket, Failure> {
    let settings = &config.recordings;
    let secret = match (std::env::var("VCA_S3_SECRET_KEY"), &settings.secret_key_file) {
        (Ok(secret), _) => secret,
        (Err(_), Some(path)) => std::fs::read_to_string(path)
            .map_err(|error| Failure::Setup(format!("recordings.secret_key_file = {path:?}: {error}")))?,
        (Err(_), None) => {
            let mend = "set VCA_S3_SECRET_KEY, or recordings.secret_key_file";
            return Err(Failure::Setup(format!("recordings.bucket needs the secret key of the object store: {mend}")));
        }
    };
    let settings = BucketSettings {
        bucket: name.to_owned(),
        prefix: settings.prefix.trim_matches('/').to_owned(),
        endpoint: settings.endpoint.clone(),
        region: settings.region.clone(),
        access_key: settings.access_key.clone(),
        secret_key: Secret::new(secret.trim()),
    };
    let limits = HttpLimits { connect: Duration::from_secs(3), total: Duration::from_secs(120) };
    let client = http::client(limits).map_err(|error| Failure::setup(&error))?;
    Bucket::new(&settings, client).map_err(|error| Failure::setup(&error))
}

/// Where traces go, as the configuration says.
pub(super) fn telemetry(config: &config::Telemetry, metrics: &Arc<Metrics>) -> Result<Telemetry, Failure> {
    let Some(endpoint) = &config.otlp else { return Ok(Telemetry::off()) };
    let limits = HttpLimits { connect: Duration::from_secs(2), total: Duration::from_secs(5) };
    let client = http::client(limits).map_err(|error| Failure::setup(&error))?;
    let telemetry = Telemetry::start(endpoint, config.sample_percent, client, Arc::clone(metrics));
    telemetry.map_err(|error| Failure::setup(&error))
}

/// Adds Redis: a node without it goes on alone.
pub(super) fn add_redis(dependencies: &Dependencies, metrics: &Arc<Metrics>) {
    let metrics = Arc::clone(metrics);
    dependencies.add("redis", Need::Informational, move || {
        let down = || Standing::down("this node goes on alone");
        std::future::ready(if metrics.redis_answers() { Standing::up() } else { down() })
    });
}

/// Adds the engines: those whose breakers are open do not work.
pub(super) fn add_speech(dependencies: &Dependencies, speech: &Arc<Speech>) {
    let speech = Arc::clone(speech);
    dependencies.add("speech", Need::Informational, move || {
        let engines = speech.engine_status();
        let working = engines.iter().filter(|engine| engine.breaker != BreakerState::Open).count();
        std::future::ready(Standing::of_parts(working, engines.len()))
    });
}

/// The trunks as the API shows them, once they are started.
pub(super) fn trunk_list(started: Arc<OnceLock<(Trunks, Admission)>>) -> TrunkList {
    Arc::new(move || {
        let (trunks, admission) = started.get()?;
        let view = |status: TrunkStatus| {
            let active_calls = admission.on_trunk(&status.name);
            trunks.get(&status.name).map(|trunk| trunk_view(&trunk, status, active_calls))
        };
        Some(trunks.status().into_iter().filter_map(view).collect())
    })
}

/// A trunk's state in the words of its mode, and until when it is registered.
pub(super) fn trunk_standing(status: &TrunkStatus) -> (TrunkStanding, Option<Timestamp>) {
    match &status.state {
        TrunkState::Registered { expires_at, .. } => (TrunkStanding::Registered, Some(*expires_at)),
        TrunkState::Peer => (TrunkStanding::Up, None),
        _ if status.mode == TrunkMode::Peer => (TrunkStanding::Down, None),
        TrunkState::Standby => (TrunkStanding::Standby, None),
        TrunkState::Unregistered => (TrunkStanding::Unregistered, None),
        TrunkState::Trying => (TrunkStanding::Registering, None),
        TrunkState::Failed { .. } => (TrunkStanding::Failed, None),
    }
}

fn trunk_view(trunk: &Trunk, status: TrunkStatus, active_calls: u32) -> TrunkView {
    let (state, expires_at) = trunk_standing(&status);
    TrunkView {
        up: status.is_up(),
        name: status.name,
        profile: trunk.profile.clone(),
        mode: status.mode,
        state,
        since: status.since,
        last_error: status.last_error,
        next_try: status.next_try,
        expires_at,
        dids: trunk.dids.clone(),
        surroundings: Some(TrunkSurroundings {
            target: status.target,
            public_addr: status.public_addr,
            options_answered: status.options_answered,
            sources: status.sources,
            active_calls,
            channels: Some(trunk.settings.channels).filter(|cap| *cap > 0),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TrunkSettings;

    #[tokio::test]
    async fn calls_are_charged_and_the_next_ones_spend_less() {
        use crate::domain::billing::{LegUse, Plan, TrunkPrice, Usage};
        use crate::domain::{Did, EndCause, RecordingState};
        use crate::store::tests::{number, record, sqlite};

        let f = sqlite().await;
        let profile = f.store.profiles(f.ours).await.unwrap().remove(0).id;
        let did = Did { number: number("+918047180000"), tenant: f.ours.tenant(), profile };
        f.store.put_did(f.ours, &did).await.unwrap();
        let plan = Plan {
            soft_ceiling_minutes: Some(2),
            hard_ceiling_paise: Some(crate::domain::Paise(300)),
            ..Plan::default()
        };
        f.store.put_plan(f.ours, &plan).await.unwrap();
        let trunk = TrunkPrice { inbound_per_pulse: "50".parse().unwrap(), ..TrunkPrice::default() };
        let prices = Prices { trunks: [("line".to_owned(), trunk)].into(), ..Prices::default() };
        let book = StoreBook::empty(f.store.clone(), prices);
        let mut allowed = Vec::new();
        for second in 0..3 {
            let route = book.route(&did.number).await.unwrap().unwrap();
            allowed.push(route.allowance);
            let call = CallRecord { answered_at: Timestamp::now(), ..record(f.ours, second) };
            book.open(f.ours, &call).await.unwrap();
            let leg = LegUse { trunk: "line".to_owned(), outbound: false, ms: 100_000 };
            let closing = Closing {
                ended_at: call.answered_at + jiff::SignedDuration::from_secs(100),
                end_cause: EndCause::CallerHungUp,
                outcome: CallOutcome::Nothing,
                slots: CallSlots::default(),
                summary: String::new(),
                recording: RecordingState::Off,
                transfers: Vec::new(),
                bridged_ms: 0,
                usage: Usage { legs: vec![leg], ..Usage::default() },
            };
            book.close(f.ours, call.id, &closing).await.unwrap();
            let charged = f.store.ledger(f.ours, call.id).await.unwrap().unwrap();
            assert_eq!((charged.cost.0, charged.minutes, charged.seconds), (100, 2, 100));
        }
        assert_eq!(allowed, [Allowance::Full, Allowance::LocalEngines, Allowance::LocalEngines]);
        assert_eq!(book.route(&did.number).await.unwrap().unwrap().allowance, Allowance::MessagesOnly);
    }

    #[test]
    fn a_trunk_is_shown_in_the_words_of_its_mode() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let failed = || TrunkState::Failed { error: "no answer".to_owned(), next_try: Some(now) };
        let registered = TrunkState::Registered { expires_at: now, contact: "sip:+918047180000@192.0.2.1".to_owned() };
        for (mode, state, shown, up) in [
            (TrunkMode::Register, registered, TrunkStanding::Registered, true),
            (TrunkMode::Register, TrunkState::Trying, TrunkStanding::Registering, false),
            (TrunkMode::Register, TrunkState::Unregistered, TrunkStanding::Unregistered, false),
            (TrunkMode::Register, failed(), TrunkStanding::Failed, false),
            (TrunkMode::Register, TrunkState::Standby, TrunkStanding::Standby, true),
            (TrunkMode::Peer, TrunkState::Peer, TrunkStanding::Up, true),
            (TrunkMode::Peer, TrunkState::Trying, TrunkStanding::Down, false),
            (TrunkMode::Peer, failed(), TrunkStanding::Down, false),
        ] {
            let settings =
                TrunkSettings { mode, auth_user: Some("hidden-user".to_owned()), ..TrunkSettings::default() };
            let password = Some(Secret::new("hidden-password"));
            let trunk = Trunk { name: "line".into(), profile: "jio".into(), settings, password, dids: Vec::new() };
            let status = TrunkStatus {
                name: "line".to_owned(),
                mode,
                state,
                since: now,
                last_error: None,
                next_try: None,
                target: None,
                options_answered: None,
                sources: Vec::new(),
                public_addr: None,
            };
            let view = trunk_view(&trunk, status, 0);
            assert_eq!((view.state, view.up), (shown, up));
            assert_eq!(view.expires_at.is_some(), shown == TrunkStanding::Registered);
            let text = serde_json::to_string(&view).unwrap();
            assert!(!text.contains("hidden"), "{text}");
        }
    }
}
