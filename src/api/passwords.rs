//! Passwords: argon2id, on threads of their own, a few at a time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use super::Problem;
use crate::domain::Secret;

/// Hashes at once: each takes 19 MiB and a core, and calls need the cores.
const AT_ONCE: usize = 2;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shortest password, in characters; length is worth more than signs and digits (NIST SP 800-63B).
pub(super) const SHORTEST: usize = 12;

/// The longest password, in bytes.
pub(super) const LONGEST: usize = 200;

/// What is compared when there is no such user, so that an answer takes as long as when there is.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash_now(b"nobody has this password").unwrap_or_default());

/// The bounded work with passwords.
pub struct Passwords {
    slots: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// The PHC string of a password.
    ///
    /// # Errors
    /// 503 when too many passwords are being worked on.
    pub async fn hash(&self, password: &Secret) -> Result<Secret, Problem> {
        let password = password.clone();
        let hashed = self.run(move || hash_now(password.reveal().as_bytes())).await?;
        hashed.map(Secret::new).ok_or_else(Problem::internal)
    }

    /// Whether the password is the one of the PHC string; without one it never is, after the same work.
    pub(super) async fn verify(&self, hash: Option<Secret>, password: &Secret) -> Result<bool, Problem> {
        let password = password.clone();
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.map_or_else(|| NOBODYS.clone(), |hash| hash.reveal().to_owned());
            let right = PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.reveal().as_bytes(), &hash).is_ok());
            right && known
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let busy = || Problem::unavailable("too many people sign in at this moment; try again");
        let slot = tokio::time::timeout(PATIENCE, Arc::clone(&self.slots).acquire_owned()).await;
        let slot = slot.map_err(|_| busy())?.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _slot = slot;
            work()
        });
        done.await.map_err(|_| Problem::internal())
    }
}

fn hash_now(password: &[u8]) -> Option<String> {
    let hash: PasswordHash = Argon2::default().hash_password(password).ok()?;
    Some(hash.to_string())
}

/// For `#[garde(custom(…))]`: whether a new password is long enough, and not endless.
pub(super) fn fits(password: &Secret, (): &()) -> garde::Result {
    let text = password.reveal();
    if text.chars().count() >= SHORTEST && text.len() <= LONGEST {
        Ok(())
    } else {
        Err(garde::Error::new(format!("must have {SHORTEST} to {LONGEST} characters")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_kept_as_argon2id_and_known_again() {
        let passwords = Passwords::default();
        let right = Secret::new("correct horse battery");
        let hash = passwords.hash(&right).await.unwrap();
        assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.reveal());
        assert_ne!(passwords.hash(&right).await.unwrap(), hash, "each has a salt of its own");
        assert!(passwords.verify(Some(hash.clone()), &right).await.unwrap());
        assert!(!passwords.verify(Some(hash), &Secret::new("correct horse batterz")).await.unwrap());
        assert!(!passwords.verify(None, &Secret::new("nobody has this password")).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let passwords = Passwords::default();
        let _all = passwords.slots.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.unwrap();
        let refused = passwords.hash(&Secret::new("correct horse battery")).await.unwrap_err();
        assert_eq!(refused.status(), 503);
    }
}
