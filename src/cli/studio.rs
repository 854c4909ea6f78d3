//! The engines of the node as publishing sees them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing::warn;

use super::config::{Config, choice_faults};
use crate::api::{FieldError, Phrases, Problem, Studio};
use crate::dialogue::Receptionist;
use crate::domain::AgentProfile;
use crate::speech::engines::EngineSpec;
use crate::speech::{Presynthesis, Speech};

/// How long a request waits for phrases; what is not made by then is made behind the calls.
const PATIENCE: Duration = Duration::from_secs(12);
/// Phrases that one refusal names.
const MOST_NAMED: usize = 10;

/// Made before the engines are loaded, because the API answers already; [`NodeStudio::open`] brings them.
pub struct NodeStudio {
    voice: String,
    engines: BTreeMap<String, EngineSpec>,
    opened: OnceLock<Opened>,
}

struct Opened {
    speech: Arc<Speech>,
    behind: Presynthesis,
}

impl NodeStudio {
    pub fn new(config: &Config) -> Arc<Self> {
        let voice = config.speech.tts.voice.clone();
        Arc::new(Self { voice, engines: config.engines.clone(), opened: OnceLock::new() })
    }

    /// From now on phrases can be made; must be called inside a tokio runtime.
    pub fn open(&self, speech: &Arc<Speech>) {
        let speech = Arc::clone(speech);
        self.opened.get_or_init(|| Opened { behind: Presynthesis::start(Arc::clone(&speech)), speech });
    }
}

impl Studio for NodeStudio {
    fn voice(&self) -> String {
        self.voice.clone()
    }

    fn check(&self, profile: &AgentProfile) -> Result<(), Vec<FieldError>> {
        let faults = choice_faults(&self.engines, &profile.speech);
        let errors: Vec<FieldError> = faults.into_iter().map(|message| FieldError::new("speech", message)).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn rehearse<'a>(
        &'a self,
        profile: &'a AgentProfile,
    ) -> Pin<Box<dyn Future<Output = Result<Phrases, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let starting = || Problem::unavailable("starting: nothing can be published until the engines are loaded");
            let Opened { speech, behind } = self.opened.get().ok_or_else(starting)?;
            let mut lines = Receptionist::fixed_lines(profile);
            lines.sort();
            lines.dedup();
            let silent: Vec<String> = lines.iter().filter(|line| !Speech::is_speakable(line)).cloned().collect();
            if !silent.is_empty() {
                return Err(unspoken(
                    silent.into_iter().map(|line| (line, "nothing in it can be pronounced".to_owned())),
                ));
            }
            let chosen = speech.of(&profile.speech);
            let mut ready = 0;
            let mut progress = |done: usize, _total: usize| ready = done;
            let preparing = chosen.prepare(&lines, &mut progress);
            match tokio::time::timeout(PATIENCE, preparing).await {
                Ok(prepared) if prepared.failed.is_empty() => {
                    behind.publish(Receptionist::likely_lines(profile));
                    Ok(Phrases { ready: lines.len(), waiting: 0 })
                }
                Ok(prepared) => Err(unspoken(
                    prepared
                        .failed
                        .iter()
                        .map(|failure| (failure.phrase().unwrap_or_default().to_owned(), failure.to_string())),
                )),
                Err(_elapsed) => {
                    let waiting = lines.len() - ready;
                    if !behind.publish(lines) {
                        warn!(profile = %profile.id, "too many publications wait; phrases are made when they are needed");
                    }
                    Ok(Phrases { ready, waiting })
                }
            }
        })
    }
}

/// 422 that names the phrases which nobody could hear.
fn unspoken(phrases: impl Iterator<Item = (String, String)>) -> Problem {
    let named = phrases
        .take(MOST_NAMED)
        .map(|(phrase, why)| FieldError::new("phrases", format!("`{phrase}` cannot be spoken: {why}")));
    Problem::invalid(named.collect())
}
