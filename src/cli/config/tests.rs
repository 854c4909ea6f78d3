use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::cli::check_config::{CheckConfigArgs, run_check};

const NO_ENV: [(String, String); 0] = [];

/// A configuration file and the folder that keeps it.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vca.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The error for a file, with the folder's name taken out of it.
fn error_of(text: &str) -> String {
    let (folder, path) = file(text);
    let error = Config::load(Some(&path), NO_ENV).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

fn env_error(name: &str, value: &str) -> String {
    Config::load(None, env(&[(name, value)])).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_a_configuration_and_list_every_key() {
    let config = Config::load(None, NO_ENV).unwrap();
    assert_eq!(config.sip.udp, ["0.0.0.0:5060".parse().unwrap()]);
    assert_eq!(config.sip.scanners, crate::sip::ua::known_scanners());
    assert_eq!((config.models_dir.as_ref(), config.sip.public_ip), (None, None));
    assert_eq!(config.turns, TurnSettings::default());
    assert_eq!(config.sip.peers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.0/8", "::1"]);
    let listed = load::leaves(&DEFAULTS.parse().unwrap());
    let typed = load::leaves(&toml::Table::try_from(&config).unwrap());
    assert_eq!(listed, typed, "config/vca.default.toml and `Config` have the same keys");
}

#[test]
fn one_line_connects_nodes_and_its_password_is_shown_nowhere() {
    let (_folder, path) = file("redis.url = \"rediss://vca:top-secret@redis.example/1\"\n");
    let loaded = Loaded::load(Some(&path), NO_ENV).unwrap();
    assert_eq!(loaded.config.redis().unwrap().url.reveal(), "rediss://vca:top-secret@redis.example/1");
    let shown = format!("{:?} {:?}", loaded.lines(), loaded.config);
    assert!(shown.contains("redis.url") && !shown.contains("top-secret"), "{shown}");
    for (url, finding) in [
        ("redis://127.0.0.1:6379", None),
        ("rediss://redis.example", None),
        ("redis://redis.example", Some("warning: `redis.url`")),
        ("http://redis.example/top-secret", Some("error: `redis.url`")),
    ] {
        let config = Config::load(None, env(&[("VCA__REDIS__URL", url)])).unwrap();
        let found: Vec<String> = check(&config, &|_, _| Ok(())).iter().map(ToString::to_string).collect();
        let found: Vec<&String> = found.iter().filter(|finding| finding.contains("redis")).collect();
        assert_eq!(
            found.first().map(|found| found.starts_with(finding.unwrap_or("no finding"))),
            finding.map(|_| true)
        );
        assert!(!found.iter().any(|found| found.contains("top-secret")), "{found:?}");
    }
}

#[test]
fn every_default_has_a_comment_above_it() {
    let mut commented = false;
    for line in DEFAULTS.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(commented, "no comment above: {line}");
        }
        commented = line.starts_with('#');
    }
}

#[test]
fn the_manual_explains_every_key() {
    let manual = include_str!("../../../docs/configuration.md");
    let table: toml::Table = DEFAULTS.parse().unwrap();
    for key in load::leaves(&table) {
        assert!(manual.contains(&format!("`{key}`")), "docs/configuration.md lacks {key}");
    }
    let (_, keys) = manual.split_once("## Keys").unwrap();
    let (keys, _) = keys.split_once("\n## ").unwrap();
    for mentioned in keys.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        assert!(
            load::leaves(&table).iter().any(|key| key == mentioned),
            "the manual explains {mentioned}, which is gone"
        );
    }
}

#[test]
fn the_file_overrides_the_defaults_and_the_environment_the_file() {
    let (_folder, path) = file("data_dir = \"/var/lib/vca\"\n[sip]\nmax_calls = 20\nudp = \"127.0.0.1:5070\"\n");
    let env = env(&[
        ("VCA__SIP__MAX_CALLS", "7"),
        ("VCA__SIP__TCP", "off"),
        ("VCA__SIP__PEERS", "203.0.113.7, 2001:db8::/32"),
        ("VCA__SPEECH__STT__LANGUAGE", "42"),
        ("VCA_CONFIG", "not ours"),
        ("PATH", "/bin"),
    ]);
    let loaded = Loaded::load(Some(&path), env).unwrap();
    let config = &loaded.config;
    assert_eq!(config.data_dir, PathBuf::from("/var/lib/vca"));
    assert_eq!(config.sip.udp, ["127.0.0.1:5070".parse().unwrap()]);
    assert_eq!((config.sip.max_calls, config.sip.tcp.len()), (7, 0));
    assert_eq!(config.sip.peers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["203.0.113.7", "2001:db8::/32"]);
    assert_eq!(config.speech.stt.language, "42", "a string is taken as it stands");
    assert_eq!(config.media.port_min, 10_000);
    assert_eq!(loaded.origin("sip.udp"), &Origin::File { path, line: 4 });
    assert_eq!(loaded.origin("sip.max_calls"), &Origin::Env { name: "VCA__SIP__MAX_CALLS".to_owned() });
    assert_eq!(loaded.origin("media.port_min"), &Origin::Default);
}

#[test]
fn both_families_are_listened_on_however_the_addresses_are_written() {
    let wanted: Vec<std::net::SocketAddr> = ["0.0.0.0:5060", "[::]:5060"].map(|addr| addr.parse().unwrap()).into();
    for text in [
        "[sip]\nudp = \"0.0.0.0:5060, [::]:5060\"\ntcp = \"0.0.0.0:5060,[::]:5060\"",
        "[sip]\nudp = [\"0.0.0.0:5060\", \"[::]:5060\"]\ntcp = [\"0.0.0.0:5060\", \"[::]:5060\"]",
    ] {
        let (_folder, path) = file(text);
        let loaded = Loaded::load(Some(&path), NO_ENV).unwrap();
        assert_eq!((&loaded.config.sip.udp, &loaded.config.sip.tcp), (&wanted, &wanted));
        let shown = loaded.lines().into_iter().find(|(key, ..)| key == "sip.udp").unwrap().1;
        assert_eq!(shown, "\"0.0.0.0:5060, [::]:5060\"");
    }
    let env = env(&[("VCA__SIP__UDP", "[::1]:5060"), ("VCA__SIP__TCP", "off")]);
    let config = Config::load(None, env).unwrap();
    assert_eq!((config.sip.udp, config.sip.tcp), (vec!["[::1]:5060".parse().unwrap()], vec![]));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let errors = [
        "[sip]\nudp = \"127.0.0.1:5060\"\nmax_call = 3",
        "[spi]\nudp = \"127.0.0.1:5060\"",
        "port_min = 4000",
        "[media]\nudp = 4000",
        "[speech.stt]\nmodell = \"x\"",
        "zebra = 1",
        "sip = 5",
        "[http.listen]\nport = 1",
    ]
    .map(error_of);
    assert!(errors.iter().all(|error| !error.contains('\n')));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    vca.toml:3: unknown key `sip.max_call`; did you mean `sip.max_calls`?
    vca.toml:1: unknown key `spi`; did you mean `sip`?
    vca.toml:1: unknown key `port_min`; did you mean `media.port_min`?
    vca.toml:2: unknown key `media.udp`; did you mean `sip.udp`?
    vca.toml:2: unknown key `speech.stt.modell`; did you mean `speech.stt.model`?
    vca.toml:1: unknown key `zebra`; `vca check-config` lists the known ones
    vca.toml:1: `sip`: is a section; its keys are `sip.drain_s`, `sip.keep_alive_s`, `sip.max_call_s`, `sip.max_calls`, `sip.peers`, `sip.profiles_dir`, `sip.public_ip`, `sip.retry_after_s`, `sip.ring_ms`, `sip.scanners`, `sip.stranger_rate`, `sip.tcp`, `sip.tls.ca`, `sip.tls.certificate`, `sip.tls.client_ca`, `sip.tls.client_certificate`, `sip.tls.client_key`, `sip.tls.key`, `sip.tls.listen`, `sip.udp`
    vca.toml:1: `http.listen`: is a value, not a section; write it like the default, "127.0.0.1:8080"
    "#);
}

#[test]
fn a_wrong_value_names_the_key_the_place_and_a_right_one() {
    let errors = [
        "[sip]\n\nudp = 5060",
        "[sip]\nudp = \"localhost:5060\"",
        "[sip]\ntcp = \"on\"",
        "[sip]\npeers = [\"127.0.0.1\", \"10.0.0.0/33\"]",
        "[media]\nport_min = 70000",
        "[media]\nport_min = -2",
        "[log]\nformat = \"xml\"",
        "[turns]\nwatchdog_ms = \"soon\"",
        "[sip]\npeers = \"127.0.0.1\"",
        "[log]\nlevel = 3",
    ]
    .map(error_of);
    assert!(errors.iter().all(|error| !error.contains('\n')));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    vca.toml:3: `sip.udp`: found 5060, expected an address and a port in quotes; write it like the default, "0.0.0.0:5060"
    vca.toml:2: `sip.udp`: invalid socket address syntax; write it like the default, "0.0.0.0:5060"
    vca.toml:2: `sip.tcp`: invalid socket address syntax, nor "off"; write it like the default, "0.0.0.0:5060"
    vca.toml:2: `sip.peers`: `10.0.0.0/33` is neither an address (203.0.113.7) nor a network (203.0.113.0/24); write it like the default, ["127.0.0.0/8", "::1"]
    vca.toml:2: `media.port_min`: found 70000, expected a number from 0 to 65535; write it like the default, 10000
    vca.toml:2: `media.port_min`: found -2, expected a number from 0 to 65535; write it like the default, 10000
    vca.toml:2: `log.format`: `xml` is none of text, json; write it like the default, "text"
    vca.toml:2: `turns.watchdog_ms`: found the text "soon", expected a whole number, 0 or more; write it like the default, 1500
    vca.toml:2: `sip.peers`: found the text "127.0.0.1", expected a list in brackets; write it like the default, ["127.0.0.0/8", "::1"]
    vca.toml:2: `log.level`: found 3, expected a text in quotes; write it like the default, "info"
    "#);
}

#[test]
fn a_wrong_environment_variable_is_named() {
    let errors = [
        env_error("VCA__SIP__UPD", "127.0.0.1:5060"),
        env_error("VCA__MEDIA__PORT_MIN", "ten thousand"),
        env_error("VCA__MEDIA__PORT_MIN", "1\nport_max = 2"),
        env_error("VCA__MEDIA__PORT_MIN", "99999"),
        env_error("VCA__SIP__PUBLIC_IP", "my.host"),
        env_error("VCA__SIP", "1"),
    ];
    assert!(errors.iter().all(|error| !error.contains('\n')));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    environment variable VCA__SIP__UPD: unknown key `sip.upd`; did you mean `VCA__SIP__UDP`?
    environment variable VCA__MEDIA__PORT_MIN: `media.port_min`: `ten thousand` cannot be read; write it like the default, 10000
    environment variable VCA__MEDIA__PORT_MIN: `media.port_min`: `1 port_max = 2` cannot be read; write it like the default, 10000
    environment variable VCA__MEDIA__PORT_MIN: `media.port_min`: found 99999, expected a number from 0 to 65535; write it like the default, 10000
    environment variable VCA__SIP__PUBLIC_IP: `sip.public_ip`: invalid IP address syntax, nor "auto"; write it like the default, "auto"
    environment variable VCA__SIP: `sip`: is a section; its keys are `VCA__SIP__DRAIN_S`, `VCA__SIP__KEEP_ALIVE_S`, `VCA__SIP__MAX_CALL_S`, `VCA__SIP__MAX_CALLS`, `VCA__SIP__PEERS`, `VCA__SIP__PROFILES_DIR`, `VCA__SIP__PUBLIC_IP`, `VCA__SIP__RETRY_AFTER_S`, `VCA__SIP__RING_MS`, `VCA__SIP__SCANNERS`, `VCA__SIP__STRANGER_RATE`, `VCA__SIP__TCP`, `VCA__SIP__TLS__CA`, `VCA__SIP__TLS__CERTIFICATE`, `VCA__SIP__TLS__CLIENT_CA`, `VCA__SIP__TLS__CLIENT_CERTIFICATE`, `VCA__SIP__TLS__CLIENT_KEY`, `VCA__SIP__TLS__KEY`, `VCA__SIP__TLS__LISTEN`, `VCA__SIP__UDP`
    "#);
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named_with_the_line() {
    insta::assert_snapshot!(error_of("[sip]\nudp = \n"), @r#"vca.toml:2:7: string values must be quoted, expected literal string; `vca check-config --defaults` prints an example"#);
    insta::assert_snapshot!(error_of("[sip]\nmax_calls = 1\nmax_calls = 2\n"), @r#"vca.toml:3:1: duplicate key; `vca check-config --defaults` prints an example"#);
    let missing = Config::load(Some(Path::new("/nowhere/vca.toml")), NO_ENV).unwrap_err();
    insta::assert_snapshot!(missing, @r#"/nowhere/vca.toml: cannot read the configuration: No such file or directory (os error 2); give another file with --config, or none"#);
}

fn findings(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (_file, path) = file(text);
    let mut config = Config::load(Some(&path), NO_ENV).unwrap();
    if config.data_dir == Path::new("data") {
        config.data_dir = folder.path().join("not/made/yet");
    }
    check(&config, &|_, _| Ok(())).iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_are_in_order() {
    assert_eq!(findings(""), Vec::<String>::new());
}

#[test]
fn what_contradicts_itself_is_found() {
    let texts = [
        "[media]\nport_min = 10001",
        "[media]\nport_min = 20000",
        "[media]\nport_max = 10009",
        "[media]\nport_min = 5000\nport_max = 6001",
        "[http]\nlisten = \"127.0.0.1:5060\"",
        "[http]\nlisten = \"0.0.0.0:8080\"",
        "[sip]\npeers = []",
        "[sip]\npeers = [\"0.0.0.0/0\"]",
        "[sip]\npublic_ip = \"0.0.0.0\"",
        "[sip]\nmax_calls = 0",
        "[turns]\nend_of_turn_ms = 100",
        "[turns]\nwatchdog_ms = 60000",
        "[log]\nlevel = \"vca=loud\"",
    ];
    let found: Vec<String> = texts.into_iter().flat_map(findings).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    error: `media.port_min`: 10001 must be even and at least 1024, because RTP takes even ports
    error: `media.port_max`: 19999 must be above `media.port_min` (20000)
    warning: `media.port_max`: ports 10000 to 10009 carry 5 calls, `sip.max_calls` is 100: widen the range to 10199 or lower it
    error: `sip.udp`: port 5060 lies between the media ports 5000 and 6001
    error: `http.listen`: 127.0.0.1:5060 is also where SIP over TCP listens: choose another port
    warning: `http.listen`: is open to the network without TLS: listen on 127.0.0.1 behind a proxy that has TLS
    warning: `sip.peers`: is empty: every call will be refused; list the addresses of your trunks
    warning: `sip.peers`: 0.0.0.0/0 lets anybody in the world call in: list the addresses of your trunks
    error: `sip.public_ip`: is no address that a trunk could send to: write the public one, or "auto"
    error: `sip.max_calls`: must be at least 1: with 0 no call would be taken
    error: `turns.end_of_turn_ms`: 100 must not be below `turns.likely_end_ms` (400)
    error: `turns.watchdog_ms`: must be between 200 and 10000, so that callers never hear a long silence
    error: `log.level`: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5: write a level such as "info" or "info,vca::sip=debug"
    "#);
}

#[test]
fn a_data_folder_that_cannot_be_made_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let found = findings(&format!("data_dir = \"{}\"", blocked.join("data").display()));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("error: `data_dir`: ") && found[0].contains("file/data"), "{}", found[0]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn the_command_shows_values_and_origins_and_fails_on_errors() {
    let (folder, path) = file("[sip]\nmax_calls = 3\n[media]\nport_max = 9999\n");
    let data = folder.path().display().to_string();
    let run = |args: &CheckConfigArgs, variables: &[(&str, &str)]| {
        let mut out = Vec::new();
        let missing = |_: &Config, name: &str| match name {
            "piper-joe" => Err("no model is called `piper-joe`".to_owned()),
            _ => Ok(()),
        };
        let code = run_check(args, env(variables), &missing, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap().replace(&data, "DIR"))
    };
    let args = CheckConfigArgs { config: Some(path), defaults: false };
    let (code, shown) = run(&args, &[("VCA__DATA_DIR", &data)]);
    assert_eq!(code, 2);
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let telling: Vec<String> = shown.lines().filter(|line| !line.ends_with("# default")).map(squeezed).collect();
    insta::assert_snapshot!(telling.join("\n"), @r#"
    data_dir = "DIR" # environment variable VCA__DATA_DIR
    media.port_max = 9999 # DIR/vca.toml:4
    sip.max_calls = 3 # DIR/vca.toml:2
    error: `media.port_max`: 9999 must be above `media.port_min` (10000) (DIR/vca.toml:4)
    error: `speech.tts.voice`: no model is called `piper-joe` (default)
    "#);
    assert!(shown.lines().any(|line| line.starts_with("media.port_min = 10000 ") && line.ends_with("# default")));

    let (code, shown) = run(&args, &[("VCA__NONSENSE", "1")]);
    assert_eq!((code, shown.lines().count()), (2, 1), "{shown}");
    let (code, shown) = run(&CheckConfigArgs { defaults: true, ..CheckConfigArgs::default() }, &[]);
    assert_eq!((code, shown.as_str()), (0, DEFAULTS));
}

proptest! {
    #[test]
    fn no_environment_upsets_the_loader(name in "VCA__[A-Z_]{0,20}", value in "\\PC{0,30}") {
        let _ = Config::load(None, [(name, value)]);
    }

    #[test]
    fn networks_round_trip(text in "([0-9]{1,3}\\.){3}[0-9]{1,3}(/[0-9]{1,2})?|[0-9a-f:]{2,20}(/[0-9]{1,3})?") {
        if let Ok(network) = text.parse::<IpNet>() {
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }
    }
}
