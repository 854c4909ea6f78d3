//! The first user of an installation.

use std::io::Write;
use std::net::SocketAddr;

use super::Failure;
use crate::store::{Store, Token};

/// A token that makes the first user, while there is none.
///
/// # Errors
/// When the database fails.
pub(super) async fn token(store: &Store) -> Result<Option<Token>, Failure> {
    let has_users = store.has_users().await.map_err(|error| Failure::setup(&error))?;
    Ok((!has_users).then(|| Token::generate(rand::random())))
}

/// Prints the token and what it is good for.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn show(token: &Token, http: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "No one can sign in yet. Make the first user, a platform admin:")?;
    writeln!(out, "  curl -X POST http://{http}/v1/setup -H 'Content-Type: application/json' \\")?;
    writeln!(out, "    -d '{{\"token\":\"{}\",\"email\":\"…\",\"name\":\"…\",\"password\":\"…\"}}'", token.reveal())?;
    out.flush()
}
