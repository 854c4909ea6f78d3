//! A bad network between a caller and the node: packets are lost and held up, each way.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::scenario::Line;

/// Passes RTP on, badly; ends when dropped. RTCP is not passed on: neither side needs it.
pub struct Relay {
    /// Where the node is to send.
    pub towards_caller: SocketAddr,
    /// Where the caller is to send.
    pub towards_node: SocketAddr,
    node: Arc<std::sync::OnceLock<SocketAddr>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    /// Opens a way to the caller's media port; the node's is known with its answer.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn open(line: &Line, local: IpAddr, caller: SocketAddr) -> std::io::Result<Self> {
        let node_side = Arc::new(UdpSocket::bind((local, 0)).await?);
        let caller_side = Arc::new(UdpSocket::bind((local, 0)).await?);
        let (towards_caller, towards_node) = (node_side.local_addr()?, caller_side.local_addr()?);
        let node = Arc::new(std::sync::OnceLock::new());
        let known = Arc::new(std::sync::OnceLock::from(caller));
        let mut tasks = JoinSet::new();
        tasks.spawn(pass(Arc::clone(&node_side), Arc::clone(&caller_side), known, line.clone()));
        tasks.spawn(pass(caller_side, node_side, Arc::clone(&node), line.clone()));
        Ok(Self { towards_caller, towards_node, node, _tasks: tasks })
    }

    /// Where the node receives.
    pub fn set_node(&self, node: SocketAddr) {
        self.node.get_or_init(|| node);
    }
}

async fn pass(from: Arc<UdpSocket>, by: Arc<UdpSocket>, to: Arc<std::sync::OnceLock<SocketAddr>>, line: Line) {
    let mut held = JoinSet::new();
    let mut packet = vec![0; 2_048];
    loop {
        let Ok(len) = from.recv(&mut packet).await else { continue };
        // Finished ones are let go; a hundred in the air is two seconds of speech.
        while held.try_join_next().is_some() {}
        if held.len() > 100 {
            held.join_next().await;
        }
        let Some(to) = to.get().copied() else { continue };
        if rand::rng().random_range(0.0..100.0) < line.loss_percent {
            continue;
        }
        let wait = Duration::from_millis(rand::rng().random_range(0..=line.jitter_ms));
        let (by, packet) = (Arc::clone(&by), packet[..len].to_vec());
        held.spawn(async move {
            tokio::time::sleep(wait).await;
            // A port that is closed already: the call is over.
            let _ = by.send_to(&packet, to).await;
        });
    }
}

/// The answer's SDP with the media at `relay` instead, and where they were.
pub fn redirected(answer: &[u8], node: IpAddr, relay: SocketAddr) -> Option<(Vec<u8>, SocketAddr)> {
    let text = std::str::from_utf8(answer).ok()?;
    let start = text.find("m=audio ")? + "m=audio ".len();
    let len = text[start..].find(' ')?;
    let port: u16 = text[start..start + len].parse().ok()?;
    let changed = format!("{}{}{}", &text[..start], relay.port(), &text[start + len..]);
    Some((changed.into_bytes(), SocketAddr::new(node, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_or_nothing_arrives_at_the_other_side() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let caller = UdpSocket::bind((local, 0)).await.unwrap();
        let node = UdpSocket::bind((local, 0)).await.unwrap();
        let line = Line { jitter_ms: 5, ..Line::default() };
        let relay = Relay::open(&line, local, caller.local_addr().unwrap()).await.unwrap();
        let sdp = format!("v=0\r\nm=audio {} RTP/AVP 8\r\n", node.local_addr().unwrap().port());
        let (changed, at) = redirected(sdp.as_bytes(), local, relay.towards_node).unwrap();
        assert!(String::from_utf8(changed).unwrap().contains(&format!("m=audio {} RTP", relay.towards_node.port())));
        relay.set_node(at);
        let mut packet = [0; 16];
        caller.send_to(b"there", relay.towards_node).await.unwrap();
        assert_eq!(node.recv(&mut packet).await.unwrap(), 5);
        node.send_to(b"back again", relay.towards_caller).await.unwrap();
        assert_eq!(caller.recv(&mut packet).await.unwrap(), 10);
    }
}
