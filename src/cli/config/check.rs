//! What only several values together, or the machine, can show to be wrong.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::Config;
use crate::domain::{E164, SpeechChoice, SrtpUse, TrunkMode, TrunkTransport};
use crate::speech::NO_TURN_MODEL;
use crate::speech::engines::{Craft, EngineSpec, OWN_STT, OWN_TTS};

/// Whether VCA can start all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// VCA would not work; `vca serve` refuses to start.
    Error,
    /// VCA works, perhaps not as wanted.
    Warning,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// The dotted key.
    pub key: String,
    /// What is wrong and how to mend it, in one line.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: `{}`: {}", self.key, self.message)
    }
}

/// Says why a model of this name cannot be opened; the model store answers it.
pub type LocateModel<'a> = &'a dyn Fn(&Config, &str) -> Result<(), String>;

/// Looks at the configuration as a whole and at the machine.
///
/// Ports are not bound to see whether they are free: VCA itself may be running on them.
pub fn check(config: &Config, locate: LocateModel<'_>) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    ports(config, &mut findings);
    limits(config, &mut findings);
    telemetry(config, &mut findings);
    exposure(config, &mut findings);
    tls(config, &mut findings);
    turns(config, &mut findings);
    trunks(config, &mut findings);
    engines(config, &mut findings);
    for (key, fault) in config.sms.faults() {
        findings.error(key, fault);
    }
    redis(config, &mut findings);
    if let Err(error) = writable(&config.data_dir) {
        let folder = config.data_dir.display();
        findings.error("data_dir", format!("{folder} cannot be written ({error}): make it writable or choose another"));
    }
    for (key, name) in
        config.models().into_iter().map(|(key, name)| (key.to_owned(), name)).chain(local_engines(config))
    {
        if key == "speech.stt.model" && name == "none" {
            findings.warning(key, "\"none\" recognises nothing: callers are asked to use the keypad");
            continue;
        }
        match locate(config, name) {
            Err(_) if key == "speech.turn" && name == NO_TURN_MODEL => {}
            Err(error) if key == "speech.turn" => {
                findings.warning(key, format!("{error}; until then silence alone tells when a caller has finished"));
            }
            Err(error) => findings.error(key, error),
            Ok(_) => {}
        }
    }
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.level) {
        findings.error("log.level", format!("{error}: write a level such as \"info\" or \"info,vca::sip=debug\""));
    }
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { severity: Severity::Error, key: key.into(), message: message.into() });
    }

    fn warning(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { severity: Severity::Warning, key: key.into(), message: message.into() });
    }
}

fn ports(config: &Config, findings: &mut Findings) {
    let media = &config.media;
    let (first, last) = (media.port_min, media.port_max);
    if first < 1024 || first % 2 != 0 {
        findings
            .error("media.port_min", format!("{first} must be even and at least 1024, because RTP takes even ports"));
    }
    if last <= first {
        findings.error("media.port_max", format!("{last} must be above `media.port_min` ({first})"));
        return;
    }
    let pairs = (u32::from(last) - u32::from(first)).div_ceil(2);
    if pairs < config.sip.max_calls {
        let wanted = u32::from(first) + 2 * config.sip.max_calls - 1;
        let message = format!(
            "ports {first} to {last} carry {pairs} calls, `sip.max_calls` is {}: widen the range to {wanted} or lower it",
            config.sip.max_calls
        );
        findings.warning("media.port_max", message);
    }
    for port in config.sip.udp.iter().map(SocketAddr::port).filter(|port| (first..=last).contains(port)) {
        findings.error("sip.udp", format!("port {port} lies between the media ports {first} and {last}"));
    }
    if config.sip.tcp.iter().any(|tcp| collide(*tcp, config.http.listen)) {
        findings.error(
            "http.listen",
            format!("{} is also where SIP over TCP listens: choose another port", config.http.listen),
        );
    }
    let udp = config.sip.udp.iter().map(|udp| ("sip.udp", udp.port()));
    for (key, port) in udp.chain([("http.listen", config.http.listen.port())]) {
        if port == 0 {
            findings.warning(key, "port 0 takes any free port, another one at each start");
        }
    }
}

fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    let overlap = a.ip() == b.ip() || (any && a.is_ipv4() == b.is_ipv4());
    a.port() == b.port() && a.port() != 0 && overlap
}

fn limits(config: &Config, findings: &mut Findings) {
    let at_least_one = [
        ("database.max_connections", config.database.max_connections),
        ("sip.max_calls", config.sip.max_calls),
        ("sip.max_call_s", config.sip.max_call_s),
        ("media.dead_media_s", config.media.dead_media_s),
    ];
    if config.sip.stranger_rate == 0 {
        findings.error("sip.stranger_rate", "must be at least 1: leave callers out by `sip.peers` instead");
    }
    for (key, value) in at_least_one {
        if value == 0 {
            findings.error(key, "must be at least 1: with 0 no call would be taken");
        }
    }
}

fn telemetry(config: &Config, findings: &mut Findings) {
    let is_http = |url: &String| url.starts_with("http://") || url.starts_with("https://");
    if config.telemetry.otlp.as_ref().is_some_and(|url| !is_http(url)) {
        findings.error("telemetry.otlp", "is no address of HTTP: write it like \"http://127.0.0.1:4318\", or \"off\"");
    }
    if config.telemetry.sample_percent > 100 {
        findings.error("telemetry.sample_percent", "is a share of a hundred: write 0 to 100");
    }
}

fn exposure(config: &Config, findings: &mut Findings) {
    if config.sip.peers.is_empty() && config.trunks.is_empty() {
        findings.warning("sip.peers", "is empty: every call will be refused; list the addresses of your trunks");
    }
    if let Some(all) = config.sip.peers.iter().find(|network| network.prefix() == 0) {
        findings.warning(
            "sip.peers",
            format!("{all} lets anybody in the world call in: list the addresses of your trunks"),
        );
    }
    if config.sip.public_ip.is_some_and(|ip| ip.is_unspecified() || ip.is_multicast()) {
        findings.error("sip.public_ip", "is no address that a trunk could send to: write the public one, or \"auto\"");
    }
    if !config.http.listen.ip().is_loopback() {
        let message = "is open to the network without TLS: listen on 127.0.0.1 behind a proxy that has TLS";
        findings.warning("http.listen", message);
    }
}

fn trunks(config: &Config, findings: &mut Findings) {
    for trunk in &config.trunks {
        let (settings, key) = (&trunk.settings, |key: &str| format!("trunks.{}.{key}", trunk.name));
        if settings.mode == TrunkMode::Register {
            if settings.registrar.is_none() {
                findings.error(key("registrar"), "is needed to register: write the carrier's domain or address");
            }
            if settings.from_user.is_none() {
                findings.error(key("from_user"), "is needed to register: write the number or user of the line");
            }
            if trunk.password.is_none() {
                findings.warning(key("password"), "is absent: a carrier that asks for one will refuse us");
            }
        } else if settings.sbc_ips.is_empty() && settings.outbound_proxy.is_none() {
            findings.warning(key("sbc_ips"), "is empty: calls of this trunk come only from `sip.peers`");
        }
        if settings.srtp != SrtpUse::Off && settings.transport != TrunkTransport::Tls {
            let message =
                "sends the media's keys in signalling that anybody on the way can read: set `transport` to tls";
            findings.warning(key("srtp"), message);
        }
        if let Some(did) = trunk.dids.iter().find(|did| !config.tenants.iter().any(|t| t.dids.contains(did))) {
            findings.warning(key("dids"), format!("{did} is no [[tenants]]'s: answered if the database knows it"));
        }
    }
    let mut owners: HashMap<&E164, &str> = HashMap::new();
    let mut names = HashSet::new();
    for tenant in &config.tenants {
        if !names.insert(&tenant.name) {
            findings.error("tenants", format!("two are called {:?}: rename one", tenant.name));
        }
        if jiff::tz::TimeZone::get(&tenant.time_zone).is_err() {
            findings.error("tenants", format!("{:?} is no time zone: write one like Asia/Kolkata", tenant.time_zone));
        }
        for did in &tenant.dids {
            if let Some(owner) = owners.insert(did, &tenant.name) {
                findings
                    .error("tenants", format!("{did} is {owner:?}'s and {:?}'s: a number has one owner", tenant.name));
            }
        }
    }
}

/// The models of declared engines that work on this machine, with the keys that name them.
fn local_engines(config: &Config) -> impl Iterator<Item = (String, &str)> {
    config.engines.iter().filter(|(_, spec)| !spec.kind.is_remote()).filter_map(|(name, spec)| {
        let (key, model) =
            if spec.kind.craft() == Craft::Hears { ("model", &spec.model) } else { ("voice", &spec.voice) };
        Some((format!("engines.{name}.{key}"), model.as_deref()?))
    })
}

fn engines(config: &Config, findings: &mut Findings) {
    for (name, spec) in &config.engines {
        if spec.shows_its_key() {
            let message = "sends its `api_key` in the clear over the network: write https";
            findings.warning(format!("engines.{name}.url"), message);
        }
    }
    for tenant in &config.tenants {
        let Some(choice) = &tenant.speech else { continue };
        for message in choice_faults(&config.engines, choice) {
            findings.error("tenants", format!("`speech` of {:?}: {message}", tenant.name));
        }
    }
}

/// What is wrong with a profile's choice of engines on this node.
pub(in crate::cli) fn choice_faults(engines: &BTreeMap<String, EngineSpec>, choice: &SpeechChoice) -> Vec<String> {
    let chosen = [(&choice.stt, Craft::Hears), (&choice.tts, Craft::Speaks), (&choice.llm, Craft::Thinks)];
    let wrong = chosen.into_iter().flat_map(|(names, craft)| wrong_choices(engines, names, craft));
    let voice = choice.voice.as_ref().and_then(|_| {
        let first = choice.tts.first().map_or(OWN_TTS, String::as_str);
        let fixed = engines.get(first).is_none_or(|spec| !spec.kind.is_remote());
        fixed.then(|| format!("`{first}` speaks with one voice: leave `voice` out, or declare an engine with it"))
    });
    wrong.chain(voice).collect()
}

/// What is wrong with a list of engines that shall do `craft`.
fn wrong_choices(engines: &BTreeMap<String, EngineSpec>, names: &[String], craft: Craft) -> Vec<String> {
    let own = match craft {
        Craft::Hears => Some(OWN_STT),
        Craft::Speaks => Some(OWN_TTS),
        Craft::Thinks => None,
    };
    let of_kind = |name: &str| engines.get(name).map(|spec| spec.kind.craft());
    let known: Vec<&str> = engines.keys().map(String::as_str).filter(|name| of_kind(name) == Some(craft)).collect();
    let can = |craft: Craft| match craft {
        Craft::Hears => "recognise speech",
        Craft::Speaks => "speak",
        Craft::Thinks => "tell what callers mean",
    };
    let list = |craft: Craft| match craft {
        Craft::Hears => "stt",
        Craft::Speaks => "tts",
        Craft::Thinks => "llm",
    };
    let wrong = |(at, name): (usize, &String)| match of_kind(name) {
        _ if names[..at].contains(name) => Some(format!("names `{name}` twice: keep one")),
        Some(right) if right == craft => None,
        Some(other) => Some(format!("`{name}` cannot {}: put it into `{}`", can(craft), list(other))),
        None if own == Some(name.as_str()) => None,
        None => {
            let known = known.iter().copied().chain(own);
            let mend = super::load::nearest_word(known.clone(), name).map_or_else(
                || match known.clone().next() {
                    Some(_) => format!("known are {}", known.clone().collect::<Vec<_>>().join(", ")),
                    None => format!("declare one with [engines.{name}]"),
                },
                |near| format!("did you mean `{near}`?"),
            );
            Some(format!("no engine is called `{name}`; {mend}"))
        }
    };
    names.iter().enumerate().filter_map(wrong).collect()
}

fn redis(config: &Config, findings: &mut Findings) {
    let prefix = &config.redis.prefix;
    if prefix.is_empty() || prefix.contains(['{', '}']) {
        findings.error("redis.prefix", "is empty or has braces: write one word, such as \"vca\"");
    }
    let Some(options) = config.redis() else { return };
    match options.is_exposed() {
        Err(error) => findings.error("redis.url", error.to_string()),
        Ok(true) => {
            let message = "sends callers' numbers and words in the clear over the network: write rediss://";
            findings.warning("redis.url", message);
        }
        Ok(false) => {}
    }
}

fn tls(config: &Config, findings: &mut Findings) {
    let tls = &config.sip.tls;
    for (key, has, other, needed) in [
        ("sip.tls.key", tls.certificate.is_some(), "sip.tls.certificate", tls.key.is_some()),
        ("sip.tls.certificate", tls.key.is_some(), "sip.tls.key", tls.certificate.is_some()),
        (
            "sip.tls.client_key",
            tls.client_certificate.is_some(),
            "sip.tls.client_certificate",
            tls.client_key.is_some(),
        ),
        (
            "sip.tls.client_certificate",
            tls.client_key.is_some(),
            "sip.tls.client_key",
            tls.client_certificate.is_some(),
        ),
    ] {
        if has && !needed {
            findings.error(key, format!("is \"off\" beside `{other}`: a certificate and its key go together"));
        }
    }
    let taken = |listen: &SocketAddr| config.sip.tcp.iter().any(|tcp| collide(*listen, *tcp));
    if tls.listen.iter().any(|listen| collide(*listen, config.http.listen) || taken(listen)) {
        findings.error("sip.tls.listen", "is taken by `sip.tcp` or `http.listen`: choose another port, such as 5061");
    }
    if let Err(error) = crate::sip::net::tls::check(&tls.stack()) {
        findings.error("sip.tls", error.to_string());
    }
}

fn turns(config: &Config, findings: &mut Findings) {
    let turns = &config.turns;
    let ascending = [
        ("turns.likely_end_ms", "turns.speculate_ms", turns.speculate_ms, turns.likely_end_ms),
        ("turns.end_of_turn_ms", "turns.likely_end_ms", turns.likely_end_ms, turns.end_of_turn_ms),
        ("turns.doubtful_end_ms", "turns.end_of_turn_ms", turns.end_of_turn_ms, turns.doubtful_end_ms),
        ("turns.unfinished_end_ms", "turns.doubtful_end_ms", turns.doubtful_end_ms, turns.unfinished_end_ms),
        ("turns.dictation_end_ms", "turns.end_of_turn_ms", turns.end_of_turn_ms, turns.dictation_end_ms),
        ("turns.likely_percent", "turns.doubtful_percent", turns.doubtful_percent, turns.likely_percent),
        ("turns.no_input_ms", "turns.dictation_end_ms", turns.dictation_end_ms, turns.no_input_ms),
        ("turns.max_utterance_ms", "turns.no_input_ms", turns.no_input_ms, turns.max_utterance_ms),
    ];
    for (key, lower_key, lower, upper) in ascending {
        if upper < lower {
            findings.error(key, format!("{upper} must not be below `{lower_key}` ({lower})"));
        }
    }
    for (key, value) in
        [("turns.unfinished_end_ms", turns.unfinished_end_ms), ("turns.dictation_end_ms", turns.dictation_end_ms)]
    {
        if value > turns.watchdog_ms {
            findings.error(key, format!("{value} must not be above `turns.watchdog_ms` ({})", turns.watchdog_ms));
        }
    }
    if !(100..=5_000).contains(&turns.llm_ms) {
        findings.error("turns.llm_ms", "must be between 100 and 5000: a caller waits for it");
    }
    if turns.likely_percent > 100 {
        findings.error("turns.likely_percent", "must be 100 at most");
    }
    if turns.speculate_ms < 60 {
        findings.error("turns.speculate_ms", "must be at least 60: shorter silences occur inside words");
    }
    if !(200..=10_000).contains(&turns.watchdog_ms) {
        findings.error("turns.watchdog_ms", "must be between 200 and 10000, so that callers never hear a long silence");
    }
}

/// Tries to make a file in `folder`, or in the nearest folder above it that exists.
fn writable(folder: &Path) -> std::io::Result<()> {
    let here = Path::new(".");
    let existing = folder.ancestors().find(|path| !path.as_os_str().is_empty() && path.exists()).unwrap_or(here);
    let probe = existing.join(format!(".vca-check-{}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}
