//! Takes providers' reports on text messages.
//!
//! Providers cannot send an API key, so that the address holds a secret: `/receipts/<token>`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing::{debug, warn};

use super::sms::provider::{Report, SmsProvider};
use crate::domain::Secret;
use crate::store::Store;

/// The largest report; Gupshup sends twenty events at once.
const MOST_BYTES: usize = 64 << 10;

/// Events in one report.
const MOST_EVENTS: usize = 100;

#[derive(Clone)]
struct Receiver {
    store: Store,
    provider: Arc<dyn SmsProvider>,
    /// A hash, so that comparing tells nothing, the length included.
    token: [u8; 32],
}

/// The route for reports.
pub fn router(store: Store, provider: Arc<dyn SmsProvider>, token: &Secret) -> Router {
    let token = Sha256::digest(token.reveal()).into();
    Router::new()
        .route("/receipts/{token}", get(take).post(take))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(Receiver { store, provider, token })
}

async fn take(
    State(receiver): State<Receiver>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> StatusCode {
    let given: [u8; 32] = Sha256::digest(token).into();
    if !bool::from(given.ct_eq(&receiver.token)) {
        return StatusCode::NOT_FOUND;
    }
    let query = query.unwrap_or_default();
    let Ok(receipts) = receiver.provider.receipts(&Report { query: &query, body: &body }) else {
        warn!(provider = receiver.provider.name(), "a delivery report cannot be read");
        return StatusCode::BAD_REQUEST;
    };
    for receipt in receipts.iter().take(MOST_EVENTS) {
        let (name, why) = (receiver.provider.name(), receipt.why.as_deref());
        let recorded =
            receiver.store.record_receipt(name, &receipt.provider_id, receipt.state, why, Timestamp::now()).await;
        match recorded {
            Ok(true) => {}
            // Of a message that was erased, or of another platform on the same account.
            Ok(false) => debug!(provider = name, "a delivery report is about no message of ours"),
            Err(error) => {
                warn!(%error, "a delivery report cannot be stored");
                // The provider sends it again.
                return StatusCode::SERVICE_UNAVAILABLE;
            }
        }
    }
    StatusCode::NO_CONTENT
}
