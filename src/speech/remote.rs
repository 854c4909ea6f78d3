//! What engines in the network share: a runtime for their sockets, one HTTP client, and a wait that ends in time.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use tokio::runtime::{Handle, Runtime};

use super::engine::CancelFlag;
use super::http::{self, HttpFailure, HttpLimits, HttpSetupError};
use crate::domain::Secret;

/// How often a waiting thread looks at the cancel flag.
const POLL: Duration = Duration::from_millis(10);

/// Engines in the network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("cannot start the thread of the engines in the network: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Client(#[from] HttpSetupError),
}

/// Sockets and connections of all engines in the network; calls' own threads never wait for them.
#[derive(Debug)]
pub struct Network {
    /// Present until dropped.
    runtime: Option<Runtime>,
    client: Client,
}

impl Network {
    /// Starts one thread.
    ///
    /// # Errors
    /// [`NetworkError`]
    pub fn start() -> Result<Arc<Self>, NetworkError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("speech-net")
            .enable_all()
            .build()
            .map_err(NetworkError::Runtime)?;
        Ok(Arc::new(Self { runtime: Some(runtime), client: http::client(HttpLimits::default())? }))
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Where asynchronous work of the engines runs.
    pub(super) fn handle(&self) -> &Handle {
        self.runtime.as_ref().expect("invariant: there until dropped").handle()
    }

    /// Waits on this thread, which must be no thread of a runtime, until there is an answer, `until` has come, or
    /// `cancel` is raised. Whatever was under way ends with it.
    pub(super) fn wait<T>(
        &self,
        until: Instant,
        cancel: &CancelFlag,
        request: impl Future<Output = Result<T, HttpFailure>>,
    ) -> Result<T, Interrupted> {
        let raised = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(POLL).await;
            }
        };
        self.handle().block_on(async {
            tokio::select! {
                biased;
                () = raised => Err(Interrupted::Cancelled),
                outcome = tokio::time::timeout_at(until.into(), request) => match outcome {
                    Ok(outcome) => outcome.map_err(Interrupted::Failed),
                    Err(_) => Err(Interrupted::Failed(HttpFailure::TimedOut)),
                },
            }
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Not waited for: the drop may happen on a thread of another runtime, which must not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Why a wait gave nothing.
#[derive(Debug)]
pub(super) enum Interrupted {
    Cancelled,
    Failed(HttpFailure),
}

/// The request with the key, which reqwest keeps out of its `Debug`.
pub(super) fn with_key(request: RequestBuilder, key: Option<&Secret>) -> RequestBuilder {
    match key {
        Some(key) => request.bearer_auth(key.reveal()),
        None => request,
    }
}

/// Refuses an answer whose media type none of `wanted` begins.
pub(super) fn expect_type(response: &reqwest::Response, wanted: &[&str]) -> Result<(), HttpFailure> {
    let found = http::media_type(response);
    if found.is_empty() || wanted.iter().any(|begin| found.starts_with(begin)) {
        return Ok(());
    }
    let shown: String = found.chars().filter(char::is_ascii_graphic).take(60).collect();
    Err(HttpFailure::BadAnswer(format!("it is {shown}")))
}
