//! Running ONNX models with rten the way the pool wants it: one thread a job.

use std::sync::Arc;

use rten::{RunOptions, ThreadPool};

thread_local! {
    /// rten's own pool would put all models of the process behind each other's work; one helper thread for each
    /// calling thread keeps jobs apart, and inherits the caller's scheduling priority.
    static HELPER: Arc<ThreadPool> = Arc::new(ThreadPool::with_num_threads(1));
}

/// Options that run a model on one thread that belongs to the calling thread.
pub fn one_thread() -> RunOptions {
    RunOptions::default().with_thread_pool(Some(HELPER.with(Arc::clone)))
}
