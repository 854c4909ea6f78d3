//! Recordings in an object store that speaks S3.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};

use crate::domain::Secret;

/// How long one request may be tried again.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRIES: usize = 4;

/// Where the bucket is, and the key to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSettings {
    pub bucket: String,
    /// What the names of objects begin with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// `https://s3.ap-south-1.amazonaws.com` and the like.
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: Secret,
}

/// The bucket cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("the object store cannot be used: {0}")]
pub struct BucketError(String);

/// A bucket; clones are handles to the same.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

/// Requests go over our own client, with the authorities and the ciphers of all our connections.
struct Ours(reqwest::Client);

impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ours")
    }
}

impl HttpConnector for Ours {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl Bucket {
    /// A handle; nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`BucketError`] when the settings fit no store.
    pub fn new(settings: &BucketSettings, client: reqwest::Client) -> Result<Self, BucketError> {
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let store = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_endpoint(&settings.endpoint)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(settings.secret_key.reveal())
            .with_allow_http(settings.endpoint.starts_with("http://"))
            .with_http_connector(Ours(client))
            .with_retry(retry)
            // One DELETE each: not every store knows S3's deletion of many.
            .with_disable_bulk_delete(true)
            .build()
            .map_err(|error| BucketError(error.to_string()))?;
        Ok(Self { store: Arc::new(store), prefix: settings.prefix.clone() })
    }

    /// The object of this name; whether it is there is not asked.
    pub(super) fn object(&self, name: &str) -> Object {
        let path = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Object { store: Arc::clone(&self.store), path: object_store::path::Path::from(path) }
    }
}

/// One object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    store: Arc<dyn ObjectStore>,
    path: object_store::path::Path,
}

impl Object {
    /// Its length; `None` when it is not there.
    pub async fn length(&self) -> io::Result<Option<u64>> {
        match self.store.head(&self.path).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    pub async fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        self.store.get_range(&self.path, range).await.map(Into::into).map_err(|error| failed(&error))
    }

    /// Writes the whole file. It is held in memory: a recording is at most as long as the longest call.
    pub async fn write(&self, file: &Path) -> io::Result<u64> {
        let bytes = tokio::fs::read(file).await?;
        let length = bytes.len() as u64;
        self.store.put(&self.path, bytes.into()).await.map_err(|error| failed(&error))?;
        Ok(length)
    }

    /// Removes it; one that is not there is no error.
    pub async fn delete(&self) -> io::Result<()> {
        match self.store.delete(&self.path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn failed(error: &object_store::Error) -> io::Error {
    io::Error::other(format!("the object store: {error}").replace('\n', " "))
}
