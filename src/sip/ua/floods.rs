//! Floods: what is dropped before anything is spent on it, and how much each source may send and be answered.
//!
//! Every source has an allowance in messages a second (the generic cell rate algorithm: one instant per source). Whom we
//! serve or call, or who showed that he knows a dialog or transaction of ours, has the large one. All strangers together
//! have one more, because a flood may come from addresses that are made up.

use super::Endpoint;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Allowances remembered at most: twice this.
const GENERATION: usize = 4_096;

/// How long a source is known after we have called it, or it has sent what belongs to a call.
const KNOWN_FOR: Duration = Duration::from_secs(300);

/// What an answer to a stranger takes from his allowance beyond the message that asked for it: answers are what a
/// scanner lives on, and what a flood under another's address is after.
const ANSWER_COST: u32 = 3;

/// What a source may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second; at least 1.
    pub per_second: u32,
    /// Messages at once; at least 1.
    pub burst: u32,
}

impl Rate {
    fn each(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }

    /// Takes `cost` messages from an allowance that is whole again at `whole_at`; false when there are not as many.
    fn take(self, whole_at: &mut Instant, cost: u32, now: Instant) -> bool {
        let after = (*whole_at).max(now) + self.each() * cost;
        let granted = after.saturating_duration_since(now) <= self.each() * self.burst.max(1);
        if granted {
            *whole_at = after;
        }
        granted
    }
}

/// A table of sources that forgets those not heard of for the last [`GENERATION`] others, at no cost per message.
#[derive(Debug, Default)]
struct Sources {
    young: HashMap<IpAddr, Instant>,
    old: HashMap<IpAddr, Instant>,
}

impl Sources {
    fn get(&self, source: IpAddr) -> Option<Instant> {
        self.young.get(&source).or_else(|| self.old.get(&source)).copied()
    }

    fn set(&mut self, source: IpAddr, at: Instant) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&source) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(source, at);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// Who sent how much.
#[derive(Debug, Default)]
pub(super) struct Floods {
    /// When the allowance of a source is whole again.
    allowances: Sources,
    /// Until when a source outside the networks is known.
    known: Sources,
    /// When the allowance of all strangers together is whole again.
    strangers: Option<Instant>,
}

impl Floods {
    fn take(&mut self, source: IpAddr, rate: Rate, cost: u32, now: Instant) -> bool {
        let mut whole_at = self.allowances.get(source).unwrap_or(now);
        let granted = rate.take(&mut whole_at, cost, now);
        self.allowances.set(source, whole_at);
        granted
    }

    fn is_known(&self, source: IpAddr, now: Instant) -> bool {
        self.known.get(source).is_some_and(|until| now < until)
    }

    /// Sources remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.allowances.len().max(self.known.len())
    }
}

impl Endpoint {
    /// Whether a datagram is worth reading; the driver asks before it does anything else for it. False for an empty line
    /// or zeroes that keep a NAT open, for a scanner's request, and for what goes beyond its source's allowance.
    pub fn is_wanted(&mut self, source: IpAddr, data: &[u8], now: Instant) -> bool {
        !is_keep_alive(data) && self.is_within_rate(source, now) && !self.is_scan(data)
    }

    /// Takes one message from the allowance of its source.
    pub(super) fn is_within_rate(&mut self, source: IpAddr, now: Instant) -> bool {
        let limits = self.config.limits;
        let peer = self.is_peer(source);
        let source = source_of(source);
        let granted = if peer || self.floods.is_known(source, now) {
            self.floods.take(source, limits.peer_rate, 1, now)
        } else {
            self.floods.take(source, limits.stranger_rate, 1, now)
                && limits.strangers_rate.take(self.floods.strangers.get_or_insert(now), 1, now)
        };
        self.stats.over_rate += u64::from(!granted);
        granted
    }

    /// Whether a stranger may be answered; takes the answer from his allowance.
    pub(super) fn may_answer(&mut self, source: IpAddr, now: Instant) -> bool {
        self.floods.take(source_of(source), self.config.limits.stranger_rate, ANSWER_COST, now)
    }

    /// This source outside the networks is one that we deal with.
    pub(super) fn note_known(&mut self, source: IpAddr, now: Instant) {
        if !self.is_peer(source) {
            self.floods.known.set(source_of(source), now + KNOWN_FOR);
        }
    }

    fn is_scan(&mut self, data: &[u8]) -> bool {
        let scan = !data.starts_with(b"SIP/") && user_agents(data).any(|agent| self.is_scanner(agent));
        self.stats.scanners += u64::from(scan);
        scan
    }

    /// Whether a User-Agent is that of a program that looks for open servers.
    pub(super) fn is_scanner(&self, agent: &[u8]) -> bool {
        let found = |name: &String| agent.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name.as_bytes()));
        self.config.scanners.iter().any(|name| !name.is_empty() && found(name))
    }
}

/// Programs that look for open servers, by parts of their User-Agent; an answer of any kind only encourages them.
pub fn known_scanners() -> Vec<String> {
    const NAMES: [&str; 11] = [
        "friendly-scanner",
        "friendly-request",
        "sipvicious",
        "sip-scan",
        "sipscan",
        "sipcli",
        "vaxsipuseragent",
        "pplsip",
        "sundayddr",
        "siparmyknife",
        "iwar",
    ];
    NAMES.map(str::to_owned).into()
}

/// One customer of the internet: an IPv4 address, or a /64 of IPv6.
pub(super) fn source_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
        ip => ip,
    }
}

/// CRLF or zeroes between messages.
pub(super) fn is_keep_alive(data: &[u8]) -> bool {
    data.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// The values of User-Agent as they stand in a message that nobody has parsed; folded lines are left to the parser.
fn user_agents(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    const NAME: &[u8] = b"user-agent";
    let lines = data.split(|byte| *byte == b'\n').take_while(|line| !matches!(line, [] | [b'\r']));
    lines.filter_map(|line| {
        let (name, rest) = line.split_at_checked(NAME.len())?;
        let rest = rest.trim_ascii_start().strip_prefix(b":")?;
        name.eq_ignore_ascii_case(NAME).then_some(rest)
    })
}
