//! Several nodes on a real Redis, which is killed and restarted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::domain::Secret;

#[path = "../../../tests/support/redis.rs"]
mod server;

use server::Redis as Server;

/// One node, and what it tells of Redis.
struct Node {
    live: Live,
    up: watch::Receiver<bool>,
    fell_back: Arc<Mutex<HashMap<&'static str, u32>>>,
}

impl Node {
    fn start(server: &Server, name: &str) -> Self {
        let options = RedisOptions { url: Secret::new(server.url()), prefix: "test".to_owned() };
        let (told, up) = watch::channel(false);
        let fell_back = Arc::<Mutex<HashMap<&'static str, u32>>>::default();
        let counts = Arc::clone(&fell_back);
        let observer = move |notice| match notice {
            Notice::Up(up) => drop(told.send_replace(up)),
            Notice::FellBack(what) => {
                *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
            }
        };
        Self { live: Live::shared(name, &options, Arc::new(observer)).expect("a URL"), up, fell_back }
    }

    async fn is(&mut self, up: bool) {
        let told = tokio::time::timeout(LIMIT, self.up.wait_for(|now| *now == up)).await;
        assert!(told.is_ok(), "{}: waited for Redis to be {up}", self.live.node());
    }

    fn fell_back(&self, what: &str) -> u32 {
        self.fell_back.lock().unwrap_or_else(PoisonError::into_inner).get(what).copied().unwrap_or(0)
    }
}

async fn two_nodes(server: &Server) -> (Node, Node) {
    let (mut a, mut b) = (Node::start(server, "a"), Node::start(server, "b"));
    a.is(true).await;
    b.is(true).await;
    (a, b)
}

/// A place on this node, as soon as there is one.
async fn place(live: &Live, id: CallId, most: u32) -> Entry {
    until("a place", async || live.enter(OURS, id, most).await).await
}

async fn holds(lease: &mut watch::Receiver<bool>, held: bool) {
    let changed = tokio::time::timeout(LIMIT, lease.wait_for(|now| *now == held)).await;
    assert!(changed.is_ok(), "waited for the lease to be {held}");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_calls_in_redis_conform() {
    let server = Server::start();
    let mut node = Node::start(&server, "one");
    node.is(true).await;
    conforms(&node.live).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_count_a_tenants_calls_together_and_a_dead_nodes_places_are_free_again() {
    let server = Server::start();
    let (a, b) = two_nodes(&server).await;
    let on_a = a.live.enter(OURS, call(1), 2).await.expect("a place");
    let on_b = b.live.enter(OURS, call(2), 2).await.expect("a place");
    assert!(a.live.enter(OURS, call(3), 2).await.is_none(), "the other node has the other place");
    assert!(b.live.enter(OURS, call(3), 2).await.is_none());
    assert!(b.live.enter(THEIRS, call(4), 1).await.is_some(), "another tenant has places of its own");
    assert_eq!((a.live.taken(OURS).await, b.live.taken(OURS).await), (2, 2));
    drop(on_b);
    let again = place(&a.live, call(5), 2).await;
    // From here on nobody speaks for the calls of this node, as if it had died.
    a.live.stop().await;
    assert!(b.live.enter(OURS, call(6), 2).await.is_none(), "it may only be slow");
    let _on_b = place(&b.live, call(7), 2).await;
    let _both = place(&b.live, call(8), 2).await;
    assert!(b.live.enter(OURS, call(9), 2).await.is_none(), "and no more than there were");
    drop((on_a, again));
    assert_eq!((a.fell_back("cap"), b.fell_back("cap")), (0, 0), "Redis was there all the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_kept_alive_as_long_as_its_node_lives() {
    let server = Server::start();
    let (a, b) = two_nodes(&server).await;
    let entry = answered(&a.live, OURS, call(1)).await;
    let kept = tokio::time::Instant::now();
    // Longer than a call without word is remembered.
    while kept.elapsed() < redis::CALL_LIFETIME + redis::HEARTBEAT {
        assert!(b.live.enter(OURS, call(2), 1).await.is_none(), "after {:?}", kept.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    until("the call in the other node's list", async || (ids(&b.live.list(OURS).await) == [call(1)]).then_some(()))
        .await;
    drop(entry);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_watched_and_ended_from_another_node() {
    let server = Server::start();
    let (a, b) = two_nodes(&server).await;
    let mut events = b.live.events(OURS);
    let mut foreign = b.live.events(THEIRS);
    // What listens begins a moment after Redis answers, and says so.
    let listens = tokio::time::timeout(LIMIT, events.next()).await.expect("it listens");
    assert_eq!((listens, foreign.next().await), (Some(Delivery::Missed), Some(Delivery::Missed)));
    let entry = answered(&a.live, OURS, call(1)).await;
    let Happening::CallStarted { call: started } = next(&mut events).await else { panic!("first it is answered") };
    assert_eq!((started.id, started.node.as_str()), (call(1), "a"));
    assert_eq!(ids(&b.live.list(OURS).await), [call(1)], "whoever hears of it finds it");
    assert_eq!(ids(&b.live.list_all().await), [call(1)]);
    assert_eq!(ids(&b.live.list(THEIRS).await), []);
    entry.phase(LivePhase::Speaking);
    entry.turn(&turn(0, "What are your timings?"));
    let Happening::CallTurn { turn, phase, .. } = next(&mut events).await else { panic!("then somebody speaks") };
    assert_eq!((turn.text.as_str(), phase), ("What are your timings?", LivePhase::Speaking));
    let seen = b.live.get(OURS, call(1)).await.expect("it is seen from there");
    assert_eq!((seen.turns, seen.phase), (1, LivePhase::Speaking));
    assert_eq!(b.live.get(THEIRS, call(1)).await, None);

    let mut asked = entry.wishes();
    assert_eq!(b.live.hang_up(THEIRS, call(1)).await, Err(ReachError::NoSuchCall));
    assert_eq!(b.live.hang_up(OURS, call(9)).await, Err(ReachError::NoSuchCall));
    assert_eq!(*asked.borrow(), CallWish::None);
    for wish in [CallWish::HandOver("desk".to_owned()), CallWish::HangUp] {
        let order = async || match &wish {
            CallWish::HandOver(target) => b.live.hand_over(OURS, call(1), target.clone()).await.ok(),
            _ => b.live.hang_up(OURS, call(1)).await.ok(),
        };
        until("the order to reach its node", order).await;
        let told = tokio::time::timeout(LIMIT, asked.wait_for(|asked| *asked == wish)).await;
        assert!(told.expect("it is asked").is_ok(), "{wish:?}");
    }
    entry.ended(EndCause::Operator, CallOutcome::Nothing);
    let ended =
        Happening::CallEnded { call: call(1), cause: Some(EndCause::Operator), outcome: Some(CallOutcome::Nothing) };
    assert_eq!(next(&mut events).await, ended);
    assert_eq!(ids(&b.live.list_all().await), [], "whoever hears of the end finds it no more");
    b.live.trunk_changed(vec![THEIRS.tenant()], TrunkNews { trunk: "t".into(), state: "up".into(), up: true });
    assert_eq!(next(&mut foreign).await.name(), "trunk.state", "nothing of the other tenant's came before");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_nodes_one_holds_a_lease_and_another_takes_over() {
    let server = Server::start();
    let (a, b) = two_nodes(&server).await;
    let mut on_a = a.live.lease("line");
    holds(&mut on_a, true).await;
    let (mut on_b, mut other) = (b.live.lease("line"), b.live.lease("other"));
    holds(&mut other, true).await;
    assert!(!*on_b.borrow_and_update(), "it was asked for in the same turn");
    a.live.release_leases().await;
    holds(&mut on_b, true).await;
    holds(&mut on_a, false).await;
    // As if it had died.
    b.live.stop().await;
    let mut c = Node::start(&server, "c");
    c.is(true).await;
    let mut on_c = c.live.lease("line");
    let asked = tokio::time::Instant::now();
    holds(&mut on_c, true).await;
    println!("the lease of a dead node was taken over after {:.1} s", asked.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_calls_go_on_with_each_nodes_own_caps_until_it_is_back() {
    let mut server = Server::start();
    let (mut a, mut b) = two_nodes(&server).await;
    let mut lease = a.live.lease("line");
    holds(&mut lease, true).await;
    let mut others = b.live.lease("line");
    let on_a = answered(&a.live, OURS, call(1)).await;
    assert!(b.live.enter(OURS, call(2), 1).await.is_none());
    server.kill();
    a.is(false).await;
    b.is(false).await;
    let on_b = b.live.enter(OURS, call(3), 1).await.expect("it counts its own calls");
    assert!(b.live.enter(OURS, call(4), 1).await.is_none(), "and these still");
    assert_eq!(b.fell_back("cap"), 1);
    on_a.turn(&turn(0, "Hello?"));
    assert_eq!(a.live.get(OURS, call(1)).await.expect("it goes on").turns, 1);
    let listing = a.live.list(OURS).await;
    assert!(listing.partial && listing.calls.len() == 1, "{listing:?}");
    assert_eq!(b.live.hang_up(OURS, call(1)).await, Err(ReachError::Unreachable));
    assert!(*lease.borrow_and_update(), "who registers goes on");
    server.restart();
    a.is(true).await;
    b.is(true).await;
    // Nobody has told Redis of these calls but the nodes themselves, after its return.
    on_b.answered(&record(OURS, call(3)), None);
    until("all calls in both lists", async || {
        let (from_a, from_b) = (a.live.list(OURS).await, b.live.list(OURS).await);
        (ids(&from_a) == [call(1), call(3)] && ids(&from_b) == [call(1), call(3)]).then_some(())
    })
    .await;
    assert!(a.live.enter(OURS, call(5), 2).await.is_none(), "both count again");
    until("the order to reach its node", async || b.live.hang_up(OURS, call(1)).await.ok()).await;
    assert!(
        !lease.has_changed().expect("it lives") && !others.has_changed().expect("it lives"),
        "the holder comes first"
    );
    holds(&mut others, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_never_reached_redis_does_what_it_can() {
    let mut server = Server::absent();
    let mut node = Node::start(&server, "a");
    let _entry = node.live.enter(OURS, call(1), 1).await.expect("it counts its own calls");
    assert!(node.live.enter(OURS, call(2), 1).await.is_none());
    let mut lease = node.live.lease("line");
    assert!(!*lease.borrow(), "another node may have it");
    holds(&mut lease, true).await;
    server.restart();
    node.is(true).await;
    assert_eq!(node.live.taken(OURS).await, 1);
    assert!(*lease.borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_is_none_is_refused_without_being_shown() {
    let options = RedisOptions { url: Secret::new("https://user:top-secret@host"), prefix: "test".to_owned() };
    let error = Live::shared("a", &options, Arc::new(|_| {})).expect_err("no URL of Redis");
    assert!(!format!("{error} {error:?} {options:?}").contains("top-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_heard_on_another_node_for_as_long_as_somebody_listens() {
    let server = Server::start();
    let (a, b) = two_nodes(&server).await;
    let entry = place(&a.live, call(1), 9).await;
    entry.answered(&record(OURS, call(1)), None);
    let spoken = tokio::sync::broadcast::Sender::new(64);
    let heard = spoken.downgrade();
    entry.audible(Arc::new(move || Some(heard.upgrade()?.subscribe())));
    until("the call on the other node", async || b.live.get(OURS, call(1)).await).await;
    assert_eq!(b.live.listen(THEIRS, call(1)).await.err(), Some(ReachError::NoSuchCall));
    let mut audio = until("the other node's ear", async || b.live.listen(OURS, call(1)).await.ok()).await;
    until("somebody who listens", async || (spoken.receiver_count() == 1).then_some(())).await;
    let again = b.live.listen(OURS, call(1)).await.unwrap();
    for n in 0..10 {
        spoken.send(StereoFrame([[n, -n]; STEREO_FRAME_SAMPLES])).unwrap();
    }
    assert_eq!(sound(&mut audio).await[..4], [0, 0, 0, 0]);
    assert_eq!(sound(&mut audio).await[..4], [5, 0, 251, 255]);
    assert_eq!(spoken.receiver_count(), 1, "the call is sent once to a node, however many listen there");
    drop((audio, again));
    // The call goes on; it is sent until that node has said nothing for a while.
    let speaking = tokio::spawn({
        let spoken = spoken.clone();
        async move {
            loop {
                let _ = spoken.send(StereoFrame([[0; 2]; STEREO_FRAME_SAMPLES]));
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    });
    until("nobody who listens", async || (spoken.receiver_count() == 0).then_some(())).await;
    speaking.abort();
    let mut audio = b.live.listen(OURS, call(1)).await.unwrap();
    until("somebody who listens again", async || (spoken.receiver_count() == 1).then_some(())).await;
    drop((spoken, speaking));
    let end = tokio::time::timeout(LIMIT, audio.next()).await.expect("the end");
    assert_eq!(end, None);
}
