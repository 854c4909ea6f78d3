//! `vca demo`: a clinic on this machine that answers at once, with no configuration and no account.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::config::{Config, environment};
use super::server::{self, Server};
use super::{Failure, keys};
use crate::dialogue::demo_profile;
use crate::domain::{DialString, Did, E164, Tenant, TenantId, TenantScope, TransferKind, TransferTarget};
use crate::store::{ApiKey, KeyOwner, Store};

/// The number of the demo clinic.
pub const DEMO_DID: &str = "+918047180000";
/// `ten_` and this, in hexadecimal.
const DEMO_TENANT: uuid::Uuid = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);

/// Answer calls to a demo clinic on this machine; no configuration, no account.
///
/// Any SIP phone on this machine may call without registering. Calls, recordings and prompts are kept in the data folder.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where SIP calls arrive, UDP and TCP
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5060")]
    sip: SocketAddr,
    /// Where the HTTP interface listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where everything is kept [default: ~/.local/share/vca/demo]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Use this API key instead of making one at the first start
    #[arg(long, value_name = "KEY", env = "VCA_DEMO_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Calls that the clinic may have at once
    #[arg(long, value_name = "CALLS", default_value_t = 100)]
    max_calls: u32,
    /// Hand callers who ask for a person to this number, or SIP URI on this machine (sip:me@127.0.0.1:5070)
    #[arg(long, value_name = "NUMBER|URI")]
    human: Option<DialString>,
    /// For load tests: play a prompt to every caller instead of holding a conversation; needs no models, records nothing
    #[arg(long, hide = true)]
    mock_agent: bool,
    /// Configuration file (TOML) for everything else
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs `vca demo`.
///
/// # Errors
/// Set-up failures, with one line that says how to mend them.
pub fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    let mut config = Config::load(args.config.as_deref(), environment()).map_err(|error| Failure::setup(&error))?;
    let sip = same_port(args.sip)?;
    config.sip.udp = vec![sip];
    config.sip.tcp = vec![sip];
    config.http.listen = args.http;
    config.mock_agent = args.mock_agent;
    config.data_dir = args.data.unwrap_or_else(|| super::default_data_dir().join("demo"));
    super::log::start(&config.log)?;
    let key = args.api_key.as_deref().map(ApiKey::parse).transpose();
    let key = key.map_err(|error| Failure::Setup(format!("--api-key: {error}")))?;
    super::serve::runtime()?.block_on(async {
        let store = server::open_store(&config).await?;
        let onboarded = onboard(&store, args.max_calls, args.human, !args.mock_agent, key).await;
        let key = onboarded.map_err(|error| Failure::setup(&error))?;
        let server = Server::start(&config, store).await?;
        if let Err(error) = explain(&server, key.as_ref(), &config.data_dir) {
            // Nobody reads it; callers are answered all the same.
            tracing::warn!(%error, "what to do next could not be printed");
        }
        server.run_until_signal().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Port 0 asks for any port that is free for UDP and TCP alike.
pub(super) fn same_port(wanted: SocketAddr) -> Result<SocketAddr, Failure> {
    if wanted.port() != 0 {
        return Ok(wanted);
    }
    for _ in 0..100 {
        let udp = std::net::UdpSocket::bind(wanted).and_then(|socket| socket.local_addr());
        let udp = udp.map_err(|error| Failure::Setup(format!("--sip {wanted}: {error}")))?;
        if std::net::TcpListener::bind(udp).is_ok() {
            return Ok(udp);
        }
    }
    Err(Failure::Setup(format!("--sip {wanted}: no port is free for both UDP and TCP; name one")))
}

/// Makes the demo tenant, its receptionist and number; returns the API key when it can be shown.
pub(super) async fn onboard(
    store: &Store,
    max_calls: u32,
    human: Option<DialString>,
    record_calls: bool,
    chosen: Option<ApiKey>,
) -> Result<Option<ApiKey>, crate::store::StoreError> {
    let tenant = TenantId::from_uuid(DEMO_TENANT);
    let scope = TenantScope::proven(tenant);
    let mut profile = demo_profile();
    profile.transfers.targets.extend(human.map(|number| TransferTarget {
        name: "the front desk".to_owned(),
        number,
        hours: None,
        kind: TransferKind::Warm,
    }));
    profile.record_calls = record_calls;
    let number = E164::parse(DEMO_DID).expect("invariant: the demo number is well formed");
    store.put_tenant(scope, &Tenant { id: tenant, name: profile.business_name.clone(), max_calls }).await?;
    store.put_profile(scope, &profile).await?;
    store.put_did(scope, &Did { number, tenant, profile: profile.id }).await?;
    keys::first(store, KeyOwner::Tenant(scope), "demo", chosen).await
}

/// Says exactly what to do next.
fn explain(server: &Server, key: Option<&ApiKey>, data: &Path) -> std::io::Result<()> {
    let sip = server.sip_udp.or(server.sip_tcp).map_or_else(String::new, |addr| addr.to_string());
    let http = server.http;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Sharma Dental Clinic answers {DEMO_DID} at sip:{DEMO_DID}@{sip} (UDP and TCP).\n")?;
    writeln!(out, "Call it from another terminal:")?;
    writeln!(out, "  vca call --to sip:{DEMO_DID}@{sip} --say \"I would like an appointment for a toothache\" \\")?;
    writeln!(
        out,
        "           --say \"My name is Rahul Verma\" --dtmf 9876543210# --say \"tomorrow evening\" --say \"yes, that is right\""
    )?;
    writeln!(out, "or from any SIP phone on this machine, without registering: {DEMO_DID}@{sip}\n")?;
    match key {
        Some(key) => {
            writeln!(out, "Your API key, shown this once: {}", key.reveal())?;
            writeln!(out, "See what was written down:")?;
            writeln!(out, "  curl -H \"Authorization: Bearer {}\" http://{http}/v1/calls", key.reveal())?;
        }
        None => {
            writeln!(
                out,
                "See what was written down, with the API key of the first start (or choose one with --api-key):"
            )?;
            writeln!(out, "  curl -H \"Authorization: Bearer $VCA_API_KEY\" http://{http}/v1/calls")?;
        }
    }
    writeln!(out, "\nEverything is kept in {}. Stop with Ctrl-C.", data.display())?;
    out.flush()
}
