//! A registrar of the tests' own: UDP on loopback, real digests, and every bad habit that a carrier's may have.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use vca::domain::Secret;
use vca::sip::auth::{Algorithm, Authority, ServerAuth};
use vca::sip::message::{HeaderName, Message, Method, Request, Response};

pub const USER: &str = "line-1";
pub const PASSWORD: &str = "open sesame";

/// How it behaves.
#[derive(Debug, Clone)]
pub struct Habits {
    pub algorithm: Algorithm,
    /// A proxy in front asks too, with 407, once the registrar is content.
    pub proxy: bool,
    /// Shorter expiries get 423.
    pub min_expires: Option<u32>,
    /// What the Contact is granted, whatever was asked, while the Expires header says an hour.
    pub granted: Option<u32>,
    pub service_route: Option<String>,
    pub answers_options: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Md5,
            proxy: false,
            min_expires: None,
            granted: None,
            service_route: None,
            answers_options: true,
        }
    }
}

/// What it knows: gone when it restarts.
#[derive(Debug, Default)]
pub struct State {
    /// Contacts, and what each was granted.
    pub bindings: BTreeMap<String, u32>,
    /// When the last REGISTER was accepted.
    pub accepted_at: Option<Instant>,
    /// Accepted REGISTERs.
    pub accepted: u32,
    /// Statuses it answered with.
    pub answers: Vec<u16>,
}

/// A running registrar; dropped, it falls silent and forgets everything.
pub struct Registrar {
    pub addr: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Counts the REGISTERs that it has answered.
    answered: watch::Sender<u64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Registrar {
    /// Starts on a free port, or on that of one that stopped.
    pub fn start(addr: Option<SocketAddr>, habits: Habits) -> Self {
        let socket = UdpSocket::bind(addr.unwrap_or(([127, 0, 0, 1], 0).into())).expect("the port is free");
        let addr = socket.local_addr().expect("a bound socket");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout can be set");
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::<AtomicBool>::default());
        let mut desk = Desk::new(habits, state.clone());
        let stopped = stop.clone();
        let answered = watch::Sender::new(0);
        let tell = answered.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let Ok(Message::Request(request)) = Message::parse(&buffer[..length]) else { continue };
                if let Some(mut response) = desk.answer(&request) {
                    let mut via = request.headers.top_via().expect("a Via");
                    via.set_received(from.ip());
                    via.set_rport(from.port());
                    response.headers.set_first(HeaderName::Via, via);
                    socket.send_to(&response.to_bytes(), from).expect("loopback takes it");
                    if request.method == Method::Register {
                        tell.send_modify(|count| *count += 1);
                    }
                }
            }
        });
        Self { addr, state, answered, stop, thread: Some(thread) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes after each REGISTER that was answered.
    pub fn answered(&self) -> watch::Receiver<u64> {
        self.answered.subscribe()
    }

    pub fn is_registered(&self) -> bool {
        !self.state().bindings.is_empty()
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Desk {
    habits: Habits,
    state: Arc<Mutex<State>>,
    registrar: ServerAuth,
    proxy: ServerAuth,
    began: Instant,
    salt: u64,
}

impl Desk {
    fn new(habits: Habits, state: Arc<Mutex<State>>) -> Self {
        let began = Instant::now();
        // A new key after each start, so that old nonces are worth nothing.
        let mut key = [7; 32];
        key[..8].copy_from_slice(&u64::from(std::process::id()).to_le_bytes());
        key[8..16].copy_from_slice(&(Arc::as_ptr(&state) as u64).to_le_bytes());
        let registrar = ServerAuth::new(Authority::Server, "registrar", key, 60, &[habits.algorithm]);
        let proxy = ServerAuth::new(Authority::Proxy, "proxy", key, 60, &[Algorithm::Md5]);
        Self { habits, state, registrar, proxy, began, salt: 0 }
    }

    fn answer(&mut self, request: &Request) -> Option<Response> {
        match request.method {
            Method::Register => {
                let response = self.register(request);
                self.state().answers.push(response.status);
                Some(response)
            }
            Method::Options => self.habits.answers_options.then(|| request.reply(200)),
            Method::Ack => None,
            _ => Some(request.reply(404)),
        }
    }

    fn register(&mut self, request: &Request) -> Response {
        let now_s = self.began.elapsed().as_secs();
        let password = |user: &str| (user == USER).then(|| Secret::new(PASSWORD));
        let asked = [(true, &mut self.registrar), (self.habits.proxy, &mut self.proxy)];
        for (_, auth) in asked.into_iter().filter(|(asks, _)| *asks) {
            if auth.verify(request, now_s, password).is_err() {
                self.salt += 1;
                let mut response = request.reply(auth.authority().status());
                for challenge in auth.challenges(now_s, self.salt, false) {
                    response.headers.push(auth.authority().challenge_header(), challenge);
                }
                return response;
            }
        }
        let asked = request.headers.expires().expect("readable").unwrap_or(3_600);
        if let Some(least) = self.habits.min_expires.filter(|least| asked != 0 && asked < *least) {
            let mut response = request.reply(423);
            response.headers.push(HeaderName::MinExpires, least);
            return response;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for contact in request.headers.contacts().expect("readable") {
            match contact.expires().unwrap_or(asked) {
                0 => drop(state.bindings.remove(contact.uri.as_str())),
                seconds => {
                    let granted = self.habits.granted.unwrap_or(seconds);
                    state.bindings.insert(contact.uri.as_str().to_owned(), granted);
                }
            }
        }
        (state.accepted, state.accepted_at) = (state.accepted + 1, Some(Instant::now()));
        let mut response = request.reply(200);
        // Another phone of the same line, whose expiry is none of ours.
        response.headers.push(HeaderName::Contact, "<sip:other@192.0.2.77>;expires=1");
        for (contact, granted) in &state.bindings {
            response.headers.push(HeaderName::Contact, format!("<{contact}>;expires={granted}"));
        }
        response.headers.push(HeaderName::Expires, 3_600);
        if let Some(route) = &self.habits.service_route {
            response.headers.push(HeaderName::ServiceRoute, route.as_str());
        }
        response
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
