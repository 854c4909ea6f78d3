//! Real servers for tests: each on a free port of the loopback, in a temporary folder, gone with the process that
//! started it, however that ends.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

#[path = "ward.rs"]
mod ward;

use ward::{START, Ward, free_port, wait_for_port};

/// A PostgreSQL server of its own.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    settings: &'static [&'static str],
    server: Option<Ward>,
}

/// Tests die with their data: syncing it would only cost time.
const FORGETFUL: &[&str] = &["fsync=off", "max_connections=200", "shared_buffers=32MB"];

impl Postgres {
    /// Makes a cluster and starts it.
    pub fn start() -> Self {
        Self::start_with(FORGETFUL)
    }

    /// The same with settings of one's own, `name=value` each.
    pub fn start_with(settings: &'static [&'static str]) -> Self {
        let folder = std::env::temp_dir().join(format!("vca-postgres-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir(&folder).expect("the temporary folder can be written");
        let initdb = Self::command("initdb", &folder)
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--pgdata"])
            .arg(folder.join("data"))
            .output()
            .expect("initdb runs");
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let mut postgres = Self { port: free_port(), folder, settings, server: None };
        postgres.restart();
        postgres
    }

    /// Where a database of this server is reached.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) {
        let made = Command::new(binaries().join("createdb"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", name])
            .output()
            .expect("createdb runs");
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Starts the server, again after [`Postgres::kill`]: same port, same data.
    pub fn restart(&mut self) {
        let mut server = Self::command("postgres", &self.folder);
        server.arg("-D").arg(self.folder.join("data")).args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in self.settings {
            server.args(["-c", setting]);
        }
        server.arg("-c").arg(format!("unix_socket_directories={}", self.folder.display()));
        self.server = Some(Ward::start(&server, "QUIT", &self.folder));
        wait_for_port(self.port, "PostgreSQL");
        let until = Instant::now() + START;
        let ready = || {
            Self::command("pg_isready", &self.folder).args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).output()
        };
        while !ready().is_ok_and(|output| output.status.success()) {
            assert!(Instant::now() < until, "PostgreSQL does not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server at once, as a crash would: every connection breaks.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// A program of PostgreSQL; as the user `postgres` when we are root, whom it refuses.
    fn command(program: &str, folder: &Path) -> Command {
        let path = binaries().join(program);
        let us = std::fs::metadata("/proc/self").expect("there is a /proc").uid();
        if us != 0 {
            return Command::new(path);
        }
        let chowned = Command::new("chown").args(["-R", "postgres"]).arg(folder).status();
        assert!(chowned.is_ok_and(|status| status.success()), "the user postgres is missing: run scripts/setup --test");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(path);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::remove_file(self.folder.with_extension("log"));
    }
}

/// Debian keeps the server's programs out of the path, one folder a version.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists()).max_by_key(|bin| {
            let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok());
            version.unwrap_or(0)
        });
    newest.expect("PostgreSQL is missing: run scripts/setup --test (it installs the package postgresql)")
}

/// The server that the tests of this process share; the end of the process stops it.
static SHARED: LazyLock<Postgres> = LazyLock::new(Postgres::start);

/// Makes a new database in the shared server; its URL.
pub fn shared_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("vca_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    SHARED.create_database(&name);
    SHARED.url(&name)
}
