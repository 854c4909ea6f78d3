//! Signatures of Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>):
//! HMAC-SHA256 over `id.timestamp.body`, so that neither can be changed or replayed under another id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::Secret;

pub const HEADER_ID: &str = "webhook-id";
pub const HEADER_TIMESTAMP: &str = "webhook-timestamp";
pub const HEADER_SIGNATURE: &str = "webhook-signature";

/// What a secret begins with, before its base64.
const PREFIX: &str = "whsec_";

/// How far a timestamp may be from the receiver's clock.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// A signing secret: 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// The text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` and 24 to 64 bytes in base64")]
pub struct SecretError;

/// Why a delivery is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the timestamp is missing, unreadable, or more than five minutes off")]
    Timestamp,
    #[error("no signature is by this secret")]
    Signature,
}

impl SigningSecret {
    /// Takes the text form.
    ///
    /// # Errors
    /// [`SecretError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok()).ok_or(SecretError)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }

    /// Makes one of random bytes; its text form is shown once.
    pub fn generate(random: [u8; 32]) -> Self {
        Self(random.to_vec())
    }

    /// The text form, to be shown once or stored.
    pub fn text(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}", STANDARD.encode(&self.0)))
    }

    fn mac(&self, id: &str, at: i64, body: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("invariant: HMAC takes a key of any length");
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        mac.finalize().into_bytes().into()
    }

    /// The value of the signature header of a delivery.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(self.mac(id, at.as_second(), body)))
    }

    /// Checks a delivery as its receiver does: the header may hold several signatures, separated by spaces. The time
    /// that the comparison takes does not depend on where a signature differs.
    ///
    /// # Errors
    /// [`VerifyError`] says what is wrong.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        let at: i64 = timestamp.parse().map_err(|_| VerifyError::Timestamp)?;
        let off = now.duration_since(Timestamp::from_second(at).map_err(|_| VerifyError::Timestamp)?);
        if off.abs() > TOLERANCE {
            return Err(VerifyError::Timestamp);
        }
        let expected = self.mac(id, at, body);
        let fits = |signature: &str| {
            let bytes = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            bytes.is_some_and(|bytes| bool::from(bytes.ct_eq(&expected)))
        };
        if signatures.split(' ').any(fits) { Ok(()) } else { Err(VerifyError::Signature) }
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the libraries of Standard Webhooks.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    #[test]
    fn the_published_example_is_signed_alike() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signature = secret.sign(ID, at, BODY);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let verify = |signatures: &str, seconds: i64| {
            let now = Timestamp::from_second(1_614_265_330 + seconds).unwrap();
            secret.verify(ID, "1614265330", signatures, BODY, now)
        };
        assert_eq!(verify(&format!("v1,AAAA v2,x {signature}"), 299), Ok(()));
        assert_eq!(verify(&signature, 301), Err(VerifyError::Timestamp));
        assert_eq!(verify(&signature, -301), Err(VerifyError::Timestamp));
        assert_eq!(verify("", 0), Err(VerifyError::Signature));
        assert_eq!(verify(signature.strip_prefix("v1,").unwrap(), 0), Err(VerifyError::Signature));
    }

    #[test]
    fn secrets_are_long_enough_and_not_shown() {
        let secret = SigningSecret::generate([7; 32]);
        assert_eq!(SigningSecret::parse(secret.text().reveal()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
        let short = format!("whsec_{}", STANDARD.encode([1; 23]));
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!", &short] {
            assert_eq!(SigningSecret::parse(wrong), Err(SecretError), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_can_be_changed(body in proptest::collection::vec(any::<u8>(), 1..60), at in 0_usize..60, id in "[a-z]{1,8}") {
            let secret = SigningSecret::generate([9; 32]);
            let now = Timestamp::UNIX_EPOCH;
            let signature = secret.sign(&id, now, &body);
            prop_assert_eq!(secret.verify(&id, "0", &signature, &body, now), Ok(()));
            let mut changed = body.clone();
            let at = at % changed.len();
            changed[at] ^= 1;
            prop_assert!(secret.verify(&id, "0", &signature, &changed, now).is_err());
            let other = format!("{id}x");
            prop_assert!(secret.verify(&other, "0", &signature, &body, now).is_err());
            prop_assert!(secret.verify(&id, "1", &signature, &body, now).is_err());
            prop_assert!(SigningSecret::generate([8; 32]).verify(&id, "0", &signature, &body, now).is_err());
        }

        #[test]
        fn no_header_upsets_the_check(timestamp in "\\PC{0,20}", signatures in "\\PC{0,60}") {
            let secret = SigningSecret::generate([9; 32]);
            prop_assert!(secret.verify("id", &timestamp, &signatures, b"", Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
