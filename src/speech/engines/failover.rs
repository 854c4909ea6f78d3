//! The first answer out of an ordered list of engines: one after the other, or the next beside one that is late.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Blame;
use super::health::{Health, Permit};
use super::spec::Hedge;

/// Where an engine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// On this machine's cores.
    Local,
    /// Elsewhere; a thread here only waits.
    Network,
}

/// One engine in a list.
pub struct Link<E: ?Sized> {
    pub engine: Arc<E>,
    pub lane: Lane,
    /// How long one try may take.
    pub timeout: Duration,
    pub hedge: Hedge,
    pub health: Arc<Health>,
}

impl<E: ?Sized> Clone for Link<E> {
    fn clone(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), health: Arc::clone(&self.health), ..*self }
    }
}

impl<E: ?Sized> Link<E> {
    fn hedge_after(&self) -> Option<Duration> {
        match self.hedge {
            Hedge::Off => None,
            Hedge::P95 => self.health.p95(),
            Hedge::After(wait) => Some(wait),
        }
    }
}

/// Why a try gave nothing.
#[derive(Debug)]
pub struct Fault<X> {
    pub error: X,
    /// `None` when the engine is not to blame: it was not wanted any more, or no worker was free.
    pub blame: Option<Blame>,
}

struct Try<F> {
    link: usize,
    began: Instant,
    permit: Permit,
    future: Pin<Box<F>>,
}

enum Event<T, X> {
    Ended(usize, Result<T, Fault<X>>),
    Late,
}

/// Asks `links` from `first` on until one answers; the answer, and whose it is. An engine whose breaker is open is left
/// out, except the last one that is left: a try costs less than silence. Dropping the future drops every try.
///
/// # Errors
/// The last error; `None` when there is no engine.
pub async fn first_answer<E, T, X, F>(
    links: &[Link<E>],
    first: usize,
    mut attempt: impl FnMut(&Link<E>) -> F,
) -> Result<(usize, T), Option<X>>
where
    E: ?Sized,
    X: std::fmt::Display,
    F: Future<Output = Result<T, Fault<X>>>,
{
    let mut next = first;
    let mut running: Vec<Try<F>> = Vec::new();
    let mut last_error = None;
    loop {
        if running.is_empty() {
            match begin(links, &mut next, &mut attempt) {
                Some(one) => running.push(one),
                None => return Err(last_error),
            }
        }
        let late = running.last().and_then(|one| Some(one.began + links[one.link].hedge_after()?));
        let late = late.filter(|_| next < links.len());
        let event = tokio::select! {
            biased;
            (at, outcome) = any_end(&mut running) => Event::Ended(at, outcome),
            () = until(late) => Event::Late,
        };
        match event {
            Event::Late => running.extend(begin(links, &mut next, &mut attempt)),
            Event::Ended(at, outcome) => {
                let now = Instant::now().into_std();
                let Try { link, permit, .. } = running.swap_remove(at);
                match outcome {
                    Ok(answer) => {
                        permit.succeeded(now);
                        let slower = running.into_iter().filter(|other| other.link < link);
                        slower.for_each(|other| other.permit.overtaken(now));
                        return Ok((link, answer));
                    }
                    Err(Fault { error, blame }) => {
                        if let Some(blame) = blame {
                            permit.failed(blame, &error.to_string(), now);
                        }
                        last_error = Some(error);
                    }
                }
            }
        }
    }
}

/// Starts the next engine that may be asked.
fn begin<E, F>(links: &[Link<E>], next: &mut usize, attempt: &mut impl FnMut(&Link<E>) -> F) -> Option<Try<F>>
where
    E: ?Sized,
{
    while let Some(link) = links.get(*next) {
        let at = *next;
        *next += 1;
        let began = Instant::now();
        let is_last = at + 1 == links.len();
        if let Some(permit) = link.health.admit(is_last, began.into_std()) {
            return Some(Try { link: at, began, permit, future: Box::pin(attempt(link)) });
        }
    }
    None
}

async fn any_end<F: Future>(running: &mut [Try<F>]) -> (usize, F::Output) {
    poll_fn(|context| {
        for (at, one) in running.iter_mut().enumerate() {
            if let Poll::Ready(outcome) = one.future.as_mut().poll(context) {
                return Poll::Ready((at, outcome));
            }
        }
        Poll::Pending
    })
    .await
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::breaker::{BreakerSettings, BreakerState};
    use super::*;

    /// Does nothing; what a try gives is up to the test.
    struct Named(&'static str);

    fn link(name: &'static str, hedge: Hedge) -> Link<Named> {
        let settings = BreakerSettings { failures: 2, window: Duration::from_secs(60), pause: Duration::from_secs(15) };
        let health = Health::new(name, true, settings);
        Link { engine: Arc::new(Named(name)), lane: Lane::Network, timeout: Duration::from_secs(2), hedge, health }
    }

    const BROKEN: Fault<&str> = Fault { error: "broken", blame: Some(Blame::Broken) };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Asks `links`, each of which answers or fails after a time; who answered, after how long, and who was asked when.
    async fn ask(
        links: &[Link<Named>],
        plan: &[(&'static str, u64, bool)],
    ) -> (Result<&'static str, Option<&'static str>>, u64, Vec<(&'static str, u64)>) {
        let start = Instant::now();
        let asked = RefCell::new(Vec::new());
        let outcome = first_answer(links, 0, |link| {
            let name = link.engine.0;
            asked.borrow_mut().push((name, start.elapsed().as_millis() as u64));
            let (_, after, works) = *plan.iter().find(|(planned, ..)| *planned == name).unwrap();
            async move {
                tokio::time::sleep(ms(after)).await;
                if works { Ok(name) } else { Err(BROKEN) }
            }
        })
        .await;
        (outcome.map(|(_, name)| name), start.elapsed().as_millis() as u64, asked.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_is_asked_when_one_fails_and_a_broken_one_is_left_out() {
        let links = [link("cloud", Hedge::Off), link("local", Hedge::Off)];
        let plan = [("cloud", 100, false), ("local", 300, true)];
        for _ in 0..2 {
            let (answer, took, asked) = ask(&links, &plan).await;
            assert_eq!((answer, took), (Ok("local"), 400));
            assert_eq!(asked, [("cloud", 0), ("local", 100)]);
        }
        let (answer, took, asked) = ask(&links, &plan).await;
        assert_eq!((answer, took, asked), (Ok("local"), 300, vec![("local", 0)]), "its breaker is open");
        let status = links[0].health.status();
        assert_eq!((status.breaker, status.counts.broken, status.counts.left_out), (BreakerState::Open, 2, 1));
        tokio::time::advance(Duration::from_secs(16)).await;
        let (answer, ..) = ask(&links, &[("cloud", 100, true), ("local", 300, true)]).await;
        assert_eq!((answer, links[0].health.status().breaker), (Ok("cloud"), BreakerState::Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_is_asked_in_any_case() {
        let links = [link("local", Hedge::Off)];
        for _ in 0..5 {
            let (answer, ..) = ask(&links, &[("local", 10, false)]).await;
            assert_eq!(answer, Err(Some("broken")));
        }
        assert_eq!(ask(&links, &[("local", 10, true)]).await.0, Ok("local"));
        assert_eq!(ask(&[], &[]).await.0, Err(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_one_gets_company_and_the_first_answer_counts() {
        let links = [link("cloud", Hedge::After(ms(600))), link("local", Hedge::Off)];
        let (answer, took, asked) = ask(&links, &[("cloud", 500, true), ("local", 300, true)]).await;
        assert_eq!((answer, took, asked), (Ok("cloud"), 500, vec![("cloud", 0)]), "not late: nothing is spent");
        let (answer, took, asked) = ask(&links, &[("cloud", 1_500, true), ("local", 300, true)]).await;
        assert_eq!((answer, took), (Ok("local"), 900));
        assert_eq!(asked, [("cloud", 0), ("local", 600)]);
        let (answer, took, _) = ask(&links, &[("cloud", 800, true), ("local", 300, true)]).await;
        assert_eq!((answer, took), (Ok("cloud"), 800), "it may still be the first");
        let (answer, took, _) = ask(&links, &[("cloud", 900, false), ("local", 700, true)]).await;
        assert_eq!((answer, took), (Ok("local"), 1_300), "who is already at work is waited for");
        let counts = links[0].health.status().counts;
        assert_eq!((counts.succeeded, counts.overtaken, counts.broken), (2, 1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_95th_percentile_makes_a_hedge_once_it_is_known() {
        let links = [link("cloud", Hedge::P95), link("local", Hedge::Off)];
        let slow = [("cloud", 1_000, true), ("local", 10, true)];
        assert_eq!(ask(&links, &slow).await.0, Ok("cloud"), "nothing is known yet");
        for _ in 0..30 {
            assert_eq!(ask(&links, &[("cloud", 200, true), ("local", 10, true)]).await.1, 200);
        }
        assert_eq!(links[0].health.p95(), Some(ms(200)));
        let (answer, took, _) = ask(&links, &slow).await;
        assert_eq!((answer, took), (Ok("local"), 210));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_given_up_says_nothing_of_the_engine() {
        let links = [link("cloud", Hedge::Off), link("local", Hedge::Off)];
        for _ in 0..5 {
            let plan = [("cloud", 5_000, true), ("local", 1, true)];
            assert!(tokio::time::timeout(ms(50), ask(&links, &plan)).await.is_err());
        }
        let status = links[0].health.status();
        assert_eq!((status.breaker, status.counts), (BreakerState::Closed, Default::default()));
    }
}
