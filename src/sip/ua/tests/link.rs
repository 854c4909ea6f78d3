//! Two endpoints over a link that loses, repeats, delays and reorders.

use super::*;
use crate::sip::message::{NameAddr, Uri};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};
use std::collections::BTreeMap;

struct Link {
    ends: [Endpoint; 2],
    addrs: [SocketAddr; 2],
    /// In flight: by arrival (ms), then by number.
    flying: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    rng: StdRng,
    loss_percent: u32,
    now: Instant,
    count: u64,
    events: [Vec<LegEvent>; 2],
    incoming: Vec<LegId>,
}

impl Link {
    fn new(seed: u64, loss_percent: u32) -> Self {
        let addrs = [addr("192.0.2.1:5060"), addr("192.0.2.2:5060")];
        let end = |n: usize| {
            let listeners = vec![Listener { transport: Transport::Udp, addr: addrs[n] }];
            let config = EndpointConfig { listeners, ..config() };
            Endpoint::new(config, [n as u8 + seed as u8; 32])
        };
        Self {
            ends: [end(0), end(1)],
            addrs,
            flying: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed),
            loss_percent,
            now: Instant::now(),
            count: 0,
            events: Default::default(),
            incoming: Vec::new(),
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.rng.next_u32() % bound
    }

    fn collect(&mut self) {
        for from in 0..2 {
            while let Some(output) = self.ends[from].poll_output() {
                match output {
                    Output::Transmit(transmit) => {
                        assert_eq!(transmit.flow.remote, self.addrs[1 - from]);
                        let copies = if self.below(10) == 0 { 2 } else { 1 };
                        for _ in 0..copies {
                            if self.below(100) >= self.loss_percent {
                                let at = self.now + Duration::from_millis(self.below(80).into());
                                self.count += 1;
                                self.flying.insert((at, self.count), (1 - from, transmit.data.to_vec()));
                            }
                        }
                    }
                    Output::Event(Event::Leg { event, .. }) => self.events[from].push(event),
                    Output::Event(Event::Incoming { leg, .. }) => self.incoming.push(leg),
                    Output::Event(_) => {}
                }
            }
        }
    }

    /// Lets everything that happens in `duration` happen, until `done`.
    fn run(&mut self, duration: Duration, done: impl Fn(&Self) -> bool) {
        let until = self.now + duration;
        self.collect();
        while !done(self) {
            let timers = self.ends.iter().filter_map(Endpoint::poll_timeout);
            let next = timers.chain(self.flying.keys().next().map(|(at, _)| *at)).min();
            let Some(next) = next.filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, data) = entry.remove();
                self.ends[to].handle_datagram(self.addrs[to], self.addrs[1 - to], &data, self.now);
                self.collect();
            }
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
            self.collect();
        }
    }

    fn assert_nothing_left(&mut self) {
        self.run(Duration::from_secs(600), |_| false);
        for end in &self.ends {
            let stats = end.stats();
            let tables = (stats.legs, stats.dialogs, stats.server_transactions, stats.client_transactions);
            assert_eq!(tables, (0, 0, 0, 0));
            assert_eq!((end.merges.len(), end.schedule.len(), end.incoming), (0, 0, 0));
        }
    }
}

/// One call: 0 calls 1, which answers; whoever `hangs_up` ends it. Gives whether it was answered.
fn call(link: &mut Link, hangs_up: usize) -> bool {
    let invite = OutgoingInvite {
        to: Uri::parse(b"sip:+918047180000@192.0.2.2").unwrap(),
        from: NameAddr::new(Uri::parse(b"sip:caller@192.0.2.1").unwrap()),
        destination: None,
        transport: Transport::Udp,
        credentials: None,
        headers: Vec::new(),
        body: Some(("application/sdp".to_owned(), b"offer".to_vec())),
        policy: LegPolicy::default(),
    };
    let (calling, _) = link.ends[0].invite(invite, None, link.now).unwrap();
    link.run(Duration::from_secs(40), |link| !link.incoming.is_empty());
    let Some(called) = link.incoming.pop() else { return false };
    let now = link.now;
    link.ends[1].command(called, Command::Progress { status: 180, sdp: None }, now);
    link.ends[1].command(called, Command::Answer { sdp: b"answer".to_vec() }, now);
    let answered = |link: &Link| link.events[0].iter().any(|e| matches!(e, LegEvent::Answered { .. }));
    link.run(Duration::from_secs(40), |link| answered(link) || link.events[0].iter().any(LegEvent::is_last));
    let answered = answered(link);
    let leg = [calling, called][hangs_up];
    let now = link.now;
    link.ends[hangs_up].command(leg, Command::Bye { reason: None }, now);
    link.run(Duration::from_secs(100), |_| false);
    answered
}

#[test]
fn calls_complete_or_fail_cleanly_over_a_bad_link_and_leave_nothing() {
    let mut answered = 0;
    for seed in 0..100 {
        let mut link = Link::new(seed, 25);
        answered += usize::from(call(&mut link, (seed % 2) as usize));
        for (end, events) in link.events.iter().enumerate() {
            let lasts = events.iter().filter(|e| e.is_last()).count();
            assert!(lasts <= 1, "seed {seed}, end {end}: {events:?}");
            assert!(events.is_empty() || events.last().unwrap().is_last(), "seed {seed}, end {end}: {events:?}");
            let acked = events.iter().filter(|e| matches!(e, LegEvent::Acked { .. })).count();
            assert!(acked <= 1, "seed {seed}, end {end}: {events:?}");
        }
        link.assert_nothing_left();
    }
    assert!(answered >= 98, "retransmission overcomes a quarter lost: {answered} of 100 answered");
}

#[test]
fn a_link_that_loses_nothing_but_reorders_completes_every_call() {
    for seed in 0..50 {
        let mut link = Link::new(seed, 0);
        assert!(call(&mut link, (seed % 2) as usize), "seed {seed}");
        assert!(matches!(link.events[0].last(), Some(LegEvent::Ended { .. })), "seed {seed}");
        assert!(matches!(link.events[1].last(), Some(LegEvent::Ended { .. })), "seed {seed}");
        link.assert_nothing_left();
    }
}

#[test]
fn a_dead_link_fails_the_call_with_408() {
    let mut link = Link::new(1, 100);
    assert!(!call(&mut link, 0));
    assert!(matches!(&link.events[0][..], [LegEvent::Failed { status: 408, .. }]));
    link.assert_nothing_left();
}
