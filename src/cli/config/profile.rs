//! Carrier profiles: files of `TrunkSettings` keys that differ from the defaults, built in or from a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::load::{self, ConfigError, Origin};
use crate::domain::TrunkSettings;

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../sip-profiles/", $name, ".toml")))),*]
    };
}

/// Name and text of every profile that is compiled in.
pub const BUILT_IN: &[(&str, &str)] = built_in![
    "airtel-ims",
    "airtel-public",
    "asterisk",
    "bsnl-ngn",
    "bsnl-wings",
    "exotel",
    "generic-peer",
    "generic-register",
    "jio",
    "plivo",
    "tata-cloud",
    "tata-private",
    "telnyx",
    "twilio",
    "vi",
    "vobiz",
];

/// One profile as it is written: every key is known and of the right type.
#[derive(Debug, Clone)]
pub struct Profile {
    pub keys: Table,
    pub origins: BTreeMap<String, Origin>,
}

impl Profile {
    /// Reads `NAME.toml` in `folder`, or else the built-in profile; `None` when neither is there.
    ///
    /// # Errors
    /// [`ConfigError`] with file and line for text that is no TOML, an unknown key or a value of the wrong type.
    pub fn find(name: &str, folder: Option<&Path>) -> Result<Option<Self>, ConfigError> {
        // A name is no path.
        if !is_name(name) {
            return Ok(None);
        }
        if let Some(path) = folder.map(|folder| folder.join(format!("{name}.toml"))).filter(|path| path.exists()) {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
            return Self::parse(&path, &text).map(Some);
        }
        let text = BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| text);
        text.map(|text| Self::parse(&PathBuf::from(format!("built-in profile {name}")), text)).transpose()
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (keys, origins) = load::parse_text(path, text)?;
        for (key, value) in &keys {
            check_setting(key, value, origins.get(key).unwrap_or(&Origin::Default), &[])?;
        }
        Ok(Self { keys, origins })
    }
}

/// Whether this may name a trunk or a profile: lower-case letters, digits, `-`.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Refuses a key that `TrunkSettings` has not (nor `besides`), and a value that does not fit it.
pub(super) fn check_setting(
    key: &str,
    value: &Value,
    origin: &Origin,
    besides: &[&'static str],
) -> Result<(), ConfigError> {
    let known = load::fields_of::<TrunkSettings>();
    if !known.contains(&key) {
        let mend = match load::nearest_word(known.iter().chain(besides).copied(), key) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "docs/carriers.md lists the known ones".to_owned(),
        };
        return Err(ConfigError::UnknownKey { origin: origin.clone(), key: load::one_line(key), mend });
    }
    let alone = Table::from_iter([(key.to_owned(), value.clone())]);
    alone.try_into::<TrunkSettings>().map(drop).map_err(|error| ConfigError::Value {
        origin: origin.clone(),
        key: key.to_owned(),
        message: load::one_line(error.message()),
        mend: "docs/carriers.md says what it may be".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TrunkMode;

    #[test]
    fn every_profile_loads_and_says_how_sure_it_is() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-profiles");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, BUILT_IN.len(), "every file in sip-profiles is compiled in");
        for (name, _) in BUILT_IN {
            let profile = Profile::find(name, None).unwrap().unwrap();
            let defaults = Table::try_from(TrunkSettings::default()).unwrap();
            for (key, value) in &profile.keys {
                // How sure we are is said in any case.
                assert!(key == "confidence" || defaults.get(key) != Some(value), "{name}: `{key}` is the default");
            }
            let written = profile.keys.clone();
            let settings: TrunkSettings = profile.keys.try_into().unwrap();
            assert!(!settings.title.is_empty() && !settings.source.is_empty(), "{name}");
            assert!(written.contains_key("confidence"), "{name} says how sure its facts are");
            for key in ["registrar", "outbound_proxy", "from_user", "sbc_ips", "local_bind"] {
                assert!(!written.contains_key(key), "{name}: `{key}` is the operator's");
            }
        }
    }

    #[test]
    fn carriers_that_refuse_register_are_peers() {
        let mode = |name: &str| {
            let keys = Profile::find(name, None).unwrap().unwrap().keys;
            keys.try_into::<TrunkSettings>().unwrap().mode
        };
        for name in ["exotel", "plivo", "tata-cloud", "vi", "generic-peer", "asterisk"] {
            assert_eq!(mode(name), TrunkMode::Peer, "{name}");
        }
        for name in ["airtel-ims", "tata-private", "jio", "bsnl-ngn", "generic-register"] {
            assert_eq!(mode(name), TrunkMode::Register, "{name}");
        }
    }

    #[test]
    fn a_folder_goes_before_the_built_in_and_its_faults_are_named_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jio.toml");
        std::fs::write(&path, "expiry = 77\n").unwrap();
        let found = Profile::find("jio", Some(folder.path())).unwrap().unwrap();
        assert_eq!(found.keys["expiry"].as_integer(), Some(77));
        for (text, expected) in [
            ("# x\nexpirey = 77\n", "jio.toml:2: unknown key `expirey`; did you mean `expiry`?"),
            ("expiry = \"soon\"\n", "jio.toml:1: `expiry`: "),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Profile::find("jio", Some(folder.path())).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Profile::find("../jio", Some(folder.path())).unwrap().is_none());
        assert!(Profile::find("vi", Some(folder.path())).unwrap().is_some());
    }

    #[test]
    fn the_manual_of_carriers_explains_every_key_and_profile() {
        let manual = include_str!("../../../docs/carriers.md");
        for key in load::fields_of::<TrunkSettings>() {
            assert!(manual.contains(&format!("| `{key}` |")), "docs/carriers.md does not explain `{key}`");
        }
        for (name, _) in BUILT_IN {
            assert!(manual.contains(&format!("`{name}`")), "docs/carriers.md does not name `{name}`");
        }
    }
}
