//! The first API key of an installation.

use std::io::Write;
use std::net::SocketAddr;

use jiff::Timestamp;

use crate::domain::ApiKeyId;
use crate::store::{ApiKey, KeyOwner, Store, StoreError};

/// Sees to it that there is a key: the chosen one, or a new one when the store has none. Gives the key when it is known,
/// so that it can be shown this once.
///
/// # Errors
/// When the database fails.
pub(super) async fn first(
    store: &Store,
    owner: KeyOwner,
    name: &str,
    chosen: Option<ApiKey>,
) -> Result<Option<ApiKey>, StoreError> {
    let now = Timestamp::now();
    let id = ApiKeyId::new(now, rand::random());
    match chosen {
        Some(key) => {
            if store.authenticate(key.reveal(), now).await?.is_none() {
                store.create_api_key(owner, id, &format!("{name}, chosen"), &key, now).await?;
            }
            Ok(Some(key))
        }
        None if store.has_api_keys().await? => Ok(None),
        None => {
            let key = ApiKey::generate(rand::random());
            store.create_api_key(owner, id, &format!("{name}, first start"), &key, now).await?;
            Ok(Some(key))
        }
    }
}

/// Prints the operator's key and what it is good for.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn show(key: &ApiKey, http: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "The operator's API key, shown this once: {}", key.reveal())?;
    writeln!(out, "See how the trunks are:")?;
    writeln!(out, "  curl -H \"Authorization: Bearer {}\" http://{http}/v1/trunks", key.reveal())?;
    out.flush()
}
