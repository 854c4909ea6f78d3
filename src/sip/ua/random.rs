//! Tags, branches and Call-IDs from one seeded generator.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The endpoint's only source of randomness; the seed decides everything it draws.
#[derive(Debug)]
pub(super) struct Tokens(StdRng);

impl Tokens {
    pub fn new(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    /// A From or To tag of 64 bits (RFC 3261 §19.3 asks for at least 32).
    pub fn tag(&mut self) -> String {
        format!("{:016x}", self.0.next_u64())
    }

    /// A Via branch with the magic cookie (RFC 3261 §8.1.1.7).
    pub fn branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.0.next_u64())
    }

    /// A Call-ID of 128 bits.
    pub fn call_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.0.next_u64(), self.0.next_u64())
    }

    /// A client nonce for digest authentication.
    pub fn cnonce(&mut self) -> String {
        self.tag()
    }

    /// An initial CSeq, low enough never to reach 2^31 (RFC 3261 §8.1.1.5).
    pub fn cseq(&mut self) -> u32 {
        self.0.next_u32() & 0xffff
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A secret of 256 bits.
    pub fn secret(&mut self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.0.fill_bytes(&mut secret);
        secret
    }

    pub fn key(&mut self) -> u64 {
        self.0.next_u64()
    }
}
