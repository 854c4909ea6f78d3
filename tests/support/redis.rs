//! A Redis server of a test's own: on a free port of the loopback, in a temporary folder, without persistence.

use std::path::PathBuf;
use std::process::Command;

#[expect(clippy::duplicate_mod, reason = "each kind of server is a module of its own, and all have their wards")]
#[path = "ward.rs"]
mod ward;

use ward::{Ward, free_port, wait_for_port};

/// A Redis server, gone when dropped.
pub struct Redis {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    server: Option<Ward>,
}

impl Redis {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(|_port| Vec::new())
    }

    /// The same with more arguments of its command line, which may name its port.
    pub fn start_with(settings: impl Fn(u16) -> Vec<String>) -> Self {
        let mut redis = Self::absent();
        redis.settings = settings(redis.port);
        redis.restart();
        redis
    }

    /// One that is not there until [`Redis::restart`].
    pub fn absent() -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("vca-redis-{}-{port}", std::process::id()));
        std::fs::create_dir(&folder).expect("the temporary folder can be written");
        Self { folder, port, settings: Vec::new(), server: None }
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts the server, again after [`Redis::kill`]: same port, nothing remembered.
    pub fn restart(&mut self) {
        let there = Command::new("redis-server").arg("--version").output();
        assert!(there.is_ok(), "redis-server is missing: run scripts/setup --test");
        let mut server = Command::new("redis-server");
        server.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "no"]);
        server.arg("--dir").arg(&self.folder).args(&self.settings);
        self.server = Some(Ward::start(&server, "KILL", &self.folder));
        wait_for_port(self.port, "Redis");
    }

    /// Stops the server at once, as a crash would: every connection breaks.
    pub fn kill(&mut self) {
        self.server = None;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_file(self.folder.with_extension("log"));
    }
}
