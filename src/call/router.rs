//! Which receptionist a call is for: the trunk it came over, the number it is for, that number's owner.

use std::time::Duration;

use tracing::{error, info};

use super::ports::{CallBook, Route};
use super::test_call::{TestCall, TestCalls};
use crate::domain::{CallId, DidSource, E164, TenantStatus, Trunk};
use crate::sip::net::{InviteInfo, Leg};
use crate::sip::trunk::Trunks;
use crate::sip::trunk::incoming::{self, Caller};

/// How long the look-up of a number may take before the caller hears that it rings.
const RING_AFTER: Duration = Duration::from_millis(80);
/// How long the look-up of a number may take at all.
const ROUTE_LIMIT: Duration = Duration::from_secs(3);

/// Where the dialled number stands in calls that came over no trunk.
const PEER_SOURCES: [DidSource; 2] = [DidSource::RequestUri, DidSource::To];

/// A call whose receptionist is found.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub route: Route,
    pub did: E164,
    /// The identifier of a test call; any other gets its own.
    pub test: Option<CallId>,
}

/// Why no receptionist answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// Nobody owns a number that the call may be for.
    NoSuchNumber,
    /// Its owner is suspended.
    Suspended,
    /// The directory is too slow or not available.
    NoDirectory,
}

/// Who calls; the carrier of a trunk is trusted to say.
pub fn caller(invite: &InviteInfo, trunk: Option<&Trunk>) -> Caller {
    incoming::caller(invite, trunk.is_some())
}

/// Finds who answers: the first of the numbers named that somebody owns, and that may come over this trunk. A slow
/// look-up lets the caller hear ringing meanwhile.
///
/// # Errors
/// [`NoRoute`].
pub async fn find(
    book: &dyn CallBook,
    tests: &TestCalls,
    trunks: &Trunks,
    trunk: Option<&Trunk>,
    leg: &Leg,
    invite: &InviteInfo,
) -> Result<Arrival, NoRoute> {
    if let Some(TestCall { id, route, did }) = invite.request_uri.user().and_then(|ticket| tests.take(ticket)) {
        if route.status == TenantStatus::Suspended {
            return Err(NoRoute::Suspended);
        }
        return Ok(Arrival { route, did, test: Some(id) });
    }
    let lookup = look_up(book, trunks, trunk, invite);
    tokio::pin!(lookup);
    match tokio::time::timeout(RING_AFTER, &mut lookup).await {
        Ok(found) => found,
        Err(_) => {
            leg.ring().await;
            tokio::time::timeout(ROUTE_LIMIT, lookup).await.unwrap_or_else(|_| {
                error!(limit_s = ROUTE_LIMIT.as_secs(), "the number could not be looked up in time");
                Err(NoRoute::NoDirectory)
            })
        }
    }
}

async fn look_up(
    book: &dyn CallBook,
    trunks: &Trunks,
    trunk: Option<&Trunk>,
    invite: &InviteInfo,
) -> Result<Arrival, NoRoute> {
    let sources = trunk.map_or(&PEER_SOURCES[..], |trunk| &trunk.settings.did_sources);
    let numbers = incoming::dialled(invite, sources);
    for did in numbers {
        if let Some(trunk) = trunk.filter(|trunk| !trunks.may_call(trunk, &did)) {
            info!(trunk = trunk.name, ?did, "the number is another trunk's");
            continue;
        }
        match book.route(&did).await {
            Ok(Some(route)) if route.status == TenantStatus::Suspended => return Err(NoRoute::Suspended),
            Ok(Some(route)) => return Ok(Arrival { route, did, test: None }),
            Ok(None) => {}
            Err(failure) => {
                error!(error = %failure, "the number could not be looked up");
                return Err(NoRoute::NoDirectory);
            }
        }
    }
    Err(NoRoute::NoSuchNumber)
}
