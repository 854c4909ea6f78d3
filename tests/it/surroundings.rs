//! What is wrong around the program is told in one line, with how to mend it, and exit code 2.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Output;

use crate::harness::{text, vca};

fn demo(args: &[&str], settings: &[(&str, &str)], data: &Path) -> Output {
    demo_at("127.0.0.1:0", args, settings, data)
}

fn demo_at(sip: &str, args: &[&str], settings: &[(&str, &str)], data: &Path) -> Output {
    let mut command = vca();
    command.args(["demo", "--sip", sip, "--http", "127.0.0.1:0", "--data"]).arg(data).args(args);
    command.envs(settings.iter().copied()).output().expect("vca runs")
}

/// One line, exit code 2, and every one of `words` in it.
fn assert_complains(output: &Output, words: &[&str]) {
    let said = text(&output.stderr);
    let complaints: Vec<&str> = said.lines().filter(|line| line.starts_with("vca: ")).collect();
    assert_eq!(complaints.len(), 1, "one line of complaint in:\n{said}");
    for word in words {
        assert!(complaints[0].contains(word), "{word:?} in {:?}", complaints[0]);
    }
    assert_eq!(output.status.code(), Some(2), "{said}");
}

#[test]
fn missing_models() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = folder.path().join("models");
    let output = demo(&[], &[("VCA_MODELS", empty.to_str().expect("UTF-8"))], folder.path());
    assert_complains(&output, &["models", "vca models pull"]);
}

#[test]
fn a_file_that_is_no_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wrong = folder.path().join("wrong.bin");
    std::fs::write(&wrong, b"this is not a model").expect("a file is written");
    let path = wrong.to_str().expect("UTF-8");
    let output = demo(&[], &[("VCA__SPEECH__STT__MODEL", path)], folder.path());
    assert_complains(&output, &[path]);
}

#[test]
fn a_busy_port() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = demo_at(&address, &[], &[], folder.path());
    assert_complains(&output, &[&address, "choose another"]);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, b"in the way").expect("a file is written");
    let output = demo(&[], &[], &file.join("below"));
    assert_complains(&output, &["below", "--data"]);
}

#[test]
fn a_wrong_key_in_the_configuration() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("vca.toml");
    std::fs::write(&file, "[media]\nport_mim = 20000\n").expect("a file is written");
    let path = file.to_str().expect("UTF-8");
    assert_complains(&demo(&["--config", path], &[], folder.path()), &["port_mim", "port_min", path]);
}
