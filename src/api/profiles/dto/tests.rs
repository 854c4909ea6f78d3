//! What a profile may hold, and how it is read back.

use super::*;

fn read(text: &str) -> Profile {
    serde_json::from_str(text).unwrap()
}

const WHOLE: &str = r#"{
        "business_name": "Sharma Dental Clinic", "visit_word": "appointment", "greeting": "Namaste.",
        "record_calls": false, "address": "12, M G Road", "landmark": null, "time_zone": "Asia/Kolkata",
        "hours": {"mon": ["10:00-13:00", "16:00-24:00"]},
        "holidays": [{"date": "2026-11-08", "name": "Diwali", "hours": []}],
        "ask": ["pin_code"],
        "knowledge": {
            "services": [
                {"name": "cleaning", "also": [], "price": {"exactly": 800}, "minutes": 30},
                {"name": "a crown", "also": ["cap"], "price": {"from": 4000}, "minutes": null},
                {"name": "a root canal", "also": [], "price": {"from": 3500, "to": 6000}, "minutes": null}],
            "faqs": [{"question": "Is there parking?", "also": [], "answer": "Yes."}]},
        "transfers": {"targets": [{"name": "Dr Sharma", "number": "98450 12345", "hours": {"mon": ["10:00-13:00"]}}]}}"#;

#[test]
fn a_profile_is_read_back_as_it_was_written() {
    let written = read(WHOLE);
    assert!(written.validate().is_ok());
    let id = ProfileId::from_uuid(uuid::Uuid::from_u128(1));
    let kept = written.clone().profile(id, "a voice".to_owned());
    assert_eq!(kept.hours.0[0][1], DayHours { opens_min: 960, closes_min: 1_440 });
    assert_eq!(kept.knowledge.check(), Ok(()));
    let again = Profile::from(&kept);
    assert_eq!(again, written);
    let value = serde_json::to_value(&again).unwrap();
    assert_eq!(value["hours"]["mon"], serde_json::json!(["10:00-13:00", "16:00-24:00"]));
    assert_eq!(value["knowledge"]["services"][1]["price"], serde_json::json!({"from": 4000}));
    assert_eq!(value["transfers"]["targets"][0]["number"], "+919845012345");
}

/// Where the first mistake is, after one change of the whole.
fn fault(path: &str, value: serde_json::Value) -> String {
    let mut document: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    *document.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")) = value;
    let report = serde_json::from_value::<Profile>(document).unwrap().validate().unwrap_err();
    report.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_field_that_cannot_be_used_is_named() {
    use serde_json::json;
    let day = json!({"date": "2026-11-08"});
    for (path, value, field) in [
        ("/business_name", json!(" "), "business_name"),
        ("/business_name", json!("❤"), "business_name"),
        ("/business_name", json!("x".repeat(121)), "business_name"),
        ("/visit_word", json!(""), "visit_word"),
        ("/greeting", json!("two\nlines"), "greeting"),
        ("/address", json!("x".repeat(301)), "address"),
        ("/landmark", json!(""), "landmark"),
        ("/time_zone", json!("India"), "time_zone"),
        ("/ask", json!(["email", "email"]), "ask"),
        ("/hours", json!({"tue": ["10:00-13:00", "12:59-14:00"]}), "hours.tue"),
        ("/hours", json!({"sun": ["16:00-20:00", "10:00-13:00"]}), "hours.sun"),
        ("/holidays", json!([day, day]), "holidays"),
        ("/holidays/0/name", json!("..."), "holidays[0].name"),
        ("/knowledge/services/0/name", json!(""), "knowledge.services[0].name"),
        ("/knowledge/services/1/price", json!({"from": 5, "to": 4}), "knowledge.services[1].price"),
        ("/knowledge/services/1/price", json!({"to": 4}), "knowledge.services[1].price"),
        ("/knowledge/services/1/minutes", json!(0), "knowledge.services[1].minutes"),
        ("/knowledge/faqs/0/answer", json!("?!"), "knowledge.faqs[0].answer"),
        ("/transfers/targets/0/number", json!("+14155550100"), "transfers"),
        ("/transfers/targets/0/number", json!("sip:x@127.0.0.1"), "transfers.targets[0].number"),
        (
            "/transfers/targets/0/hours",
            json!({"mon": ["10:00-13:00", "10:00-13:00"]}),
            "transfers.targets[0].hours.mon",
        ),
    ] {
        assert_eq!(fault(path, value), field, "{path}");
    }
    let mut slow = read(WHOLE);
    slow.turns.watchdog_ms = 20_000;
    assert!(slow.validate().unwrap_err().to_string().contains("watchdog_ms"));
}

#[test]
fn an_opening_is_of_one_day() {
    for good in ["00:00-24:00", "09:30-09:31"] {
        let opening = Opening::parse(good).unwrap();
        assert_eq!(serde_json::to_value(opening).unwrap(), good);
    }
    for bad in ["", "10-19", "22:00-02:00", "10:00-10:00", "10:60-11:00", "10:00-24:01", "9:00-10:00", "+9:00-10:00"] {
        assert_eq!(Opening::parse(bad), None, "{bad}");
    }
}
