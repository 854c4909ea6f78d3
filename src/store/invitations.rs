//! Invitations: whoever holds the token may become a user with the invited address and role.

use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::audit::Change;
use super::driver::{Access, Id, Row, Time, Word, sql};
use super::keys::{hash, lookup};
use super::sessions::Token;
use super::users::{insert, whose};
use super::{KeyOwner, Result, Store, StoreError};
use crate::domain::{By, Invitation, InvitationId, Role, Secret, TenantId, User};

impl Store {
    /// Keeps an invitation.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a user has the address already, or when the database fails.
    pub async fn invite(&self, invitation: &Invitation, token: &Token, by: &By) -> Result<()> {
        let hash = hash(token.reveal());
        let mut transaction = self.driver.begin(Access::Platform).await?;
        let taken = sql("SELECT id FROM users WHERE email = $1").bind(Word(&invitation.email));
        if transaction.fetch_optional(taken).await?.is_some() {
            return Err(StoreError::Conflict);
        }
        transaction
            .execute(
                sql("INSERT INTO invitations (id, tenant_id, email, role, lookup, hash, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
                .bind(Id(invitation.id))
                .bind(invitation.tenant.map(Id))
                .bind(Word(&invitation.email))
                .bind(Word(invitation.role))
                .bind(lookup(&hash))
                .bind(hash.as_slice())
                .bind(Time(invitation.created_at))
                .bind(Time(invitation.expires_at)),
            )
            .await?;
        let change = Change::of("invitation.create", invitation.id).after(invitation);
        transaction.audit(invitation.tenant, by, change).await?;
        transaction.commit().await
    }

    /// The owner's invitations that nobody has taken up yet, the oldest first, at most 200.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitations(&self, owner: KeyOwner, now: Timestamp) -> Result<Vec<Invitation>> {
        let (access, tenant) = whose(owner);
        let query = sql("SELECT * FROM invitations WHERE tenant_id IS NOT DISTINCT FROM $1 AND expires_at > $2
             ORDER BY id LIMIT 200");
        self.driver.fetch_all(access, query.bind(tenant).bind(Time(now))).await?.iter().map(invitation).collect()
    }

    /// The role that one of the owner's invitations gives.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn invitation_role(&self, owner: KeyOwner, id: InvitationId) -> Result<Role> {
        let (access, tenant) = whose(owner);
        let query = sql("SELECT role FROM invitations WHERE id = $1 AND tenant_id IS NOT DISTINCT FROM $2");
        let row = self.driver.fetch_one(access, query.bind(Id(id)).bind(tenant)).await?;
        row.get::<Word<_>>("role").map(|Word(role)| role)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn revoke_invitation(&self, owner: KeyOwner, id: InvitationId, by: &By) -> Result<()> {
        let (access, tenant) = whose(owner);
        let mut transaction = self.driver.begin(access).await?;
        let delete = sql("DELETE FROM invitations WHERE id = $1 AND tenant_id IS NOT DISTINCT FROM $2");
        if transaction.execute(delete.bind(Id(id)).bind(tenant)).await? == 0 {
            return Err(StoreError::NotFound);
        }
        transaction.audit(owner.tenant(), by, Change::of("invitation.revoke", id)).await?;
        transaction.commit().await
    }

    /// What a token invites to, while it lasts. A platform verb: nobody is known yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn invitation(&self, presented: &str, now: Timestamp) -> Result<Option<Invitation>> {
        let presented = hash(presented);
        let query = sql("SELECT * FROM invitations WHERE lookup = $1").bind(lookup(&presented));
        for row in self.driver.fetch_all(Access::Platform, query).await? {
            if bool::from(row.get::<Vec<u8>>("hash")?.ct_eq(presented.as_slice())) {
                let found = invitation(&row)?;
                return Ok(Some(found).filter(|invitation| invitation.expires_at > now));
            }
        }
        Ok(None)
    }

    /// Makes the invited user and ends the invitation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was taken up or back meanwhile, [`StoreError::Conflict`] when a user has the
    /// address, or when the database fails.
    pub async fn accept_invitation(&self, id: InvitationId, user: &User, password: &Secret, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        if transaction.execute(sql("DELETE FROM invitations WHERE id = $1").bind(Id(id))).await? == 0 {
            return Err(StoreError::NotFound);
        }
        insert(&mut transaction, user, password, by).await?;
        transaction.commit().await
    }
}

fn invitation(row: &Row) -> Result<Invitation> {
    let (Id(id), Word(email), Word(role)) = (row.get("id")?, row.get("email")?, row.get("role")?);
    let (Time(created_at), Time(expires_at)) = (row.get("created_at")?, row.get("expires_at")?);
    let tenant = row.get::<Option<Id<TenantId>>>("tenant_id")?.map(|Id(tenant)| tenant);
    Ok(Invitation { id, tenant, email, role, created_at, expires_at })
}
