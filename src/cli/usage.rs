//! `vca usage`: what a month came to, for the operator's invoices.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::config::{Config, environment};
use crate::domain::billing::{ExportError, ExportedTenant, GstTerms, Month, UsageExport};
use crate::domain::{TenantId, TenantScope};
use crate::store::{Store, StoreError};

/// Calls that are read at once.
const PAGE: u32 = 500;

/// Show what a month came to, or export it for invoices.
///
/// A month lasts from midnight to midnight in India; a call belongs to the month in which it was answered. The node may
/// run meanwhile. See docs/billing.md for the columns.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vca usage --month 2026-11                                a line for each tenant
  vca usage --month 2026-11 --csv > november.csv           every call, with tax
  vca usage --month 2026-11 --csv --tenant \"Sharma Dental Clinic\" --no-costs
                                                           what one tenant may be shown")]
pub struct UsageArgs {
    /// The month, such as 2026-11
    #[arg(long, value_name = "YYYY-MM")]
    month: Month,
    /// Only this tenant: its name, or its id
    #[arg(long, value_name = "NAME|ID")]
    tenant: Option<String>,
    /// Write a row for every call, as CSV
    #[arg(long)]
    csv: bool,
    /// Leave out what the calls cost the operator
    #[arg(long, requires = "csv")]
    no_costs: bool,
    /// The folder that the node keeps its data in [default: as the configuration says]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The node's configuration file
    #[arg(long, value_name = "FILE", env = "VCA_CONFIG")]
    config: Option<PathBuf>,
}

/// Runs `vca usage`.
///
/// # Errors
/// A database that is not there or fails, or a tenant that it does not know.
pub fn run(args: &UsageArgs) -> Result<ExitCode, Failure> {
    let mut config = Config::load(args.config.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    if let Some(folder) = &args.data {
        config.data_dir.clone_from(folder);
    }
    super::serve::runtime()?.block_on(async {
        let store = super::database::open_to_read(&config).await?;
        let shown = show(args, &config, &store, std::io::stdout().lock()).await;
        store.close().await;
        shown.map(|()| ExitCode::SUCCESS)
    })
}

async fn show(args: &UsageArgs, config: &Config, store: &Store, mut out: impl Write) -> Result<(), Failure> {
    let tenants = tenants(args, store).await?;
    if args.csv {
        return export(store, args.month, &tenants, config.billing.terms(), !args.no_costs, out).await;
    }
    let failed = |error: std::io::Error| Failure::run(&error);
    writeln!(
        out,
        "{:<40} {:>7} {:>9} {:>9} {:>12} {:>12}",
        "tenant", "calls", "minutes", "extra", "cost Rs.", "extra Rs."
    )
    .map_err(failed)?;
    for (scope, name) in tenants {
        let usage = store.usage(scope, args.month).await.map_err(|error| Failure::run(&error))?;
        // A name may hold what moves the cursor.
        let name: String = name.replace(char::is_control, " ").chars().take(40).collect();
        let (calls, minutes, extra) = (usage.calls, usage.minutes, usage.extra_minutes);
        writeln!(
            out,
            "{name:<40} {calls:>7} {minutes:>9} {extra:>9} {:>12} {:>12}",
            usage.cost.to_string(),
            usage.price.to_string()
        )
        .map_err(failed)?;
    }
    Ok(())
}

async fn tenants(args: &UsageArgs, store: &Store) -> Result<Vec<(TenantScope, String)>, Failure> {
    let mut tenants = store.billed_tenants(args.month).await.map_err(|error| Failure::run(&error))?;
    let Some(wanted) = &args.tenant else { return Ok(tenants) };
    let id = wanted.parse::<TenantId>().ok();
    tenants.retain(|(scope, name)| Some(scope.tenant()) == id || name == wanted);
    if tenants.is_empty() {
        let month = args.month;
        return Err(Failure::Setup(format!(
            "no tenant {wanted:?} has calls in {month} or a plan; `vca usage --month {month}` lists them"
        )));
    }
    Ok(tenants)
}

/// Writes every call of these tenants' month.
async fn export(
    store: &Store,
    month: Month,
    tenants: &[(TenantScope, String)],
    terms: GstTerms,
    costs: bool,
    out: impl Write,
) -> Result<(), Failure> {
    let failed = |error: ExportError| Failure::run(&error);
    let read = |error: StoreError| Failure::run(&error);
    let mut export = UsageExport::new(out, month, terms, costs).map_err(failed)?;
    for (scope, name) in tenants {
        let plan = store.plan(*scope).await.map_err(read)?;
        export.tenant(ExportedTenant { id: scope.tenant(), name: name.clone(), plan }).map_err(failed)?;
        let mut last = None;
        loop {
            let page = store.charges(*scope, month, last.as_ref(), PAGE).await.map_err(read)?;
            for call in &page {
                export.call(call).map_err(failed)?;
            }
            let Some(end) = page.into_iter().next_back() else { break };
            last = Some(end);
        }
    }
    export.finish().map_err(failed)?.flush().map_err(|error| Failure::run(&error))
}
