//! `vca usage`: the month of a database as an operator exports it.

use std::path::Path;

use vca::dialogue::demo_profile;
use vca::domain::billing::{EngineUse, LegUse, Meter, Plan, Prices};
use vca::domain::{
    CallId, CallOutcome, CallRecord, CallSlots, CallStatus, E164, EndCause, Paise, RecordingState, Tenant, TenantId,
    TenantScope,
};
use vca::store::{CloseCall, Store};

use crate::harness::{DID, new_folder, text, vca};

/// A clinic whose name is a formula, with a call on the last evening of November in India and one two minutes later.
async fn two_calls(folder: &Path) {
    let store = Store::open(&folder.join("vca.sqlite")).await.expect("the database opens");
    let scope = TenantScope::proven(TenantId::from_uuid(uuid::Uuid::from_u128(7)));
    let tenant = Tenant { id: scope.tenant(), name: "=1+1 Dental".to_owned(), max_calls: 2 };
    store.put_tenant(scope, &tenant).await.expect("a tenant");
    store.put_profile(scope, &demo_profile()).await.expect("a profile");
    let plan = Plan { monthly_fee_paise: Paise(500_000), extra_minute_paise: Paise(250), ..Plan::default() };
    store.put_plan(scope, &plan).await.expect("a plan");
    let prices = r#"{"trunks":{"line":{"inbound_per_pulse":50}},"engines":{"cloud":{"per_audio_second":0.83}}}"#;
    let prices: Prices = serde_json::from_str(prices).expect("prices");
    for (n, answered) in [(1, "2026-11-30T18:29:00Z"), (2, "2026-11-30T18:31:00Z")] {
        let answered_at = answered.parse().expect("a time");
        let call = CallRecord {
            id: CallId::new(answered_at, [n; 10]),
            tenant: scope.tenant(),
            profile: demo_profile().id,
            did: E164::parse(DID).expect("a number"),
            caller: None,
            sip_call_id: "usage@test".to_owned(),
            status: CallStatus::Active,
            answered_at,
            ended_at: None,
            end_cause: None,
            outcome: None,
            slots: CallSlots::default(),
            summary: None,
            recording: RecordingState::Off,
            transfers: Vec::new(),
            bridged_ms: 0,
            trunk: Some("line".to_owned()),
        };
        store.open_call(scope, &call).await.expect("an open call");
        let meter = Meter::default();
        meter.leg(LegUse { trunk: "line".to_owned(), outbound: false, ms: 100_000 });
        meter.used("cloud", EngineUse::AudioMs, 10_000);
        let close = CloseCall {
            ended_at: answered_at + jiff::SignedDuration::from_secs(100),
            end_cause: EndCause::CallerHungUp,
            outcome: CallOutcome::Nothing,
            slots: CallSlots::default(),
            summary: String::new(),
            recording: RecordingState::Off,
            transfers: Vec::new(),
            bridged_ms: 0,
            charge: prices.charge(&meter.read()),
        };
        store.close_call(scope, call.id, &close).await.expect("a closed call");
    }
    store.close().await;
}

fn usage(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = vca();
    command.args(["usage", "--data"]).arg(folder).args(args);
    let output = command.env("VCA__BILLING__GSTIN", "29AAGCB7383J1Z4").output().expect("vca runs");
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn a_month_is_shown_and_exported_from_midnight_to_midnight_in_india() {
    let folder = new_folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(two_calls(folder.path()));

    let (code, table) = usage(folder.path(), &["--month", "2026-11"]);
    assert_eq!(code, Some(0), "{table}");
    let line = table.lines().nth(1).expect("a line").split_whitespace().collect::<Vec<_>>();
    assert_eq!(line, ["=1+1", "Dental", "1", "2", "2", "1.08", "5.00"], "{table}");

    for (month, at) in [("2026-11", "2026-11-30 23:59:00"), ("2026-12", "2026-12-01 00:01:00")] {
        let (code, file) = usage(folder.path(), &["--month", month, "--csv"]);
        assert_eq!(code, Some(0), "{file}");
        let rows: Vec<&str> = file.lines().collect();
        assert_eq!(rows.len(), 3, "the head, the fee and one call: {file}");
        assert!(rows[1].contains(",plan,") && rows[1].contains(",5000.00,18,450.00,450.00,0.00,5900.00,"), "{file}");
        let call = format!(",{at},'{DID},100,2,2,5.00,18,0.45,0.45,0.00,5.90,1.00,0.00,0.08,0.00,0.00,0.00,0.00,1.08");
        assert!(rows[2].ends_with(&call) && rows[2].contains(",'=1+1 Dental,"), "{file}");
    }

    let of_tenant = &["--month", "2026-11", "--csv", "--no-costs", "--tenant", "=1+1 Dental"];
    let (code, file) = usage(folder.path(), of_tenant);
    assert!(code == Some(0) && file.lines().count() == 3 && !file.contains("cost"), "{file}");
    let (code, said) = usage(folder.path(), &["--month", "2026-11", "--tenant", "Nobody"]);
    assert!(code == Some(2) && said.contains("no tenant \"Nobody\""), "{said}");
    let (code, said) = usage(folder.path(), &["--month", "2026-13"]);
    assert!(code == Some(2) && said.contains("a month is written like 2026-11"), "{said}");
}
