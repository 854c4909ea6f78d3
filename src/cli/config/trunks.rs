//! `[[trunks]]`: whom calls come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::load::{self, ConfigError, Origin};
use super::profile::{self, BUILT_IN, Profile};
use crate::domain::{E164, Secret, Trunk, TrunkSettings};

/// What an entry of `[[trunks]]` may say besides `TrunkSettings`.
const OWN_KEYS: &[&str] = &["name", "profile", "password", "password_file", "dids"];

/// One line of `vca check-config`: dotted key, value as TOML, origin.
pub(super) type Line = (String, String, Origin);

/// An entry of a list of sections, with where its keys are written.
pub(super) struct Entry {
    pub keys: Table,
    pub origins: BTreeMap<String, Origin>,
    pub origin: Origin,
}

impl Entry {
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).unwrap_or(&self.origin).clone()
    }

    pub(super) fn fault(&self, key: &str, message: impl Into<String>, mend: impl Into<String>) -> ConfigError {
        let (message, mend) = (load::one_line(&message.into()), mend.into());
        ConfigError::Value { origin: self.origin(key), key: key.to_owned(), message, mend }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.fault(key, "is no text", "write it in quotes")),
        }
    }
}

/// Takes `[[section]]` out of the file's table.
pub(super) fn entries(
    section: &str,
    table: &mut Table,
    origins: &BTreeMap<String, Origin>,
) -> Result<Vec<Entry>, ConfigError> {
    let whole = origins.get(section).cloned().unwrap_or(Origin::Default);
    let wrong = || ConfigError::Value {
        origin: whole.clone(),
        key: section.to_owned(),
        message: "is a list of sections".to_owned(),
        mend: format!("begin each with [[{section}]]"),
    };
    let items = match table.remove(section) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(wrong()),
    };
    let entry = |(index, item)| {
        let Value::Table(keys) = item else { return Err(wrong()) };
        let prefix = format!("{section}.{index}");
        let dotted = format!("{prefix}.");
        let of_keys = origins.iter().filter_map(|(key, at)| Some((key.strip_prefix(&dotted)?.to_owned(), at.clone())));
        let origin = origins.get(&prefix).cloned().unwrap_or(Origin::Default);
        Ok(Entry { keys, origins: of_keys.collect(), origin })
    };
    items.into_iter().enumerate().map(entry).collect()
}

/// Takes the trunks out of the file's table, with the environment (`NAME__KEY`, without the prefix) over them.
pub(super) fn trunks(
    table: &mut Table,
    origins: &BTreeMap<String, Origin>,
    env: &[(String, String)],
    profiles: Option<&Path>,
) -> Result<(Vec<Trunk>, Vec<Line>), ConfigError> {
    let mut entries = entries("trunks", table, origins)?;
    for (name, text) in env {
        over_by_env(&mut entries, name, text)?;
    }
    let (mut trunks, mut lines): (Vec<Trunk>, Vec<Line>) = Default::default();
    for entry in entries {
        let trunk = read_trunk(&entry, profiles, &mut lines)?;
        if trunks.iter().any(|other| other.name == trunk.name) {
            return Err(entry.fault("name", format!("two trunks are called `{}`", trunk.name), "rename one"));
        }
        trunks.push(trunk);
    }
    Ok((trunks, lines))
}

/// `VCA__TRUNKS__MY_LINE__PASSWORD` is `password` of the trunk `my-line`.
fn over_by_env(entries: &mut [Entry], variable: &str, text: &str) -> Result<(), ConfigError> {
    let origin = Origin::Env { name: load::one_line(&format!("{}TRUNKS__{variable}", load::ENV_PREFIX)) };
    let lower = variable.to_lowercase();
    let unknown = |mend: &str| ConfigError::UnknownKey {
        origin: origin.clone(),
        key: load::one_line(&lower),
        mend: mend.to_owned(),
    };
    let (name, key) = lower.split_once("__").ok_or_else(|| unknown("write VCA__TRUNKS__NAME__PASSWORD"))?;
    let called = |entry: &&mut Entry| {
        entry.keys.get("name").and_then(Value::as_str).is_some_and(|known| known.replace('-', "_") == name)
    };
    let entry = entries.iter_mut().find(called).ok_or_else(|| unknown("no trunk of the file has this name"))?;
    let as_text = Value::String(text.to_owned());
    let own = OWN_KEYS.contains(&key) && !matches!(key, "name" | "dids");
    let value = if own || profile::check_setting(key, &as_text, &origin, OWN_KEYS).is_ok() {
        as_text
    } else {
        let value = load::parse_value(text).unwrap_or(as_text);
        profile::check_setting(key, &value, &origin, OWN_KEYS)?;
        value
    };
    entry.keys.insert(key.to_owned(), value);
    if key == "password" {
        entry.keys.remove("password_file");
    }
    entry.origins.insert(key.to_owned(), origin);
    Ok(())
}

fn read_trunk(entry: &Entry, profiles: Option<&Path>, lines: &mut Vec<Line>) -> Result<Trunk, ConfigError> {
    let name = entry.text("name")?.unwrap_or_default();
    if !profile::is_name(&name) {
        return Err(entry.fault(
            "name",
            format!("`{name}` is no name of a trunk"),
            "write lower-case letters, digits, `-`",
        ));
    }
    let named = entry.text("profile")?;
    let profile_name = named.as_deref().unwrap_or("generic-peer");
    let profile = Profile::find(profile_name, profiles)?.ok_or_else(|| {
        let known = BUILT_IN.iter().map(|(known, _)| *known);
        let mend = load::nearest_word(known.clone(), profile_name);
        let mend = mend.map_or_else(
            || format!("known are {}", known.collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        entry.fault("profile", format!("no profile is called `{profile_name}`"), mend)
    })?;
    let mut merged = Table::try_from(TrunkSettings::default()).expect("invariant: settings can be written as TOML");
    let mut origins = profile.origins;
    merged.extend(profile.keys);
    for (key, value) in entry.keys.iter().filter(|(key, _)| !OWN_KEYS.contains(&key.as_str())) {
        profile::check_setting(key, value, &entry.origin(key), OWN_KEYS)?;
        merged.insert(key.clone(), value.clone());
        origins.insert(key.clone(), entry.origin(key));
    }
    let password = read_secret(entry, "password", "password_file")?;
    let mut show =
        |key: &str, value: String, origin: Origin| lines.push((format!("trunks.{name}.{key}"), value, origin));
    show(
        "profile",
        format!("{profile_name:?}"),
        if named.is_some() { entry.origin("profile") } else { Origin::Default },
    );
    if password.is_some() {
        let key = if entry.keys.contains_key("password") { "password" } else { "password_file" };
        show("password", "\"…\"".to_owned(), entry.origin(key));
    }
    let dids = read_dids(entry)?;
    show("dids", format!("{:?}", dids.iter().map(E164::as_str).collect::<Vec<_>>()), entry.origin("dids"));
    for (key, value) in &merged {
        show(key, value.to_string(), origins.get(key).cloned().unwrap_or(Origin::Default));
    }
    let settings =
        merged.try_into().map_err(|error: toml::de::Error| entry.fault("trunks", error.message(), "mend it"))?;
    Ok(Trunk { name, profile: profile_name.to_owned(), settings, password, dids })
}

/// A secret that is written as `key`, or lies in the file that `file_key` names.
pub(super) fn read_secret(entry: &Entry, key: &str, file_key: &str) -> Result<Option<Secret>, ConfigError> {
    let file = entry.text(file_key)?.map(PathBuf::from);
    match (entry.text(key)?, file) {
        (Some(_), Some(_)) => Err(entry.fault(file_key, format!("stands beside `{key}`"), "keep one of them")),
        (Some(secret), None) => Ok(Some(Secret::new(secret))),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                entry.fault(file_key, format!("{} cannot be read: {error}", path.display()), "name another file")
            })?;
            Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
        }
        (None, None) => Ok(None),
    }
}

fn read_dids(entry: &Entry) -> Result<Vec<E164>, ConfigError> {
    let mend = "write them like [\"+918047180000\"]";
    match entry.keys.get("dids") {
        None => Ok(Vec::new()),
        Some(list) => {
            list.clone().try_into().map_err(|error: toml::de::Error| entry.fault("dids", error.message(), mend))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, check};
    use crate::domain::{TrunkMode, TrunkTransport};

    const LINE: &str =
        "[[trunks]]\nname = \"my-line\"\nprofile = \"exotel\"\ndids = [\"+918047180000\"]\nchannels = 4\n";

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Loaded, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vca.toml");
        std::fs::write(&path, text).unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Loaded::load(Some(&path), env).map_err(|error| error.to_string())
    }

    #[test]
    fn a_trunk_is_its_profile_under_the_file_under_the_environment() {
        let env = [("VCA__TRUNKS__MY_LINE__PASSWORD", "top secret"), ("VCA__TRUNKS__MY_LINE__CPS", "7")];
        let loaded = load(LINE, &env).unwrap();
        let trunk = &loaded.config.trunks[0];
        assert_eq!((trunk.settings.mode, trunk.settings.transport), (TrunkMode::Peer, TrunkTransport::Tcp));
        assert_eq!((trunk.settings.channels, trunk.settings.cps, trunk.settings.ptime_ms), (4, 7, 20));
        assert_eq!(trunk.password.as_ref().unwrap().reveal(), "top secret");
        let shown: Vec<String> =
            loaded.lines().into_iter().map(|(key, value, origin)| format!("{key} = {value} # {origin}")).collect();
        assert!(!shown.iter().any(|line| line.contains("top secret")));
        for expected in [
            "trunks.my-line.password = \"…\" # environment variable VCA__TRUNKS__MY_LINE__PASSWORD",
            "trunks.my-line.cps = 7 # environment variable VCA__TRUNKS__MY_LINE__CPS",
            "trunks.my-line.ptime_ms = 20 # default",
        ] {
            assert!(shown.iter().any(|line| line == expected), "{expected}");
        }
        assert!(shown.iter().any(|line| line.contains("channels = 4") && line.ends_with("vca.toml:5")));
        assert!(shown.iter().any(|line| line.contains("dtmf_payload_type = 96 # built-in profile exotel:")));
    }

    #[test]
    fn faults_are_named_by_line_and_with_the_nearest_word() {
        for (text, expected) in [
            (
                LINE.replace("exotel", "exotell"),
                "vca.toml:3: `profile`: no profile is called `exotell`; did you mean `exotel`?",
            ),
            (LINE.replace("channels", "chanels"), "vca.toml:5: unknown key `chanels`; did you mean `channels`?"),
            (LINE.replace("channels = 4", "channels = \"4\""), "vca.toml:5: `channels`: "),
            (LINE.replace("my-line", "My Line"), "vca.toml:2: `name`: "),
            (format!("{LINE}{LINE}"), "vca.toml:7: `name`: two trunks"),
            (LINE.replace("[[trunks]]", "[trunks]"), "begin each with [[trunks]]"),
            ("[[tenants]]\nnam = \"x\"\n".to_owned(), "vca.toml:2: unknown key `nam`; did you mean `name`?"),
            (format!("{LINE}password = \"a\"\npassword_file = \"b\"\n"), "keep one of them"),
        ] {
            let error = load(&text, &[]).unwrap_err();
            assert!(error.contains(expected), "{expected}\n{error}");
        }
        let error = load(LINE, &[("VCA__TRUNKS__OTHER__PASSWORD", "x")]).unwrap_err();
        assert!(error.contains("no trunk of the file has this name"), "{error}");
    }

    #[test]
    fn contradictions_between_trunks_and_tenants_are_found() {
        let tenant = |name: &str| {
            format!(
                "[[tenants]]\nname = \"{name}\"\ndids = [\"+918047180000\"]\naddress = \"A\"\nhours = {{ mon = \"10:00-19:00\" }}\n"
            )
        };
        let found = |text: &str| {
            let loaded = load(text, &[]).unwrap();
            let findings = check(&loaded.config, &|_, _| Ok(()));
            findings
                .iter()
                .map(ToString::to_string)
                .filter(|line| !line.contains("data_dir"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert!(found(LINE).contains("+918047180000 is no [[tenants]]'s"));
        assert!(!found(&format!("{LINE}{}", tenant("A"))).contains("dids"));
        assert!(found(&format!("{}{}", tenant("A"), tenant("B"))).contains("a number has one owner"));
        let registering = found("[[trunks]]\nname = \"r\"\nprofile = \"generic-register\"\n");
        for key in ["error: `trunks.r.registrar`", "error: `trunks.r.from_user`", "warning: `trunks.r.password`"] {
            assert!(registering.contains(key), "{registering}");
        }
    }

    #[test]
    fn keys_that_anybody_can_read_are_warned_of() {
        let warned = |more: &str| {
            let text = format!("[[trunks]]\nname = \"t\"\nprofile = \"generic-peer\"\n{more}\n");
            let findings = check(&load(&text, &[]).unwrap().config, &|_, _| Ok(()));
            findings.iter().any(|finding| finding.to_string().starts_with("warning: `trunks.t.srtp`"))
        };
        for clear in ["srtp = \"offer\"", "srtp = \"require\"\ntransport = \"tcp\""] {
            assert!(warned(clear), "{clear}");
        }
        for fine in ["", "srtp = \"off\"", "srtp = \"require\"\ntransport = \"tls\""] {
            assert!(!warned(fine), "{fine}");
        }
    }
}
