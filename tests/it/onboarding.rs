//! A business from nothing: one request of the operator's to a running node, and the next call to its number is answered
//! in its name.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ears::assert_caller_hears;
use crate::harness::{new_folder, one_call_at_a_time, text, vca, wait_for};
use crate::serve::{self, KEY};

const NUMBER: &str = "+918047180055";

/// Sends a request with JSON; the status and the answer.
fn send(http: SocketAddr, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("http://{http}{path}"))
        .header("Authorization", format!("Bearer {key}"))
        .header("Content-Type", "application/json")
        .body(if body.is_null() { String::new() } else { body.to_string() })
        .expect("a request");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // Phrases are made while the request waits.
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut response = agent.run(request).expect("HTTP answers");
    (response.status().as_u16(), response.body_mut().read_json().unwrap_or(Value::Null))
}

#[test]
fn one_request_makes_a_business_whose_number_is_answered_in_its_name() {
    let _turn = one_call_at_a_time();
    let folder = new_folder();
    let settings =
        "[sip]\nudp = \"127.0.0.1:0\"\ntcp = \"off\"\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n";
    let (node, ready) = serve::ready(serve::serve(folder.path(), settings));
    let address = |text: &str| -> SocketAddr { text.parse().expect("an address") };
    let http = address(ready["http"].as_str().expect("an address for HTTP"));
    let sip = ready["sip_udp"].as_str().and_then(|text| text.strip_prefix("Some(")?.strip_suffix(')'));
    let sip = address(sip.expect("an address for SIP"));
    let call = |said: &[&str]| {
        let mut caller = vca();
        caller.args(["call", "--json", "--to", &format!("sip:{NUMBER}@{sip}"), "--limit", "120"]).args(said);
        caller.output().expect("vca call runs")
    };
    let nobody = call(&["--say", "Hello?"]);
    assert!(!nobody.status.success() && text(&nobody.stderr).contains("404"), "{}", text(&nobody.stderr));

    let body = json!({
        "name": "Sunshine Bakery",
        "numbers": ["080 4718 0055"],
        "profile": {
            "business_name": "Sunshine Bakery",
            "visit_word": "visit",
            "address": "4, Church Street, Bengaluru",
            "hours": {"mon": ["11:00-20:00"]},
        },
    });
    let (status, made) = send(http, "POST", "/v1/tenants", KEY, &body);
    assert_eq!(status, 201, "{made:#}");
    let key = made["api_key"].as_str().expect("a key of its own");

    let answered = call(&["--say", "Where are you located?", "--say", "No, thank you. Goodbye."]);
    assert!(answered.status.success(), "{}", text(&answered.stderr));
    let report: Value = serde_json::from_slice(&answered.stdout).expect("vca call prints JSON");
    assert_caller_hears(&report, &["Sunshine Bakery", "Church Street"]);
    let listed = wait_for("the call in the list", Duration::from_secs(15), || {
        let (_, page) = send(http, "GET", &format!("/v1/calls?text=located&did={}", &NUMBER[1..]), key, &Value::Null);
        page["calls"].get(0).cloned()
    });
    assert_eq!((&listed["did"], &listed["outcome"]), (&json!(NUMBER), &json!("answered")), "{listed:#}");
    assert_eq!(listed["tenant"], made["tenant"]["id"]);

    // Suspended, it is not available; resumed, it is.
    let tenant = made["tenant"]["id"].as_str().expect("an identifier");
    assert_eq!(send(http, "POST", &format!("/v1/tenants/{tenant}/suspend"), KEY, &Value::Null).0, 200);
    let refused = call(&["--say", "Hello?"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("480"), "{}", text(&refused.stderr));
    node.stop();
}
