//! The sockets of a simulated carrier: one address, over one transport.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::text::Msg;
use super::tls;

/// How often a reader looks whether it is to end.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

/// The way back to where a message came from.
#[derive(Clone)]
pub enum Link {
    Udp(Arc<UdpSocket>, SocketAddr),
    Tcp(Arc<Mutex<TcpStream>>, SocketAddr),
    Tls(Sender<String>, SocketAddr),
}

impl Link {
    pub fn peer(&self) -> SocketAddr {
        match self {
            Self::Udp(_, peer) | Self::Tcp(_, peer) | Self::Tls(_, peer) => *peer,
        }
    }

    pub fn send(&self, text: &str) {
        match self {
            Self::Udp(socket, peer) => drop(socket.send_to(text.as_bytes(), peer).expect("loopback takes it")),
            // The other side may have closed it: the test then misses an answer.
            Self::Tcp(stream, _) => drop(lock(stream).write_all(text.as_bytes())),
            Self::Tls(texts, _) => drop(texts.send(text.to_owned())),
        }
    }
}

/// A message, or bytes that are none.
pub type Arrived = (Result<Msg, Vec<u8>>, Link);

/// An address that takes messages; its threads end when it is dropped.
pub struct Wire {
    pub addr: SocketAddr,
    socket: Socket,
    sender: Sender<Arrived>,
    stop: Arc<AtomicBool>,
}

enum Socket {
    Udp(Arc<UdpSocket>),
    Tcp,
    Tls,
}

impl Wire {
    pub fn start(ip: IpAddr, transport: Transport) -> (Self, Receiver<Arrived>) {
        let (sender, arrived) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let wire = match transport {
            Transport::Udp => {
                let socket = Arc::new(UdpSocket::bind((ip, 0)).expect("a free port"));
                socket.set_read_timeout(Some(LOOK)).expect("a timeout");
                let addr = socket.local_addr().expect("an address");
                let (reader, out, stopped) = (Arc::clone(&socket), sender.clone(), Arc::clone(&stop));
                std::thread::spawn(move || read_datagrams(&reader, &out, &stopped));
                Self { addr, socket: Socket::Udp(socket), sender, stop }
            }
            Transport::Tcp | Transport::Tls => {
                let listener = TcpListener::bind((ip, 0)).expect("a free port");
                listener.set_nonblocking(true).expect("it may be asked");
                let addr = listener.local_addr().expect("an address");
                let (out, stopped) = (sender.clone(), Arc::clone(&stop));
                let tls = transport == Transport::Tls;
                std::thread::spawn(move || accept(&listener, tls.then_some(ip), &out, &stopped));
                Self { addr, socket: if tls { Socket::Tls } else { Socket::Tcp }, sender, stop }
            }
        };
        (wire, arrived)
    }

    /// A way to `peer`, from this address.
    pub fn link(&self, peer: SocketAddr) -> Link {
        match &self.socket {
            Socket::Udp(socket) => Link::Udp(Arc::clone(socket), peer),
            Socket::Tcp | Socket::Tls => {
                let any = SocketAddr::new(self.addr.ip(), 0);
                let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
                let socket = socket.expect("a socket");
                socket.bind(&any.into()).expect("a free port");
                socket.connect(&peer.into()).expect("it listens");
                let stream = prepared(socket.into());
                match self.socket {
                    Socket::Tls => tls::connect(stream, peer, &self.sender, &self.stop),
                    _ => spawn_reader(stream, &self.sender, &self.stop),
                }
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn read_datagrams(socket: &Arc<UdpSocket>, out: &Sender<Arrived>, stop: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let bytes = &buffer[..length];
        // Keep-alives (RFC 5626 §3.5.1).
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            continue;
        }
        let message = Msg::parse(bytes).ok_or_else(|| bytes.to_vec());
        if out.send((message, Link::Udp(Arc::clone(socket), from))).is_err() {
            return;
        }
    }
}

fn accept(listener: &TcpListener, tls: Option<IpAddr>, out: &Sender<Arrived>, stop: &Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        match (listener.accept(), tls) {
            (Ok((stream, _)), Some(ip)) => drop(tls::accept(prepared(stream), ip, out, stop)),
            (Ok((stream, _)), None) => drop(spawn_reader(prepared(stream), out, stop)),
            (Err(_), _) => std::thread::park_timeout(LOOK),
        }
    }
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nonblocking(false).expect("it may be asked");
    stream.set_nodelay(true).expect("it may be asked");
    stream.set_read_timeout(Some(LOOK)).expect("a timeout");
    stream
}

fn spawn_reader(stream: TcpStream, out: &Sender<Arrived>, stop: &Arc<AtomicBool>) -> Link {
    let peer = stream.peer_addr().expect("it is connected");
    let reader = stream.try_clone().expect("a second handle");
    let link = Link::Tcp(Arc::new(Mutex::new(stream)), peer);
    let (back, out, stop) = (link.clone(), out.clone(), Arc::clone(stop));
    std::thread::spawn(move || read_stream(reader, &back, &out, &stop));
    link
}

fn read_stream(mut stream: TcpStream, link: &Link, out: &Sender<Arrived>, stop: &AtomicBool) {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4_096]);
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => kept.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
        if !cut_messages(&mut kept, link, out) {
            return;
        }
    }
}

/// Hands on every whole message; false when nobody takes them.
pub fn cut_messages(kept: &mut Vec<u8>, link: &Link, out: &Sender<Arrived>) -> bool {
    while let Some(bytes) = take_message(kept) {
        let message = Msg::parse(&bytes).ok_or(bytes);
        if out.send((message, link.clone())).is_err() {
            return false;
        }
    }
    true
}

/// Cuts a whole message off the front, by its Content-Length (RFC 3261 §18.3); answers nothing to keep-alives.
fn take_message(kept: &mut Vec<u8>) -> Option<Vec<u8>> {
    let blank = kept.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    kept.drain(..blank);
    let head = kept.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&kept[..head]).to_lowercase();
    let mut lines = text.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length:").or_else(|| line.strip_prefix("l:")));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    (kept.len() >= head + length).then(|| kept.drain(..head + length).collect())
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
