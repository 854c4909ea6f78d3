//! Trunks that come, go and change while calls go on.

use super::Trunks;
use super::line::{Line, Runner, Told};
use crate::domain::{Trunk, TrunkMode, TrunkSettings};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a trunk that is begun anew waits for its old registration to be taken back.
const HANDOVER: Duration = Duration::from_secs(4);

/// What a new list of trunks came to, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct TrunkChanges {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Other settings under the same registration.
    pub adjusted: Vec<String>,
    /// Taken back, then begun with other settings.
    pub restarted: Vec<String>,
    pub unchanged: Vec<String>,
}

/// A task that ends with its owner.
#[derive(Debug)]
pub(super) struct Task(pub JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Member {
    key: u64,
    line: Arc<Line>,
    told: watch::Sender<Told>,
    task: Task,
}

/// The trunks there are, in the order of the configuration, and those that say good-bye.
#[derive(Debug, Default)]
pub(super) struct Members {
    list: Vec<Member>,
    leaving: Vec<(watch::Sender<Told>, Task)>,
    next_key: u64,
}

impl Members {
    pub fn lines(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.list.iter().map(|member| &member.line)
    }

    /// Tells every task to take its registration back and end; the trunks stay in the list, without a task.
    pub fn dismiss(&mut self) -> Vec<Task> {
        let over = || Task(tokio::spawn(std::future::ready(())));
        for member in &self.list {
            member.told.send_replace(Told::Stop);
        }
        let tasks: Vec<Task> = self.list.iter_mut().map(|member| std::mem::replace(&mut member.task, over())).collect();
        tasks.into_iter().chain(self.leaving.drain(..).map(|(_, task)| task)).collect()
    }
}

impl Trunks {
    /// Makes these the trunks: new ones begin, those that are missing are de-registered, and those whose line is another
    /// are de-registered and begun anew. All others keep their registration, and calls go on over every one of them.
    pub fn replace(&self, trunks: Vec<Trunk>) -> TrunkChanges {
        let mut changes = TrunkChanges::default();
        let mut members = self.members_mut();
        members.leaving.retain(|(_, task)| !task.0.is_finished());
        let mut old = std::mem::take(&mut members.list);
        for trunk in trunks {
            let name = trunk.name.clone();
            let known = old.iter().position(|member| member.line.name == name).map(|at| old.remove(at));
            let member = match known {
                None => {
                    changes.added.push(name);
                    let key = members.next_key;
                    members.next_key += 1;
                    self.begin(key, trunk, None)
                }
                Some(member) if *member.line.trunk() == trunk => {
                    changes.unchanged.push(name);
                    member
                }
                Some(member) if is_same_line(&member.line.trunk(), &trunk) => {
                    changes.adjusted.push(name);
                    member.line.adjust(trunk);
                    member
                }
                Some(member) => {
                    changes.restarted.push(name);
                    member.told.send_replace(Told::Leave);
                    self.begin(member.key, trunk, Some(member))
                }
            };
            members.list.push(member);
        }
        for Member { line, told, task, .. } in old {
            changes.removed.push(line.name.clone());
            told.send_replace(Told::Leave);
            members.leaving.push((told, task));
        }
        changes
    }

    /// Starts a trunk's task, once the one before it has taken its registration back: the registrar could take the
    /// farewell for that of the new one.
    fn begin(&self, key: u64, trunk: Trunk, before: Option<Member>) -> Member {
        let line = Arc::new(Line::new(trunk));
        // A peer has no registration to be given.
        let registers = line.trunk().settings.mode == TrunkMode::Register;
        let lease = registers.then(|| (self.0.lease)(&line.name));
        let runner = Runner::new(key, Arc::clone(&line), self.0.stack.clone(), Arc::clone(&self.0.dns), lease);
        let (told, listens) = watch::channel(Told::GoOn);
        let task = tokio::spawn(async move {
            if let Some(mut before) = before {
                // A task that is late ends with its handle.
                let _ = tokio::time::timeout(HANDOVER, &mut before.task.0).await;
            }
            runner.run(listens).await;
        });
        Member { key, line, told, task: Task(task) }
    }
}

/// Whether a registration made for `old` serves `new` as well.
fn is_same_line(old: &Trunk, new: &Trunk) -> bool {
    // What is not named here is taken to belong to the registration: a needless REGISTER harms less than a missing one.
    let settings = TrunkSettings {
        title: new.settings.title.clone(),
        media_nets: new.settings.media_nets.clone(),
        codecs: new.settings.codecs.clone(),
        dtmf: new.settings.dtmf,
        dtmf_payload_type: new.settings.dtmf_payload_type,
        ptime_ms: new.settings.ptime_ms,
        did_sources: new.settings.did_sources.clone(),
        number_format_out: new.settings.number_format_out,
        identity: new.settings.identity,
        ppi_host: new.settings.ppi_host.clone(),
        caller_id: new.settings.caller_id.clone(),
        session_timer: new.settings.session_timer,
        session_expires: new.settings.session_expires,
        min_se: new.settings.min_se,
        prack: new.settings.prack,
        srtp: new.settings.srtp,
        transfer: new.settings.transfer,
        reinvite: new.settings.reinvite,
        channels: new.settings.channels,
        cps: new.settings.cps,
        confidence: new.settings.confidence,
        source: new.settings.source.clone(),
        ..old.settings.clone()
    };
    settings == new.settings && old.password == new.password
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{E164, Secret};

    #[test]
    fn only_what_the_registrar_knows_of_asks_for_a_new_registration() {
        let old = Trunk {
            name: "line".to_owned(),
            profile: "generic-register".to_owned(),
            settings: TrunkSettings::default(),
            password: Some(Secret::new("one")),
            dids: Vec::new(),
        };
        let with = |change: fn(&mut Trunk)| {
            let mut new = old.clone();
            change(&mut new);
            is_same_line(&old, &new)
        };
        assert!(with(|trunk| trunk.dids.push(E164::parse("+918047180000").unwrap())));
        assert!(with(|trunk| (trunk.settings.channels, trunk.settings.cps) = (9, 9)));
        assert!(!with(|trunk| trunk.password = Some(Secret::new("two"))));
        assert!(!with(|trunk| trunk.settings.registrar = Some("elsewhere.example".to_owned())));
        assert!(!with(|trunk| trunk.settings.sbc_ips.push("192.0.2.1".parse().unwrap())));
    }
}
