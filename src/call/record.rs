//! The journal of one call: written in order behind the conversation, so that a slow database never delays speech.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, warn};

use super::ports::{CallBook, Closing, LogEvent, PortError, Present};
use crate::domain::{CallId, CallOutcome, CallRecord, CallSlots, LivePhase, TenantScope, Turn};

/// Entries that may wait for the database. A call writes a handful a turn, so a full queue means that the
/// database has been away for minutes.
const QUEUE: usize = 1024;
/// How long one entry is tried before the journal gives it up, loudly.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

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
        present: Arc<dyn Present>,
        scope: TenantScope,
        record: CallRecord,
        trunk: Option<&str>,
    ) -> Self {
        let (entries, queue) = mpsc::channel(QUEUE);
        let call = record.id;
        let writer = Mutex::new(Some(tokio::spawn(write(book, scope, call, queue))));
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

    /// Closes the record and waits until everything is stored or given up.
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

async fn write(book: Arc<dyn CallBook>, scope: TenantScope, call: CallId, mut queue: mpsc::Receiver<Entry>) {
    let mut next = None;
    loop {
        let Some(mut entry) = (match next.take() {
            Some(entry) => Some(entry),
            None => queue.recv().await,
        }) else {
            return;
        };
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
        if let Err(failure) = store_with_patience(&*book, scope, call, &entry).await {
            error!(%call, entry = entry.name(), error = %failure, "given up after retries; this entry is lost");
        }
        // What a conversation writes that hung until now comes too late.
        if matches!(entry, Entry::Close(_)) {
            return;
        }
    }
}

async fn store_with_patience(
    book: &dyn CallBook,
    scope: TenantScope,
    call: CallId,
    entry: &Entry,
) -> Result<(), PortError> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    let mut pause = FIRST_RETRY;
    loop {
        match store(book, scope, call, entry).await {
            Ok(()) => return Ok(()),
            Err(failure) if tokio::time::Instant::now() + pause > give_up => return Err(failure),
            Err(failure) => {
                warn!(%call, entry = entry.name(), error = %failure, retry_ms = pause.as_millis(), "could not be stored yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_RETRY);
            }
        }
    }
}

async fn store(book: &dyn CallBook, scope: TenantScope, call: CallId, entry: &Entry) -> Result<(), PortError> {
    match entry {
        Entry::Open(record) => book.open(scope, record).await,
        Entry::Turn(turn) => book.turn(scope, call, turn).await,
        Entry::Slots(slots, outcome) => book.slots(scope, call, slots, *outcome).await,
        Entry::Events(events) => book.events(scope, call, events).await,
        Entry::Close(closing) => book.close(scope, call, closing).await,
    }
}
