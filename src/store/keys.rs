//! API keys: 256 random bits, of which only the SHA-256 is kept.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::audit::Change;
use super::driver::{Access, Document, Id, Row, Sql, Time, Transaction, sql};
use super::users::whose;
use super::{Result, Store, StoreError};
use crate::domain::{Actor, ApiKeyId, By, Grant, Permission, Secret, TenantId, TenantScope};

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

/// What is kept of a key, besides its hash.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ApiKey)]
pub struct KeyEntry {
    pub id: ApiKeyId,
    /// `null` for the platform's own.
    pub tenant: Option<TenantId>,
    pub name: String,
    /// What it may do; `null` for all that its owner may.
    pub scopes: Option<Vec<Permission>>,
    pub created_at: Timestamp,
    /// When it stops to be valid; `null` for never.
    pub expires_at: Option<Timestamp>,
}

/// What is to be known of a new key, besides the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct NewKey<'a> {
    pub id: ApiKeyId,
    pub name: &'a str,
    /// What it may do; `None` for all that its owner may.
    pub scopes: Option<&'a [Permission]>,
    /// When it stops to be valid; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// Who made an authenticated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub actor: Actor,
    pub owner: KeyOwner,
    pub grant: Grant,
}

impl KeyOwner {
    /// The tenant; `None` for the platform.
    pub fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Tenant(scope) => Some(scope.tenant()),
            Self::Platform => None,
        }
    }
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

    /// Keeps a key's hash with what it may do and until when, and writes it to the audit log.
    ///
    /// # Errors
    /// As [`Store::create_api_key`].
    pub async fn add_api_key(&self, owner: KeyOwner, new: NewKey<'_>, key: &ApiKey, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        insert(&mut transaction, owner, new, key, by).await?;
        transaction.commit().await
    }

    /// The owner's keys from the oldest on, after `after` where it is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_keys(&self, owner: KeyOwner, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyEntry>> {
        let (access, tenant) = whose(owner);
        let mut query = sql("SELECT * FROM api_keys WHERE tenant_id IS NOT DISTINCT FROM $1").bind(tenant);
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(Id(after));
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        self.driver.fetch_all(access, query).await?.iter().map(entry).collect()
    }

    /// One of the owner's keys.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn api_key(&self, owner: KeyOwner, id: ApiKeyId) -> Result<KeyEntry> {
        entry(&self.driver.fetch_one(whose(owner).0, one(owner, id)).await?)
    }

    /// Gives a key another name, another end, or both.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn update_api_key(
        &self,
        owner: KeyOwner,
        id: ApiKeyId,
        change: impl FnOnce(&mut KeyEntry) + Send,
        by: &By,
    ) -> Result<KeyEntry> {
        let mut transaction = self.driver.begin(whose(owner).0).await?;
        let before = entry(&transaction.fetch_optional(one(owner, id)).await?.ok_or(StoreError::NotFound)?)?;
        let mut after = before.clone();
        change(&mut after);
        let update = sql("UPDATE api_keys SET name = $2, expires_at = $3 WHERE id = $1").bind(Id(id));
        transaction.execute(update.bind(&after.name).bind(after.expires_at.map(Time))).await?;
        let change = Change::of("api_key.update", id).before(&before).after(&after);
        transaction.audit(owner.tenant(), by, change).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Puts another key in the place of one that keeps its name, scopes and end; the old one is worth nothing from here on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn rotate_api_key(&self, owner: KeyOwner, id: ApiKeyId, key: &ApiKey, by: &By) -> Result<KeyEntry> {
        let hash = hash(key.reveal());
        let mut transaction = self.driver.begin(whose(owner).0).await?;
        let kept = entry(&transaction.fetch_optional(one(owner, id)).await?.ok_or(StoreError::NotFound)?)?;
        let update = sql("UPDATE api_keys SET lookup = $2, hash = $3 WHERE id = $1").bind(Id(id));
        transaction.execute(update.bind(lookup(&hash)).bind(hash.as_slice())).await?;
        transaction.audit(owner.tenant(), by, Change::of("api_key.rotate", id)).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn delete_api_key(&self, owner: KeyOwner, id: ApiKeyId, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(whose(owner).0).await?;
        let before = entry(&transaction.fetch_optional(one(owner, id)).await?.ok_or(StoreError::NotFound)?)?;
        transaction.execute(sql("DELETE FROM api_keys WHERE id = $1").bind(Id(id))).await?;
        transaction.audit(owner.tenant(), by, Change::of("api_key.delete", id).before(&before)).await?;
        transaction.commit().await
    }

    /// Finds who presents a key; `None` when nobody's key is this one, or its time was over at `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Option<Principal>> {
        let hash = hash(presented);
        let query =
            sql("SELECT id, tenant_id, hash, scopes, expires_at FROM api_keys WHERE lookup = $1").bind(lookup(&hash));
        for row in self.driver.fetch_all(Access::Platform, query).await? {
            if !bool::from(row.get::<Vec<u8>>("hash")?.ct_eq(hash.as_slice())) {
                continue;
            }
            if row.get::<Option<Time>>("expires_at")?.is_some_and(|Time(end)| end <= now) {
                return Ok(None);
            }
            let Id(key) = row.get("id")?;
            let tenant = row.get::<Option<Id<TenantId>>>("tenant_id")?;
            let owner = tenant.map_or(KeyOwner::Platform, |Id(id)| KeyOwner::Tenant(TenantScope::proven(id)));
            let scopes = row.get::<Option<Document<Vec<Permission>>>>("scopes")?;
            let grant = scopes.map_or(Grant::Everything, |Document(granted)| Grant::Only(granted));
            return Ok(Some(Principal { actor: Actor::ApiKey(key), owner, grant }));
        }
        Ok(None)
    }

    /// The scope in which an authenticated principal acts on `tenant`; `None` when it may not, or there is none such.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope_for(&self, principal: &Principal, tenant: TenantId) -> Result<Option<TenantScope>> {
        match principal.owner {
            KeyOwner::Tenant(scope) => Ok(Some(scope).filter(|scope| scope.tenant() == tenant)),
            KeyOwner::Platform => {
                let query = sql("SELECT id FROM tenants WHERE id = $1 AND erasing_at IS NULL").bind(Id(tenant));
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

/// Writes a new key and the audit log, in a transaction that sees the owner's.
pub(super) async fn insert(
    transaction: &mut Transaction,
    owner: KeyOwner,
    new: NewKey<'_>,
    key: &ApiKey,
    by: &By,
) -> Result<()> {
    let tenant = owner.tenant();
    let hash = hash(key.reveal());
    let query = sql("INSERT INTO api_keys (id, tenant_id, name, lookup, hash, created_at, scopes, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    .bind(Id(new.id))
    .bind(tenant.map(Id))
    .bind(new.name)
    .bind(lookup(&hash))
    .bind(hash.as_slice())
    .bind(Time(by.at))
    .bind(new.scopes.map(Document))
    .bind(new.expires_at.map(Time));
    transaction.execute(query).await?;
    transaction.audit(tenant, by, Change::of("api_key.create", new.id).after(&new)).await
}

fn one(owner: KeyOwner, id: ApiKeyId) -> Sql {
    let (_, tenant) = whose(owner);
    sql("SELECT * FROM api_keys WHERE id = $1 AND tenant_id IS NOT DISTINCT FROM $2").bind(Id(id)).bind(tenant)
}

fn entry(row: &Row) -> Result<KeyEntry> {
    let (Id(id), Time(created_at)) = (row.get("id")?, row.get("created_at")?);
    let scopes = row.get::<Option<Document<Vec<Permission>>>>("scopes")?;
    Ok(KeyEntry {
        id,
        tenant: row.get::<Option<Id<TenantId>>>("tenant_id")?.map(|Id(tenant)| tenant),
        name: row.get("name")?,
        scopes: scopes.map(|Document(scopes)| scopes),
        created_at,
        expires_at: row.get::<Option<Time>>("expires_at")?.map(|Time(end)| end),
    })
}

/// No salt and no slow hash: a generated key has 256 random bits, so that guessing is hopeless anyway.
pub(super) fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

pub(super) fn lookup(hash: &[u8; 32]) -> String {
    hash[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn base64url(bytes: &[u8]) -> String {
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
