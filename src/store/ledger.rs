//! Plans, what calls were charged, and the sums of a month.
//!
//! A call is charged in the transaction that closes its record, so that each is charged once or not at all, whatever
//! crashes. The sums of its month are kept in a row that the same transaction changes: reading them costs the same
//! however many calls there were.

use jiff::civil::Date;
use jiff::{Span, Timestamp};

use super::audit::Change;
use super::driver::{Access, Dialect, Document, Id, Row, Time, Transaction, Word, sql};
use super::{Listed, Result, Store, StoreError};
use crate::domain::billing::{
    Allowance, CallCharge, Charge, DayUsage, LedgerLine, LineKind, Month, MonthUsage, Paise, Plan,
};
use crate::domain::{By, CallId, TenantId, TenantScope};

/// Charges a call that this transaction has just closed: its lines, its minutes by the tenant's plan, and the sums of the
/// month in which it was answered. In place of what was charged for it before, when it was taken for abandoned; an SMS
/// that was sent then stays.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant has no such call or it is not closed, or when the database fails.
pub(super) async fn charge(
    transaction: &mut Transaction,
    scope: TenantScope,
    call: CallId,
    charge: &Charge,
) -> Result<()> {
    let query = sql("SELECT answered_at, ended_at, did FROM calls WHERE tenant_id = $1 AND id = $2");
    let query = query.bind(Id(scope.tenant())).bind(Id(call));
    let row = transaction.fetch_optional(query).await?.ok_or(StoreError::NotFound)?;
    let Time(answered_at) = row.get("answered_at")?;
    let Time(ended_at) = row.get::<Option<Time>>("ended_at")?.ok_or(StoreError::NotFound)?;
    let month = Month::of(answered_at);
    let mut lines = take_back(transaction, scope, call).await?;
    lines.extend_from_slice(&charge.lines);
    let cost = total(&lines);
    let plan = sql("SELECT document FROM plans WHERE tenant_id = $1").bind(Id(scope.tenant()));
    let plan = transaction.fetch_optional(plan).await?.as_ref().map(plan_of).transpose()?.unwrap_or_default();

    // This locks the month's row: no other call of the tenant counts its minutes until this one has counted its own.
    let counted =
        sql("INSERT INTO usage_months (tenant_id, month, calls, minutes, extra_minutes, price_paise, cost_paise)
             VALUES ($1, $2, 1, $3, 0, 0, $4)
             ON CONFLICT (tenant_id, month) DO UPDATE SET calls = usage_months.calls + 1,
                 minutes = usage_months.minutes + excluded.minutes,
                 cost_paise = usage_months.cost_paise + excluded.cost_paise
             RETURNING minutes, extra_minutes");
    let counted = counted.bind(Id(scope.tenant())).bind(month.to_string()).bind(int(charge.minutes)).bind(cost.0);
    let counted = transaction.fetch_optional(counted).await?.ok_or(StoreError::NotFound)?;
    // What was billed beyond the plan before does not count again, also when a call was charged anew in between.
    let unbilled = count(&counted, "minutes")?.saturating_sub(count(&counted, "extra_minutes")?);
    let (extra, price) = plan.extra(charge.minutes, unbilled);
    if extra > 0 {
        let query = sql("UPDATE usage_months SET extra_minutes = extra_minutes + $3, price_paise = price_paise + $4
             WHERE tenant_id = $1 AND month = $2");
        let query = query.bind(Id(scope.tenant())).bind(month.to_string()).bind(int(extra)).bind(price.0);
        transaction.execute(query).await?;
    }
    let query =
        sql("INSERT INTO charges (tenant_id, call_id, month, answered_at, did, seconds, minutes, extra_minutes,
                                price_paise, cost_paise)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    let query = query
        .bind(Id(scope.tenant()))
        .bind(Id(call))
        .bind(month.to_string())
        .bind(Time(answered_at))
        .bind(row.get::<String>("did")?)
        .bind(seconds(answered_at, ended_at))
        .bind(int(charge.minutes))
        .bind(int(extra))
        .bind(price.0)
        .bind(cost.0);
    transaction.execute(query).await?;
    for line in &lines {
        transaction.execute(line_query(scope, call, line)).await?;
    }
    Ok(())
}

/// Undoes the charge of a call, if there is one; the lines of it that hold all the same.
async fn take_back(transaction: &mut Transaction, scope: TenantScope, call: CallId) -> Result<Vec<LedgerLine>> {
    let query = sql("SELECT * FROM ledger WHERE tenant_id = $1 AND call_id = $2 AND kind = $3");
    let query = query.bind(Id(scope.tenant())).bind(Id(call)).bind(Word(LineKind::Sms));
    let kept = transaction.fetch_all(query).await?.iter().map(line).collect::<Result<_>>()?;
    let query = sql("DELETE FROM charges WHERE tenant_id = $1 AND call_id = $2 RETURNING *");
    let query = query.bind(Id(scope.tenant())).bind(Id(call));
    if let Some(row) = transaction.fetch_optional(query).await? {
        let query = sql(
            "UPDATE usage_months SET calls = calls - 1, minutes = minutes - $3, extra_minutes = extra_minutes - $4,
                                price_paise = price_paise - $5, cost_paise = cost_paise - $6
             WHERE tenant_id = $1 AND month = $2",
        );
        let query = query.bind(Id(scope.tenant())).bind(row.get::<String>("month")?);
        let query = ["minutes", "extra_minutes", "price_paise", "cost_paise"]
            .into_iter()
            .try_fold(query, |query, column| Ok::<_, StoreError>(query.bind(row.get::<i64>(column)?)))?;
        transaction.execute(query).await?;
    }
    Ok(kept)
}

/// Adds a line to a call that was charged already: an SMS that was sent about it. The month is the call's.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant has no such call or it was not charged yet, or when the database fails.
pub(super) async fn add_line(
    transaction: &mut Transaction,
    scope: TenantScope,
    call: CallId,
    line: &LedgerLine,
) -> Result<()> {
    let query =
        sql("UPDATE charges SET cost_paise = cost_paise + $3 WHERE tenant_id = $1 AND call_id = $2 RETURNING month");
    let query = query.bind(Id(scope.tenant())).bind(Id(call)).bind(line.paise.0);
    let row = transaction.fetch_optional(query).await?.ok_or(StoreError::NotFound)?;
    let query = sql("UPDATE usage_months SET cost_paise = cost_paise + $3 WHERE tenant_id = $1 AND month = $2");
    let query = query.bind(Id(scope.tenant())).bind(row.get::<String>("month")?).bind(line.paise.0);
    transaction.execute(query).await?;
    transaction.execute(line_query(scope, call, line)).await?;
    Ok(())
}

fn line_query(scope: TenantScope, call: CallId, line: &LedgerLine) -> super::driver::Sql {
    sql("INSERT INTO ledger (tenant_id, call_id, kind, item, quantity, paise) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (tenant_id, call_id, kind, item) DO UPDATE SET
                 quantity = ledger.quantity + excluded.quantity, paise = ledger.paise + excluded.paise")
    .bind(Id(scope.tenant()))
    .bind(Id(call))
    .bind(Word(line.kind))
    .bind(&line.item)
    .bind(int(line.quantity))
    .bind(line.paise.0)
}

fn plan_query(scope: TenantScope, plan: &Plan) -> super::driver::Sql {
    sql("INSERT INTO plans (tenant_id, document) VALUES ($1, $2)
         ON CONFLICT (tenant_id) DO UPDATE SET document = excluded.document")
    .bind(Id(scope.tenant()))
    .bind(Document(plan))
}

impl Store {
    /// Writes the tenant's plan, new or changed; it holds for calls that end from now on.
    ///
    /// # Errors
    /// [`StoreError::Plan`] when its values do not fit together, [`StoreError::NotFound`] when there is no such tenant, or
    /// when the database fails.
    pub async fn put_plan(&self, scope: TenantScope, plan: &Plan) -> Result<()> {
        plan.check()?;
        self.driver.execute(Access::Tenant(scope), plan_query(scope, plan)).await?;
        Ok(())
    }

    /// The tenant's plan; one that includes, charges and limits nothing when none was written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn plan(&self, scope: TenantScope) -> Result<Plan> {
        let query = sql("SELECT document FROM plans WHERE tenant_id = $1").bind(Id(scope.tenant()));
        let row = self.driver.fetch_optional(Access::Tenant(scope), query).await?;
        Ok(row.as_ref().map(plan_of).transpose()?.unwrap_or_default())
    }

    /// The sums of the tenant's month; zeros when there was no call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage(&self, scope: TenantScope, month: Month) -> Result<MonthUsage> {
        let query = sql("SELECT * FROM usage_months WHERE tenant_id = $1 AND month = $2");
        let query = query.bind(Id(scope.tenant())).bind(month.to_string());
        let row = self.driver.fetch_optional(Access::Tenant(scope), query).await?;
        row.as_ref().map_or(Ok(MonthUsage::none(month)), |row| month_usage(row, month))
    }

    /// The tenant's months with calls, the latest first: `limit` (at least 1) of those before `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage_months(
        &self,
        scope: TenantScope,
        before: Option<Month>,
        limit: u32,
    ) -> Result<Listed<MonthUsage>> {
        let mut query = sql("SELECT * FROM usage_months WHERE tenant_id = $1").bind(Id(scope.tenant()));
        if let Some(before) = before {
            query.push(" AND month < ").push_bind(before.to_string());
        }
        query.push(" ORDER BY month DESC LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        let months = rows.iter().map(|row| month_usage(row, row.get::<Word<_>>("month")?.0));
        Ok(Listed::cut(months.collect::<Result<_>>()?, limit))
    }

    /// The sums of a month of every tenant, zeros where there was no call: `limit` (at least 1) of the tenants after
    /// `after`. A business that was erased is among them for the months in which it had calls. The operator's own list.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage_of_all(
        &self,
        month: Month,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Listed<(TenantId, String, MonthUsage)>> {
        let mut query = sql("SELECT t.id, t.name, COALESCE(u.calls, 0) AS calls, COALESCE(u.minutes, 0) AS minutes,
                    COALESCE(u.extra_minutes, 0) AS extra_minutes, COALESCE(u.price_paise, 0) AS price_paise,
                    COALESCE(u.cost_paise, 0) AS cost_paise
             FROM tenants t LEFT JOIN usage_months u ON u.tenant_id = t.id AND u.month = $1
             WHERE (t.erasing_at IS NULL OR u.calls > 0)")
        .bind(month.to_string());
        if let Some(after) = after {
            query.push(" AND t.id > ").push_bind(Id(after));
        }
        query.push(" ORDER BY t.id LIMIT ").push_bind(Listed::<()>::ask(limit));
        let rows = self.driver.fetch_all(Access::Platform, query).await?;
        let of_tenant = |row: &Row| -> Result<_> {
            Ok((row.get::<Id<TenantId>>("id")?.0, row.get("name")?, month_usage(row, month)?))
        };
        Ok(Listed::cut(rows.iter().map(of_tenant).collect::<Result<_>>()?, limit))
    }

    /// The sums of each day of the tenant's month on which there was a call, in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn usage_days(&self, scope: TenantScope, month: Month) -> Result<Vec<DayUsage>> {
        // Days of India since 1970: UTC and 5:30 hours, all year.
        let mut query = match self.driver.dialect() {
            Dialect::Sqlite => sql("SELECT (answered_at + 19800000000) / 86400000000 AS day, "),
            Dialect::Postgres => {
                sql("SELECT CAST(floor((extract(epoch FROM answered_at) + 19800) / 86400) AS bigint) AS day, ")
            }
        };
        query.push(
            "COUNT(*) AS calls, CAST(SUM(minutes) AS bigint) AS minutes,
                CAST(SUM(extra_minutes) AS bigint) AS extra_minutes, CAST(SUM(price_paise) AS bigint) AS price_paise,
                CAST(SUM(cost_paise) AS bigint) AS cost_paise
             FROM charges WHERE tenant_id = $1 AND month = $2 GROUP BY 1 ORDER BY 1",
        );
        let query = query.bind(Id(scope.tenant())).bind(month.to_string());
        self.driver.fetch_all(Access::Tenant(scope), query).await?.iter().map(day_usage).collect()
    }

    /// Writes the tenant's plan and the audit log; it holds for calls that end from now on.
    ///
    /// # Errors
    /// As [`Store::put_plan`].
    pub async fn change_plan(&self, scope: TenantScope, plan: &Plan, by: &By) -> Result<()> {
        plan.check()?;
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        let query = sql("SELECT document FROM plans WHERE tenant_id = $1").bind(Id(scope.tenant()));
        let before = transaction.fetch_optional(query).await?.as_ref().map(plan_of).transpose()?;
        if before.as_ref() == Some(plan) {
            return Ok(());
        }
        transaction.execute(plan_query(scope, plan)).await?;
        let change = Change::of("plan.update", scope.tenant()).before(&before.unwrap_or_default()).after(plan);
        transaction.audit(Some(scope.tenant()), by, change).await?;
        transaction.commit().await
    }

    /// What a call that begins at `now` may spend.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn allowance(&self, scope: TenantScope, now: Timestamp) -> Result<Allowance> {
        let month = Month::of(now);
        let query = sql("SELECT p.document, COALESCE(u.calls, 0) AS calls, COALESCE(u.minutes, 0) AS minutes,
                    COALESCE(u.extra_minutes, 0) AS extra_minutes, COALESCE(u.price_paise, 0) AS price_paise,
                    COALESCE(u.cost_paise, 0) AS cost_paise
             FROM plans p LEFT JOIN usage_months u ON u.tenant_id = p.tenant_id AND u.month = $2
             WHERE p.tenant_id = $1");
        let query = query.bind(Id(scope.tenant())).bind(month.to_string());
        match self.driver.fetch_optional(Access::Tenant(scope), query).await? {
            Some(row) => Ok(plan_of(&row)?.allowance(&month_usage(&row, month)?)),
            // Without a plan there is no ceiling.
            None => Ok(Allowance::Full),
        }
    }

    /// What a call was charged, with its lines; `None` when the tenant has no such call or it was not charged yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledger(&self, scope: TenantScope, call: CallId) -> Result<Option<CallCharge>> {
        let query = sql("SELECT * FROM charges WHERE tenant_id = $1 AND call_id = $2");
        let query = query.bind(Id(scope.tenant())).bind(Id(call));
        let Some(row) = self.driver.fetch_optional(Access::Tenant(scope), query).await? else { return Ok(None) };
        let mut charge = call_charge(&row)?;
        let query = sql("SELECT * FROM ledger WHERE tenant_id = $1 AND call_id = $2 ORDER BY kind, item");
        let query = query.bind(Id(scope.tenant())).bind(Id(call));
        let lines = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        charge.lines = lines.iter().map(line).collect::<Result<_>>()?;
        Ok(Some(charge))
    }

    /// The calls of a month as they were charged, by the time of their answer, `limit` (at least 1) at a time: those after
    /// the call `after`, which was the last one of the page before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn charges(
        &self,
        scope: TenantScope,
        month: Month,
        after: Option<&CallCharge>,
        limit: u32,
    ) -> Result<Vec<CallCharge>> {
        let mut query = sql("SELECT * FROM charges WHERE tenant_id = $1 AND month = $2");
        query = query.bind(Id(scope.tenant())).bind(month.to_string());
        if let Some(after) = after {
            query.push(" AND (answered_at, call_id) > (").push_bind(Time(after.answered_at));
            query.push(", ").push_bind(Id(after.call)).push(")");
        }
        query.push(" ORDER BY answered_at, call_id LIMIT ").push_bind(i64::from(limit.max(1)));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        let mut page = rows.iter().map(call_charge).collect::<Result<Vec<_>>>()?;
        let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(page) };
        let query =
            sql("SELECT l.* FROM ledger l JOIN charges c ON c.tenant_id = l.tenant_id AND c.call_id = l.call_id
             WHERE c.tenant_id = $1 AND c.month = $2 AND (c.answered_at, c.call_id) >= ($3, $4)
               AND (c.answered_at, c.call_id) <= ($5, $6)
             ORDER BY c.answered_at, c.call_id, l.kind, l.item");
        let query = query.bind(Id(scope.tenant())).bind(month.to_string());
        let query = query.bind(Time(first.answered_at)).bind(Id(first.call));
        let query = query.bind(Time(last.answered_at)).bind(Id(last.call));
        let rows = self.driver.fetch_all(Access::Tenant(scope), query).await?;
        // Both are in the same order.
        let mut at = 0;
        for row in &rows {
            let Id(of) = row.get::<Id<CallId>>("call_id")?;
            at += page[at..].iter().position(|charge| charge.call == of).unwrap_or(0);
            // A call that was charged between the two queries is on no page yet.
            if page[at].call == of {
                page[at].lines.push(line(row)?);
            }
        }
        Ok(page)
    }

    /// The tenants that a month is billed for: those with calls in it or with a plan, by name. The operator's own list.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn billed_tenants(&self, month: Month) -> Result<Vec<(TenantScope, String)>> {
        let query = sql("SELECT t.id, t.name FROM tenants t
             WHERE EXISTS (SELECT 1 FROM usage_months u WHERE u.tenant_id = t.id AND u.month = $1)
                OR EXISTS (SELECT 1 FROM plans p WHERE p.tenant_id = t.id)
             ORDER BY t.name, t.id");
        let rows = self.driver.fetch_all(Access::Platform, query.bind(month.to_string())).await?;
        let tenant = |row: &Row| -> Result<(TenantScope, String)> {
            let Id(id) = row.get::<Id<TenantId>>("id")?;
            Ok((TenantScope::proven(id), row.get("name")?))
        };
        rows.iter().map(tenant).collect()
    }

    /// Adds the costs of an SMS, or of anything else that comes after the end, to a call.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such call or it was not charged yet, or when the database fails.
    pub async fn add_cost(&self, scope: TenantScope, call: CallId, line: &LedgerLine) -> Result<()> {
        let mut transaction = self.driver.begin(Access::Tenant(scope)).await?;
        add_line(&mut transaction, scope, call, line).await?;
        transaction.commit().await
    }
}

/// Lines are far below what would not fit.
fn total(lines: &[LedgerLine]) -> Paise {
    Paise::total(lines.iter().map(|line| line.paise)).unwrap_or(crate::domain::billing::MOST_PAISE)
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(row: &Row, column: &str) -> Result<u64> {
    Ok(u64::try_from(row.get::<i64>(column)?).unwrap_or(0))
}

fn money(row: &Row, column: &str) -> Result<Paise> {
    row.get::<i64>(column).map(Paise)
}

/// Every second that was begun.
fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    let micros = to.as_microsecond().saturating_sub(from.as_microsecond()).max(0);
    micros.div_euclid(1_000_000) + i64::from(micros % 1_000_000 > 0)
}

pub(super) fn plan_of(row: &Row) -> Result<Plan> {
    row.get("document").map(|Document(plan)| plan)
}

fn month_usage(row: &Row, month: Month) -> Result<MonthUsage> {
    Ok(MonthUsage {
        month,
        calls: count(row, "calls")?,
        minutes: count(row, "minutes")?,
        extra_minutes: count(row, "extra_minutes")?,
        cost: money(row, "cost_paise")?,
        price: money(row, "price_paise")?,
    })
}

fn day_usage(row: &Row) -> Result<DayUsage> {
    let since = Span::new().try_days(row.get::<i64>("day")?).ok();
    let day = since.and_then(|days| Date::constant(1970, 1, 1).checked_add(days).ok());
    let day = day.ok_or_else(|| StoreError::Corrupt(sqlx::Error::Decode("a day beyond all calendars".into())))?;
    Ok(DayUsage {
        calls: count(row, "calls")?,
        minutes: count(row, "minutes")?,
        extra_minutes: count(row, "extra_minutes")?,
        cost: money(row, "cost_paise")?,
        price: money(row, "price_paise")?,
        ..DayUsage::none(day)
    })
}

fn call_charge(row: &Row) -> Result<CallCharge> {
    Ok(CallCharge {
        call: row.get::<Id<_>>("call_id")?.0,
        month: row.get::<Word<_>>("month")?.0,
        answered_at: row.get::<Time>("answered_at")?.0,
        did: row.get::<Word<_>>("did")?.0,
        seconds: count(row, "seconds")?,
        minutes: count(row, "minutes")?,
        extra_minutes: count(row, "extra_minutes")?,
        price: money(row, "price_paise")?,
        cost: money(row, "cost_paise")?,
        lines: Vec::new(),
    })
}

fn line(row: &Row) -> Result<LedgerLine> {
    Ok(LedgerLine {
        kind: row.get::<Word<_>>("kind")?.0,
        item: row.get("item")?,
        quantity: count(row, "quantity")?,
        paise: money(row, "paise")?,
    })
}
