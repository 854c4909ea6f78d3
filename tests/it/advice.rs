//! Whole calls to `vca serve` whose tenant lets a language model help: a stand-in's intent decides what is in the
//! database, and where it hangs the call goes on without it.

use std::net::SocketAddr;

use serde_json::Value;
use vca::domain::{CallFilter, CallOutcome, CallRecord, CallStatus, E164, EndCause, Speaker, Turn};
use vca::store::Store;

use crate::harness::{DID, new_folder, one_call_at_a_time, text, vca};
use crate::models::{Mode, ModelServer};
use crate::serve;

/// A sentence in which no rule finds an intent.
const ODD: &str = "Our little boy ran into the door with his mouth.";

/// A call in which these things are said; the newest record of the database with its turns.
fn call(model: &ModelServer, said: &[&str]) -> (CallRecord, Vec<Turn>, Value) {
    let _turn = one_call_at_a_time();
    let folder = new_folder();
    let settings = format!(
        "[sip]\nudp = \"127.0.0.1:0\"\ntcp = \"off\"\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [engines.stand-in]\nkind = \"compatible-llm\"\nurl = \"{}\"\nmodel = \"stand-in\"\n\
         [[tenants]]\nname = \"Sharma Dental Clinic\"\ndids = [\"{DID}\"]\nspeech = {{ llm = [\"stand-in\"] }}\n",
        model.url()
    );
    let (node, ready) = serve::ready(serve::serve(folder.path(), &settings));
    let sip = ready["sip_udp"].as_str().and_then(|text| text.strip_prefix("Some(")?.strip_suffix(')')?.parse().ok());
    let sip: SocketAddr = sip.expect("an address for SIP");
    let mut caller = vca();
    caller.args(["call", "--json", "--to", &format!("sip:{DID}@{sip}"), "--limit", "120"]).args(said);
    let output = caller.output().expect("vca call runs");
    assert!(output.status.success(), "vca call failed: {}", text(&output.stderr));
    let report = serde_json::from_slice(&output.stdout).expect("vca call prints JSON");
    node.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = runtime.block_on(Store::open(&folder.path().join("data/vca.sqlite"))).expect("the database opens");
    let did = E164::parse(DID).expect("a number");
    let (record, turns) = runtime.block_on(async {
        let route = store.find_did(&did).await.expect("the database answers").expect("the clinic's number");
        let page = store.list_calls(route.scope, &CallFilter::default(), None, 1).await.expect("the database answers");
        let newest = page.items.first().expect("a call");
        store.call(route.scope, newest.id).await.expect("the database answers").expect("the call")
    });
    assert_ne!(record.status, CallStatus::Active, "{record:#?}");
    (record, turns, report)
}

/// Every turn of the caller is followed by one of the agent.
fn assert_never_silent(turns: &[Turn], detail: &str) {
    for pair in turns.windows(2).filter(|pair| pair[0].speaker == Speaker::Caller) {
        assert!(pair[1].speaker == Speaker::Agent, "{:?} stayed without an answer\n{detail}", pair[0].text);
    }
    assert!(turns.last().is_some_and(|turn| turn.speaker == Speaker::Agent), "{detail}");
}

#[test]
fn an_odd_sentence_that_the_model_understands_becomes_an_appointment() {
    let model = ModelServer::start(Mode::Sees("appointment"));
    let (record, turns, report) = call(
        &model,
        &[
            "--say",
            ODD,
            "--say",
            "My name is Rahul Verma.",
            "--dtmf",
            "9876543210#",
            "--say",
            "A broken tooth.",
            "--say",
            "Tomorrow evening.",
            "--say",
            "Yes, that is correct.",
            "--say",
            "No, thank you.",
        ],
    );
    let detail = format!("{record:#?}\n{turns:#?}\n{report:#}");
    assert_eq!(record.outcome, Some(CallOutcome::Appointment), "{detail}");
    assert_eq!(record.slots.number, E164::parse("+919876543210").ok(), "{detail}");
    assert_eq!(record.slots.name.as_deref(), Some("Rahul Verma"), "{detail}");
    assert_eq!(record.end_cause, Some(EndCause::AgentHungUp), "{detail}");
    assert_never_silent(&turns, &detail);
    let advised = turns.iter().filter_map(|turn| turn.waterfall.as_ref()?.llm_first_token_ms).count();
    let asked = model.asked();
    assert!(advised >= 1 && asked.len() >= advised, "{detail}");
    let material = asked[0].1["messages"][1]["content"].as_str().unwrap_or_default();
    assert!(material.contains("How can I help you?") && material.contains("<caller>"), "{material}");
}

#[test]
fn a_model_that_hangs_costs_a_moment_and_the_call_ends_with_a_message() {
    let model = ModelServer::start(Mode::Hangs);
    let (record, turns, report) = call(
        &model,
        &[
            "--say",
            ODD,
            "--say",
            "My name is Rahul Verma.",
            "--dtmf",
            "9876543210#",
            "--say",
            "Yes, that is correct.",
            "--say",
            "No, thank you.",
        ],
    );
    let detail = format!("{record:#?}\n{turns:#?}\n{report:#}");
    assert_eq!(record.outcome, Some(CallOutcome::Message), "{detail}");
    assert_eq!(record.slots.number, E164::parse("+919876543210").ok(), "{detail}");
    assert!(record.slots.reason.as_deref().is_some_and(|reason| reason.contains("mouth")), "{detail}");
    assert_eq!(record.end_cause, Some(EndCause::AgentHungUp), "{detail}");
    assert_never_silent(&turns, &detail);
    assert!(!model.asked().is_empty(), "{detail}");
}
