//! The journal of one call: written in order behind the conversation, so that a slow database never delays speech.

//!
//! What the database does not take goes to a file, entry by entry, and from there to the database when it is back: what
//! the caller was told to be noted survives a database that is away and a process that is killed meanwhile.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

mod spool;
#[cfg(test)]
mod tests;

pub use spool::SpoolFolder;

use super::ports::{CallBook, Closing, LogEvent, PortError, Present};
use crate::domain::{CallId, CallOutcome, CallRecord, CallSlots, LivePhase, TenantScope, Turn};
use spool::Spool;

/// Entries that may wait. A call writes a handful a turn, so a full queue means that database and disk have been away
/// for minutes.
const QUEUE: usize = 1024;
/// How long one attempt to store may take.
const ATTEMPT: Duration = Duration::from_secs(15);
/// How long an entry is tried that neither the database nor the disk takes, before it is given up, loudly.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Open(Box<CallRecord>),
    Turn(Box<Turn>),
    Slots(Box<CallSlots>, CallOutcome),
    Events(Vec<LogEvent>),
    Close(Box<Closing>),
}

impl Entry {
    fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "record",
            Self::Turn(_) => "turn",
            Self::Slots(..) => "slots",
            Self::Events(_) => "events",
            Self::Close(_) => "closing",
        }
    }

    /// Stores it. Doing so again changes nothing.
    async fn store(&self, book: &dyn CallBook, scope: TenantScope, call: CallId) -> Result<(), PortError> {
        let storing = async {
            match self {
                Self::Open(record) => book.open(scope, record).await,
                Self::Turn(turn) => book.turn(scope, call, turn).await,
                Self::Slots(slots, outcome) => book.slots(scope, call, slots, *outcome).await,
                Self::Events(events) => book.events(scope, call, events).await,
                Self::Close(closing) => book.close(scope, call, closing).await,
            }
        };
        tokio::time::timeout(ATTEMPT, storing).await.unwrap_or_else(|_elapsed| {
            Err(PortError { message: format!("no answer in {} s", ATTEMPT.as_secs()), refused: false })
        })
    }
}

/// Writes one call down. Entries are stored in the order in which they were given.
pub struct Journal {
    entries: mpsc::Sender<Entry>,
    writer: Mutex<Option<JoinHandle<()>>>,
    call: CallId,
    /// What was taken last, for a conversation that cannot say it any more.
    taken: Mutex<(CallSlots, CallOutcome)>,
    /// Where others see the call while it goes on.
    present: Arc<dyn Present>,
}

impl Journal {
    /// Opens the record of a call that was just answered over `trunk`.
    pub fn open(
        book: Arc<dyn CallBook>,
        folder: SpoolFolder,
        present: Arc<dyn Present>,
        scope: TenantScope,
        record: CallRecord,
        trunk: Option<&str>,
    ) -> Self {
        let (entries, queue) = mpsc::channel(QUEUE);
        let call = record.id;
        let writer = Writer { book, folder, scope, call, spool: None, pause: FIRST_RETRY };
        let writer = Mutex::new(Some(tokio::spawn(writer.run(queue))));
        let taken = Mutex::new((CallSlots::default(), CallOutcome::Nothing));
        present.answered(&record, trunk);
        let journal = Self { entries, writer, call, taken, present };
        journal.put(Entry::Open(Box::new(record)));
        journal
    }

    /// Appends a turn.
    pub fn turn(&self, turn: Turn) {
        self.present.turn(&turn);
        self.put(Entry::Turn(Box::new(turn)));
    }

    /// Where the conversation stands, for those who watch it.
    pub fn phase(&self, phase: LivePhase) {
        self.present.phase(phase);
    }

    /// Replaces the slots, and what they amount to so far.
    pub fn slots(&self, slots: CallSlots, outcome: CallOutcome) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = (slots.clone(), outcome);
        self.put(Entry::Slots(Box::new(slots), outcome));
    }

    /// The slots as they were given last, and what they amount to.
    pub fn taken(&self) -> (CallSlots, CallOutcome) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Appends an event.
    pub fn event(&self, event: LogEvent) {
        self.put(Entry::Events(vec![event]));
    }

    /// Closes the record and waits until everything is stored, or on disk to be stored later.
    pub async fn close(&self, closing: Closing) {
        // The closing entry waits for a place: it is the one that must not be lost.
        if self.entries.send(Entry::Close(Box::new(closing))).await.is_err() {
            error!(call = %self.call, "the journal's writer died before the call's record was closed");
        }
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && let Err(failure) = writer.await
        {
            error!(call = %self.call, error = %failure, "the journal's writer failed");
        }
    }

    fn put(&self, entry: Entry) {
        if let Err(refused) = self.entries.try_send(entry) {
            error!(call = %self.call, error = %refused_reason(&refused), "an entry of the call's journal is lost");
        }
    }
}

fn refused_reason(refused: &mpsc::error::TrySendError<Entry>) -> String {
    match refused {
        mpsc::error::TrySendError::Full(entry) => {
            format!("{}: the database has not answered for too long", entry.name())
        }
        mpsc::error::TrySendError::Closed(entry) => format!("{}: the writer ended", entry.name()),
    }
}

/// How often the folder of calls that wait for the database is looked through; an empty one costs next to nothing.
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// Brings to the database what calls left on disk that have ended, for as long as it runs.
pub async fn look_after(book: Arc<dyn CallBook>, folder: SpoolFolder) {
    let mut ticks = tokio::time::interval(LOOK_AFTER);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        folder.drain(&*book).await;
    }
}

/// Carries the entries of one call to the database.
struct Writer {
    book: Arc<dyn CallBook>,
    folder: SpoolFolder,
    scope: TenantScope,
    call: CallId,
    /// Holds what waits for the database; while it is there, everything new goes behind that.
    spool: Option<Spool>,
    /// Until the spool is tried again.
    pause: Duration,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Entry>) {
        let mut next = None;
        loop {
            let taken = match next.take() {
                Some(entry) => Some(entry),
                None if self.spool.is_none() => queue.recv().await,
                None => match tokio::time::timeout(self.pause, queue.recv()).await {
                    Ok(taken) => taken,
                    Err(_elapsed) => {
                        self.empty_spool().await;
                        continue;
                    }
                },
            };
            let Some(mut entry) = taken else { return };
            // Events come in bursts: what is there is stored in one transaction.
            if let Entry::Events(events) = &mut entry {
                while next.is_none() {
                    match queue.try_recv() {
                        Ok(Entry::Events(more)) => events.extend(more),
                        Ok(other) => next = Some(other),
                        Err(_) => break,
                    }
                }
            }
            self.put(&entry).await;
            // What a conversation writes that hung until now comes too late.
            if matches!(entry, Entry::Close(_)) {
                // What is on disk still is stored by whoever looks after the folder.
                self.empty_spool().await;
                return;
            }
        }
    }

    async fn put(&mut self, entry: &Entry) {
        if self.append(entry).await {
            return;
        }
        let failure = match entry.store(&*self.book, self.scope, self.call).await {
            Ok(()) => return,
            Err(failure) => failure,
        };
        if failure.refused {
            return lost(self.call, entry, &failure);
        }
        match self.folder.begin(self.scope, self.call, entry).await {
            Ok(spool) => {
                warn!(call = %self.call, error = %failure, "the database is away: the call's record is kept on disk until it is back");
                (self.spool, self.pause) = (Some(spool), FIRST_RETRY);
            }
            Err(disk) => {
                error!(call = %self.call, error = %disk, "the database is away, and the call's record cannot be kept on disk either");
                self.store_with_patience(entry).await;
            }
        }
    }

    /// Puts an entry behind those on disk; `false` when none are there any more, so that it is for the database. It never
    /// goes past them: a later state would be overwritten by an earlier one.
    async fn append(&mut self, entry: &Entry) -> bool {
        let give_up = tokio::time::Instant::now() + PATIENCE;
        loop {
            let Some(spool) = &mut self.spool else { return false };
            let Err(disk) = spool.append(entry).await else { return true };
            if tokio::time::Instant::now() >= give_up {
                lost(self.call, entry, &PortError { message: disk.to_string(), refused: false });
                return true;
            }
            error!(call = %self.call, error = %disk, "the spool cannot be written");
            self.empty_spool().await;
            if self.spool.is_some() {
                tokio::time::sleep(self.pause).await;
            }
        }
    }

    /// Tries to bring what is on disk to the database.
    async fn empty_spool(&mut self) {
        let Some(spool) = self.spool.take() else { return };
        match spool.replay(&*self.book).await {
            Ok(entries) => info!(call = %self.call, entries, "the database is back: the call's record is in it"),
            Err((spool, _failure)) => {
                self.pause = (self.pause * 2).min(LONGEST_RETRY);
                self.spool = Some(spool);
            }
        }
    }

    async fn store_with_patience(&self, entry: &Entry) {
        let give_up = tokio::time::Instant::now() + PATIENCE;
        let mut pause = FIRST_RETRY;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_RETRY);
            match entry.store(&*self.book, self.scope, self.call).await {
                Ok(()) => return,
                Err(failure) if failure.refused || tokio::time::Instant::now() + pause > give_up => {
                    return lost(self.call, entry, &failure);
                }
                Err(_) => {}
            }
        }
    }
}

fn lost(call: CallId, entry: &Entry, failure: &PortError) {
    error!(%call, entry = entry.name(), error = %failure, "an entry of the call's journal is lost");
}
