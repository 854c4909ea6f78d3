//! An engine as an operator declares it: `[engines.NAME]`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::domain::Secret;
use crate::speech::llm::Preset;

/// Names that every node has without declaring them: its own recogniser and its own voice.
pub const OWN_STT: &str = "whisper";
/// See [`OWN_STT`].
pub const OWN_TTS: &str = "piper";

/// What an engine is, and so which protocol it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// Whisper in this process.
    Whisper,
    /// A Piper voice in this process.
    Piper,
    /// `POST {url}/audio/transcriptions` as OpenAI has it: also Groq, speaches, faster-whisper-server.
    OpenaiStt,
    /// `POST {url}/audio/speech` as OpenAI has it.
    OpenaiTts,
    /// `GET {url}/api/tts` of a Coqui TTS server.
    CoquiTts,
    /// A language model: `POST {url}/chat/completions` of OpenAI.
    OpenaiLlm,
    /// The same of xAI: Grok.
    XaiLlm,
    /// The same of Google, at its OpenAI-compatible endpoint.
    GeminiLlm,
    /// The same of any other server: vLLM, llama.cpp, Ollama, Groq.
    CompatibleLlm,
}

/// What an engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Craft {
    /// Recognises speech.
    Hears,
    Speaks,
    /// Tells what callers mean.
    Thinks,
}

impl EngineKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Whisper,
        Self::Piper,
        Self::OpenaiStt,
        Self::OpenaiTts,
        Self::CoquiTts,
        Self::OpenaiLlm,
        Self::XaiLlm,
        Self::GeminiLlm,
        Self::CompatibleLlm,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whisper => "whisper",
            Self::Piper => "piper",
            Self::OpenaiStt => "openai-stt",
            Self::OpenaiTts => "openai-tts",
            Self::CoquiTts => "coqui-tts",
            Self::OpenaiLlm => "openai-llm",
            Self::XaiLlm => "xai-llm",
            Self::GeminiLlm => "gemini-llm",
            Self::CompatibleLlm => "compatible-llm",
        }
    }

    /// What it does.
    pub const fn craft(self) -> Craft {
        match self {
            Self::Whisper | Self::OpenaiStt => Craft::Hears,
            Self::Piper | Self::OpenaiTts | Self::CoquiTts => Craft::Speaks,
            Self::OpenaiLlm | Self::XaiLlm | Self::GeminiLlm | Self::CompatibleLlm => Craft::Thinks,
        }
    }

    /// Whose dialect a language model speaks; `None` for other engines.
    pub const fn preset(self) -> Option<Preset> {
        match self {
            Self::OpenaiLlm => Some(Preset::OpenAi),
            Self::XaiLlm => Some(Preset::Xai),
            Self::GeminiLlm => Some(Preset::Gemini),
            Self::CompatibleLlm => Some(Preset::Compatible),
            _ => None,
        }
    }

    /// Whether it works elsewhere, and this machine only waits.
    pub const fn is_remote(self) -> bool {
        !matches!(self, Self::Whisper | Self::Piper)
    }

    const fn default_url(self) -> &'static str {
        match self {
            Self::CoquiTts => "http://127.0.0.1:5002",
            Self::XaiLlm => "https://api.x.ai/v1",
            Self::GeminiLlm => "https://generativelanguage.googleapis.com/v1beta/openai",
            _ => "https://api.openai.com/v1",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When the next engine is started beside one that has not answered yet; the first answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hedge {
    /// Never: the next one begins when this one has failed.
    #[default]
    Off,
    /// When this one takes longer than 19 of 20 of its last answers did.
    P95,
    /// After this time.
    After(Duration),
}

impl<'de> Deserialize<'de> for Hedge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Ms(u32),
            Word(String),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Ms(0)) => Ok(Self::Off),
            Ok(Written::Ms(ms)) => Ok(Self::After(Duration::from_millis(ms.into()))),
            Ok(Written::Word(word)) if word == "off" => Ok(Self::Off),
            Ok(Written::Word(word)) if word == "p95" => Ok(Self::P95),
            _ => Err(serde::de::Error::custom("`hedge` is neither \"off\" nor \"p95\" nor milliseconds")),
        }
    }
}

/// One engine of the node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSpec {
    pub kind: EngineKind,
    /// Base URL of a remote engine, without a slash at its end; that of the kind's maker when absent.
    pub url: Option<String>,
    /// Model, as the engine names it: of a local recogniser, a name of the model store.
    pub model: Option<String>,
    /// Voice, as the engine names it: of Piper, a name of the model store; of Coqui, the `speaker_id`.
    pub voice: Option<String>,
    /// `language_id` of a multilingual Coqui model.
    pub language: Option<String>,
    pub api_key: Option<Secret>,
    /// How long one try may take, in milliseconds; then the next engine has its turn.
    #[serde(default = "two_seconds")]
    pub timeout_ms: u32,
    #[serde(default)]
    pub hedge: Hedge,
    /// Failures within `window_s` after which it is left out for `pause_s`.
    #[serde(default = "three")]
    pub failures: u32,
    #[serde(default = "a_minute")]
    pub window_s: u32,
    #[serde(default = "a_while")]
    pub pause_s: u32,
}

fn two_seconds() -> u32 {
    2_000
}

fn three() -> u32 {
    3
}

fn a_minute() -> u32 {
    60
}

fn a_while() -> u32 {
    15
}

impl EngineSpec {
    /// An engine of this kind with nothing else said.
    pub fn new(kind: EngineKind) -> Self {
        Self {
            kind,
            url: None,
            model: None,
            voice: None,
            language: None,
            api_key: None,
            timeout_ms: two_seconds(),
            hedge: Hedge::Off,
            failures: three(),
            window_s: a_minute(),
            pause_s: a_while(),
        }
    }

    /// The base URL, without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.url.as_deref().unwrap_or(self.kind.default_url()).trim_end_matches('/')
    }

    /// How long one try may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    /// Whether its key would go over a network that others can read.
    pub fn shows_its_key(&self) -> bool {
        let local = ["http://127.", "http://localhost", "http://[::1]"];
        let plain =
            self.base_url().starts_with("http://") && !local.iter().any(|begin| self.base_url().starts_with(begin));
        self.api_key.is_some() && plain
    }

    /// Looks at the values together.
    ///
    /// # Errors
    /// The key, what is wrong with it, and how to mend it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let remote_only = [("url", self.url.is_some()), ("api_key", self.api_key.is_some())];
        if let Some((key, _)) = remote_only.into_iter().find(|(_, said)| *said && !self.kind.is_remote()) {
            return Err((key, format!("{} works on this machine: leave it out", self.kind)));
        }
        let url = reqwest::Url::parse(self.base_url()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if self.kind.is_remote() && !url.is_some_and(|url| url.has_host() && url.username().is_empty()) {
            return Err(("url", "is no address of a server: write one like https://api.openai.com/v1".to_owned()));
        }
        let visible =
            |key: &Secret| !key.reveal().is_empty() && key.reveal().bytes().all(|byte| byte.is_ascii_graphic());
        if self.api_key.as_ref().is_some_and(|key| !visible(key)) {
            return Err(("api_key", "holds spaces or letters that no key has, or nothing".to_owned()));
        }
        match self.kind {
            EngineKind::Whisper if self.model.is_none() => {
                return Err(("model", "is needed: a name that `vca models list` shows, or a file".to_owned()));
            }
            EngineKind::Piper if self.voice.is_none() => {
                return Err(("voice", "is needed: a name that `vca models list` shows, or a file".to_owned()));
            }
            kind if kind.craft() == Craft::Thinks && self.model.is_none() => {
                return Err(("model", "is needed: the model's name, as its server has it".to_owned()));
            }
            EngineKind::CompatibleLlm if self.url.is_none() => {
                return Err(("url", "is needed: the server's address up to `/v1`".to_owned()));
            }
            _ => {}
        }
        if !(100..=10_000).contains(&self.timeout_ms) {
            return Err(("timeout_ms", "must be between 100 and 10000: a caller waits for it".to_owned()));
        }
        let counts = [("failures", self.failures), ("window_s", self.window_s), ("pause_s", self.pause_s)];
        match counts.into_iter().find(|(_, value)| !(1..=3_600).contains(value)) {
            Some((key, _)) => Err((key, "must be between 1 and 3600".to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named_by_its_key() {
        let openai = EngineSpec::new(EngineKind::OpenaiStt);
        assert_eq!(openai.check(), Ok(()));
        let key = |key: &str| Some(Secret::new(key));
        let url = |url: &str| Some(url.to_owned());
        for (spec, wrong) in [
            (EngineSpec { url: url("localhost:8000"), ..openai.clone() }, "url"),
            (EngineSpec { url: url("https://key@api.example"), ..openai.clone() }, "url"),
            (EngineSpec { api_key: key("two words"), ..openai.clone() }, "api_key"),
            (EngineSpec { api_key: key(""), ..openai.clone() }, "api_key"),
            (EngineSpec { timeout_ms: 60_000, ..openai.clone() }, "timeout_ms"),
            (EngineSpec { failures: 0, ..openai.clone() }, "failures"),
            (EngineSpec::new(EngineKind::Piper), "voice"),
            (EngineSpec::new(EngineKind::GeminiLlm), "model"),
            (EngineSpec { model: url("qwen"), ..EngineSpec::new(EngineKind::CompatibleLlm) }, "url"),
            (EngineSpec { url: url("http://127.0.0.1"), ..EngineSpec::new(EngineKind::Whisper) }, "url"),
        ] {
            assert_eq!(spec.check().unwrap_err().0, wrong, "{spec:?}");
        }
        let open = EngineSpec { url: url("http://10.0.0.7:8000/v1"), api_key: key("sk-1"), ..openai.clone() };
        assert!(open.shows_its_key() && !EngineSpec { api_key: key("sk-1"), ..openai }.shows_its_key());
        assert!(!format!("{open:?}").contains("sk-1"));
    }
}
