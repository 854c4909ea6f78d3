//! Digest authentication, both sides (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! [`ClientAuth`] answers 401 and 407 and re-uses nonces; [`ServerAuth`] issues and checks them. Clock and randomness
//! are parameters.
#![deny(clippy::disallowed_methods)]

mod challenge;
mod client;
mod hash;
mod server;

pub use challenge::Challenge;
pub use client::{ClientAuth, ClientAuthError};
pub use hash::{Algorithm, Qop};
pub use server::{ServerAuth, ServerAuthError};

use super::message::HeaderName;

/// Who asks for credentials, and therefore which headers and status carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authority {
    /// A user agent server or registrar: 401, WWW-Authenticate, Authorization.
    Server,
    /// A proxy: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Authority {
    /// The status of a challenge.
    pub fn status(self) -> u16 {
        match self {
            Self::Server => 401,
            Self::Proxy => 407,
        }
    }

    /// The header of a challenge.
    pub fn challenge_header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// The header of the credentials.
    pub fn credentials_header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }
}

#[cfg(test)]
mod tests;
