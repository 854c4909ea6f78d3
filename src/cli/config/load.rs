//! The three layers, how they are merged, and where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::Serialized;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{Config, DEFAULTS, engines, prices, tenants, trunks};

/// What environment variables of ours begin with; `__` separates sections.
pub(super) const ENV_PREFIX: &str = "VCA__";

/// What variables of trunks begin with.
const TRUNK_PREFIX: &str = "VCA__TRUNKS__";

/// What variables of engines begin with.
const ENGINE_PREFIX: &str = "VCA__ENGINES__";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The embedded defaults.
    Default,
    /// A line (from 1) of the configuration file.
    File { path: PathBuf, line: usize },
    /// An environment variable.
    Env { name: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env { name } => write!(f, "environment variable {name}"),
        }
    }
}

/// Why there is no configuration. `Display` is one line: where, what, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot read the configuration: {source}; give another file with --config, or none", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file is not TOML.
    #[error("{}:{line}:{column}: {message}; `vca check-config --defaults` prints an example", .path.display())]
    Syntax { path: PathBuf, line: usize, column: usize, message: String },
    /// The key is not known.
    #[error("{origin}: unknown key `{key}`; {mend}")]
    UnknownKey { origin: Origin, key: String, mend: String },
    /// The value has the wrong type or form.
    #[error("{origin}: `{key}`: {message}; {mend}")]
    Value { origin: Origin, key: String, message: String, mend: String },
}

/// A configuration, and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    origins: BTreeMap<String, Origin>,
    /// Of trunks and engines.
    section_lines: Vec<trunks::Line>,
}

/// One layer over the defaults.
struct Layer {
    table: Table,
    /// By dotted key; sections too.
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Merges the layers; see [`Config::load`].
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let defaults: Table = DEFAULTS.parse().expect("invariant: the embedded defaults are TOML");
        let mut figment = Figment::from(Serialized::defaults(&defaults));
        let mut origins = BTreeMap::new();
        let mut file = path.map(read_file).transpose()?;
        let (trunk_env, env): (Vec<_>, Vec<_>) = env.into_iter().partition(|(name, _)| name.starts_with(TRUNK_PREFIX));
        let (engine_env, env): (Vec<_>, Vec<_>) =
            env.into_iter().partition(|(name, _)| name.starts_with(ENGINE_PREFIX));
        let env = read_env(&defaults, env)?;
        // Lists of sections have no defaults to be merged with.
        let mut lists = file.as_mut().map(take_lists).unwrap_or_default();
        for layer in file.into_iter().chain([env]) {
            reject_unknown(&defaults, &layer)?;
            figment = figment.merge(Serialized::defaults(&layer.table));
            origins.extend(layer.origins);
        }
        let mut config: Config = figment.extract().map_err(|error| value_error(&defaults, &origins, error))?;
        config.tenants = tenants::tenants(&mut lists, &origins)?;
        let trunk_env: Vec<_> =
            trunk_env.into_iter().map(|(name, text)| (name[TRUNK_PREFIX.len()..].to_owned(), text)).collect();
        let (trunks, trunk_lines) =
            trunks::trunks(&mut lists, &origins, &trunk_env, config.sip.profiles_dir.as_deref())?;
        config.trunks = trunks;
        let engine_env: Vec<_> =
            engine_env.into_iter().map(|(name, text)| (name[ENGINE_PREFIX.len()..].to_owned(), text)).collect();
        let (engines, engine_lines) = engines::engines(&mut lists, &origins, &engine_env)?;
        config.engines = engines;
        config.prices = prices::prices(&mut lists, &origins)?;
        let section_lines = trunk_lines.into_iter().chain(engine_lines).collect();
        Ok(Self { config, origins, section_lines })
    }

    /// Where the value of a dotted key came from; trunks go by their name: `trunks.main-line.registrar`.
    pub fn origin(&self, key: &str) -> &Origin {
        let of_trunk = || self.section_lines.iter().find(|(line, ..)| line == key).map(|(.., origin)| origin);
        self.origins.get(key).or_else(of_trunk).unwrap_or(&Origin::Default)
    }

    /// Every dotted key with its value as TOML and where that came from, in the order of the keys. Secrets are masked.
    pub fn lines(&self) -> Vec<(String, String, &Origin)> {
        let table = Table::try_from(&self.config).expect("invariant: a configuration can be written as TOML");
        let value = |key: &str| lookup(&table, key).map_or_else(String::new, ToString::to_string);
        let plain = leaves(&table).into_iter().map(|key| (key.clone(), value(&key), self.origin(&key)));
        plain
            .chain(self.section_lines.iter().map(|(key, value, origin)| (key.clone(), value.clone(), origin)))
            .collect()
    }
}

/// Takes `[[trunks]]`, `[[tenants]]`, `[engines.NAME]` and `[prices]` out of a layer.
fn take_lists(layer: &mut Layer) -> Table {
    ["trunks", "tenants", "engines", "prices"].into_iter().filter_map(|key| layer.table.remove_entry(key)).collect()
}

/// The environment variables that are ours; what is not UTF-8 is kept as well as it can be.
pub fn environment() -> Vec<(String, String)> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .collect()
}

fn read_file(path: &Path) -> Result<Layer, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let (table, origins) = parse_text(path, &text)?;
    Ok(Layer { table, origins })
}

/// TOML, and the line of every dotted key; items of a list of sections are numbered from 0: `trunks.0.name`.
pub(super) fn parse_text(path: &Path, text: &str) -> Result<(Table, BTreeMap<String, Origin>), ConfigError> {
    let syntax = |error: toml::de::Error| {
        let before = &text[..error.span().map_or(0, |span| span.start).min(text.len())];
        ConfigError::Syntax {
            path: path.to_owned(),
            line: 1 + before.matches('\n').count(),
            column: 1 + before.chars().rev().take_while(|c| *c != '\n').count(),
            message: one_line(error.message()),
        }
    };
    let spans = DeTable::parse(text).map_err(syntax)?;
    let table: Table = text.parse().map_err(syntax)?;
    let mut origins = BTreeMap::new();
    note_lines(spans.get_ref(), "", &mut |key, at| {
        let line = 1 + text[..at].matches('\n').count();
        origins.insert(key, Origin::File { path: path.to_owned(), line });
    });
    Ok((table, origins))
}

/// Calls `note` with every dotted key and the byte at which it is written.
fn note_lines(table: &DeTable<'_>, prefix: &str, note: &mut impl FnMut(String, usize)) {
    for (key, value) in table {
        let path = join(prefix, key.get_ref());
        note(path.clone(), key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => note_lines(inner, &path, note),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        let path = join(&path, &index.to_string());
                        note(path.clone(), item.span().start);
                        note_lines(inner, &path, note);
                    }
                }
            }
            _ => {}
        }
    }
}

/// `VCA__SIP__UDP` is `sip.udp`. A value whose default is a string is taken as it stands; a list may be separated by
/// commas; anything else is written as in the file.
fn read_env(defaults: &Table, env: impl IntoIterator<Item = (String, String)>) -> Result<Layer, ConfigError> {
    let mut layer = Layer { table: Table::new(), origins: BTreeMap::new() };
    for (name, text) in env {
        let Some(path) = name.strip_prefix(ENV_PREFIX) else { continue };
        let key = path.to_lowercase().replace("__", ".");
        let origin = Origin::Env { name: one_line(&name) };
        let value = match lookup(defaults, &key) {
            None | Some(Value::String(_)) => Value::String(text),
            Some(Value::Array(_)) if !text.trim_start().starts_with('[') => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
            Some(default) => parse_value(&text).ok_or_else(|| ConfigError::Value {
                origin: origin.clone(),
                key: key.clone(),
                message: format!("`{}` cannot be read", one_line(&text)),
                mend: like(default),
            })?,
        };
        insert(&mut layer.table, &key, value);
        layer.origins.insert(key, origin);
    }
    Ok(layer)
}

pub(super) fn parse_value(text: &str) -> Option<Value> {
    let mut table: Table = format!("value = {}", text.trim()).parse().ok()?;
    // More than one key means that the text had a line break in it.
    if table.len() == 1 { table.remove("value") } else { None }
}

/// Puts a value at a dotted key; what stands in the way gives way, and is found unknown afterwards.
fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn reject_unknown(defaults: &Table, layer: &Layer) -> Result<(), ConfigError> {
    let mut misplaced = None;
    walk(&layer.table, "", &mut |key, value| {
        let fits = lookup(defaults, key).is_some_and(|known| known.is_table() == value.is_table());
        if !fits && misplaced.is_none() {
            misplaced = Some(key.to_owned());
        }
    });
    let Some(key) = misplaced else { return Ok(()) };
    // A section made by an environment variable has no origin of its own: the first key in it stands for it.
    let origin = layer.origins.range(key.clone()..).next().map_or(Origin::Default, |(_, origin)| origin.clone());
    let spelt = |key: &str| if matches!(origin, Origin::Env { .. }) { env_name(key) } else { key.to_owned() };
    let (message, mend) = match lookup(defaults, &key) {
        Some(Value::Table(_)) => ("is a section", format!("its keys are {}", keys_under(defaults, &key, &spelt))),
        Some(default) => ("is a value, not a section", like(default)),
        None => {
            let mend = match nearest(defaults, &key) {
                Some(near) => format!("did you mean `{}`?", spelt(&near)),
                None => "`vca check-config` lists the known ones".to_owned(),
            };
            return Err(ConfigError::UnknownKey { origin, key: one_line(&key), mend });
        }
    };
    Err(ConfigError::Value { origin, key, message: message.to_owned(), mend })
}

fn env_name(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

fn keys_under(defaults: &Table, section: &str, spelt: &dyn Fn(&str) -> String) -> String {
    let prefix = format!("{section}.");
    let keys = leaves(defaults).into_iter().filter(|key| key.starts_with(&prefix));
    keys.map(|key| format!("`{}`", spelt(&key))).collect::<Vec<_>>().join(", ")
}

/// The known key or section that is most like `key`, in whole or in its last part: a key in the wrong section counts.
fn nearest(defaults: &Table, key: &str) -> Option<String> {
    let mut known = Vec::new();
    walk(defaults, "", &mut |candidate, _| known.push(candidate.to_owned()));
    let rated = known.into_iter().map(|candidate| (likeness(&candidate, key), candidate));
    let (score, best) = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.65).then_some(best)
}

/// The known word that is most like `word`, if any is like it.
pub(super) fn nearest_word<'a>(known: impl IntoIterator<Item = &'a str>, word: &str) -> Option<&'a str> {
    let rated = known.into_iter().map(|candidate| (likeness(candidate, word), candidate));
    let (score, best) = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.65).then_some(best)
}

/// The keys of a type, as serde knows them; empty for what is no struct.
pub(super) fn fields_of<T: serde::de::DeserializeOwned>() -> &'static [&'static str] {
    struct Fields<'a>(&'a mut &'static [&'static str]);
    impl<'de> serde::Deserializer<'de> for Fields<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(serde::de::Error::custom("asked for its fields only"))
        }

        fn deserialize_any<V: serde::de::Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("no struct"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut fields: &'static [&'static str] = &[];
    // It always fails, after having told its fields.
    let _ = T::deserialize(Fields(&mut fields));
    fields
}

/// From 0 to 1 and a little; the last part decides, the whole breaks the tie between keys of one name.
fn likeness(candidate: &str, key: &str) -> f64 {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let alike = |a: &str, b: &str| {
        let length = a.chars().count().max(b.chars().count()).max(1) as f64;
        // Edits catch swapped letters, a long common beginning catches what was cut short.
        let begins = strsim::jaro_winkler(a, b);
        let edits = 1.0 - strsim::osa_distance(a, b) as f64 / length;
        if begins > 0.85 { begins } else { edits }
    };
    let whole = alike(candidate, key);
    alike(&last(candidate), &last(key)).max(whole) + 0.01 * whole
}

fn value_error(defaults: &Table, origins: &BTreeMap<String, Origin>, error: figment::Error) -> ConfigError {
    use figment::error::Kind;
    // The path of an item in a list ends in its index, which is no key.
    let path: Vec<&str> = error.path.iter().map(String::as_str).filter(|part| part.parse::<usize>().is_err()).collect();
    let key = path.join(".");
    let message = match &error.kind {
        Kind::Message(message) => message.clone(),
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("found {}, expected {}", plain_value(found), plain_type(expected))
        }
        Kind::UnknownVariant(found, known) => format!("`{found}` is none of {}", known.join(", ")),
        other => other.to_string(),
    };
    let origin = origins.get(&key).cloned().unwrap_or(Origin::Default);
    let mend = lookup(defaults, &key).map_or_else(|| "`vca check-config --defaults` shows it".to_owned(), like);
    ConfigError::Value { origin, key, message: one_line(&message), mend }
}

fn plain_value(found: &figment::error::Actual) -> String {
    use figment::error::Actual;
    match found {
        Actual::Unsigned(number) => number.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Str(text) => format!("the text {text:?}"),
        Actual::Seq => "a list".to_owned(),
        other => other.to_string(),
    }
}

/// What serde calls by its Rust name, for people.
fn plain_type(expected: &str) -> &str {
    match expected {
        "u16" => "a number from 0 to 65535",
        "u32" | "usize" => "a whole number, 0 or more",
        "a string" | "path string" => "a text in quotes",
        "a sequence" => "a list in brackets",
        "socket address" => "an address and a port in quotes",
        other => other,
    }
}

/// Keys and values from outside may hold line breaks; a message may not.
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn like(default: &Value) -> String {
    format!("write it like the default, {default}")
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// Visits every key and section under its dotted name.
fn walk(table: &Table, prefix: &str, visit: &mut impl FnMut(&str, &Value)) {
    for (key, value) in table {
        let path = join(prefix, key);
        visit(&path, value);
        if let Value::Table(inner) = value {
            walk(inner, &path, visit);
        }
    }
}

/// The dotted names of all that is no section.
pub(super) fn leaves(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    walk(table, "", &mut |key, value| {
        if !value.is_table() {
            keys.push(key.to_owned());
        }
    });
    keys
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((section, rest)) => lookup(table.get(section)?.as_table()?, rest),
    }
}
