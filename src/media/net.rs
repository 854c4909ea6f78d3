//! Sockets for the wheel: never blocking, received in batches with the kernel's arrival times.

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use super::pool::PortGuard;

/// Differentiated services: expedited forwarding, as voice is marked (RFC 4594).
const EXPEDITED_FORWARDING: libc::c_int = 0xB8;

/// The sockets of one session. The port goes back to the pool last, when both are closed.
#[derive(Debug)]
pub struct SocketPair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub port: PortGuard,
}

impl SocketPair {
    /// Binds the port and the one above; on an error the port comes back with it.
    pub fn bind(ip: IpAddr, port: PortGuard) -> Result<Self, (PortGuard, io::Error)> {
        let sockets = bind_one(ip, port.port()).and_then(|rtp| Ok((rtp, bind_one(ip, port.port() + 1)?)));
        match sockets {
            Ok((rtp, rtcp)) => Ok(Self { rtp, rtcp, port }),
            Err(error) => Err((port, error)),
        }
    }
}

fn bind_one(ip: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, port))?;
    socket.set_nonblocking(true)?;
    let fd = socket.as_raw_fd();
    // Without these, calls still work: arrival times are coarser, and routers do not prefer us.
    let _ = set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1);
    let _ = match ip {
        IpAddr::V4(_) => set_option(fd, libc::IPPROTO_IP, libc::IP_TOS, EXPEDITED_FORWARDING),
        IpAddr::V6(_) => set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, EXPEDITED_FORWARDING),
    };
    Ok(socket)
}

fn set_option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is a c_int and its size is given.
    let done = unsafe {
        libc::setsockopt(fd, level, name, (&raw const value).cast(), size_of::<libc::c_int>() as libc::socklen_t)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Forgets the peer of a connected socket, so that it receives from all again.
pub fn disconnect(socket: &UdpSocket) -> io::Result<()> {
    // SAFETY: an all-zero sockaddr of family AF_UNSPEC is what connect(2) asks for.
    let done = unsafe {
        let mut addr: libc::sockaddr = zeroed();
        addr.sa_family = libc::AF_UNSPEC as libc::sa_family_t;
        libc::connect(socket.as_raw_fd(), &raw const addr, size_of::<libc::sockaddr>() as libc::socklen_t)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Packets fetched by one system call.
const BATCH: usize = 8;
/// An RTP packet that matters fits one Ethernet frame; longer ones are cut and then found invalid.
const PACKET_BYTES: usize = 1_536;
const CONTROL_BYTES: usize = 64;

/// Space for one batch of received packets, reused for all sockets of a thread.
pub struct RecvBatch {
    packets: Box<[[u8; PACKET_BYTES]; BATCH]>,
    names: Box<[libc::sockaddr_storage; BATCH]>,
    controls: Box<[[u64; CONTROL_BYTES / 8]; BATCH]>,
    lengths: [usize; BATCH],
    control_lengths: [usize; BATCH],
}

impl Default for RecvBatch {
    fn default() -> Self {
        Self {
            packets: Box::new([[0; PACKET_BYTES]; BATCH]),
            // SAFETY: all zeroes is a valid sockaddr_storage.
            names: Box::new(unsafe { zeroed() }),
            controls: Box::new([[0; CONTROL_BYTES / 8]; BATCH]),
            lengths: [0; BATCH],
            control_lengths: [0; BATCH],
        }
    }
}

impl RecvBatch {
    /// The most that [`RecvBatch::receive`] returns.
    pub const CAPACITY: usize = BATCH;

    /// Fetches what waits on the socket, up to [`RecvBatch::CAPACITY`] packets; 0 when nothing waits or an ICMP
    /// error was pending.
    pub fn receive(&mut self, socket: &UdpSocket) -> usize {
        // SAFETY: all zeroes are valid headers, and every pointer stored below points into `self`, which outlives
        // the call; the lengths stored beside them are those of the arrays.
        let received = unsafe {
            let mut iovecs: [libc::iovec; BATCH] = zeroed();
            let mut headers: [libc::mmsghdr; BATCH] = zeroed();
            for n in 0..BATCH {
                iovecs[n].iov_base = self.packets[n].as_mut_ptr().cast();
                iovecs[n].iov_len = PACKET_BYTES;
                let header = &mut headers[n].msg_hdr;
                header.msg_name = (&raw mut self.names[n]).cast();
                header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
                header.msg_iov = &raw mut iovecs[n];
                header.msg_iovlen = 1;
                header.msg_control = self.controls[n].as_mut_ptr().cast();
                header.msg_controllen = CONTROL_BYTES;
            }
            let received = libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            );
            let received = usize::try_from(received).unwrap_or(0);
            for (n, header) in headers.iter().enumerate().take(received) {
                self.lengths[n] = header.msg_len as usize;
                self.control_lengths[n] = header.msg_hdr.msg_controllen;
            }
            received
        };
        received.min(BATCH)
    }

    /// One packet of the last [`RecvBatch::receive`]: its bytes, its source, and when the kernel got it, in
    /// nanoseconds since 1970. `None` for a source that is no internet address.
    pub fn get(&self, n: usize) -> Option<(&[u8], SocketAddr, Option<u64>)> {
        let source = to_socket_addr(&self.names[n])?;
        Some((&self.packets[n][..self.lengths[n].min(PACKET_BYTES)], source, self.timestamp(n)))
    }

    /// The same, to be decrypted where it lies.
    pub fn get_mut(&mut self, n: usize) -> Option<(&mut [u8], SocketAddr, Option<u64>)> {
        let source = to_socket_addr(&self.names[n])?;
        let stamp = self.timestamp(n);
        Some((&mut self.packets[n][..self.lengths[n].min(PACKET_BYTES)], source, stamp))
    }

    /// The first control message, when it is a timestamp: no others are asked for.
    fn timestamp(&self, n: usize) -> Option<u64> {
        let needed = size_of::<libc::cmsghdr>() + size_of::<libc::timespec>();
        if self.control_lengths[n] < needed {
            return None;
        }
        let base: *const u64 = self.controls[n].as_ptr();
        // SAFETY: the buffer holds at least a header and a timespec, as just checked, and is aligned to 8 bytes.
        unsafe {
            let header = base.cast::<libc::cmsghdr>().read();
            if header.cmsg_level != libc::SOL_SOCKET || header.cmsg_type != libc::SCM_TIMESTAMPNS {
                return None;
            }
            let time = base.byte_add(size_of::<libc::cmsghdr>()).cast::<libc::timespec>().read();
            Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
        }
    }
}

fn to_socket_addr(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that a sockaddr_in is stored, and the storage is aligned for it.
            let addr = unsafe { (&raw const *storage).cast::<libc::sockaddr_in>().read() };
            Some(SocketAddr::from((Ipv4Addr::from(u32::from_be(addr.sin_addr.s_addr)), u16::from_be(addr.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that a sockaddr_in6 is stored, and the storage is aligned for it.
            let addr = unsafe { (&raw const *storage).cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(addr.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(addr.sin6_port), addr.sin6_flowinfo, addr.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Nanoseconds of CLOCK_MONOTONIC: the wheel's own clock, which it can also sleep on.
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970, as the kernel stamps packets.
pub fn realtime_ns() -> u64 {
    clock_ns(libc::CLOCK_REALTIME)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: clock_gettime fills the struct; it cannot fail for these two clocks.
    let time = unsafe {
        libc::clock_gettime(clock, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Sleeps until CLOCK_MONOTONIC reaches `until_ns`; absolute, so that lateness does not add up.
pub fn sleep_until(until_ns: u64) {
    let until = libc::timespec {
        tv_sec: (until_ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (until_ns % 1_000_000_000) as libc::c_long,
    };
    loop {
        // SAFETY: `until` is a valid time and no remainder is asked for.
        let done = unsafe {
            libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const until, std::ptr::null_mut())
        };
        if done != libc::EINTR {
            return;
        }
    }
}

/// Makes the calling thread wake on time: no timer slack, and real-time scheduling where that is allowed.
///
/// Returns whether real-time scheduling was granted.
pub fn make_punctual(realtime: bool) -> bool {
    // SAFETY: plain system calls on the calling thread with valid arguments.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, 0, 0, 0);
        if !realtime {
            return false;
        }
        // The lowest real-time priority is above all ordinary threads, and below the kernel's own.
        let param = libc::sched_param { sched_priority: 1 };
        if libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const param) == 0 {
            return true;
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, -15);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::pool::PortPool;

    #[test]
    fn a_batch_has_bytes_sources_and_arrival_times() {
        let pool = PortPool::new(42_000..=42_999);
        let pair = std::iter::from_fn(|| pool.take())
            .find_map(|port| SocketPair::bind(IpAddr::V4(Ipv4Addr::LOCALHOST), port).ok())
            .unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = pair.rtp.local_addr().unwrap();
        let mut batch = RecvBatch::default();
        assert_eq!(batch.receive(&pair.rtp), 0);
        for n in 0..10u8 {
            peer.send_to(&[n; 20], to).unwrap();
        }
        let after = realtime_ns();
        assert_eq!(batch.receive(&pair.rtp), 8);
        let (bytes, from, stamp) = batch.get(3).unwrap();
        assert_eq!(bytes, [3; 20]);
        assert_eq!(from, peer.local_addr().unwrap());
        let stamp = stamp.unwrap();
        assert!(stamp <= after && after - stamp < 1_000_000_000, "{stamp} {after}");
        assert_eq!(batch.receive(&pair.rtp), 2);
        assert_eq!(batch.get(1).unwrap().0, [9; 20]);

        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        pair.rtp.connect(peer.local_addr().unwrap()).unwrap();
        stranger.send_to(b"x", to).unwrap();
        assert_eq!(batch.receive(&pair.rtp), 0);
        disconnect(&pair.rtp).unwrap();
        stranger.send_to(b"x", to).unwrap();
        assert_eq!(batch.receive(&pair.rtp), 1);
    }

    #[test]
    fn a_busy_neighbour_gives_the_port_back() {
        let pool = PortPool::new(43_000..=43_999);
        let (pair, blocked) = std::iter::from_fn(|| pool.take())
            .find_map(|port| {
                let blocked = UdpSocket::bind((Ipv4Addr::LOCALHOST, port.port() + 1)).ok()?;
                Some((SocketPair::bind(IpAddr::V4(Ipv4Addr::LOCALHOST), port), blocked))
            })
            .unwrap();
        let (port, error) = pair.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(port.port() + 1, blocked.local_addr().unwrap().port());
    }
}
