#![expect(clippy::disallowed_methods, reason = "virtual clocks have to begin somewhere")]

use super::*;
use std::time::{Duration, Instant};

const UDP: bool = false;
const TCP: bool = true;

fn timing() -> Timing {
    Timing::default()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Runs a machine on a virtual clock until it has no timer, and lists what fired and when (ms since `start`).
fn run<F: Copy>(
    start: Instant,
    mut next: impl FnMut() -> Option<Instant>,
    mut fire: impl FnMut(Instant) -> Option<F>,
) -> Vec<(u64, F)> {
    let mut log = Vec::new();
    while let Some(at) = next() {
        assert_eq!(None, fire(at - ms(1)).map(|_| ()), "nothing fires a millisecond early");
        while let Some(fired) = fire(at) {
            log.push(((at - start).as_millis() as u64, fired));
        }
    }
    log
}

macro_rules! run {
    ($start:expr, $machine:expr) => {{
        let cell = std::cell::RefCell::new(&mut $machine);
        run($start, || cell.borrow().poll_timeout(), |now| cell.borrow_mut().handle_timeout(now))
    }};
}

#[test]
fn timer_a_repeats_an_unanswered_invite_doubling_without_a_cap() {
    let start = Instant::now();
    let mut tx = InviteClient::new(timing(), UDP, start);
    let at: Vec<u64> =
        run!(start, tx).into_iter().filter(|(_, f)| *f == ClientFired::Retransmit).map(|(t, _)| t).collect();
    assert_eq!(at, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
}

#[test]
fn timer_a_stops_at_a_provisional_response_and_never_starts_on_a_reliable_transport() {
    let start = Instant::now();
    let mut tx = InviteClient::new(timing(), UDP, start);
    assert_eq!(tx.handle_response(100, start + ms(10)), ClientAction::Deliver);
    assert_eq!((tx.state(), tx.poll_timeout()), (InviteClientState::Proceeding, None));

    let mut tx = InviteClient::new(timing(), TCP, start);
    assert_eq!(run!(start, tx), [(32_000, ClientFired::TimedOut)]);
}

#[test]
fn timer_b_gives_up_an_unanswered_invite_after_64_t1() {
    let start = Instant::now();
    let mut tx = InviteClient::new(timing(), UDP, start);
    assert_eq!(run!(start, tx).last(), Some(&(32_000, ClientFired::TimedOut)));
    assert_eq!(tx.state(), InviteClientState::Terminated);
}

#[test]
fn timer_d_acknowledges_repeated_failures_for_32_s_or_not_at_all_on_tcp() {
    let start = Instant::now();
    let mut tx = InviteClient::new(timing(), UDP, start);
    assert_eq!(tx.handle_response(486, start), ClientAction::AckAndDeliver);
    assert_eq!(tx.handle_response(486, start + ms(500)), ClientAction::Ack);
    assert_eq!(tx.handle_response(180, start + ms(600)), ClientAction::Absorb);
    assert_eq!(run!(start, tx), [(32_000, ClientFired::Terminated)]);

    let mut tx = InviteClient::new(timing(), TCP, start);
    tx.handle_response(486, start);
    assert_eq!(tx.handle_timeout(start), Some(ClientFired::Terminated));
}

#[test]
fn timer_m_delivers_every_2xx_for_64_t1() {
    let start = Instant::now();
    for reliable in [UDP, TCP] {
        let mut tx = InviteClient::new(timing(), reliable, start);
        assert_eq!(tx.handle_response(200, start), ClientAction::Deliver);
        assert_eq!(tx.handle_response(200, start + ms(31_999)), ClientAction::Deliver);
        assert_eq!(tx.handle_response(486, start + ms(31_999)), ClientAction::Absorb);
        assert_eq!(run!(start, tx), [(32_000, ClientFired::Terminated)]);
        assert_eq!(tx.handle_response(200, start + ms(32_001)), ClientAction::Absorb);
    }
}

#[test]
fn timer_e_doubles_to_t2_and_is_t2_at_once_after_a_provisional_response() {
    let start = Instant::now();
    let mut tx = NonInviteClient::new(timing(), UDP, start);
    let at: Vec<u64> =
        run!(start, tx).into_iter().filter(|(_, f)| *f == ClientFired::Retransmit).map(|(t, _)| t).collect();
    assert_eq!(at, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);

    let mut tx = NonInviteClient::new(timing(), UDP, start);
    assert_eq!(tx.handle_response(100, start), ClientAction::Deliver);
    let at: Vec<u64> = run!(start, tx).into_iter().map(|(t, _)| t).collect();
    assert_eq!(at[..3], [500, 4_500, 8_500]);
}

#[test]
fn timer_f_gives_up_after_64_t1_even_after_a_provisional_response() {
    let start = Instant::now();
    let mut tx = NonInviteClient::new(timing(), TCP, start);
    tx.handle_response(100, start);
    assert_eq!(run!(start, tx), [(32_000, ClientFired::TimedOut)]);
}

#[test]
fn timer_k_absorbs_repeated_responses_for_t4_or_not_at_all_on_tcp() {
    let start = Instant::now();
    let mut tx = NonInviteClient::new(timing(), UDP, start);
    assert_eq!(tx.handle_response(200, start), ClientAction::Deliver);
    assert_eq!(tx.handle_response(200, start), ClientAction::Absorb);
    assert_eq!(run!(start, tx), [(5_000, ClientFired::Terminated)]);

    let mut tx = NonInviteClient::new(timing(), TCP, start);
    tx.handle_response(200, start);
    assert_eq!(tx.handle_timeout(start), Some(ClientFired::Terminated));
}

#[test]
fn timer_g_repeats_a_failure_doubling_to_t2() {
    let start = Instant::now();
    let mut tx = InviteServer::new(timing(), UDP);
    assert_eq!(tx.send(486, start), ServerSend::Send);
    assert_eq!(tx.send(200, start), ServerSend::Refused);
    let at: Vec<u64> =
        run!(start, tx).into_iter().filter(|(_, f)| *f == ServerFired::Retransmit).map(|(t, _)| t).collect();
    assert_eq!(at, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
}

#[test]
fn timer_h_gives_up_waiting_for_the_ack_after_64_t1() {
    let start = Instant::now();
    let mut tx = InviteServer::new(timing(), TCP);
    tx.send(486, start);
    assert_eq!(run!(start, tx), [(32_000, ServerFired::TimedOut)]);
}

#[test]
fn timer_i_absorbs_repeated_acks_for_t4_or_not_at_all_on_tcp() {
    let start = Instant::now();
    let mut tx = InviteServer::new(timing(), UDP);
    tx.send(486, start);
    tx.handle_ack(start);
    tx.handle_ack(start + ms(100));
    assert_eq!(tx.state(), InviteServerState::Confirmed);
    assert_eq!(tx.handle_retransmission(), ServerAction::Absorb);
    assert_eq!(run!(start, tx), [(5_000, ServerFired::Terminated)]);

    let mut tx = InviteServer::new(timing(), TCP);
    tx.send(486, start);
    tx.handle_ack(start);
    assert_eq!(tx.handle_timeout(start), Some(ServerFired::Terminated));
}

#[test]
fn timer_j_answers_repeated_requests_for_64_t1_or_not_at_all_on_tcp() {
    let start = Instant::now();
    let mut tx = NonInviteServer::new(timing(), UDP);
    assert_eq!(tx.handle_retransmission(), ServerAction::Absorb);
    assert_eq!(tx.send(100, start), ServerSend::Send);
    assert_eq!(tx.send(200, start), ServerSend::Send);
    assert_eq!(tx.send(500, start), ServerSend::Refused);
    assert_eq!(tx.handle_retransmission(), ServerAction::Resend);
    assert_eq!(run!(start, tx), [(32_000, ServerFired::Terminated)]);

    let mut tx = NonInviteServer::new(timing(), TCP);
    tx.send(200, start);
    assert_eq!(tx.handle_timeout(start), Some(ServerFired::Terminated));
}

#[test]
fn timer_l_keeps_an_accepted_invite_for_64_t1() {
    let start = Instant::now();
    for reliable in [UDP, TCP] {
        let mut tx = InviteServer::new(timing(), reliable);
        assert_eq!(tx.send(180, start), ServerSend::Send);
        assert_eq!(tx.send(200, start), ServerSend::Send);
        tx.handle_ack(start);
        assert_eq!(tx.state(), InviteServerState::Accepted);
        assert_eq!(tx.handle_retransmission(), ServerAction::Resend);
        assert_eq!(run!(start, tx), [(32_000, ServerFired::Terminated)]);
    }
}

#[test]
fn a_driver_that_slept_through_timers_repeats_once_and_ends() {
    let start = Instant::now();
    let mut tx = InviteClient::new(timing(), UDP, start);
    // The driver slept through both A and B.
    let late = start + Duration::from_secs(60);
    assert_eq!(tx.handle_timeout(late), Some(ClientFired::Retransmit));
    assert_eq!(tx.handle_timeout(late), Some(ClientFired::TimedOut));
    assert_eq!(tx.handle_timeout(late), None);
}
