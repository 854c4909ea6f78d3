//! Entries of journals on disk, until the database takes them.
//!
//! One file a call, `<call>.jsonl`: the tenant, then an entry a line. Whoever works on a file holds a lock on it, which
//! the kernel releases when the process dies; a file without one belongs to whoever finds it. Storing an entry again
//! changes nothing, so that a file is simply worked through from its beginning, and removed after its end.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{error, info, warn};

use super::{CallBook, Entry, PortError, lost};
use crate::domain::{CallId, TenantId, TenantScope};

/// The folder of the files.
#[derive(Debug, Clone)]
pub struct SpoolFolder(Arc<Path>);

impl SpoolFolder {
    /// A folder, made when it is needed.
    pub fn new(folder: &Path) -> Self {
        Self(folder.into())
    }

    /// Makes the file of a call and puts an entry into it; it is on disk when this returns.
    pub(super) async fn begin(&self, scope: TenantScope, call: CallId, entry: &Entry) -> io::Result<Spool> {
        let folder = Arc::clone(&self.0);
        let path = self.0.join(format!("{call}.jsonl"));
        let line = line(entry)?;
        let first = line_of_tenant(scope.tenant());
        blocking(move || {
            std::fs::create_dir_all(&folder)?;
            // Numbers and words of callers: nobody else's to read.
            let mut file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path)?;
            let written = file.try_lock().map_err(locked).and_then(|()| {
                file.write_all(&[first, line].concat())?;
                file.sync_all()?;
                File::open(folder)?.sync_all()
            });
            if let Err(error) = written {
                // What stays behind would keep the next attempt from making it.
                let _ = std::fs::remove_file(&path);
                return Err(error);
            }
            Ok(Spool { file, path, scope, call })
        })
        .await
    }

    /// Brings to the database what calls left behind that have ended; how many files are left.
    pub async fn drain(&self, book: &dyn CallBook) -> usize {
        let folder = Arc::clone(&self.0);
        let found = blocking(move || match std::fs::read_dir(&folder) {
            Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect::<Vec<PathBuf>>()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        });
        let found = found.await.unwrap_or_else(|error| {
            error!(%error, folder = %self.0.display(), "the calls that wait for the database cannot be listed");
            Vec::new()
        });
        let mut left = 0;
        for path in found.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")) {
            let shown = path.clone();
            let spool = match blocking(move || Spool::adopt(path)).await {
                Ok(Some(spool)) => spool,
                Ok(None) => continue,
                Err(error) => {
                    error!(%error, file = %shown.display(), "a call that waits for the database cannot be read");
                    continue;
                }
            };
            let call = spool.call;
            match spool.replay(book).await {
                Ok(entries) => info!(%call, entries, "the record of a call that waited for the database is in it"),
                Err((_spool, failure)) => {
                    left += 1;
                    warn!(%call, error = %failure, "the record of a call still waits for the database");
                }
            }
        }
        left
    }
}

/// The file of one call, and the lock on it.
pub(super) struct Spool {
    file: File,
    path: PathBuf,
    scope: TenantScope,
    call: CallId,
}

impl Spool {
    /// Takes a file over; `None` when somebody works on it, or it is done.
    fn adopt(path: PathBuf) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Its owner may have removed it while we opened it.
        if !std::fs::metadata(&path).is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino())) {
            return Ok(None);
        }
        let call = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).ok_or_else(|| unfit("its name"))?;
        let mut first = String::new();
        BufReader::new(&file).read_line(&mut first)?;
        let tenant: TenantId = serde_json::from_str(&first).map_err(|_| unfit("its first line"))?;
        Ok(Some(Self { file, path, scope: TenantScope::proven(tenant), call }))
    }

    /// Puts an entry behind the others; it is on disk when this returns.
    pub(super) async fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let line = line(entry)?;
        let mut file = self.file.try_clone()?;
        blocking(move || {
            let before = file.metadata()?.len();
            file.write_all(&line).and_then(|()| file.sync_data()).inspect_err(|_| {
                // Half a line would spoil the next one. Where even this fails, that one is reported when it is read.
                let _ = file.set_len(before);
            })
        })
        .await
    }

    /// Stores all entries in their order and removes the file; how many there were. On a failure the file stays.
    pub(super) async fn replay(self, book: &dyn CallBook) -> Result<usize, (Self, PortError)> {
        let (entries, unreadable) = match self.entries().await {
            Ok(read) => read,
            Err(error) => return Err((self, PortError { message: error.to_string(), refused: false })),
        };
        for entry in &entries {
            match entry.store(book, self.scope, self.call).await {
                Ok(()) => {}
                Err(failure) if failure.refused => lost(self.call, entry, &failure),
                Err(failure) => return Err((self, failure)),
            }
        }
        let (path, call) = (self.path.clone(), self.call);
        let done = blocking(move || {
            if unreadable == 0 {
                return std::fs::remove_file(path);
            }
            let aside = path.with_extension("unreadable");
            error!(%call, lines = unreadable, kept = %aside.display(), "not all of a call that waited for the database can be read");
            std::fs::rename(path, aside)
        });
        match done.await {
            Ok(()) => Ok(entries.len()),
            Err(error) => Err((self, PortError { message: error.to_string(), refused: false })),
        }
    }

    /// The entries, and how many whole lines are none.
    async fn entries(&self) -> io::Result<(Vec<Entry>, usize)> {
        let mut file = self.file.try_clone()?;
        blocking(move || {
            file.seek(SeekFrom::Start(0))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            let (mut entries, mut unreadable) = (Vec::new(), 0);
            // What a killed process left after the last line break was not acknowledged.
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end);
            for line in text[..whole].split(|byte| *byte == b'\n').skip(1) {
                match serde_json::from_slice(line) {
                    Ok(entry) => entries.push(entry),
                    Err(_) => unreadable += 1,
                }
            }
            Ok((entries, unreadable))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|failure| Err(io::Error::other(failure)))
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

fn line_of_tenant(tenant: TenantId) -> Vec<u8> {
    format!("\"{tenant}\"\n").into_bytes()
}

fn locked(error: TryLockError) -> io::Error {
    match error {
        TryLockError::WouldBlock => io::Error::from(io::ErrorKind::WouldBlock),
        TryLockError::Error(error) => error,
    }
}

fn unfit(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is not one that this program writes"))
}
