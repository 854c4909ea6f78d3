use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::*;
use crate::call::ports::{BoxFuture, Route};
use crate::domain::{E164, ProfileId, RecordingState, Speaker, TenantId};

/// Notes what it is given, unless it is away.
#[derive(Default)]
struct Book {
    away: AtomicBool,
    noted: Mutex<Vec<String>>,
}

impl Book {
    fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    fn noted(&self) -> Vec<String> {
        self.noted.lock().unwrap().clone()
    }

    fn note(&self, what: String) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            if self.away.load(Ordering::Relaxed) {
                return Err(PortError { message: "away".to_owned(), refused: false });
            }
            if what == "refused" {
                return Err(PortError { message: "no".to_owned(), refused: true });
            }
            self.noted.lock().unwrap().push(what);
            Ok(())
        })
    }
}

impl CallBook for Book {
    fn route<'a>(&'a self, _: &'a E164) -> BoxFuture<'a, Result<Option<Route>, PortError>> {
        Box::pin(async { Ok(None) })
    }

    fn open<'a>(&'a self, _: TenantScope, record: &'a CallRecord) -> BoxFuture<'a, Result<(), PortError>> {
        self.note(format!("open {}", record.sip_call_id))
    }

    fn turn<'a>(&'a self, _: TenantScope, _: CallId, turn: &'a Turn) -> BoxFuture<'a, Result<(), PortError>> {
        self.note(turn.text.clone())
    }

    fn slots<'a>(
        &'a self,
        _: TenantScope,
        _: CallId,
        slots: &'a CallSlots,
        _: CallOutcome,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        self.note(format!("slots {:?}", slots.name))
    }

    fn events<'a>(&'a self, _: TenantScope, _: CallId, events: &'a [LogEvent]) -> BoxFuture<'a, Result<(), PortError>> {
        self.note(format!("{} events", events.len()))
    }

    fn close<'a>(&'a self, _: TenantScope, _: CallId, closing: &'a Closing) -> BoxFuture<'a, Result<(), PortError>> {
        self.note(format!("close {}", closing.summary))
    }
}

/// A call that nobody follows.
struct Unwatched;

impl Present for Unwatched {
    fn answered(&self, _: &CallRecord, _: Option<&str>) {}
    fn audible(&self, _: crate::live::Overhear) {}
    fn phase(&self, _: LivePhase) {}
    fn turn(&self, _: &Turn) {}
    fn ended(&self, _: crate::domain::EndCause, _: CallOutcome) {}

    fn wishes(&self) -> tokio::sync::watch::Receiver<crate::domain::CallWish> {
        tokio::sync::watch::channel(crate::domain::CallWish::None).1
    }
}

fn scope() -> TenantScope {
    TenantScope::proven(TenantId::from_uuid(Uuid::from_u128(1)))
}

fn record() -> CallRecord {
    CallRecord {
        id: CallId::from_uuid(Uuid::from_u128(2)),
        tenant: scope().tenant(),
        profile: ProfileId::from_uuid(Uuid::from_u128(3)),
        did: E164::parse("+918047180000").unwrap(),
        caller: None,
        sip_call_id: "a call".to_owned(),
        status: crate::domain::CallStatus::Active,
        answered_at: jiff::Timestamp::UNIX_EPOCH,
        ended_at: None,
        end_cause: None,
        outcome: None,
        slots: CallSlots::default(),
        summary: None,
        recording: RecordingState::Off,
        transfers: Vec::new(),
        bridged_ms: 0,
        trunk: None,
    }
}

fn turn(seq: u32, text: &str) -> Turn {
    let text = text.to_owned();
    Turn { seq, speaker: Speaker::Caller, text, heard: None, started_ms: 0, ended_ms: 1, waterfall: None }
}

fn closing() -> Closing {
    Closing {
        ended_at: jiff::Timestamp::UNIX_EPOCH,
        end_cause: crate::domain::EndCause::CallerHungUp,
        outcome: CallOutcome::Message,
        slots: CallSlots::default(),
        summary: "of all".to_owned(),
        recording: RecordingState::Off,
        transfers: Vec::new(),
        bridged_ms: 0,
        usage: Default::default(),
    }
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = names.map(|file| file.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Until it holds; time is the runtime's own and passes by itself where everything waits.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const WHOLE: [&str; 5] = ["open a call", "one", "two", "slots None", "close of all"];

#[tokio::test]
async fn a_book_that_is_away_for_a_while_gets_everything_in_order() {
    let (book, folder) = (Arc::new(Book::default()), tempfile::tempdir().unwrap());
    let spool = SpoolFolder::new(&folder.path().join("spool"));
    let journal = Journal::open(book.clone(), spool.clone(), Arc::new(Unwatched), scope(), record(), None);
    until(|| book.noted().len() == 1).await;
    book.set_away(true);
    journal.turn(turn(0, "one"));
    until(|| !files(&folder.path().join("spool")).is_empty()).await;
    // What a call is busy with is nobody else's.
    assert_eq!(spool.drain(&*book).await, 0);
    journal.turn(turn(1, "two"));
    book.set_away(false);
    until(|| book.noted().len() >= 3).await;
    journal.slots(CallSlots::default(), CallOutcome::Nothing);
    journal.close(closing()).await;
    assert_eq!(book.noted(), WHOLE);
    assert_eq!(files(&folder.path().join("spool")), [""; 0]);
}

#[tokio::test]
async fn what_a_call_left_behind_is_brought_in_later_and_once() {
    let (book, folder) = (Arc::new(Book::default()), tempfile::tempdir().unwrap());
    let spool = SpoolFolder::new(folder.path());
    book.set_away(true);
    let journal = Journal::open(book.clone(), spool.clone(), Arc::new(Unwatched), scope(), record(), None);
    journal.turn(turn(0, "one"));
    journal.turn(turn(1, "refused"));
    journal.turn(turn(2, "two"));
    journal.slots(CallSlots::default(), CallOutcome::Nothing);
    journal.close(closing()).await;
    assert_eq!(files(folder.path()), ["call_00000000000000000000000000000002.jsonl"]);
    assert_eq!(spool.drain(&*book).await, 1);
    // As a process leaves it that is killed while it writes.
    let path = folder.path().join(&files(folder.path())[0]);
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(r#"{"turn":{"seq":9,"#);
    std::fs::write(&path, text).unwrap();
    book.set_away(false);
    assert_eq!(spool.drain(&*book).await, 0);
    assert_eq!(book.noted(), WHOLE);
    assert_eq!(files(folder.path()), [""; 0]);
    assert_eq!(spool.drain(&*book).await, 0);
    assert_eq!(book.noted().len(), WHOLE.len());
}

#[tokio::test]
async fn what_cannot_be_read_is_put_aside_and_the_rest_is_brought_in() {
    let (book, folder) = (Arc::new(Book::default()), tempfile::tempdir().unwrap());
    let spool = SpoolFolder::new(folder.path());
    book.set_away(true);
    let journal = Journal::open(book.clone(), spool.clone(), Arc::new(Unwatched), scope(), record(), None);
    journal.turn(turn(0, "one"));
    journal.close(closing()).await;
    let path = folder.path().join(&files(folder.path())[0]);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(r#"{"turn""#, r#"{"tune""#)).unwrap();
    std::fs::write(folder.path().join("no call.jsonl"), "not ours").unwrap();
    book.set_away(false);
    spool.drain(&*book).await;
    assert_eq!(book.noted(), ["open a call", "close of all"]);
    assert_eq!(files(folder.path()), ["call_00000000000000000000000000000002.unreadable", "no call.jsonl"]);
}
