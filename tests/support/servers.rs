//! Real servers for tests: each on a free port of the loopback, in a temporary folder, gone with the process that
//! started it, however that ends.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(60);

/// A program that is stopped, and whose folder is removed, when this is dropped or the process that holds it dies.
struct Ward {
    shell: Child,
}

impl Ward {
    /// Runs `program` under a shell that reads its standard input: a line stops the program, and so does the end of
    /// the input, which no death of ours can withhold; that one removes `folder` too.
    fn start(program: &Command, signal: &str, folder: &Path) -> Self {
        const SCRIPT: &str = r#"
            signal=$1; folder=$2; shift 2
            "$@" </dev/null >>"$folder.log" 2>&1 &
            if read -r _; then kill -s "$signal" $!; wait $!; else kill -s "$signal" $!; wait $!; rm -rf "$folder" "$folder.log"; fi
        "#;
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh", signal])
            .arg(folder)
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh is there");
        Self { shell }
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        if let Some(mut input) = self.shell.stdin.take() {
            // Nobody reads on when the program is gone already.
            let _ = input.write_all(b"\n");
        }
        let _ = self.shell.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback is free");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn wait_for_port(port: u16, what: &str) {
    let until = Instant::now() + START;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < until, "{what} does not answer on port {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

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
