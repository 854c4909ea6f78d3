//! The running API against its own document: schemathesis sends what the document allows and what it does not, and judges
//! the answers.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Demo, new_folder, text, wait_for};

/// As long as all of it may take.
const LIMIT: Duration = Duration::from_secs(90);

/// What the answers are judged by. Who may call what is walked through by `api::tests::walk`, which knows the rules; whether
/// a body of the right form is taken depends on more than a schema can say (a role that the caller has not, a time
/// that is over).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance";

/// Where `scripts/setup --test` puts it: beside the build.
fn schemathesis() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(target).join("schemathesis/bin/schemathesis");
    assert!(program.exists(), "schemathesis is missing: run scripts/setup --test");
    program
}

#[test]
fn the_api_keeps_to_its_document() {
    let program = schemathesis();
    let much = "1000000";
    let demo = Demo::start_with(&[
        ("VCA__HTTP__REQUESTS_PER_MINUTE", much),
        ("VCA__HTTP__BURST", much),
        ("VCA__HTTP__SIGN_INS_PER_MINUTE", much),
    ]);
    let folder = new_folder();
    let mut child = Command::new(program)
        .arg("run")
        .arg(format!("http://{}/openapi.json", demo.http))
        .args(["--header", &format!("Authorization: Bearer {}", crate::harness::KEY)])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--max-time", "60"])
        .args([
            "--workers",
            "2",
            "--seed",
            "1",
            "--generation-database",
            "none",
            "--no-color",
            "--request-timeout",
            "20",
        ])
        .current_dir(folder.path())
        .stdout(Stdio::from(std::fs::File::create(folder.path().join("out")).expect("a file is made")))
        .stderr(Stdio::null())
        .spawn()
        .expect("schemathesis starts");
    let status = wait_for("the end of schemathesis", LIMIT, || child.try_wait().expect("it is waited for"));
    let said = std::fs::read(folder.path().join("out")).unwrap_or_default();
    assert!(status.success(), "{}\n{}", text(&said), demo.log_so_far());
}
