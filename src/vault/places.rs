//! Where the recordings of this node lie: its own folder, and a bucket that they go to after their calls.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keys::MasterKeys;
use super::reading::{Place, Recording};
use super::remote::Bucket;
use super::sealed::{self, EXTENSION};
use super::wav;
use crate::domain::{CallId, TenantId};

/// What the names of plain recordings end in.
const PLAIN: &str = "wav";
/// Both kinds, the one that is written now first.
const KINDS: [&str; 2] = [EXTENSION, PLAIN];

/// All recordings; clones are handles to the same.
#[derive(Debug, Clone)]
pub struct Recordings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    keys: Option<Arc<MasterKeys>>,
    bucket: Option<Bucket>,
}

impl Recordings {
    /// Recordings in a folder of this machine, `<tenant>/<call>.wav` or `.vcar` each.
    pub fn new(folder: PathBuf, keys: Option<Arc<MasterKeys>>, bucket: Option<Bucket>) -> Self {
        Self(Arc::new(Inner { folder, keys, bucket }))
    }

    /// The keys that new recordings are sealed with; `None` when they are not sealed.
    pub fn keys(&self) -> Option<Arc<MasterKeys>> {
        self.0.keys.clone()
    }

    /// Whether recordings go to a bucket after their calls.
    pub fn has_bucket(&self) -> bool {
        self.0.bucket.is_some()
    }

    fn path(&self, tenant: TenantId, call: CallId, kind: &str) -> PathBuf {
        self.0.folder.join(tenant.to_string()).join(format!("{call}.{kind}"))
    }

    /// Where a recording is to be written, under the name of a plain one.
    pub fn to_write(&self, tenant: TenantId, call: CallId) -> PathBuf {
        self.path(tenant, call, PLAIN)
    }

    /// Opens the recording of a call, here or in the bucket.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none; or when it cannot be read or opened.
    pub async fn open(&self, tenant: TenantId, call: CallId) -> io::Result<Recording> {
        let keys = self.0.keys.as_deref();
        for kind in KINDS {
            let path = self.path(tenant, call, kind);
            let opened = tokio::task::spawn_blocking(move || {
                let file = File::open(path)?;
                file.metadata().map(|about| (file, about.len()))
            });
            match opened.await.map_err(io::Error::other)? {
                Ok((file, length)) => {
                    return of_kind(Place::Local(Arc::new(file)), length, kind, tenant, call, keys).await;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        for kind in KINDS {
            let Some(bucket) = &self.0.bucket else { continue };
            let object = bucket.object(&format!("{tenant}/{call}.{kind}"));
            if let Some(length) = object.length().await? {
                return of_kind(Place::Remote(object), length, kind, tenant, call, keys).await;
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "there is no recording of this call"))
    }

    /// Removes the recording of a call wherever it lies; whether this node had a file of it.
    ///
    /// # Errors
    /// When a file or an object cannot be removed; the others are.
    pub async fn delete(&self, tenant: TenantId, call: CallId) -> io::Result<bool> {
        let mut had = false;
        let mut failed = None;
        for kind in KINDS {
            match tokio::fs::remove_file(self.path(tenant, call, kind)).await {
                Ok(()) => had = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failed = Some(error),
            }
            if let Some(bucket) = &self.0.bucket
                && let Err(error) = bucket.object(&format!("{tenant}/{call}.{kind}")).delete().await
            {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(had), Err)
    }

    /// Moves the recording of a call that is over to the bucket: the file goes once the bucket has all of it.
    ///
    /// # Errors
    /// When the bucket does not take it; the file stays then.
    pub async fn upload(&self, tenant: TenantId, call: CallId) -> io::Result<()> {
        let Some(bucket) = &self.0.bucket else { return Ok(()) };
        for kind in KINDS {
            let path = self.path(tenant, call, kind);
            if !tokio::fs::try_exists(&path).await? {
                continue;
            }
            let object = bucket.object(&format!("{tenant}/{call}.{kind}"));
            let length = object.write(&path).await?;
            match object.length().await? {
                Some(kept) if kept == length => tokio::fs::remove_file(&path).await?,
                kept => return Err(io::Error::other(format!("the bucket has {kept:?} of {length} bytes"))),
            }
        }
        Ok(())
    }

    /// The calls that have a file on this machine, at most `limit`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn local(&self, limit: usize) -> io::Result<Vec<(TenantId, CallId)>> {
        let folder = self.0.folder.clone();
        tokio::task::spawn_blocking(move || local(&folder, limit)).await.map_err(io::Error::other)?
    }

    /// Makes what a crash left of a recording whole again; its length in milliseconds, `None` when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn repair(
        &self,
        tenant: TenantId,
        call: CallId,
        plain: fn(&Path) -> io::Result<u64>,
    ) -> io::Result<Option<u64>> {
        let sealed = self.path(tenant, call, EXTENSION);
        if let Some(keys) = self.0.keys.as_deref().filter(|_| sealed.exists()) {
            return sealed::repair(&sealed, keys).map(Some);
        }
        let wav = self.path(tenant, call, PLAIN);
        if wav.exists() { plain(&wav).map(Some) } else { Ok(None) }
    }
}

async fn of_kind(
    place: Place,
    length: u64,
    kind: &str,
    tenant: TenantId,
    call: CallId,
    keys: Option<&MasterKeys>,
) -> io::Result<Recording> {
    if kind == PLAIN {
        return Ok(Recording::plain(place, length.min(wav::HEADER_BYTES + wav::MAX_DATA_BYTES)));
    }
    Recording::sealed(place, length, &format!("{tenant}/{call}"), keys).await
}

fn local(folder: &Path, limit: usize) -> io::Result<Vec<(TenantId, CallId)>> {
    let mut found = Vec::new();
    for tenant in std::fs::read_dir(folder)? {
        let tenant = tenant?;
        let Some(id) = tenant.file_name().to_str().and_then(|name| name.parse::<TenantId>().ok()) else { continue };
        for file in std::fs::read_dir(tenant.path())? {
            let path = file?.path();
            let call = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<CallId>().ok());
            if let Some(call) = call.filter(|call| !found.contains(&(id, *call))) {
                found.push((id, call));
            }
            if found.len() >= limit {
                return Ok(found);
            }
        }
    }
    Ok(found)
}
