//! What all servers of the tests have in common: a free port, a temporary folder, and an end with the process that started
//! them, however that ends.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
pub const START: Duration = Duration::from_secs(60);

/// A program that is stopped, and whose folder is removed, when this is dropped or the process that holds it dies.
pub struct Ward {
    shell: Child,
}

impl Ward {
    /// Runs `program` under a shell that reads its standard input: a line stops the program, and so does the end of
    /// the input, which no death of ours can withhold; that one removes `folder` too.
    pub fn start(program: &Command, signal: &str, folder: &Path) -> Self {
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
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback is free");
    listener.local_addr().expect("a bound socket has an address").port()
}

pub fn wait_for_port(port: u16, what: &str) {
    let until = Instant::now() + START;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < until, "{what} does not answer on port {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
