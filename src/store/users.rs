//! People who sign in. The platform's admins belong to nobody's tenant; everybody else to one.

use super::audit::Change;
use super::driver::{Access, Id, Row, Sql, Time, Transaction, Word, sql};
use super::{KeyOwner, Result, Store, StoreError};
use crate::domain::{By, Role, Secret, TenantId, User, UserId};

/// What a change of a user says; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub disabled: Option<bool>,
}

/// For whom the statements run, and the tenant that the rows must name.
pub(super) fn whose(owner: KeyOwner) -> (Access, Option<Id<TenantId>>) {
    match owner {
        KeyOwner::Tenant(scope) => (Access::Tenant(scope), Some(Id(scope.tenant()))),
        KeyOwner::Platform => (Access::Platform, None),
    }
}

impl Store {
    /// Whether there is any user; the first one is made with the token that `vca serve` prints.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_users(&self) -> Result<bool> {
        Ok(self.driver.fetch_optional(Access::Platform, sql("SELECT id FROM users LIMIT 1")).await?.is_some())
    }

    /// Makes a user. `password` is a PHC string.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody has the e-mail address, [`StoreError::NotFound`] when the tenant does not
    /// exist, or when the database fails.
    pub async fn create_user(&self, user: &User, password: &Secret, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        insert(&mut transaction, user, password, by).await?;
        transaction.commit().await
    }

    /// Makes the first user of all, a platform admin.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is one already, or when the database fails.
    pub async fn create_first_user(&self, user: &User, password: &Secret, by: &By) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Platform).await?;
        if transaction.fetch_optional(sql("SELECT id FROM users LIMIT 1")).await?.is_some() {
            return Err(StoreError::Conflict);
        }
        insert(&mut transaction, user, password, by).await?;
        transaction.commit().await
    }

    /// The owner's users from the oldest on, after `after` where it is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self, owner: KeyOwner, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let (access, tenant) = whose(owner);
        let mut query = sql("SELECT * FROM users WHERE tenant_id IS NOT DISTINCT FROM $1").bind(tenant);
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(Id(after));
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        self.driver.fetch_all(access, query).await?.iter().map(user).collect()
    }

    /// One of the owner's users.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn user(&self, owner: KeyOwner, id: UserId) -> Result<User> {
        let (access, _) = whose(owner);
        user(&self.driver.fetch_one(access, one(owner, id)).await?)
    }

    /// Who signs in with this address, and the PHC string of the password. A platform verb: nobody is known yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_by_email(&self, email: &crate::domain::EmailAddress) -> Result<Option<(User, Secret)>> {
        let query = sql("SELECT * FROM users WHERE email = $1").bind(Word(email));
        let row = self.driver.fetch_optional(Access::Platform, query).await?;
        row.map(|row| Ok((user(&row)?, Secret::new(row.get::<String>("password")?)))).transpose()
    }

    /// Changes a user. Whoever gets another role, or is kept out, is signed out everywhere.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn update_user(&self, owner: KeyOwner, id: UserId, change: UserChange, by: &By) -> Result<User> {
        let (access, tenant) = whose(owner);
        let mut transaction = self.driver.begin(access).await?;
        let before = user(&transaction.fetch_optional(one(owner, id)).await?.ok_or(StoreError::NotFound)?)?;
        let after = User {
            name: change.name.unwrap_or_else(|| before.name.clone()),
            role: change.role.unwrap_or(before.role),
            disabled: change.disabled.unwrap_or(before.disabled),
            ..before.clone()
        };
        let update = sql("UPDATE users SET name = $2, role = $3, disabled = $4 WHERE id = $1").bind(Id(id));
        let update = update.bind(&after.name).bind(Word(after.role)).bind(after.disabled);
        transaction.execute(update).await?;
        if after.role != before.role || after.disabled {
            sign_out(&mut transaction, id).await?;
        }
        let tenant = tenant.map(|Id(tenant)| tenant);
        transaction.audit(tenant, by, Change::of("user.update", id).before(&before).after(&after)).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Gives a user another password and signs the user out everywhere.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn set_password(&self, owner: KeyOwner, id: UserId, password: &Secret, by: &By) -> Result<()> {
        let (access, tenant) = whose(owner);
        let mut transaction = self.driver.begin(access).await?;
        transaction.fetch_optional(one(owner, id)).await?.ok_or(StoreError::NotFound)?;
        let update = sql("UPDATE users SET password = $2 WHERE id = $1").bind(Id(id)).bind(password.reveal());
        transaction.execute(update).await?;
        sign_out(&mut transaction, id).await?;
        transaction.audit(tenant.map(|Id(tenant)| tenant), by, Change::of("user.password", id)).await?;
        transaction.commit().await
    }

    /// Removes a user with all sessions.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or when the database fails.
    pub async fn delete_user(&self, owner: KeyOwner, id: UserId, by: &By) -> Result<()> {
        let (access, tenant) = whose(owner);
        let mut transaction = self.driver.begin(access).await?;
        let before = user(&transaction.fetch_optional(one(owner, id)).await?.ok_or(StoreError::NotFound)?)?;
        sign_out(&mut transaction, id).await?;
        transaction.execute(sql("DELETE FROM users WHERE id = $1").bind(Id(id))).await?;
        let tenant = tenant.map(|Id(tenant)| tenant);
        transaction.audit(tenant, by, Change::of("user.delete", id).before(&before)).await?;
        transaction.commit().await
    }
}

fn one(owner: KeyOwner, id: UserId) -> Sql {
    let (_, tenant) = whose(owner);
    sql("SELECT * FROM users WHERE id = $1 AND tenant_id IS NOT DISTINCT FROM $2").bind(Id(id)).bind(tenant)
}

pub(super) async fn insert(transaction: &mut Transaction, user: &User, password: &Secret, by: &By) -> Result<()> {
    transaction
        .execute(
            sql("INSERT INTO users (id, tenant_id, email, name, role, password, disabled, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(Id(user.id))
            .bind(user.tenant.map(Id))
            .bind(Word(&user.email))
            .bind(&user.name)
            .bind(Word(user.role))
            .bind(password.reveal())
            .bind(user.disabled)
            .bind(Time(user.created_at)),
        )
        .await?;
    transaction.audit(user.tenant, by, Change::of("user.create", user.id).after(user)).await
}

/// Ends all sessions of a user.
pub(super) async fn sign_out(transaction: &mut Transaction, user: UserId) -> Result<u64> {
    transaction.execute(sql("DELETE FROM sessions WHERE user_id = $1").bind(Id(user))).await
}

pub(super) fn user(row: &Row) -> Result<User> {
    let (Id(id), Word(email), Word(role)) = (row.get("id")?, row.get("email")?, row.get("role")?);
    let Time(created_at) = row.get("created_at")?;
    Ok(User {
        id,
        tenant: row.get::<Option<Id<TenantId>>>("tenant_id")?.map(|Id(tenant)| tenant),
        email,
        name: row.get("name")?,
        role,
        disabled: row.get("disabled")?,
        created_at,
    })
}
