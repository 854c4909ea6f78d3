//! `vca serve` with a configuration of the operator's own: what it refuses, and how its trunks are.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{new_folder, signal, text, vca, wait_for};
use crate::registrar::{Habits, PASSWORD, Registrar, USER};

pub const KEY: &str = "operator-key-0123456789abcdef";

pub fn serve(folder: &std::path::Path, configuration: &str) -> Command {
    let file = folder.join("vca.toml");
    let head = format!("data_dir = {:?}\n", folder.join("data"));
    std::fs::write(&file, format!("{head}{configuration}")).expect("a file is written");
    let mut command = vca();
    command.args(["serve", "--api-key", KEY, "--config"]).arg(file);
    command
}

#[test]
fn every_fault_of_the_configuration_is_a_line_and_nothing_starts() {
    let folder = new_folder();
    let trunk = "[[trunks]]\nname = \"line\"\nprofile = \"generic-register\"\nfrom_user = \"+918047180000\"\n";
    let output = serve(folder.path(), &format!("[sip]\nmax_calls = 0\n{trunk}")).output().expect("vca runs");
    let said = text(&output.stderr);
    let complaints: Vec<&str> = said.lines().filter(|line| line.starts_with("vca: ")).collect();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(complaints.len(), 2, "{said}");
    assert!(complaints[0].contains("vca.toml:3: `sip.max_calls`: must be at least 1"), "{said}");
    assert!(complaints[1].contains("`trunks.line.registrar`: is needed"), "{said}");
    assert!(said.contains("`password`") || said.contains("trunks.line.password"), "warnings are logged: {said}");
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

/// A `vca serve`, ended when dropped.
pub struct Node(Child);

impl Node {
    pub fn signal(&self, name: &str) {
        signal(self.0.id(), name);
    }

    /// Ends it as an operator does: calls are over and written down first.
    pub fn stop(mut self) {
        self.signal("TERM");
        self.0.wait().expect("it is waited for");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it and waits for the address of its HTTP interface.
fn start(command: Command) -> (Node, SocketAddr) {
    let (node, ready) = ready(command);
    (node, ready["http"].as_str().and_then(|http| http.parse().ok()).expect("an address"))
}

/// Starts it and waits until it is ready; what it logs then.
pub fn ready(command: Command) -> (Node, Value) {
    let (node, ready, _) = ready_with_log(command);
    (node, ready)
}

/// The same with the lines that it logs afterwards.
pub fn ready_with_log(mut command: Command) -> (Node, Value, mpsc::Receiver<String>) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("vca starts");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
    let node = Node(child);
    let fields = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let fields = serde_json::from_str::<Value>(&line).ok()?["fields"].clone();
        (fields["message"] == "ready").then_some(fields)
    });
    let (sender, log) = mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    (node, fields.expect("vca serve gets ready"), log)
}

pub fn trunks(http: SocketAddr, key: &str) -> (u16, String) {
    let mut response = ureq::get(format!("http://{http}/v1/trunks"))
        .config()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .header("Authorization", format!("Bearer {key}"))
        .call()
        .expect("HTTP answers");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("text"))
}

#[test]
fn the_operator_sees_its_trunks_register_and_fail_and_no_password() {
    let folder = new_folder();
    let registrar = Registrar::start(None, Habits::default());
    let trunk = |name: &str, password: &str| {
        format!(
            "[[trunks]]\nname = \"{name}\"\nprofile = \"generic-register\"\nregistrar = \"{}\"\nfrom_user = \"{USER}\"\n\
             password = \"{password}\"\ndids = [\"+918047180000\"]\n",
            registrar.addr
        )
    };
    let settings = "[sip]\nudp = \"127.0.0.1:0\"\ntcp = \"off\"\n[http]\nlisten = \"127.0.0.1:0\"\n[speech.stt]\nmodel = \"none\"\n\
                    [log]\nformat = \"json\"\n";
    let peer = "[[trunks]]\nname = \"peer\"\nsbc_ips = [\"127.0.0.9\"]\n";
    let text = format!("{settings}{}{}{peer}", trunk("good", PASSWORD), trunk("bad", "wrong secret"));
    let (_node, http) = start(serve(folder.path(), &text));
    let body = wait_for("the trunks' states", Duration::from_secs(30), || {
        let (status, body) = trunks(http, KEY);
        let page: Value = serde_json::from_str(&body).ok().filter(|_| status == 200)?;
        let states: Vec<&str> = page["trunks"].as_array()?.iter().filter_map(|trunk| trunk["state"].as_str()).collect();
        (states == ["registered", "failed", "up"]).then_some(body)
    });
    let page: Value = serde_json::from_str(&body).expect("JSON");
    let [good, bad] = [0, 1].map(|index| &page["trunks"][index]);
    assert_eq!(good["public_addr"].as_str().map(|addr| addr.starts_with("127.0.0.1:")), Some(true), "{body}");
    assert!(good["expires_at"].is_string() && good["up"] == true, "{body}");
    assert!(bad["last_error"].as_str().is_some_and(|error| error.contains("user name or password")), "{body}");
    assert!(bad["next_try"].is_string() && bad["up"] == false, "{body}");
    assert!(!body.contains(PASSWORD) && !body.contains("wrong secret") && !body.contains("password\":"), "{body}");
    assert_eq!(trunks(http, "another-key-0123456789abcdef").0, 401);
}
