//! The master keys that the keys of recordings are wrapped with.

use std::fmt;
use std::io;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

/// Bytes of a key of AES-256.
pub const KEY_BYTES: usize = 32;
/// Bytes by which a master key is found again: the first of the SHA-256 of it.
pub const KEY_ID_BYTES: usize = 8;

/// The text holds no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no key in it: write one made by `openssl rand -hex 32`")]
    Empty,
    #[error("key {0} is not 64 hexadecimal digits: make it by `openssl rand -hex 32`")]
    Malformed(usize),
}

/// The master keys: the first one wraps the keys of new recordings, each opens those that it once wrapped.
pub struct MasterKeys(Vec<([u8; KEY_ID_BYTES], LessSafeKey)>);

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeys({} keys)", self.0.len())
    }
}

impl MasterKeys {
    /// Reads keys of 64 hexadecimal digits, parted by white space or commas; what follows a `#` in a line is a comment.
    ///
    /// # Errors
    /// [`KeyError`], without a word of the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.flat_map(|line| line.split([',', ' ', '\t'])).map(str::trim).filter(|word| !word.is_empty());
        let keys = words.zip(1..).map(|(word, number)| {
            let bytes = unhex(word).ok_or(KeyError::Malformed(number))?;
            let mut id = [0; KEY_ID_BYTES];
            id.copy_from_slice(&Sha256::digest(bytes)[..KEY_ID_BYTES]);
            Ok((id, aes(&bytes)))
        });
        let keys = keys.collect::<Result<Vec<_>, KeyError>>()?;
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self(keys)) }
    }

    /// A new key for one recording, and how it is written down: id of the master key, nonce, wrapped key.
    pub(super) fn new_key(&self, bound_to: &[u8]) -> io::Result<(LessSafeKey, Vec<u8>)> {
        let (id, master) = &self.0[0];
        let mut key = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut key).map_err(|_| no_random())?;
        let mut written = id.to_vec();
        written.extend(seal(master, bound_to, &key)?);
        Ok((aes(&key), written))
    }

    /// The key of a recording, as [`Self::new_key`] has written it.
    pub(super) fn unwrap_key(&self, bound_to: &[u8], written: &[u8]) -> io::Result<LessSafeKey> {
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let (id, wrapped) = written.split_at_checked(KEY_ID_BYTES).ok_or_else(|| invalid("the header is cut off"))?;
        let master = self.0.iter().find(|(known, _)| known == id);
        let (_, master) =
            master.ok_or_else(|| invalid("the recording is sealed with a master key that is not given"))?;
        let key = open(master, bound_to, wrapped).map_err(|_| invalid("the recording's key does not open"))?;
        let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| invalid("the recording's key has another length"))?;
        Ok(aes(&key))
    }
}

fn aes(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("invariant: AES-256 takes 32 bytes"))
}

/// Nonce, ciphertext, tag. Nonces are random: a key seals far fewer than the 2^32 messages that allows.
pub(super) fn seal(key: &LessSafeKey, bound_to: &[u8], plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| no_random())?;
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(plain);
    let (_, body) = sealed.split_at_mut(NONCE_LEN);
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), body)
        .map_err(|_| io::Error::other("a recording cannot be sealed"))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// What [`seal`] has sealed.
pub(super) fn open(key: &LessSafeKey, bound_to: &[u8], sealed: &[u8]) -> io::Result<Vec<u8>> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a part of the recording is not as it was written");
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
    let mut body = body.to_vec();
    let length = key.open_in_place(nonce, Aad::from(bound_to), &mut body).map_err(|_| broken())?.len();
    body.truncate(length);
    Ok(body)
}

fn no_random() -> io::Error {
    io::Error::other("the system gives no random numbers")
}

fn unhex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
