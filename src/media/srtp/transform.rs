//! AES in counter mode, HMAC-SHA1 and the derivation of session keys (RFC 3711 §4).

use aes::Aes128;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use ctr::{CtrCore, flavors::Ctr128BE};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::MasterKey;

/// Which of the three session keys is derived, for RTP; for RTCP they are 3 higher (RFC 3711 §4.3.2).
const ENCRYPTION: u8 = 0;
const AUTHENTICATION: u8 = 1;
const SALTING: u8 = 2;

/// What the session keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Rtp,
    Rtcp,
}

/// The session keys of one direction and protocol, ready for use.
pub struct SessionKeys {
    cipher: Aes128,
    salt: [u8; 14],
    mac: Hmac<Sha1>,
}

impl SessionKeys {
    pub fn derive(master: &MasterKey, protocol: Protocol) -> Self {
        let first = match protocol {
            Protocol::Rtp => 0,
            Protocol::Rtcp => 3,
        };
        let key: [u8; 16] = derive(master, first + ENCRYPTION);
        let salt = derive(master, first + SALTING);
        let mac_key: [u8; 20] = derive(master, first + AUTHENTICATION);
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&mac_key).expect("invariant: HMAC takes keys of any length");
        Self { cipher: Aes128::new(&key.into()), salt, mac }
    }

    /// Encrypts or decrypts: `index` is the packet's, of 48 bits (RFC 3711 §4.1.1).
    pub fn apply(&self, ssrc: u32, index: u64, bytes: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        xor(&mut iv[4..8], &ssrc.to_be_bytes());
        xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
        apply_keystream(&self.cipher, iv, bytes);
    }

    /// The tag over both parts, to be cut to the suite's length.
    pub fn tag(&self, packet: &[u8], rest: &[u8]) -> [u8; 20] {
        self.mac.clone().chain_update(packet).chain_update(rest).finalize().into_bytes().into()
    }

    /// Whether `tag` begins the right one; takes as long for a wrong one.
    pub fn verify(&self, packet: &[u8], rest: &[u8], tag: &[u8]) -> bool {
        self.mac.clone().chain_update(packet).chain_update(rest).verify_truncated_left(tag).is_ok()
    }
}

/// AES-CM as a pseudo-random function (RFC 3711 §4.3.3), for a key derivation rate of 0.
pub fn derive<const N: usize>(master: &MasterKey, label: u8) -> [u8; N] {
    let (key, salt) = master.bytes().split_first_chunk::<16>().expect("invariant: 30 bytes begin with 16");
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    iv[7] ^= label;
    let mut derived = [0; N];
    apply_keystream(&Aes128::new(key.into()), iv, &mut derived);
    derived
}

/// AES in counter mode from this first block on.
pub fn apply_keystream(cipher: &Aes128, first: [u8; 16], bytes: &mut [u8]) {
    let counter = CtrCore::<&Aes128, Ctr128BE>::inner_iv_init(cipher, &first.into());
    counter.apply_keystream_partial(bytes.into());
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}
