//! `[engines.NAME]`: engines that tenants may choose.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::load::{self, ConfigError, Origin};
use super::profile;
use super::trunks::{Entry, Line, read_secret};
use crate::speech::engines::{EngineKind, EngineSpec};

/// Where the key of an engine may lie instead of in the file.
const KEY_FILE: &str = "api_key_file";

/// Takes the engines out of the file's table, with the environment (`NAME__KEY`, without the prefix) over them.
pub(super) fn engines(
    table: &mut Table,
    origins: &BTreeMap<String, Origin>,
    env: &[(String, String)],
) -> Result<(BTreeMap<String, EngineSpec>, Vec<Line>), ConfigError> {
    let mut entries = sections(table, origins)?;
    for (variable, text) in env {
        over_by_env(&mut entries, variable, text)?;
    }
    let (mut engines, mut lines) = (BTreeMap::new(), Vec::new());
    for (name, entry) in entries {
        let spec = read_engine(&name, &entry)?;
        let shown = |key: &str, value: &Value| match key {
            "api_key" => "\"…\"".to_owned(),
            _ => value.to_string(),
        };
        lines.extend(
            entry
                .keys
                .iter()
                .map(|(key, value)| (format!("engines.{name}.{key}"), shown(key, value), entry.origin(key))),
        );
        engines.insert(name, spec);
    }
    Ok((engines, lines))
}

fn sections(table: &mut Table, origins: &BTreeMap<String, Origin>) -> Result<BTreeMap<String, Entry>, ConfigError> {
    let wrong = |key: &str| ConfigError::Value {
        origin: origins.get(key).cloned().unwrap_or(Origin::Default),
        key: key.to_owned(),
        message: "holds a section for each engine".to_owned(),
        mend: "begin each with [engines.NAME]".to_owned(),
    };
    let found = match table.remove("engines") {
        None => return Ok(BTreeMap::new()),
        Some(Value::Table(found)) => found,
        Some(_) => return Err(wrong("engines")),
    };
    let entry = |(name, keys)| {
        let section = format!("engines.{name}");
        let Value::Table(keys) = keys else { return Err(wrong(&section)) };
        let dotted = format!("{section}.");
        let of_keys = origins.iter().filter_map(|(key, at)| Some((key.strip_prefix(&dotted)?.to_owned(), at.clone())));
        let origin = origins.get(&section).cloned().unwrap_or(Origin::Default);
        Ok((name, Entry { keys, origins: of_keys.collect(), origin }))
    };
    found.into_iter().map(entry).collect()
}

/// `VCA__ENGINES__MY_GROQ__API_KEY` is `api_key` of the engine `my-groq`.
fn over_by_env(entries: &mut BTreeMap<String, Entry>, variable: &str, text: &str) -> Result<(), ConfigError> {
    let origin = Origin::Env { name: load::one_line(&format!("{}ENGINES__{variable}", load::ENV_PREFIX)) };
    let lower = variable.to_lowercase();
    let unknown = |mend: &str| ConfigError::UnknownKey {
        origin: origin.clone(),
        key: load::one_line(&lower),
        mend: mend.to_owned(),
    };
    let (name, key) = lower.split_once("__").ok_or_else(|| unknown("write VCA__ENGINES__NAME__API_KEY"))?;
    let called = entries.iter_mut().find(|(known, _)| known.replace('-', "_") == name);
    let (_, entry) = called.ok_or_else(|| unknown("no engine of the file has this name"))?;
    let number = text.trim().parse().map(Value::Integer);
    let value = match (key, number) {
        // A key, a model or a voice may consist of digits.
        ("timeout_ms" | "hedge" | "failures" | "window_s" | "pause_s", Ok(number)) => number,
        _ => Value::String(text.to_owned()),
    };
    entry.keys.insert(key.to_owned(), value);
    if key == "api_key" {
        entry.keys.remove(KEY_FILE);
    }
    entry.origins.insert(key.to_owned(), origin);
    Ok(())
}

fn read_engine(name: &str, entry: &Entry) -> Result<EngineSpec, ConfigError> {
    if !profile::is_name(name) {
        let message = format!("`{name}` is no name of an engine");
        return Err(entry.fault("engines", message, "write lower-case letters, digits, `-`"));
    }
    let known: Vec<&str> = load::fields_of::<EngineSpec>().iter().copied().chain([KEY_FILE]).collect();
    if let Some(key) = entry.keys.keys().find(|key| !known.contains(&key.as_str())) {
        let mend = nearest(&known, key);
        return Err(ConfigError::UnknownKey { origin: entry.origin(key), key: load::one_line(key), mend });
    }
    let kinds = EngineKind::ALL.map(EngineKind::name);
    match entry.text("kind")? {
        Some(kind) if kinds.contains(&kind.as_str()) => {}
        Some(kind) => {
            return Err(entry.fault("kind", format!("`{kind}` is no kind of engine"), nearest(&kinds, &kind)));
        }
        None => return Err(entry.fault("kind", "is missing", format!("known are {}", kinds.join(", ")))),
    }
    let api_key = read_secret(entry, "api_key", KEY_FILE)?;
    let mut keys = entry.keys.clone();
    keys.retain(|key, _| key != KEY_FILE && key != "api_key");
    let mend = "docs/configuration.md shows engines";
    let read: Result<EngineSpec, toml::de::Error> = keys.try_into();
    let spec = EngineSpec { api_key, ..read.map_err(|error| entry.fault("engines", error.message(), mend))? };
    spec.check().map_err(|(key, message)| entry.fault(key, message, mend))?;
    Ok(spec)
}

fn nearest(known: &[&str], word: &str) -> String {
    match load::nearest_word(known.iter().copied(), word) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Loaded, check};
    use crate::speech::engines::{EngineKind, Hedge};

    const GROQ: &str = "[engines.my-groq]\nkind = \"openai-stt\"\nurl = \"https://api.groq.com/openai/v1\"\n\
                        model = \"whisper-large-v3-turbo\"\n";
    const TENANT: &str = "[[tenants]]\nname = \"Clinic\"\ndids = [\"+918047180000\"]\n";

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Loaded, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vca.toml");
        std::fs::write(&path, text).unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Loaded::load(Some(&path), env).map_err(|error| error.to_string())
    }

    #[test]
    fn an_engine_is_its_section_under_the_environment_and_its_key_stays_hidden() {
        let env = [("VCA__ENGINES__MY_GROQ__API_KEY", "gsk-12345"), ("VCA__ENGINES__MY_GROQ__HEDGE", "700")];
        let loaded = load(GROQ, &env).unwrap();
        let engine = &loaded.config.engines["my-groq"];
        assert_eq!((engine.kind, engine.timeout_ms), (EngineKind::OpenaiStt, 2_000));
        assert_eq!(engine.hedge, Hedge::After(Duration::from_millis(700)));
        assert_eq!(engine.api_key.as_ref().unwrap().reveal(), "gsk-12345");
        let shown: Vec<String> =
            loaded.lines().into_iter().map(|(key, value, origin)| format!("{key} = {value} # {origin}")).collect();
        assert!(!shown.iter().any(|line| line.contains("gsk-12345")) && !format!("{loaded:?}").contains("gsk-12345"));
        let expected = "engines.my-groq.api_key = \"…\" # environment variable VCA__ENGINES__MY_GROQ__API_KEY";
        assert!(shown.iter().any(|line| line == expected), "{shown:#?}");
        assert!(shown.iter().any(|line| line.contains("model = ") && line.ends_with("vca.toml:4")), "{shown:#?}");
    }

    #[test]
    fn faults_are_named_by_line_and_with_the_nearest_word() {
        for (text, expected) in [
            (format!("{GROQ}modell = \"x\"\n"), "vca.toml:5: unknown key `modell`; did you mean `model`?"),
            (
                GROQ.replace("openai-stt", "openai-sst"),
                "vca.toml:2: `kind`: `openai-sst` is no kind of engine; did you mean `openai-stt`?",
            ),
            (GROQ.replace("kind", "# kind"), "vca.toml:1: `kind`: is missing; known are whisper, piper,"),
            (format!("{GROQ}hedge = \"p59\"\n"), "neither \"off\" nor \"p95\""),
            (format!("{GROQ}timeout_ms = 5\n"), "vca.toml:5: `timeout_ms`: must be between"),
            (format!("{GROQ}api_key = \"a\"\napi_key_file = \"b\"\n"), "stands beside `api_key`"),
            (GROQ.replace("my-groq", "\"My Groq\""), "is no name of an engine"),
            ("engines = 3\n".to_owned(), "begin each with [engines.NAME]"),
        ] {
            let error = load(&text, &[]).map(|_| ()).unwrap_err();
            assert!(error.contains(expected), "{expected}\n{error}");
        }
        let error = load(GROQ, &[("VCA__ENGINES__GROK__API_KEY", "x")]).map(|_| ()).unwrap_err();
        assert!(error.contains("no engine of the file has this name"), "{error}");
    }

    #[test]
    fn a_tenant_chooses_among_the_engines_that_there_are() {
        let findings = |speech: &str| {
            let loaded = load(&format!("{GROQ}{TENANT}speech = {speech}\n"), &[]).unwrap();
            let found = check(&loaded.config, &|_, _| Ok(()));
            found.into_iter().filter(|finding| finding.key == "tenants").map(|f| f.message).collect::<Vec<_>>()
        };
        assert_eq!(findings("{ stt = [\"my-groq\", \"whisper\"], tts = [\"piper\"] }"), Vec::<String>::new());
        for (speech, expected) in [
            ("{ stt = [\"my-grok\"] }", "no engine is called `my-grok`; did you mean `my-groq`?"),
            ("{ stt = [\"my-groq\", \"my-groq\"] }", "`my-groq` twice"),
            ("{ tts = [\"my-groq\"] }", "`my-groq` cannot speak: put it into `stt`"),
            ("{ llm = [\"my-groq\"] }", "`my-groq` cannot tell what callers mean: put it into `stt`"),
            ("{ llm = [\"grok\"] }", "no engine is called `grok`; declare one with [engines.grok]"),
            ("{ tts = [\"piper\"], voice = \"nova\" }", "`piper` speaks with one voice"),
        ] {
            let found = findings(speech);
            assert!(found.len() == 1 && found[0].contains(expected), "{expected}\n{found:?}");
        }
    }
}
