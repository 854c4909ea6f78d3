//! The carrier at work: it registers, answers OPTIONS, refuses what the real one refuses, and has calls both ways.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::call::{Call, sdp_audio};
use super::description::{Carrier, Places, Register, Registrar};
use super::digest::Auth;
use super::text::{Msg, after_uri, host, param, tag, uri_of, user};
use super::wire::{Arrived, Link, Wire, lock};

/// A simulated carrier; its threads end when it is dropped.
pub struct Sim {
    pub shared: Arc<Shared>,
    calls: Receiver<Placed>,
}

/// A call that we placed: its INVITE, the way back, and what follows.
type Placed = (Msg, Link, Receiver<(Msg, Link)>);

pub struct Shared {
    pub carrier: Carrier,
    pub places: Places,
    pub wire: Wire,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inboxes: HashMap<String, Sender<(Msg, Link)>>,
    calls: Option<Sender<Placed>>,
    /// Contacts with their expiry.
    bindings: HashMap<String, u32>,
    registrations: u32,
    /// Status of every answer to REGISTER.
    register_answers: Vec<u16>,
    options: u32,
    /// Method and status of what was refused, and why.
    refused: Vec<(String, u16, String)>,
    nonces: HashMap<&'static str, Nonce>,
    /// Answers by branch and method, for repetitions.
    answered: HashMap<(String, String), String>,
    trace: Vec<String>,
    made: u64,
}

#[derive(Default)]
struct Nonce {
    value: String,
    uses: u32,
    was_stale: bool,
}

impl Sim {
    /// Starts on addresses of its own; `vca` is where it calls us.
    pub fn start(carrier: &Carrier, sbc_ip: IpAddr, media_ip: IpAddr, vca: SocketAddr) -> Self {
        let (wire, arrived) = Wire::start(sbc_ip, carrier.transport);
        let (sender, calls) = channel();
        let state = Mutex::new(State { calls: Some(sender), ..State::default() });
        let places = Places { sbc: wire.addr, media_ip, vca };
        let shared = Arc::new(Shared { carrier: *carrier, places, wire, state });
        let weak = Arc::downgrade(&shared);
        std::thread::spawn(move || pump(&arrived, &weak));
        Self { shared, calls }
    }

    /// The next call that we place through the carrier and that it does not refuse.
    pub fn called(&self) -> Call {
        match self.calls.recv_timeout(super::LIMIT) {
            Ok((invite, link, inbox)) => Call::taken(Arc::clone(&self.shared), invite, link, inbox),
            Err(_) => panic!("the carrier is not called; it refused {:?}", self.refused()),
        }
    }

    pub fn refused(&self) -> Vec<(String, u16, String)> {
        lock(&self.shared.state).refused.clone()
    }

    pub fn register_answers(&self) -> Vec<u16> {
        lock(&self.shared.state).register_answers.clone()
    }

    pub fn is_registered(&self) -> bool {
        !lock(&self.shared.state).bindings.is_empty()
    }

    pub fn registrations(&self) -> u32 {
        lock(&self.shared.state).registrations
    }

    pub fn options(&self) -> u32 {
        lock(&self.shared.state).options
    }

    /// Waits until this holds.
    pub fn until(&self, what: &str, mut look: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + super::LIMIT;
        while !look(self) {
            assert!(Instant::now() < deadline, "waited for {what}; refused so far: {:?}", self.refused());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", lock(&self.shared.state).trace.join("\n"));
        }
    }
}

fn pump(arrived: &Receiver<Arrived>, shared: &Weak<Shared>) {
    loop {
        match arrived.recv_timeout(Duration::from_millis(50)) {
            Ok((message, link)) => match shared.upgrade() {
                Some(shared) => shared.take(message, link),
                None => return,
            },
            Err(RecvTimeoutError::Timeout) if shared.strong_count() > 0 => {}
            Err(_) => return,
        }
    }
}

impl Shared {
    pub fn fill(&self, text: &str) -> String {
        self.places.fill(text, self.carrier.did, self.carrier.incoming.caller)
    }

    /// The Contact that we registered.
    pub fn contact(&self) -> Option<String> {
        lock(&self.state).bindings.keys().next().cloned()
    }

    /// A word that was not used yet.
    pub fn fresh(&self, prefix: &str) -> String {
        let mut state = lock(&self.state);
        state.made += 1;
        format!("{prefix}{}x{}", state.made, self.places.sbc.port())
    }

    pub fn send(&self, message: &Msg, link: &Link) {
        let text = message.write();
        lock(&self.state).trace.push(format!("── carrier to {}\n{text}", link.peer()));
        link.send(&text);
    }

    /// Sends an answer, and again whenever the request is repeated.
    pub fn answer(&self, request: &Msg, response: &Msg, link: &Link) {
        let key = (request.branch().to_owned(), request.method().to_owned());
        lock(&self.state).answered.insert(key, response.write());
        self.send(response, link);
    }

    /// Has messages with this Call-ID go to a call.
    pub fn open(&self, call_id: &str) -> Receiver<(Msg, Link)> {
        let (sender, inbox) = channel();
        lock(&self.state).inboxes.insert(call_id.to_owned(), sender);
        inbox
    }

    pub fn refuse(&self, method: &str, status: u16, why: impl Into<String>) {
        lock(&self.state).refused.push((method.to_owned(), status, why.into()));
    }

    fn take(&self, message: Result<Msg, Vec<u8>>, link: Link) {
        let message = match message {
            Ok(message) => message,
            Err(bytes) => return self.refuse("?", 0, String::from_utf8_lossy(&bytes)),
        };
        lock(&self.state).trace.push(format!("── {} to carrier\n{}", link.peer(), message.write()));
        let inbox = lock(&self.state).inboxes.get(message.call_id()).cloned();
        if message.status().is_some() {
            // The test may have ended the call.
            let _ = inbox.map(|inbox| inbox.send((message, link)));
            return;
        }
        let repeated = {
            let key = (message.branch().to_owned(), message.method().to_owned());
            let state = lock(&self.state);
            state.answered.get(&key).filter(|_| message.method() != "ACK").cloned()
        };
        match (repeated, message.method()) {
            (Some(answer), _) => link.send(&answer),
            (None, "ACK" | "CANCEL") => drop(inbox.map(|inbox| inbox.send((message, link)))),
            (None, _) if tag(message.need("To")).is_some() => match inbox {
                Some(inbox) => drop(inbox.send((message, link))),
                None => self.answer(&message, &message.reply(481, link.peer()), &link),
            },
            (None, "REGISTER") => {
                let response = tagged(self.register(&message, link.peer()));
                let status = response.status().unwrap_or_default();
                lock(&self.state).register_answers.push(status);
                self.answer(&message, &response, &link);
            }
            (None, "OPTIONS") => {
                lock(&self.state).options += 1;
                self.answer(&message, &tagged(message.reply(self.carrier.options, link.peer())), &link);
            }
            (None, "INVITE") => self.invite(message, link),
            (None, method) => {
                self.refuse(method, 405, "");
                self.answer(&message, &message.reply(405, link.peer()).with("Allow", ALLOW), &link);
            }
        }
    }

    fn register(&self, request: &Msg, source: SocketAddr) -> Msg {
        let registrar = match self.carrier.register {
            Register::Taken(registrar) => registrar,
            Register::Refused(status) | Register::Useless(status) => {
                self.refuse("REGISTER", status, "this carrier takes none");
                return request.reply(status, source);
            }
        };
        let fault = self.fault_of_register(&registrar, request);
        if let Some((status, why)) = fault {
            self.refuse("REGISTER", status, why);
            return request.reply(status, source);
        }
        if let Some(auth) = registrar.auth
            && let Some(challenge) = self.challenge("REGISTER", &auth, request, source)
        {
            return challenge;
        }
        let contact = request.need("Contact");
        let asked = param(after_uri(contact), "expires").or(request.get("Expires"));
        let asked: u32 = asked.and_then(|seconds| seconds.parse().ok()).unwrap_or(3_600);
        if asked != 0 && asked < registrar.min_expires {
            return request.reply(423, source).with("Min-Expires", registrar.min_expires.to_string());
        }
        let uri = uri_of(contact).to_owned();
        let mut state = lock(&self.state);
        state.registrations += 1;
        if asked == 0 {
            state.bindings.remove(&uri);
            return request.reply(200, source);
        }
        let granted = registrar.granted.unwrap_or(asked);
        state.bindings.insert(uri.clone(), granted);
        // Another line's Contact, with an expiry that is none of ours.
        let response = request.reply(200, source).with("Contact", "<sip:other@192.0.2.77>;expires=7");
        let response = response.with("Contact", format!("<{uri}>;expires={granted}")).with("Expires", "3600");
        if registrar.ims {
            let path =
                request.all("Path").into_iter().chain(["<sip:pcscf.ims.example;lr>"]).collect::<Vec<_>>().join(", ");
            return response.with("Path", path).with("Service-Route", self.service_route());
        }
        response
    }

    fn service_route(&self) -> String {
        format!("<sip:{};lr;orig>", self.places.sbc)
    }

    fn fault_of_register(&self, registrar: &Registrar, request: &Msg) -> Option<(u16, String)> {
        let (uri, aor) = (self.fill(registrar.uri), self.fill(registrar.aor));
        let from = uri_of(request.need("From"));
        let asked = request.get("Contact").and_then(|contact| param(after_uri(contact), "expires"));
        let asked = asked.or(request.get("Expires")).unwrap_or_default();
        let wanted = [registrar.expires.max(registrar.min_expires).to_string(), registrar.expires.to_string()];
        if request.uri() != uri {
            Some((404, format!("Request-URI {} instead of {uri}", request.uri())))
        } else if from != aor || uri_of(request.need("To")) != aor {
            Some((403, format!("From {from} instead of {aor}")))
        } else if asked != "0" && !wanted.iter().any(|wanted| wanted == asked) {
            Some((400, format!("expiry {asked} instead of {}", registrar.expires)))
        } else if registrar.ims && !request.lists("Supported", "path") {
            Some((421, "Supported: path is missing".to_owned()))
        } else {
            None
        }
    }

    /// The challenge that the request has still to answer.
    fn challenge(&self, purpose: &'static str, auth: &Auth, request: &Msg, source: SocketAddr) -> Option<Msg> {
        let fresh = self.fresh("nonce");
        let mut state = lock(&self.state);
        let nonce = state.nonces.entry(purpose).or_default();
        let fault = auth.fault(request, &nonce.value, nonce.uses);
        let stale = fault.is_none() && auth.stale && !nonce.was_stale;
        if fault.is_none() && !stale {
            nonce.uses += 1;
            return None;
        }
        let was_stale = nonce.was_stale || stale;
        *nonce = Nonce { value: fresh, uses: 0, was_stale };
        let (name, value) = auth.challenge(&nonce.value, stale);
        if let Some(fault) = fault.filter(|fault| !fault.starts_with("no ")) {
            state.refused.push((purpose.to_owned(), auth.status, fault));
        }
        Some(request.reply(auth.status, source).with(name, value))
    }

    fn invite(&self, request: Msg, link: Link) {
        if let Some((status, why)) = self.fault_of_invite(&request) {
            self.refuse("INVITE", status, why);
            return self.answer(&request, &tagged(request.reply(status, link.peer())), &link);
        }
        if let Some(auth) = self.carrier.outgoing.auth
            && let Some(challenge) = self.challenge("INVITE", &auth, &request, link.peer())
        {
            return self.answer(&request, &tagged(challenge), &link);
        }
        self.answer(&request, &request.reply(100, link.peer()), &link);
        let inbox = self.open(request.call_id());
        if let Some(calls) = &lock(&self.state).calls {
            // The test may be over.
            let _ = calls.send((request, link, inbox));
        }
    }

    fn fault_of_invite(&self, request: &Msg) -> Option<(u16, String)> {
        let wanted = &self.carrier.outgoing;
        let (from, to) = (uri_of(request.need("From")), uri_of(request.need("To")));
        let phone = |uri: &str| param(uri, "user") == Some("phone");
        if wanted.user_phone && ![request.uri(), from, to].into_iter().all(phone) {
            return Some((487, "user=phone is missing".to_owned()));
        }
        if let Some(name) = wanted.forbidden.iter().find(|name| request.get(name).is_some()) {
            return Some((403, format!("{name} shows what stands behind the line")));
        }
        let (wanted_to, wanted_from) = (self.fill(wanted.to), self.fill(wanted.from));
        for uri in [request.uri(), to] {
            if user(uri) != user(&wanted_to) || host(uri) != host(&wanted_to) {
                return Some((404, format!("{uri} instead of {wanted_to}")));
            }
        }
        if user(from) != user(&wanted_from) || host(from) != host(&wanted_from) {
            return Some((403, format!("From {from} instead of {wanted_from}")));
        }
        if let Some((name, uri, status)) = wanted.identity {
            let (found, uri) = (request.get(name).map(uri_of).unwrap_or_default(), self.fill(uri));
            if user(found) != user(&uri) || host(found) != host(&uri) {
                return Some((status, format!("{name} {found:?} instead of {uri}")));
            }
        }
        if wanted.no_prack && request.lists("Require", "100rel") {
            return Some((420, "Require: 100rel".to_owned()));
        }
        if let Register::Taken(Registrar { ims: true, .. }) = self.carrier.register
            && request.all("Route") != [self.service_route()]
        {
            return Some((403, format!("Route {:?} instead of the Service-Route", request.all("Route"))));
        }
        let offered = sdp_audio(&request.body).map(|audio| audio.payloads).unwrap_or_default();
        if !wanted.codecs.iter().any(|codec| offered.contains(codec)) {
            return Some((488, format!("{offered:?} holds none of {:?}", wanted.codecs)));
        }
        None
    }
}

const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS";

/// With a To tag, as every final response has.
pub fn tagged(mut response: Msg) -> Msg {
    if let Some((_, to)) = response.headers.iter_mut().find(|(name, to)| name == "To" && tag(to).is_none()) {
        *to += ";tag=carrier";
    }
    response
}
