//! Whole calls on real PostgreSQL, also while it is killed and restarted; backups of SQLite.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Demo, MESSAGE, new_folder, text, vca, wait_for};
use crate::servers::{Postgres, shared_database};

const URL: &str = "VCA__DATABASE__URL";

/// What waits on disk for the database.
fn spooled(demo: &Demo) -> String {
    let files = std::fs::read_dir(demo.data().join("spool")).into_iter().flatten().flatten();
    files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
}

fn own_server() -> (Postgres, String) {
    let server = Postgres::start();
    server.create_database("vca");
    let url = server.url("vca");
    (server, url)
}

/// The message of [`MESSAGE`] is in the record, and every turn in its place.
fn assert_whole(call: &Value) {
    assert_eq!((&call["status"], &call["outcome"]), (&"completed".into(), &"message".into()), "{call:#}");
    assert_eq!(call["slots"]["number"], "+919988776655", "{call:#}");
    let turns = call["turns"].as_array().expect("turns");
    assert!(turns.len() >= 10, "{call:#}");
    for (n, turn) in turns.iter().enumerate() {
        assert_eq!(turn["seq"], n, "{call:#}");
    }
}

#[test]
fn one_line_of_configuration_moves_everything_to_postgresql() {
    let url = shared_database();
    let demo = Demo::start_with(&[(URL, &url)]);
    demo.call(&MESSAGE);
    let call = demo.closed_call();
    assert_whole(&call);
    assert!(!demo.data().join("vca.sqlite").exists());
    // The event log too.
    let id = call["id"].as_str().expect("an id");
    let replayed = vca().args(["replay", id]).env(URL, &url).output().expect("vca replay runs");
    assert!(text(&replayed.stdout).contains("the same: "), "{replayed:?}");
}

#[test]
fn a_database_that_dies_in_mid_call_and_comes_back_costs_nothing() {
    let (mut server, url) = own_server();
    let demo = Demo::start_with(&[(URL, &url)]);
    let caller = demo.caller(&MESSAGE).stdout(std::process::Stdio::piped()).spawn().expect("vca call");
    wait_for("two turns in the record", Duration::from_secs(40), || {
        let (_, calls) = demo.get("/v1/calls?status=active");
        let id = calls["calls"].get(0)?["id"].as_str()?.to_owned();
        (demo.get(&format!("/v1/calls/{id}")).1["turns"].as_array()?.len() >= 2).then_some(())
    });
    server.kill();
    wait_for("the next turns on disk", Duration::from_secs(40), || {
        (spooled(&demo).matches(r#"{"turn":"#).count() >= 2).then_some(())
    });
    server.restart();
    let output = caller.wait_with_output().expect("the caller is waited for");
    assert!(output.status.success(), "{output:?}");
    assert_whole(&demo.closed_call());
    assert_eq!(spooled(&demo), "", "nothing is left to be stored");
}

#[test]
fn a_call_that_comes_while_the_database_is_away_is_answered_and_kept() {
    let (mut server, url) = own_server();
    let demo = Demo::start_with(&[(URL, &url)]);
    server.kill();
    demo.call(&MESSAGE);
    wait_for("the end of the call on disk", Duration::from_secs(15), || {
        spooled(&demo).contains(r#"{"close":"#).then_some(())
    });
    let (status, body) = demo.get("/v1/calls");
    assert_eq!(status, 503, "{body:#}");
    server.restart();
    assert_whole(&demo.closed_call());
    assert_eq!(spooled(&demo), "");
}

#[test]
fn what_was_taken_down_survives_a_node_that_is_killed_while_the_database_is_away() {
    let (mut server, url) = own_server();
    let demo = Demo::start_with(&[(URL, &url)]);
    server.kill();
    let mut caller = demo.caller(&MESSAGE).spawn().expect("vca call");
    wait_for("the caller's number on disk", Duration::from_secs(90), || {
        spooled(&demo).contains(r#""number":"+919988776655""#).then_some(())
    });
    let folder = demo.crash();
    caller.kill().expect("the caller is ended");
    caller.wait().expect("the caller is waited for");
    server.restart();
    // Whoever starts first closes it: the slots are of the spool, the end is a guess.
    let demo = Demo::start_in(folder, &[(URL, &url)], &[]);
    let (_, calls) = demo.get("/v1/calls");
    let call = &calls["calls"][0];
    // The node that was killed counts as alive for a minute; what it wrote down is there at once.
    assert_eq!(call["slots"]["number"], "+919988776655", "{calls:#}");
    assert_eq!(spooled(&demo), "");
}

#[test]
fn a_backup_is_made_while_the_node_runs_and_starts_another_one() {
    let demo = Demo::start();
    demo.call(&["--say", "Are you open on Monday?", "--silent", "1"]);
    let call = demo.closed_call();
    let copied = new_folder();
    let copy = copied.path().join("vca.sqlite");
    let backup = |to: &Path| vca().arg("backup").arg(to).arg("--data").arg(demo.data()).output().expect("vca runs");
    let made = backup(&copy);
    assert!(made.status.success(), "{made:?}");
    let again = backup(&copy);
    assert_eq!(again.status.code(), Some(2), "a file that exists is not overwritten");
    assert!(text(&again.stderr).contains("the file exists"), "{again:?}");
    drop(demo);
    let restored = Demo::start_in(copied, &[], &[]);
    let id = call["id"].as_str().expect("an id");
    assert_eq!(restored.get(&format!("/v1/calls/{id}")), (200, call.clone()));
}

#[test]
fn a_schema_is_migrated_when_the_operator_says_so() {
    let url = shared_database();
    let by_hand = |command: &[&str]| {
        let data = new_folder();
        let mut vca = vca();
        vca.args(command).env(URL, &url).env("VCA__DATABASE__MIGRATE", "false").env("VCA__DATA_DIR", data.path());
        vca.output().expect("vca runs")
    };
    let replay = ["replay", "call_01890a5d7bcc7000800000000000000f"];
    let refused = by_hand(&replay);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("run `vca migrate`"), "{refused:?}");
    assert!(!text(&refused.stderr).contains(&url), "the URL may hold a password");
    let migrated = by_hand(&["migrate"]);
    assert!(migrated.status.success(), "{migrated:?}");
    let found = by_hand(&replay);
    assert!(text(&found.stderr).contains("is not in the database"), "{found:?}");
}
