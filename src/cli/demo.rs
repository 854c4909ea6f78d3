//! `vca demo`: a clinic on this machine that answers at once, with no configuration and no account.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::config::{Config, environment};
use super::examples::Examples;
use super::server::{self, Server};
use super::{Failure, keys};
use crate::api::Passwords;
use crate::dialogue::demo_profile;
use crate::domain::{
    By, CallFilter, DialString, Did, E164, EmailAddress, Role, Secret, Tenant, TenantId, TenantScope, TransferKind,
    TransferTarget, User, UserId,
};
use crate::store::{ApiKey, KeyOwner, Store, StoreError};

/// The number of the demo clinic.
pub const DEMO_DID: &str = "+918047180000";
/// Who signs in to see the demo clinic.
const OWNER: &str = "owner@clinic.example";
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
    /// Have three callers call at the first start, so that there is something to look at
    #[arg(long)]
    example_calls: bool,
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
    // On loopback, over HTTP: some browsers keep a secure cookie from their own machine.
    config.http.secure_cookies &= !args.http.ip().is_loopback();
    config.data_dir = args.data.unwrap_or_else(|| super::default_data_dir().join("demo"));
    super::log::start(&config.log)?;
    let key = args.api_key.as_deref().map(ApiKey::parse).transpose();
    let key = key.map_err(|error| Failure::Setup(format!("--api-key: {error}")))?;
    super::serve::runtime()?.block_on(async {
        let store = server::open_store(&config).await?;
        let onboarded = onboard(&store, args.max_calls, args.human, !args.mock_agent, key).await;
        let key = onboarded.map_err(|error| Failure::setup(&error))?;
        let password = owner(&store).await?;
        let scope = TenantScope::proven(TenantId::from_uuid(DEMO_TENANT));
        let page = store.list_calls(scope, &CallFilter::default(), None, 1).await;
        let is_new = page.map_err(|error| Failure::setup(&error))?.items.is_empty();
        let server = Server::start(&config, store).await?;
        if let Err(error) = explain(&server, key.as_ref(), &password, &config.data_dir) {
            // Nobody reads it; callers are answered all the same.
            tracing::warn!(%error, "what to do next could not be printed");
        }
        let sip = server.sip_udp.filter(|_| args.example_calls && is_new);
        let examples = sip.map(|sip| Examples::start(sip, &config.data_dir)).transpose();
        let _examples = examples.map_err(|error| Failure::run(&error))?;
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

/// Makes the clinic's owner, who may sign in with a password that is new at each start: it is a demo, and whoever starts it
/// has forgotten the last one.
async fn owner(store: &Store) -> Result<Secret, Failure> {
    let failed = |error: StoreError| Failure::setup(&error);
    let (scope, by) = (TenantScope::proven(TenantId::from_uuid(DEMO_TENANT)), By::system(Timestamp::now()));
    let email = EmailAddress::parse(OWNER).expect("invariant: the owner's address is well formed");
    let password = Secret::new(format!("{:012x}", rand::random::<u64>() & 0xFFFF_FFFF_FFFF));
    let hash = Passwords::default().hash(&password).await;
    let hash = hash.map_err(|_| Failure::Setup(format!("no password can be made for {OWNER}")))?;
    match store.user_by_email(&email).await.map_err(failed)? {
        Some((user, _)) => store.set_password(KeyOwner::Tenant(scope), user.id, &hash, &by).await.map_err(failed)?,
        None => {
            let (id, name) = (UserId::new(by.at, rand::random()), "Asha Sharma".to_owned());
            let (tenant, role) = (Some(scope.tenant()), Role::TenantAdmin);
            let user = User { id, tenant, email, name, role, disabled: false, created_at: by.at };
            store.create_user(&user, &hash, &by).await.map_err(failed)?;
        }
    }
    Ok(password)
}

/// Says exactly what to do next.
fn explain(server: &Server, key: Option<&ApiKey>, password: &Secret, data: &Path) -> std::io::Result<()> {
    let sip = server.sip_udp.or(server.sip_tcp).map_or_else(String::new, |addr| addr.to_string());
    let http = server.http;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Sharma Dental Clinic answers {DEMO_DID} at sip:{DEMO_DID}@{sip} (UDP and TCP).\n")?;
    writeln!(out, "See it, and talk to it, in a browser: http://{http}/")?;
    writeln!(out, "  sign in as {OWNER} with the password {} (of this start)\n", password.reveal())?;
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
