//! Who is told of calls by SMS.

use super::*;

fn template(text: &str, values: &[&str]) -> Value {
    json!({
        "owner": { "mobiles": ["098450 12345"], "about": "all" },
        "caller": {
            "sender": { "entity_id": "1101550000012345678", "header": "SHARMA" },
            "template": { "id": "1107160000000000001", "text": text, "values": values, "category": "service_explicit" },
        },
    })
}

#[tokio::test]
async fn settings_are_replaced_and_reach_the_next_call() {
    let api = api().await;
    let put = async |body: Value| api.write(OURS, Method::PUT, "/v1/notifications", None, body).await;
    let none = json!({ "owner": { "mobiles": [], "about": "wanted" }, "caller": null });
    assert_eq!(api.get(OURS, "/v1/notifications").await.json(), none);
    let wanted = template("Thank you for calling {#alphanumeric#}.", &["business"]);
    let done = put(wanted.clone()).await;
    assert_eq!(done.status, StatusCode::OK, "{}", String::from_utf8_lossy(&done.body));
    let mut shown = wanted.clone();
    shown["owner"]["mobiles"] = json!(["+919845012345"]);
    assert_eq!((done.json(), api.get(OURS, "/v1/notifications").await.json()), (shown.clone(), shown));
    assert_eq!(api.get(THEIRS, "/v1/notifications").await.json(), none);
    put(wanted).await;
    let log = api.f.store.audit(api.f.ours, None, 9).await.unwrap();
    assert_eq!(log.iter().filter(|entry| entry.action == "notifications.update").count(), 1, "no change, no entry");

    let call = api.call(api.f.ours, 0, None).await;
    api.f.store.close_call(api.f.ours, call.id, &close(60)).await.unwrap();
    let told = api.get(OURS, "/v1/messages?channel=sms").await.json();
    let to: Vec<&Value> = told["messages"].as_array().unwrap().iter().map(|message| &message["to"]).collect();
    assert!(to.contains(&&json!("+919845012345")), "{told}");
    assert_eq!(put(json!({})).await.json(), none, "what is absent tells nobody");
}

#[tokio::test]
async fn what_operators_would_drop_is_refused_by_its_field() {
    let api = api().await;
    let with = |path: &str, value: Value| {
        let mut body = template("Thank you, {#var#}.", &["name"]);
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let long = "a".repeat(201);
    for (body, field) in [
        (with("/owner/mobiles", json!(["+911126543210"])), "owner.mobiles[0]"),
        (with("/owner/mobiles", json!(["+919845012345", "+14155550100"])), "owner.mobiles[1]"),
        (with("/owner/mobiles", json!(["+919845012345", "12"])), "owner.mobiles[1]"),
        (with("/owner/mobiles", json!(vec!["+919845012345"; 6])), "owner.mobiles"),
        (with("/owner/about", json!("some")), "owner.about"),
        (with("/caller/sender/entity_id", json!("12")), "caller.sender.entity_id"),
        (with("/caller/sender/header", json!("V-CA")), "caller.sender.header"),
        (with("/caller/template/text", json!("")), "caller.template.text"),
        (with("/caller/template/text", json!("{#vat#}")), "caller.template.text"),
        (with("/caller/template/values", json!(["name", "reason"])), "caller.template.values"),
        (
            with(
                "/caller/template",
                json!({ "id": "1107160000000000001", "text": "a", "values": [], "provider_id": long }),
            ),
            "caller",
        ),
        (json!({ "owners": {} }), "owners"),
    ] {
        let refused = api.write(OURS, Method::PUT, "/v1/notifications", None, body).await;
        assert_eq!((refused.status, refused.fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![field.to_owned()]));
    }
    assert_eq!(api.get(OURS, "/v1/notifications").await.json()["caller"], Value::Null);
}
