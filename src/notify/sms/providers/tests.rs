//! Each provider against a stand-in: the exact request, the answers that providers give, and their reports.

use serde_json::{Value, json};

use super::*;
use crate::domain::{E164, MessageId, ReceiptState, SmsCategory, SmsSender};
use crate::notify::http::read_form;
use crate::notify::sms::provider::{Accepted, Receipt, Report, SendError, Sms};
use crate::notify::sms::segments;
use crate::notify::sms::template::Rendered;
use crate::notify::stand_in::{Seen, StandIn};

const KEY: &str = "the-key";
const ID: &str = "msg_0199c82cc4007000800000000000002a";

fn sms(text: &str, kept: Option<&str>) -> Sms {
    Sms {
        key: ID.parse::<MessageId>().unwrap(),
        to: E164::parse("+919845012345").unwrap(),
        sender: SmsSender { entity_id: "1101160000000000001".parse().unwrap(), header: "VCASMS".parse().unwrap() },
        rendered: Rendered {
            template: "1107160000000000001".parse().unwrap(),
            provider_template: kept.map(ToOwned::to_owned),
            category: SmsCategory::ServiceImplicit,
            text: text.to_owned(),
            variables: vec!["Missed call".to_owned(), "a|b & 5 %".to_owned()],
            size: segments::size(text),
        },
    }
}

fn provider(kind: ProviderKind, url: &str) -> Arc<dyn SmsProvider> {
    let settings = ProviderSettings {
        kind,
        url: Some(url.to_owned()),
        account: Some("account1".to_owned()),
        key: Some(Secret::new(KEY)),
        token: Some(Secret::new("the-token")),
        receipts: Some("https://vca.example.in/receipts/r1".to_owned()),
    };
    settings.provider(&Http::new(true).unwrap()).unwrap()
}

/// Sends to a stand-in that gives this answer.
async fn sent(kind: ProviderKind, sms: &Sms, status: u16, answer: &str) -> (Result<Accepted, SendError>, Seen) {
    let stand_in = StandIn::start().await;
    stand_in.answer(status, answer);
    let result = provider(kind, &stand_in.url).send(sms).await;
    let seen = stand_in.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "POST");
    (result, seen.into_iter().next().unwrap())
}

fn accepted(id: &str) -> Result<Accepted, SendError> {
    Ok(Accepted { status: Some(200), provider_id: Some(id.to_owned()) })
}

fn form_of(seen: &Seen) -> Vec<(String, String)> {
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    read_form(&seen.body)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn msg91_is_given_the_flow_and_its_variables() {
    let message = sms("Missed call", Some("flow1"));
    let answer = r#"{"message":"3763646c3058373530393938","type":"success"}"#;
    let (result, seen) = sent(ProviderKind::Msg91, &message, 200, answer).await;
    assert_eq!(result, accepted("3763646c3058373530393938"));
    assert_eq!((seen.path.as_str(), seen.header("authkey")), ("/api/v5/flow", KEY));
    let expected = json!({
        "template_id": "flow1",
        "sender": "VCASMS",
        "short_url": "0",
        "recipients": [{"mobiles": "919845012345", "VAR1": "Missed call", "VAR2": "a|b & 5 %"}],
    });
    assert_eq!(seen.json(), expected);
    let answer = r#"{"message":"Invalid authkey 919845012345","type":"error","code":"201"}"#;
    let (result, _) = sent(ProviderKind::Msg91, &message, 200, answer).await;
    let error = result.unwrap_err();
    assert!(error.again && error.why == "MSG91 refused it: Invalid authkey ", "{error:?}");
    let none = provider(ProviderKind::Msg91, "http://127.0.0.1:1").send(&sms("Missed call", None)).await.unwrap_err();
    assert!(!none.again && none.why.contains("provider_id"), "{none:?}");
}

#[tokio::test]
async fn exotel_is_given_the_text_and_the_identifiers() {
    let answer = r#"{"SMSMessage":{"Sid":"e5c1b0","Status":"queued"}}"#;
    let (result, seen) = sent(ProviderKind::Exotel, &sms("Missed call ₹", None), 200, answer).await;
    assert_eq!(result, accepted("e5c1b0"));
    assert_eq!(seen.path, "/v1/Accounts/account1/Sms/send.json");
    // the-key:the-token
    assert_eq!(seen.header("authorization"), "Basic dGhlLWtleTp0aGUtdG9rZW4=");
    let expected = pairs(&[
        ("From", "VCASMS"),
        ("To", "+919845012345"),
        ("Body", "Missed call ₹"),
        ("EncodingType", "unicode"),
        ("SmsType", "transactional"),
        ("DltEntityId", "1101160000000000001"),
        ("DltTemplateId", "1107160000000000001"),
        ("CustomField", ID),
        ("StatusCallback", "https://vca.example.in/receipts/r1"),
    ]);
    assert_eq!(form_of(&seen), expected);
    let refusal = r#"{"RestException":{"Status":400,"Message":"Bad"}}"#;
    let (result, _) = sent(ProviderKind::Exotel, &sms("Missed call", None), 400, refusal).await;
    assert_eq!(result, Err(SendError::final_refusal("it answered 400", Some(400))));
}

#[tokio::test]
async fn gupshup_is_given_a_form_and_answers_in_a_line() {
    let answer = "success | 919845012345 | 728014710863298817-1234567890";
    let (result, seen) = sent(ProviderKind::Gupshup, &sms("Missed call", None), 200, answer).await;
    assert_eq!(result, accepted("728014710863298817-1234567890"));
    assert_eq!(seen.path, "/GatewayAPI/rest");
    let expected = pairs(&[
        ("userid", "account1"),
        ("password", KEY),
        ("auth_scheme", "plain"),
        ("v", "1.1"),
        ("method", "SendMessage"),
        ("format", "text"),
        ("send_to", "919845012345"),
        ("msg", "Missed call"),
        ("msg_type", "TEXT"),
        ("mask", "VCASMS"),
        ("principalEntityId", "1101160000000000001"),
        ("dltTemplateId", "1107160000000000001"),
    ]);
    assert_eq!(form_of(&seen), expected);
    for (answer, again) in [
        ("error | 102 | The user id or password is not correct.", true),
        ("error | 105 | The phone number \"919845012345\" is not valid.", false),
        ("<html>", true),
    ] {
        let (result, _) = sent(ProviderKind::Gupshup, &sms("Missed call", None), 200, answer).await;
        let error = result.unwrap_err();
        assert!(error.again == again && !error.why.contains("9845012345"), "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn fast2sms_is_given_the_text_or_the_name_of_a_kept_one() {
    let answer = r#"{"return":true,"request_id":"lwdtp7cjyqxvfe9","message":["Message sent successfully"]}"#;
    let (result, seen) = sent(ProviderKind::Fast2sms, &sms("Missed call", None), 200, answer).await;
    assert_eq!(result, accepted("lwdtp7cjyqxvfe9"));
    assert_eq!((seen.path.as_str(), seen.header("authorization")), ("/dev/bulkV2", KEY));
    let expected = json!({
        "route": "dlt_manual",
        "sender_id": "VCASMS",
        "message": "Missed call",
        "entity_id": "1101160000000000001",
        "template_id": "1107160000000000001",
        "numbers": "9845012345",
    });
    assert_eq!(seen.json(), expected);
    let (_, seen) = sent(ProviderKind::Fast2sms, &sms("Missed call", Some("111111")), 200, answer).await;
    let expected = json!({
        "route": "dlt",
        "sender_id": "VCASMS",
        "message": "111111",
        "variables_values": "Missed call|a b & 5 %",
        "numbers": "9845012345",
    });
    assert_eq!(seen.json(), expected);
    let refusal = r#"{"return":false,"status_code":412,"message":"Invalid Authentication"}"#;
    let (result, _) = sent(ProviderKind::Fast2sms, &sms("Missed call", None), 200, refusal).await;
    assert_eq!(result, Err(SendError::for_now("Fast2SMS refused it with code 412", Some(200))));
}

#[tokio::test]
async fn any_server_is_given_json_and_the_key_of_idempotency() {
    let (result, seen) = sent(ProviderKind::Http, &sms("Missed call", None), 200, r#"{"id":"abc"}"#).await;
    assert_eq!(result, accepted("abc"));
    assert_eq!((seen.header("idempotency-key"), seen.header("authorization")), (ID, "Bearer the-key"));
    let body = seen.json();
    assert_eq!((&body["id"], &body["to"], &body["text"]), (&json!(ID), &json!("+919845012345"), &json!("Missed call")));
    assert_eq!((&body["encoding"], &body["segments"]), (&json!("gsm7"), &json!(1)));
    assert_eq!((&body["category"], &body["template_id"]), (&json!("service_implicit"), &json!("1107160000000000001")));
    for (status, again) in [(400, false), (401, true), (404, false), (408, true), (429, true), (500, true), (302, true)]
    {
        let (result, _) = sent(ProviderKind::Http, &sms("Missed call", None), status, "").await;
        assert_eq!(result.unwrap_err().again, again, "{status}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again() {
    let gone = StandIn::start().await.url.clone();
    let error = provider(ProviderKind::Http, &gone).send(&sms("Missed call", None)).await.unwrap_err();
    assert!(error.again && error.why.contains("cannot be reached") && !error.why.contains("127.0.0.1"), "{error:?}");
}

fn read(kind: ProviderKind, query: &str, body: &str) -> Option<Vec<(String, ReceiptState, Option<String>)>> {
    let provider = provider(kind, "http://127.0.0.1:1");
    let receipts = provider.receipts(&Report { query, body: body.as_bytes() }).ok()?;
    let told = |Receipt { provider_id, state, why }: Receipt| (provider_id, state, why);
    Some(receipts.into_iter().map(told).collect())
}

fn one(id: &str, state: ReceiptState, why: Option<&str>) -> Option<Vec<(String, ReceiptState, Option<String>)>> {
    Some(vec![(id.to_owned(), state, why.map(ToOwned::to_owned))])
}

#[test]
fn every_providers_report_is_read() {
    use ReceiptState::{Delivered, Undelivered};
    // MSG91, version 2: a form with JSON in it; version 3: JSON.
    let list = r#"[{"senderId":"VCASMS","requestId":"346","report":[{"date":"2024-05-22 10:06:20","number":"919845012345",
        "status":"1","desc":"DELIVERED","failedReason":""}],"userId":"27"}]"#;
    let form = crate::notify::http::form(&[("data", list)]);
    assert_eq!(read(ProviderKind::Msg91, "", &form), one("346", Delivered, Some("DELIVERED")));
    let json = |status: Value| {
        json!({"requestId": "346", "status": status, "desc": "REJECTED", "failedReason": "DND"}).to_string()
    };
    assert_eq!(read(ProviderKind::Msg91, "", &json(json!("16"))), one("346", Undelivered, Some("DND")));
    assert_eq!(read(ProviderKind::Msg91, "", &json(json!(9))), one("346", Undelivered, Some("DND")));
    assert_eq!(read(ProviderKind::Msg91, "", &json(json!("8"))), Some(Vec::new()), "on its way");
    let exotel = |status: &str| format!("SmsSid=e5&To=09845012345&Status={status}&DetailedStatus=DELIVERED_TO_HANDSET");
    let why = Some("DELIVERED_TO_HANDSET");
    assert_eq!(read(ProviderKind::Exotel, "", &exotel("sent")), one("e5", Delivered, why));
    assert_eq!(read(ProviderKind::Exotel, "", &exotel("failed_dnd")), one("e5", Undelivered, why));
    assert_eq!(read(ProviderKind::Exotel, "", &exotel("submitted")), Some(Vec::new()));
    let query =
        "externalId=356-328&deliveredTS=1526347800000&status=SUCCESS&cause=SUCCESS&phoneNo=919892488888&errCode=000";
    assert_eq!(read(ProviderKind::Gupshup, query, ""), one("356-328", Delivered, Some("SUCCESS")));
    let events = r#"[{"externalId":"356-328","eventType":"DELIVERED","cause":"SUCCESS"},
        {"externalId":"379-252","eventType":"FAILED","cause":"UNKNOWN_SUBSCRIBER"}]"#;
    let both = vec![
        ("356-328".to_owned(), Delivered, Some("SUCCESS".to_owned())),
        ("379-252".to_owned(), Undelivered, Some("UNKNOWN_SUBSCRIBER".to_owned())),
    ];
    assert_eq!(read(ProviderKind::Gupshup, "", events), Some(both.clone()));
    let form = crate::notify::http::form(&[("response", events)]);
    assert_eq!(read(ProviderKind::Gupshup, "", &form), Some(both));
    let fast = r#"{"request_id":"lw","delivery_status":"Delivered","status_description":"ok"}"#;
    assert_eq!(read(ProviderKind::Fast2sms, "", fast), one("lw", Delivered, Some("ok")));
    assert_eq!(read(ProviderKind::Http, "", r#"{"id":"a","state":"delivered"}"#), one("a", Delivered, None));
    for kind in
        [ProviderKind::Msg91, ProviderKind::Exotel, ProviderKind::Gupshup, ProviderKind::Fast2sms, ProviderKind::Http]
    {
        for nonsense in ["", "{}", "[1]", "a=b", "\u{0}", "data=[", "response={}"] {
            assert_eq!(read(kind, "x=y", nonsense).filter(|read| !read.is_empty()), None, "{kind:?} {nonsense:?}");
        }
    }
}

#[test]
fn what_a_provider_needs_is_named() {
    let settings = |kind| ProviderSettings { kind, url: None, account: None, key: None, token: None, receipts: None };
    let fails = |settings: ProviderSettings| settings.provider(&Http::new(false).unwrap()).err();
    assert_eq!(fails(settings(ProviderKind::Log)), None);
    assert_eq!(fails(settings(ProviderKind::Http)), Some(ProviderError::Missing("sms.url")));
    assert_eq!(fails(settings(ProviderKind::Msg91)), Some(ProviderError::Missing("sms.key")));
    assert_eq!(fails(settings(ProviderKind::Exotel)), Some(ProviderError::Missing("sms.account")));
    let ftp = ProviderSettings { url: Some("ftp://x".to_owned()), ..settings(ProviderKind::Http) };
    assert_eq!(fails(ftp), Some(ProviderError::Url));
}
