//! Where the session descriptions get their randomness from.

use rand::TryRng;
use rand::rngs::SysRng;

use super::sdp::SdpSession;

impl SdpSession {
    /// A new identity, with SRTP keys from the operating system's random source.
    pub fn random() -> Self {
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed).expect("invariant: a Linux that has started gives random bytes");
        Self::new(rand::random()).with_keys(seed)
    }
}
