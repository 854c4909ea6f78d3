//! Where a SIP URI leads: the decisions of RFC 3263 over look-ups that somebody else makes.
//!
//! ```text
//!  Uri ─► Resolution ─ next_query ─► Naptr | Srv | Addr ─► (DNS) ─ answer ─► … ─► candidates ─ order ─► targets
//! ```
#![deny(clippy::disallowed_methods)]

use super::message::{Scheme, Uri};
use super::registration::Target;
use super::ua::Transport;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// SRV records taken from one answer, and addresses from another; more would be a zone that plays with us.
const MAX_RECORDS: usize = 16;

/// A look-up to make. Names are without the final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Query {
    Naptr(String),
    Srv(String),
    /// A and AAAA.
    Addr(String),
}

/// What a look-up gave; empty when there is no such record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Naptr(Vec<Naptr>),
    Srv(Vec<Srv>),
    Addr(Vec<IpAddr>),
}

/// A NAPTR record (RFC 3403) of the services of RFC 3263 §4.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    /// Only `s` leads on.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
    pub service: String,
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// A target with its place in the order: lower `group` and `priority` first, by `weight` among equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Candidate {
    group: u16,
    pub priority: u16,
    pub weight: u16,
    /// Addresses of one host follow each other, in the order of the answer.
    host: u16,
    pub target: Target,
}

/// One resolution under way.
#[derive(Debug)]
pub struct Resolution {
    host: String,
    /// In the order of preference.
    transports: Vec<Transport>,
    queries: VecDeque<Step>,
    found: Vec<Candidate>,
    hosts: u16,
    /// RFC 2782: a lone target `.` says that the service is not offered.
    denied: bool,
}

#[derive(Debug)]
enum Step {
    Naptr,
    Srv { name: String, transport: Transport, group: u16 },
    Addr { name: String, port: u16, transport: Transport, group: u16, priority: u16, weight: u16 },
}

impl Resolution {
    /// Begins with the URI of a Request-URI or Route. `transports` are those we can use, in the order of preference; a
    /// `transport` parameter in the URI leaves only that one, `sips:` only those with TLS.
    pub fn new(uri: &Uri, transports: &[Transport]) -> Self {
        let named = uri.param("transport");
        let fits = |t: &&Transport| match named {
            Some(name) => t.as_str().eq_ignore_ascii_case(name),
            None => uri.scheme() != Scheme::Sips || is_secure(**t),
        };
        let transports: Vec<Transport> = transports.iter().filter(fits).copied().collect();
        let mut resolution = Self {
            host: uri.host().trim_end_matches('.').to_owned(),
            queries: VecDeque::new(),
            found: Vec::new(),
            hosts: 0,
            denied: false,
            transports,
        };
        resolution.begin(uri, named.is_some());
        resolution
    }

    fn begin(&mut self, uri: &Uri, named: bool) {
        let Some(first) = self.transports.first().copied() else { return };
        let port = |transport| uri.port().unwrap_or(default_port(transport));
        if let Some(ip) = uri.host_ip() {
            // §4.2: a numeric host needs no look-up.
            self.add(first, SocketAddr::new(ip, port(first)), (0, 0, 0));
        } else if uri.port().is_some() {
            self.queries.push_back(self.address(port(first), first));
        } else if named {
            self.queries.extend(self.services());
        } else {
            self.queries.push_back(Step::Naptr);
        }
    }

    fn address(&self, port: u16, transport: Transport) -> Step {
        Step::Addr { name: self.host.clone(), port, transport, group: 0, priority: 0, weight: 0 }
    }

    fn services(&self) -> Vec<Step> {
        let step = |(group, transport): (usize, &Transport)| Step::Srv {
            name: format!("{}.{}", service_label(*transport), self.host),
            transport: *transport,
            group: group as u16,
        };
        self.transports.iter().enumerate().map(step).collect()
    }

    /// The next look-up to make; `None` when nothing more is to be asked.
    pub fn next_query(&self) -> Option<Query> {
        self.queries.front().map(|step| match step {
            Step::Naptr => Query::Naptr(self.host.clone()),
            Step::Srv { name, .. } => Query::Srv(name.clone()),
            Step::Addr { name, .. } => Query::Addr(name.clone()),
        })
    }

    /// The answer to [`Self::next_query`]; an empty one when the look-up failed, so that the next way is tried.
    pub fn answer(&mut self, answer: Answer) {
        let Some(step) = self.queries.pop_front() else { return };
        match (step, answer) {
            (Step::Naptr, Answer::Naptr(records)) => self.naptr(records),
            (Step::Srv { transport, group, .. }, Answer::Srv(records)) => self.srv(records, transport, group),
            (Step::Addr { port, transport, group, priority, weight, .. }, Answer::Addr(ips)) => {
                self.hosts = self.hosts.saturating_add(1);
                for ip in ips.into_iter().take(MAX_RECORDS) {
                    self.add(transport, SocketAddr::new(ip, port), (group, priority, weight));
                }
            }
            _ => {}
        }
        let asked_services = self.queries.is_empty() && self.hosts == 0 && self.found.is_empty() && !self.denied;
        if asked_services && let Some(first) = self.transports.first().copied() {
            // §4.2: no SRV either, so the host itself at the default port, by the first transport.
            self.queries.push_back(self.address(default_port(first), first));
        }
    }

    /// §4.1: the services that we can use, in their order.
    fn naptr(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|record| (record.order, record.preference));
        let usable = records.iter().filter(|record| record.flags.eq_ignore_ascii_case("s"));
        let usable = usable.filter_map(|record| {
            let fits = |t: &&Transport| record.service.eq_ignore_ascii_case(naptr_service(**t));
            self.transports.iter().find(fits).map(|transport| (*transport, record.replacement.clone()))
        });
        let steps: Vec<Step> = usable
            .take(MAX_RECORDS)
            .enumerate()
            .map(|(group, (transport, name))| Step::Srv { name, transport, group: group as u16 })
            .collect();
        let steps = if steps.is_empty() { self.services() } else { steps };
        self.queries.extend(steps);
    }

    fn srv(&mut self, mut records: Vec<Srv>, transport: Transport, group: u16) {
        records.sort_by_key(|record| record.priority);
        let absent = |record: &Srv| record.target.is_empty() || record.target == ".";
        self.denied |= matches!(&records[..], [record] if absent(record));
        let usable = records.into_iter().filter(|record| !absent(record) && record.port != 0).take(MAX_RECORDS);
        for Srv { priority, weight, port, target } in usable {
            let name = target.trim_end_matches('.').to_owned();
            self.queries.push_back(Step::Addr { name, port, transport, group, priority, weight });
        }
    }

    fn add(&mut self, transport: Transport, addr: SocketAddr, (group, priority, weight): (u16, u16, u16)) {
        let target = Target { transport, addr };
        if self.found.len() < MAX_RECORDS && !self.found.iter().any(|candidate| candidate.target == target) {
            self.found.push(Candidate { group, priority, weight, host: self.hosts, target });
        }
    }

    /// What was found, in the order of group, priority and answer: the same for the same answers, so that two
    /// resolutions can be compared. [`order`] puts it in the order of use.
    pub fn candidates(mut self) -> Vec<Candidate> {
        self.found.sort_by_key(|candidate| (candidate.group, candidate.priority, candidate.host));
        self.found
    }
}

/// The order to try targets in: by priority, and among equals at random by weight (RFC 2782). `random` gives a number
/// below its argument.
pub fn order(candidates: &[Candidate], mut random: impl FnMut(u32) -> u32) -> Vec<Target> {
    let mut rest = candidates.to_vec();
    rest.sort_by_key(|candidate| (candidate.group, candidate.priority, candidate.host));
    let mut ordered = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        let rank = (first.group, first.priority);
        let mut hosts: Vec<(u16, u32)> = Vec::new();
        for candidate in rest.iter().take_while(|candidate| (candidate.group, candidate.priority) == rank) {
            if hosts.last().is_none_or(|(host, _)| *host != candidate.host) {
                hosts.push((candidate.host, candidate.weight.into()));
            }
        }
        // Those with weight 0 first, so that they have their small chance.
        hosts.sort_by_key(|(_, weight)| *weight != 0);
        let sum: u32 = hosts.iter().map(|(_, weight)| weight).sum();
        let drawn = random(sum + 1);
        let mut running = 0;
        let chosen = hosts.iter().find(|(_, weight)| {
            running += weight;
            running >= drawn
        });
        let host = chosen.or(hosts.last()).map_or(first.host, |(host, _)| *host);
        let (taken, left): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|c| (c.group, c.priority, c.host) == (rank.0, rank.1, host));
        ordered.extend(taken.into_iter().map(|candidate| candidate.target));
        rest = left;
    }
    ordered
}

fn is_secure(transport: Transport) -> bool {
    transport.as_str() == "TLS"
}

fn default_port(transport: Transport) -> u16 {
    if is_secure(transport) { 5061 } else { 5060 }
}

fn service_label(transport: Transport) -> &'static str {
    match transport.as_str() {
        "UDP" => "_sip._udp",
        "TLS" => "_sips._tcp",
        _ => "_sip._tcp",
    }
}

fn naptr_service(transport: Transport) -> &'static str {
    match transport.as_str() {
        "UDP" => "SIP+D2U",
        "TLS" => "SIPS+D2T",
        _ => "SIP+D2T",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Transport::{Tcp, Udp};

    fn targets(uri: &str, transports: &[Transport], zone: &[(Query, Answer)]) -> (Vec<String>, Vec<Query>) {
        let mut resolution = Resolution::new(&Uri::parse(uri.as_bytes()).unwrap(), transports);
        let mut asked = Vec::new();
        while let Some(query) = resolution.next_query() {
            let empty = match &query {
                Query::Naptr(_) => Answer::Naptr(vec![]),
                Query::Srv(_) => Answer::Srv(vec![]),
                Query::Addr(_) => Answer::Addr(vec![]),
            };
            let answer = zone.iter().find(|(q, _)| *q == query).map_or(empty, |(_, answer)| answer.clone());
            asked.push(query);
            resolution.answer(answer);
        }
        let ordered = order(&resolution.candidates(), |_| 0);
        (ordered.iter().map(ToString::to_string).collect(), asked)
    }

    fn naptr(name: &str, records: &[(u16, u16, &str, &str)]) -> (Query, Answer) {
        let record = |(order, preference, service, replacement): &(u16, u16, &str, &str)| Naptr {
            order: *order,
            preference: *preference,
            flags: "s".to_owned(),
            service: (*service).to_owned(),
            replacement: (*replacement).to_owned(),
        };
        (Query::Naptr(name.to_owned()), Answer::Naptr(records.iter().map(record).collect()))
    }

    fn srv(name: &str, records: &[(u16, u16, u16, &str)]) -> (Query, Answer) {
        let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| Srv {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: (*target).to_owned(),
        };
        (Query::Srv(name.to_owned()), Answer::Srv(records.iter().map(record).collect()))
    }

    fn a(name: &str, ips: &[&str]) -> (Query, Answer) {
        (Query::Addr(name.to_owned()), Answer::Addr(ips.iter().map(|ip| ip.parse().unwrap()).collect()))
    }

    #[test]
    fn numeric_hosts_and_ports_need_no_services() {
        for (uri, transports, expected) in [
            ("sip:192.0.2.9", &[Udp, Tcp][..], "192.0.2.9:5060 (UDP)"),
            ("sip:192.0.2.9:5076", &[Udp], "192.0.2.9:5076 (UDP)"),
            ("sip:192.0.2.9;transport=tcp", &[Udp, Tcp], "192.0.2.9:5060 (TCP)"),
            ("sip:[2001:db8::9]:5070;transport=TCP", &[Udp, Tcp], "[2001:db8::9]:5070 (TCP)"),
        ] {
            assert_eq!(targets(uri, transports, &[]), (vec![expected.to_owned()], vec![]), "{uri}");
        }
        let zone = [a("sbc.example", &["192.0.2.1", "2001:db8::1"])];
        let (found, asked) = targets("sip:sbc.example:5076", &[Udp], &zone);
        assert_eq!(found, ["192.0.2.1:5076 (UDP)", "[2001:db8::1]:5076 (UDP)"]);
        assert_eq!(asked, [Query::Addr("sbc.example".to_owned())]);
    }

    #[test]
    fn a_transport_that_we_do_not_have_leads_nowhere() {
        assert_eq!(targets("sip:192.0.2.9;transport=tcp", &[Udp], &[]), (vec![], vec![]));
        assert_eq!(targets("sips:ims.example", &[Udp, Tcp], &[]), (vec![], vec![]));
    }

    #[test]
    fn naptr_chooses_the_transport_and_srv_the_hosts() {
        let zone = [
            naptr(
                "ims.example",
                &[
                    (20, 1, "SIP+D2U", "_sip._udp.ims.example"),
                    (10, 1, "SIPS+D2T", "_sips._tcp.ims.example"),
                    (10, 9, "SIP+D2T", "tcp.pool.example"),
                ],
            ),
            srv("tcp.pool.example", &[(10, 0, 5062, "b.example"), (5, 0, 5061, "a.example.")]),
            srv("_sip._udp.ims.example", &[(1, 0, 5060, "c.example")]),
            a("a.example", &["192.0.2.1"]),
            a("b.example", &["192.0.2.2"]),
            a("c.example", &["192.0.2.3"]),
        ];
        let (found, asked) = targets("sip:ims.example", &[Udp, Tcp], &zone);
        assert_eq!(found, ["192.0.2.1:5061 (TCP)", "192.0.2.2:5062 (TCP)", "192.0.2.3:5060 (UDP)"]);
        assert_eq!(asked[0], Query::Naptr("ims.example".to_owned()));
        let (found, _) = targets("sip:ims.example", &[Udp], &zone);
        assert_eq!(found, ["192.0.2.3:5060 (UDP)"], "only what we can use");
        // With a transport named there is nothing for NAPTR to choose.
        let (_, asked) = targets("sip:ims.example;transport=tcp", &[Udp, Tcp], &zone);
        assert_eq!(asked[0], Query::Srv("_sip._tcp.ims.example".to_owned()));
    }

    #[test]
    fn without_srv_the_host_itself_is_taken() {
        let zone = [a("sip.example", &["192.0.2.5"])];
        let (found, asked) = targets("sip:sip.example", &[Udp, Tcp], &zone);
        assert_eq!(found, ["192.0.2.5:5060 (UDP)"]);
        assert_eq!(
            asked,
            [
                Query::Naptr("sip.example".to_owned()),
                Query::Srv("_sip._udp.sip.example".to_owned()),
                Query::Srv("_sip._tcp.sip.example".to_owned()),
                Query::Addr("sip.example".to_owned()),
            ]
        );
        assert_eq!(targets("sip:gone.example", &[Udp], &[]).0, Vec::<String>::new());
    }

    #[test]
    fn a_service_that_is_not_offered_is_not_looked_for_elsewhere() {
        let zone = [srv("_sip._udp.no.example", &[(0, 0, 0, ".")]), a("no.example", &["192.0.2.5"])];
        assert_eq!(targets("sip:no.example", &[Udp], &zone).0, Vec::<String>::new());
    }

    #[test]
    fn weights_decide_among_equal_priorities_and_never_across() {
        let zone = [
            srv("_sip._udp.w.example", &[(1, 10, 1, "a.example"), (1, 30, 2, "b.example"), (2, 100, 3, "c.example")]),
            a("a.example", &["192.0.2.1"]),
            a("b.example", &["192.0.2.2"]),
            a("c.example", &["192.0.2.3"]),
        ];
        let mut resolution = Resolution::new(&Uri::parse(b"sip:w.example").unwrap(), &[Udp]);
        while let Some(query) = resolution.next_query() {
            let known = zone.iter().find(|(q, _)| *q == query);
            resolution.answer(known.map_or(Answer::Naptr(vec![]), |(_, answer)| answer.clone()));
        }
        let candidates = resolution.candidates();
        let ports = |draw: u32| -> Vec<u16> {
            let mut draws = vec![draw];
            order(&candidates, |bound| draws.pop().unwrap_or(0).min(bound - 1)).iter().map(|t| t.addr.port()).collect()
        };
        assert_eq!(ports(0), [1, 2, 3]);
        assert_eq!(ports(10), [1, 2, 3]);
        assert_eq!(ports(11), [2, 1, 3]);
        assert_eq!(ports(40), [2, 1, 3]);
        let firsts = (0..41).filter(|draw| ports(*draw)[0] == 2).count();
        assert_eq!(firsts, 30, "three in four go to the heavier one");
    }
}
