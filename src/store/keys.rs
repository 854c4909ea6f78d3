//! API keys: 256 random bits, of which only the SHA-256 is kept.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::driver::{Access, Id, Time, sql};
use super::{Result, Store};
use crate::domain::{ApiKeyId, Secret, TenantId, TenantScope};

/// An API key, shown once when it is made. `Debug` does not reveal it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey(Secret);

/// The text cannot be an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API key has 20 to 200 printable ASCII characters and no space")]
pub struct ApiKeyError;

/// Whom a key may act for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOwner {
    /// One tenant.
    Tenant(TenantScope),
    /// The operator of the platform: any tenant, named in each request.
    Platform,
}

/// Who made an authenticated request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    pub key: ApiKeyId,
    pub owner: KeyOwner,
}

impl ApiKey {
    /// Makes a key of 32 random bytes: `vca_` and 43 characters of base64url (RFC 4648 §5, without padding).
    pub fn generate(random: [u8; 32]) -> Self {
        Self(Secret::new(format!("vca_{}", base64url(&random))))
    }

    /// Takes a key that an operator chose.
    ///
    /// # Errors
    /// [`ApiKeyError`] when it is shorter than 20 or longer than 200 characters, or has a character that is not
    /// visible ASCII.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        let fits = (20..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(Secret::new(text))) } else { Err(ApiKeyError) }
    }

    /// The key itself, to be shown once or sent.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl Store {
    /// Keeps a key's hash under `id`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](super::StoreError::Conflict) when the key or the id is there already,
    /// [`StoreError::NotFound`](super::StoreError::NotFound) when the tenant is not, or when the database fails.
    pub async fn create_api_key(
        &self,
        owner: KeyOwner,
        id: ApiKeyId,
        name: &str,
        key: &ApiKey,
        now: Timestamp,
    ) -> Result<()> {
        let tenant = match owner {
            KeyOwner::Tenant(scope) => Some(Id(scope.tenant())),
            KeyOwner::Platform => None,
        };
        let hash = hash(key.reveal());
        self.driver.execute(Access::Platform, sql(
            "INSERT INTO api_keys (id, tenant_id, name, lookup, hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(Id(id))
        .bind(tenant)
        .bind(name)
        .bind(lookup(&hash))
        .bind(hash.as_slice())
        .bind(Time(now))).await?;
        Ok(())
    }

    /// Finds who presents a key; `None` when nobody's key is this one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn authenticate(&self, presented: &str) -> Result<Option<Principal>> {
        let hash = hash(presented);
        let query = sql("SELECT id, tenant_id, hash FROM api_keys WHERE lookup = $1").bind(lookup(&hash));
        for row in self.driver.fetch_all(Access::Platform, query).await? {
            if bool::from(row.get::<Vec<u8>>("hash")?.ct_eq(hash.as_slice())) {
                let Id(key) = row.get("id")?;
                let tenant = row.get::<Option<Id<TenantId>>>("tenant_id")?;
                let owner = tenant.map_or(KeyOwner::Platform, |Id(id)| KeyOwner::Tenant(TenantScope::proven(id)));
                return Ok(Some(Principal { key, owner }));
            }
        }
        Ok(None)
    }

    /// The scope in which an authenticated principal acts on `tenant`; `None` when it may not, or there is none such.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope_for(&self, principal: Principal, tenant: TenantId) -> Result<Option<TenantScope>> {
        match principal.owner {
            KeyOwner::Tenant(scope) => Ok(Some(scope).filter(|scope| scope.tenant() == tenant)),
            KeyOwner::Platform => {
                let query = sql("SELECT id FROM tenants WHERE id = $1").bind(Id(tenant));
                let known = self.driver.fetch_optional(Access::Platform, query).await?;
                Ok(known.map(|_| TenantScope::proven(tenant)))
            }
        }
    }

    /// Whether any key exists; the first start makes one and shows it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_api_keys(&self) -> Result<bool> {
        let first = self.driver.fetch_optional(Access::Platform, sql("SELECT id FROM api_keys LIMIT 1")).await?;
        Ok(first.is_some())
    }
}

/// No salt and no slow hash: a generated key has 256 random bits, so that guessing is hopeless anyway.
fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn lookup(hash: &[u8; 32]) -> String {
    hash[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(group >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_bytes_in_base64url() {
        assert_eq!(ApiKey::generate([0; 32]).reveal(), format!("vca_{}", "A".repeat(43)));
        assert_eq!(ApiKey::generate([255; 32]).reveal(), format!("vca_{}8", "_".repeat(42)));
        // RFC 4648 §10, without the padding.
        assert_eq!([b"f".as_slice(), b"fo", b"foo", b"foob"].map(base64url), ["Zg", "Zm8", "Zm9v", "Zm9vYg"]);
        assert_eq!(ApiKey::parse("too-short"), Err(ApiKeyError));
        assert_eq!(ApiKey::parse("with a space in the middle"), Err(ApiKeyError));
        assert!(!format!("{:?}", ApiKey::generate([0; 32])).contains("AAAA"));
    }
}
