//! A bounded pool of threads for engine work: one thread a job, the most urgent first, full means refused.
//!
//! Whisper and Piper are fastest with one thread a job and several jobs at once. The pool never grows a queue that no
//! caller would wait for: who is refused takes the next rung of the ladder (a ready phrase, a keypad question).

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::error;

use super::engine::CancelFlag;

/// How much a job matters; earlier variants go first whatever the deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A caller waits for it: the transcription of a finished turn, the next sentence to say.
    Final,
    /// May be thrown away: a transcription started before the turn is known to be over.
    Speculative,
    /// Nobody waits: preparing prompts.
    Background,
}

/// Place in the queue: by class, then by deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority {
    /// When the result is needed.
    pub deadline: Instant,
    /// How much it matters.
    pub class: Class,
}

/// The queue has no room for a job of this class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all speech workers are busy and the queue is full")]
pub struct PoolFull;

/// Why a job that was accepted gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It was cancelled, displaced by a more urgent job, or the pool was shut down before it began.
    #[error("the job was dropped before it began")]
    Dropped,
    /// It panicked; the worker lives on.
    #[error("the job panicked")]
    Panicked,
}

type Key = (Class, Instant, u64);

struct Queued {
    since: Instant,
    cancel: CancelFlag,
    run: Box<dyn FnOnce() + Send>,
}

/// A cancelled job that does not end for so long has hung its worker, which another takes the place of.
const HUNG_AFTER: Duration = Duration::from_secs(5);
/// Workers that may hang at a time and be replaced: each holds a thread and whatever its engine holds.
const MOST_HUNG: usize = 16;
/// How long the drop of a pool waits for its threads; one that hangs is left behind.
const JOIN_LIMIT: Duration = Duration::from_secs(3);

struct Running {
    cancel: CancelFlag,
    /// When it was first seen to be cancelled and not over.
    overdue_since: Option<Instant>,
    /// Its worker is written off.
    hung: bool,
}

#[derive(Default)]
struct State {
    queue: BTreeMap<Key, Queued>,
    running: BTreeMap<u64, Running>,
    next: u64,
    closed: bool,
}

impl State {
    fn hung(&self) -> usize {
        self.running.values().filter(|job| job.hung).count()
    }

    /// Writes off the workers that hang by now; how many are to be replaced.
    fn write_off(&mut self, now: Instant) -> usize {
        let mut room = MOST_HUNG.saturating_sub(self.hung());
        let mut found = 0;
        for job in self.running.values_mut().filter(|job| !job.hung && job.cancel.is_cancelled()) {
            let since = *job.overdue_since.get_or_insert(now);
            if room > 0 && now.saturating_duration_since(since) >= HUNG_AFTER {
                job.hung = true;
                room -= 1;
                found += 1;
            }
        }
        found
    }
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    capacity: usize,
}

impl Shared {
    /// Jobs run outside the lock, so a poisoned lock still guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pool; dropping it cancels what runs, forgets what waits and joins the threads.
pub struct WorkerPool {
    shared: Arc<Shared>,
    /// Of the threads, with a number behind it.
    name: String,
    workers: usize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPool").field("workers", &self.workers()).field("queued", &self.queued()).finish()
    }
}

impl WorkerPool {
    /// Starts `workers` threads with room for `capacity` waiting jobs.
    pub fn new(workers: NonZeroUsize, capacity: usize) -> std::io::Result<Self> {
        Self::named("speech", workers, capacity)
    }

    /// The same with another name of its threads.
    pub fn named(name: &str, workers: NonZeroUsize, capacity: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), capacity });
        let pool = Self { shared, name: name.to_owned(), workers: workers.get(), threads: Mutex::default() };
        for _ in 0..workers.get() {
            // On failure the pool is dropped, which ends the threads already started.
            pool.start_worker()?;
        }
        Ok(pool)
    }

    fn start_worker(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        let worker = std::thread::Builder::new().name(format!("{}-{}", self.name, threads.len()));
        threads.push(worker.spawn(move || work(&shared))?);
        Ok(())
    }

    /// Replaces workers whose jobs hang: they were cancelled long ago and do not end. Looked at when jobs are handed in.
    fn mend(&self, now: Instant) {
        let hung = self.shared.lock().write_off(now);
        for _ in 0..hung {
            match self.start_worker() {
                Ok(()) => error!("an engine hangs and does not heed its cancellation; another worker takes its place"),
                Err(failure) => error!(error = %failure, "a worker hangs, and no other can be started"),
            }
        }
    }

    /// One worker for each core, and two waiting jobs for each worker.
    pub fn with_defaults() -> std::io::Result<Self> {
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::new(workers, 2 * workers.get())
    }

    /// Number of threads.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Number of jobs that wait.
    pub fn queued(&self) -> usize {
        self.shared.lock().queue.len()
    }

    /// How long the job that a caller waits for most has been waiting for a worker.
    pub fn longest_wait(&self, now: Instant) -> Duration {
        let state = self.shared.lock();
        let jobs = state.queue.iter().take_while(|((class, ..), _)| *class == Class::Final);
        let waiting = jobs.filter(|(_, job)| !job.cancel.is_cancelled());
        waiting.map(|(_, job)| now.saturating_duration_since(job.since)).max().unwrap_or_default()
    }

    /// Hands in a job. When the queue is full, cancelled jobs go first, then the least urgent one of a lower class.
    pub fn submit<T, F>(&self, priority: Priority, job: F) -> Result<JobHandle<T>, PoolFull>
    where
        T: Send + 'static,
        F: FnOnce(&CancelFlag) -> T + Send + 'static,
    {
        self.mend(Instant::now());
        let (sender, receiver) = oneshot::channel();
        let cancel = CancelFlag::new();
        let job_cancel = cancel.clone();
        let begun = Begun::default();
        let job_begun = begun.clone();
        let run = Box::new(move || {
            job_begun.0.get_or_init(Instant::now);
            let outcome = catch_unwind(AssertUnwindSafe(|| job(&job_cancel))).map_err(|_| JobError::Panicked);
            // Nobody listens any more: the result is not wanted.
            let _ = sender.send(outcome);
        });
        let mut state = self.shared.lock();
        // Dropped after the lock is released: dropping a job may run the caller's code.
        let displaced = self.make_room(&mut state, priority.class)?;
        state.next += 1;
        let key = (priority.class, priority.deadline, state.next);
        state.queue.insert(key, Queued { since: Instant::now(), cancel: cancel.clone(), run });
        drop(state);
        drop(displaced);
        self.shared.wake.notify_one();
        Ok(JobHandle { receiver, cancel, begun })
    }

    /// Jobs that an idle worker is about to take do not count against the queue.
    fn make_room(&self, state: &mut State, class: Class) -> Result<Vec<Queued>, PoolFull> {
        let idle = self.workers().saturating_sub(state.running.len() - state.hung());
        let limit = self.shared.capacity + idle;
        let mut removed = Vec::new();
        if state.queue.len() >= limit {
            let dead: Vec<Key> =
                state.queue.iter().filter(|(_, job)| job.cancel.is_cancelled()).map(|(key, _)| *key).collect();
            removed.extend(dead.iter().filter_map(|key| state.queue.remove(key)));
        }
        if state.queue.len() < limit {
            return Ok(removed);
        }
        match state.queue.last_entry() {
            Some(last) if last.key().0 > class => {
                removed.push(last.remove());
                Ok(removed)
            }
            _ => Err(PoolFull),
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.running.values().for_each(|job| job.cancel.cancel());
        let waiting = std::mem::take(&mut state.queue);
        drop(state);
        drop(waiting);
        self.shared.wake.notify_all();
        let threads = std::mem::take(self.threads.get_mut().unwrap_or_else(PoisonError::into_inner));
        let until = Instant::now() + JOIN_LIMIT;
        for thread in threads {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            if thread.is_finished() {
                // Jobs' panics are caught, so a worker ends only in the ordinary way.
                let _ = thread.join();
            }
        }
    }
}

fn work(shared: &Shared) {
    lower_priority();
    while let Some((number, job)) = next_job(shared) {
        (job.run)();
        if shared.lock().running.remove(&number).is_some_and(|job| job.hung) {
            // Another has taken this worker's place.
            return;
        }
    }
}

fn next_job(shared: &Shared) -> Option<(u64, Queued)> {
    let mut state = shared.lock();
    loop {
        if state.closed {
            return None;
        }
        match state.queue.pop_first() {
            Some((_, job)) if job.cancel.is_cancelled() => drop(job),
            Some(((_, _, number), job)) => {
                let running = Running { cancel: job.cancel.clone(), overdue_since: None, hung: false };
                state.running.insert(number, running);
                return Some((number, job));
            }
            None => state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Speech yields to the media wheel, whose packets are due every 20 ms.
fn lower_priority() {
    const NICE: libc::c_int = 5;
    // SAFETY: no pointers; on Linux `who` 0 means the calling thread. A refusal leaves the priority as it was.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

/// When a worker took a job up; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Begun(Arc<OnceLock<Instant>>);

impl Begun {
    /// `None` while it waits for a worker.
    pub fn at(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}

/// The other end of a [`JobHandle`] for work that other jobs are made of.
#[derive(Debug)]
pub struct Promise<T> {
    sender: oneshot::Sender<Result<T, JobError>>,
    cancel: CancelFlag,
    begun: Begun,
}

/// A result to come, and who promises it; a promise that is dropped is a job that was.
pub fn promise<T>() -> (Promise<T>, JobHandle<T>) {
    let (sender, receiver) = oneshot::channel();
    let (cancel, begun) = (CancelFlag::new(), Begun::default());
    (Promise { sender, cancel: cancel.clone(), begun: begun.clone() }, JobHandle { receiver, cancel, begun })
}

impl<T> Promise<T> {
    /// Waits for `work` and hands its result over; drops it as soon as nobody wants it any more.
    pub async fn keep(mut self, work: impl Future<Output = T>) {
        const POLL: Duration = Duration::from_millis(20);
        self.begun.0.get_or_init(Instant::now);
        let raised = async {
            while !self.cancel.is_cancelled() {
                tokio::time::sleep(POLL).await;
            }
        };
        let result = tokio::select! {
            biased;
            () = self.sender.closed() => return,
            () = raised => return,
            result = work => result,
        };
        // Nobody listens any more: the result is not wanted.
        let _ = self.sender.send(Ok(result));
    }
}

/// The result to come; a future, or [`wait`](Self::wait) on a plain thread. Dropping it cancels the job.
#[derive(Debug)]
#[must_use = "dropping the handle cancels the job"]
pub struct JobHandle<T> {
    receiver: oneshot::Receiver<Result<T, JobError>>,
    cancel: CancelFlag,
    begun: Begun,
}

impl<T> JobHandle<T> {
    /// When the job was taken up; stays of use when the handle is gone.
    pub fn begun(&self) -> Begun {
        self.begun.clone()
    }

    /// The flag that cancels this job.
    pub fn cancel_flag(&self) -> &CancelFlag {
        &self.cancel
    }

    /// Blocks until the result is there. Not to be called from asynchronous code.
    pub fn wait(mut self) -> Result<T, JobError> {
        let (_, gone) = oneshot::channel();
        std::mem::replace(&mut self.receiver, gone).blocking_recv().unwrap_or(Err(JobError::Dropped))
    }
}

impl<T> Future for JobHandle<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(context).map(|outcome| outcome.unwrap_or(Err(JobError::Dropped)))
    }
}

impl<T> Drop for JobHandle<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    fn at(class: Class, millis: u64, base: Instant) -> Priority {
        Priority { class, deadline: base + Duration::from_millis(millis) }
    }

    #[test]
    fn a_worker_that_hangs_is_replaced_and_ends_when_it_comes_back() {
        let cancelled = |state: &mut State, number| {
            let cancel = CancelFlag::new();
            cancel.cancel();
            state.running.insert(number, Running { cancel, overdue_since: None, hung: false });
        };
        let (mut state, start) = (State::default(), Instant::now());
        state.running.insert(0, Running { cancel: CancelFlag::new(), overdue_since: None, hung: false });
        cancelled(&mut state, 1);
        assert_eq!(state.write_off(start), 0, "it may still heed its cancellation");
        assert_eq!(state.write_off(start + HUNG_AFTER), 1);
        assert_eq!((state.write_off(start + 2 * HUNG_AFTER), state.hung()), (0, 1), "once");
        (2..100).for_each(|number| cancelled(&mut state, number));
        assert_eq!(state.write_off(start), 0);
        assert_eq!(state.write_off(start + HUNG_AFTER), MOST_HUNG - 1, "and not without end");

        let pool = WorkerPool::new(ONE, 4).unwrap();
        let (hanging, release) = block(&pool);
        drop(hanging);
        pool.mend(Instant::now());
        pool.mend(Instant::now() + HUNG_AFTER);
        let done = pool.submit(at(Class::Final, 0, Instant::now()), |_| 7).unwrap();
        assert_eq!(done.wait(), Ok(7), "while the first worker hangs");
        drop(release);
        let both_ended = || pool.threads.lock().unwrap().iter().filter(|thread| thread.is_finished()).count() == 1;
        while !both_ended() {
            std::thread::yield_now();
        }
    }

    /// Occupies the only worker until the returned sender is dropped.
    fn block(pool: &WorkerPool) -> (JobHandle<()>, mpsc::Sender<()>) {
        let (release, released) = mpsc::channel::<()>();
        let (began_tx, began) = mpsc::channel();
        let job = pool.submit(at(Class::Final, 0, Instant::now()), move |_| {
            began_tx.send(()).unwrap();
            let _ = released.recv();
        });
        began.recv().unwrap();
        (job.unwrap(), release)
    }

    #[test]
    fn jobs_run_by_class_then_deadline() {
        let pool = WorkerPool::new(ONE, 10).unwrap();
        let (blocker, release) = block(&pool);
        let base = Instant::now();
        let order = Arc::new(Mutex::new(Vec::new()));
        let wanted = [
            ("background", Class::Background, 1),
            ("late final", Class::Final, 50),
            ("speculative", Class::Speculative, 2),
            ("early final", Class::Final, 40),
        ];
        let handles: Vec<_> = wanted
            .into_iter()
            .map(|(name, class, millis)| {
                let order = Arc::clone(&order);
                pool.submit(at(class, millis, base), move |_| order.lock().unwrap().push(name)).unwrap()
            })
            .collect();
        drop(release);
        blocker.wait().unwrap();
        handles.into_iter().for_each(|handle| handle.wait().unwrap());
        assert_eq!(*order.lock().unwrap(), ["early final", "late final", "speculative", "background"]);
    }

    #[test]
    fn only_a_wait_that_a_caller_feels_is_told() {
        let pool = WorkerPool::new(ONE, 4).unwrap();
        let (_blocker, _release) = block(&pool);
        let later = || Instant::now() + Duration::from_secs(9);
        let _speculation = pool.submit(at(Class::Speculative, 0, Instant::now()), |_| ()).unwrap();
        assert_eq!(pool.longest_wait(later()), Duration::ZERO);
        let wanted = pool.submit(at(Class::Final, 0, Instant::now()), |_| ()).unwrap();
        assert!(pool.longest_wait(later()) >= Duration::from_secs(9));
        drop(wanted);
        assert_eq!(pool.longest_wait(later()), Duration::ZERO, "nobody waits for it any more");
    }

    #[test]
    fn a_full_queue_refuses_at_once_but_a_final_job_displaces_a_lesser_one() {
        let pool = WorkerPool::new(ONE, 1).unwrap();
        let (_blocker, _release) = block(&pool);
        let base = Instant::now();
        let speculation = pool.submit(at(Class::Speculative, 1, base), |_| ()).unwrap();
        assert_eq!(pool.submit(at(Class::Speculative, 0, base), |_| ()).unwrap_err(), PoolFull);
        let urgent = pool.submit(at(Class::Final, 9, base), |_| ()).unwrap();
        assert_eq!(speculation.wait(), Err(JobError::Dropped));
        assert_eq!(pool.submit(at(Class::Final, 0, base), |_| ()).unwrap_err(), PoolFull);
        drop(urgent);
        assert!(pool.submit(at(Class::Background, 0, base), |_| ()).is_ok(), "a cancelled job frees its place");
    }

    #[test]
    fn a_panic_reaches_the_handle_and_spares_the_worker() {
        let pool = WorkerPool::new(ONE, 4).unwrap();
        let soon = at(Class::Final, 0, Instant::now());
        let broken = pool.submit(soon, |_: &CancelFlag| -> () { panic!("expected in this test") }).unwrap();
        let outcome: Result<(), JobError> = broken.wait();
        assert_eq!(outcome, Err(JobError::Panicked));
        assert_eq!(pool.submit(soon, |_| 7).unwrap().wait(), Ok(7));
    }

    #[test]
    fn dropping_a_handle_cancels_the_running_job() {
        let pool = WorkerPool::new(ONE, 4).unwrap();
        let (began_tx, began) = mpsc::channel();
        let (ended_tx, ended) = mpsc::channel();
        let handle = pool.submit(at(Class::Final, 0, Instant::now()), move |cancel: &CancelFlag| {
            began_tx.send(()).unwrap();
            while !cancel.is_cancelled() {
                std::thread::yield_now();
            }
            ended_tx.send(()).unwrap();
        });
        began.recv().unwrap();
        drop(handle);
        ended.recv_timeout(Duration::from_secs(5)).expect("the job saw its flag");
    }

    #[tokio::test]
    async fn a_handle_is_a_future() {
        let pool = WorkerPool::new(ONE, 4).unwrap();
        assert_eq!(pool.submit(at(Class::Final, 0, Instant::now()), |_| 3).unwrap().await, Ok(3));
    }

    #[test]
    fn dropping_the_pool_ends_running_and_waiting_jobs() {
        let pool = WorkerPool::new(ONE, 4).unwrap();
        let (began_tx, began) = mpsc::channel();
        let soon = at(Class::Final, 0, Instant::now());
        let running = pool
            .submit(soon, move |cancel: &CancelFlag| {
                began_tx.send(()).unwrap();
                while !cancel.is_cancelled() {
                    std::thread::yield_now();
                }
            })
            .unwrap();
        began.recv().unwrap();
        let waiting = pool.submit(soon, |_| ()).unwrap();
        drop(pool);
        assert_eq!(running.wait(), Ok(()));
        assert_eq!(waiting.wait(), Err(JobError::Dropped));
    }
}
