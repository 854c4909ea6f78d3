//! `GET /v1/usage/{month}/export`: every call of a month with its tax, as CSV, written as it is read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::extract::MonthPath;
use super::guard::Caller;
use super::{ApiState, Problem};
use crate::domain::TenantScope;
use crate::domain::billing::{CallCharge, ExportError, ExportedTenant, Month, UsageExport};
use crate::store::{KeyOwner, Store, StoreError};

/// Calls that are read at once; so few in tests that a month has several pages.
const PAGE: u32 = if cfg!(test) { 2 } else { 500 };

/// What breaks a file off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// What was written and not sent yet.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file under way.
struct File {
    store: Store,
    month: Month,
    /// Those that are not begun.
    tenants: std::vec::IntoIter<(TenantScope, String)>,
    /// Whose calls are being written, and the last one that was.
    current: Option<(TenantScope, Option<CallCharge>)>,
    csv: UsageExport<Written>,
    written: Written,
}

impl File {
    /// The next part; empty at the end.
    async fn part(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            let Some((scope, last)) = &mut self.current else {
                let Some((scope, name)) = self.tenants.next() else { break };
                let plan = self.store.plan(scope).await?;
                self.csv.tenant(ExportedTenant { id: scope.tenant(), name, plan })?;
                self.current = Some((scope, None));
                continue;
            };
            let page = self.store.charges(*scope, self.month, last.as_ref(), PAGE).await?;
            for call in &page {
                self.csv.call(call)?;
            }
            match page.into_iter().next_back() {
                Some(end) => *last = Some(end),
                None => self.current = None,
            }
            self.csv.flush()?;
            let part = self.written.take();
            if !part.is_empty() {
                return Ok(part);
            }
        }
        self.csv.flush()?;
        Ok(self.written.take())
    }
}

/// Every call of a month and the plan's fee, with tax, as CSV: a tenant's own, or, where the operator names none, of all.
/// What calls cost is in the operator's file only: a tenant's goes to its accountant with the invoice.
#[utoipa::path(get, path = "/v1/usage/{month}/export", operation_id = "exportUsage", tag = "usage",
    params(("month" = Month, Path)),
    responses((status = 200, content_type = "text/csv", body = String,
        headers(("Content-Disposition" = String, description = "a name for the file")))))]
pub(super) async fn export(
    State(state): State<ApiState>,
    caller: Caller,
    MonthPath(month): MonthPath,
) -> Result<Response, Problem> {
    let tenants = match caller.scope {
        Some(scope) => vec![(scope, state.store.tenant(scope).await?.name)],
        None => state.store.billed_tenants(month).await?,
    };
    let costs = matches!(caller.principal.owner, KeyOwner::Platform);
    let written = Written::default();
    let csv = UsageExport::new(written.clone(), month, state.billing, costs).map_err(|_| Problem::internal())?;
    let file = File { store: state.store, month, tenants: tenants.into_iter(), current: None, csv, written };
    let parts = stream::try_unfold(file, |mut file| async move {
        match file.part().await {
            Ok(part) if part.is_empty() => Ok(None),
            Ok(part) => Ok(Some((Bytes::from(part), file))),
            // The connection is cut: a client must not take half a month for the whole.
            Err(error) => {
                tracing::error!(%error, "the export of a month broke off");
                Err(io::Error::other(error))
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"vca-usage-{month}.csv\"")),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}
