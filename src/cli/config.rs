//! Configuration: embedded commented defaults, over them one TOML file, over that the environment.
//!
//! Unknown keys are refused with the nearest known one; every error is one line that says what is wrong, where, and how
//! to mend it. [`check`] looks at what single values cannot show: ports that collide, folders that cannot be written.

mod check;
mod engines;
mod load;
pub mod messages;
mod prices;
pub mod profile;
mod tenants;
#[cfg(test)]
mod tests;
mod trunks;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(in crate::cli) use check::choice_faults;
pub use check::{Finding, LocateModel, Severity, check};
pub use load::{ConfigError, Loaded, Origin, environment};
pub use tenants::TenantEntry;

use crate::api::GateConfig;
use crate::domain::billing::{GstTerms, Gstin, Prices};
use crate::domain::{IpNet, Retention, Secret, Trunk, TurnSettings};
use crate::live::RedisOptions;
use crate::sip::net::{TlsConfig, TlsIdentity};
use crate::speech::engines::EngineSpec;
use crate::store::PostgresOptions;

/// The embedded defaults, with a comment on every key.
pub const DEFAULTS: &str = include_str!("../../config/vca.default.toml");

/// All settings, merged and typed. The comments in [`DEFAULTS`] say what each one does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    /// `None` for a folder in `data_dir`; see [`Config::prompts`].
    #[serde(with = "value::auto")]
    pub prompts_dir: Option<PathBuf>,
    /// `None` leaves the place to the model store.
    #[serde(with = "value::auto")]
    pub models_dir: Option<PathBuf>,
    pub database: Database,
    pub sip: Sip,
    pub media: Media,
    pub http: Http,
    pub redis: Redis,
    pub speech: Speech,
    pub turns: TurnSettings,
    pub sms: messages::Sms,
    pub webhooks: messages::Webhooks,
    pub log: Log,
    pub billing: Billing,
    pub telemetry: Telemetry,
    pub recordings: Recordings,
    pub retention: Retention,
    /// For load tests: a played prompt instead of a conversation. Set by `vca demo --mock-agent`; no key of a file.
    #[serde(skip)]
    pub mock_agent: bool,
    /// `[[trunks]]`: lines to carriers.
    #[serde(skip)]
    pub trunks: Vec<Trunk>,
    /// `[engines.NAME]`: engines that tenants may choose, beside the node's own.
    #[serde(skip)]
    pub engines: BTreeMap<String, EngineSpec>,
    /// `[prices]`: what calls cost the operator.
    #[serde(skip)]
    pub prices: Prices,
    /// `[[tenants]]`: the businesses that are answered for.
    #[serde(skip)]
    pub tenants: Vec<TenantEntry>,
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// A PostgreSQL URL; `None` for SQLite in the data folder.
    #[serde(with = "value::off")]
    pub url: Option<Secret>,
    pub max_connections: u32,
    pub migrate: bool,
}

/// Signalling: where it listens, whom it answers, and its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// One for each family and network; never empty.
    #[serde(with = "value::addrs")]
    pub udp: Vec<SocketAddr>,
    /// Empty when TCP is off.
    #[serde(with = "value::addrs_or_off")]
    pub tcp: Vec<SocketAddr>,
    pub tls: SipTls,
    pub peers: Vec<IpNet>,
    /// Parts of a User-Agent.
    pub scanners: Vec<String>,
    /// Messages a second.
    pub stranger_rate: u32,
    /// 0 sends none.
    pub keep_alive_s: u32,
    /// Profiles that go before the built-in ones; `None` for none.
    #[serde(with = "value::auto")]
    pub profiles_dir: Option<PathBuf>,
    /// `None` for the machine's own address.
    #[serde(with = "value::auto")]
    pub public_ip: Option<IpAddr>,
    /// Calls at once on this node.
    pub max_calls: u32,
    pub retry_after_s: u32,
    pub ring_ms: u32,
    pub max_call_s: u32,
    pub drain_s: u32,
}

/// SIP over TLS: files in PEM form, each `None` when it is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipTls {
    #[serde(with = "value::addrs_or_off")]
    pub listen: Vec<SocketAddr>,
    #[serde(with = "value::off")]
    pub certificate: Option<PathBuf>,
    #[serde(with = "value::off")]
    pub key: Option<PathBuf>,
    /// `None` for the authorities that the machine trusts.
    #[serde(with = "value::auto")]
    pub ca: Option<PathBuf>,
    #[serde(with = "value::off")]
    pub client_certificate: Option<PathBuf>,
    #[serde(with = "value::off")]
    pub client_key: Option<PathBuf>,
    #[serde(with = "value::off")]
    pub client_ca: Option<PathBuf>,
}

impl SipTls {
    /// What the stack is given. Calls out over TLS are possible without a listener.
    pub fn stack(&self) -> TlsConfig {
        let identity = |certificate: &Option<PathBuf>, key: &Option<PathBuf>| {
            let (certificate, key) = (certificate.clone()?, key.clone()?);
            Some(TlsIdentity { certificate, key })
        };
        TlsConfig {
            listen: self.listen.clone(),
            identity: identity(&self.certificate, &self.key),
            ca: self.ca.clone(),
            client_identity: identity(&self.client_certificate, &self.client_key),
            client_ca: self.client_ca.clone(),
        }
    }
}

/// RTP: the ports and the longest silence on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Even; RTCP takes the odd port above each RTP port.
    pub port_min: u16,
    /// Inclusive.
    pub port_max: u16,
    pub dead_media_s: u32,
}

/// The HTTP interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    /// Requests of one key or user.
    pub requests_per_minute: NonZeroU32,
    /// Requests of one key or user at once.
    pub burst: NonZeroU32,
    /// Attempts to sign in a minute, at one account and from one address.
    pub sign_ins_per_minute: NonZeroU32,
    /// Whether browsers send the session's cookie over TLS only.
    pub secure_cookies: bool,
    /// Origins whose web pages may read answers, `https://dashboard.example`.
    pub cors_origins: Vec<String>,
}

impl Http {
    /// How much may be asked of the API.
    pub fn gate(&self) -> GateConfig {
        GateConfig {
            requests_per_minute: self.requests_per_minute,
            burst: self.burst,
            sign_ins_per_minute: self.sign_ins_per_minute,
            secure_cookies: self.secure_cookies,
            cors_origins: self.cors_origins.clone(),
            ..GateConfig::default()
        }
    }
}

/// What connects several nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `None` for a node alone.
    #[serde(with = "value::off")]
    pub url: Option<Secret>,
    pub prefix: String,
}

/// Engines and models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// 0 is one for each core.
    pub threads: usize,
    pub vad: String,
    /// "none" lets silence alone decide.
    pub turn: String,
    /// Whether digits and likely lines are synthesised ahead in the background.
    pub presynthesis: bool,
    pub stt: Stt,
    pub tts: Tts,
}

/// Speech to text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stt {
    pub model: String,
    /// ISO 639-1.
    pub language: String,
}

/// Text to speech.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tts {
    pub voice: String,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub level: String,
    pub format: LogFormat,
}

/// What the operator's invoices say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// `None`: not registered, and no tax is charged.
    #[serde(with = "value::off")]
    pub gstin: Option<Gstin>,
    pub sac: String,
    pub gst_percent: u8,
}

impl Billing {
    /// The same for an export.
    pub fn terms(&self) -> GstTerms {
        GstTerms { supplier: self.gstin.clone(), sac: self.sac.clone(), percent: self.gst_percent }
    }
}

/// Traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// An OTLP/HTTP collector; `None` sends nothing.
    #[serde(with = "value::off")]
    pub otlp: Option<String>,
    /// Of a hundred calls.
    pub sample_percent: u8,
}

/// How recordings are sealed, and where they go after their calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recordings {
    #[serde(with = "value::off")]
    pub key_file: Option<PathBuf>,
    /// `None` leaves them in the data folder.
    #[serde(with = "value::off")]
    pub bucket: Option<String>,
    pub prefix: String,
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    #[serde(with = "value::off")]
    pub secret_key_file: Option<PathBuf>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Merges the defaults, the file at `path` if any, and `VCA__…` variables of `env`; see [`Loaded`] for where each
    /// value came from.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that cannot be read, a key that is not known, or a value of the wrong type.
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        Loaded::load(path, env).map(|loaded| loaded.config)
    }

    /// How to reach PostgreSQL; `None` on SQLite.
    pub fn postgres(&self) -> Option<PostgresOptions> {
        let Database { url, max_connections, migrate } = &self.database;
        let url = url.clone()?;
        Some(PostgresOptions { url, max_connections: *max_connections, migrate: *migrate })
    }

    /// The database file, on SQLite.
    pub fn database_file(&self) -> PathBuf {
        self.data_dir.join("vca.sqlite")
    }

    /// The folder of what waits for the database, a file a call.
    pub fn spool(&self) -> PathBuf {
        self.data_dir.join("spool")
    }

    /// How to reach Redis; `None` for a node alone.
    pub fn redis(&self) -> Option<RedisOptions> {
        let url = self.redis.url.clone()?;
        Some(RedisOptions { url, prefix: self.redis.prefix.clone() })
    }

    /// The folder under which recordings are kept, as `<tenant>/<call>.wav` or `.vcar`.
    pub fn recordings_dir(&self) -> PathBuf {
        self.data_dir.join("recordings")
    }

    /// The folder of pre-synthesised phrases.
    pub fn prompts(&self) -> PathBuf {
        self.prompts_dir.clone().unwrap_or_else(|| self.data_dir.join("prompts"))
    }

    /// The names of the models that are needed, with the keys that name them.
    pub fn models(&self) -> [(&'static str, &str); 4] {
        [
            ("speech.stt.model", &self.speech.stt.model),
            ("speech.tts.voice", &self.speech.tts.voice),
            ("speech.vad", &self.speech.vad),
            ("speech.turn", &self.speech.turn),
        ]
    }
}
