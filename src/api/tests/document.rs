//! The OpenAPI document, and what holds for every operation of it.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// Rewrites the file instead of comparing it.
const REWRITE: &str = "VCA_REWRITE_OPENAPI";

/// The document as a client gets it.
pub(super) fn json() -> Value {
    serde_json::to_value(document()).unwrap()
}

/// Every operation: path, method, and what the document says of it.
pub(super) fn operations(document: &Value) -> Vec<(String, Method, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            found.push((path.clone(), method, operation.clone()));
        }
    }
    assert!(found.len() >= 8, "{found:?}");
    found
}

#[test]
fn the_file_is_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&json()).unwrap());
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(file == text, "docs/openapi.json is not what the code says: run `make openapi`");
}

#[test]
fn operations_have_names_of_their_own() {
    let document = json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{method} {path}: {name} is taken");
        assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path} says what it does");
        assert!(operation["responses"]["default"].is_object(), "{method} {path}: problems");
    }
}

#[test]
fn every_operation_says_who_may_call_it() {
    for (path, method, operation) in operations(&json()) {
        assert!(operation["security"].as_array().is_some_and(|list| !list.is_empty()), "{method} {path}");
    }
}

#[test]
fn bodies_refuse_unknown_fields() {
    let document = json();
    for (path, method, operation) in operations(&document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let schema = &document["components"]["schemas"][&name];
        assert_eq!(schema["additionalProperties"], false, "{method} {path}: {name}: write deny_unknown_fields");
    }
}

#[test]
fn references_lead_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(to)) = map.get("$ref") {
                    let pointer = to.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{to}");
                }
                map.values().for_each(|value| walk(value, document));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let document = json();
    walk(&document, &document);
}

#[tokio::test]
async fn the_document_and_its_page_are_open_and_keep_to_themselves() {
    let api = api().await;
    let answer = api.send(Method::GET, "/openapi.json", &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(answer.json(), json());
    let page = api.send(Method::GET, "/docs/", &[]).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'; "));
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    assert!(!text.contains("<style>"), "{text}");
    let start = api.send(Method::GET, "/docs/swagger-initializer.js", &[]).await;
    let text = String::from_utf8(start.body).unwrap();
    assert!(text.contains("/openapi.json") && text.contains("\"validatorUrl\": \"none\""), "{text}");
    assert!(!text.contains("https://"), "{text}");
    assert_eq!(api.send(Method::GET, "/docs", &[]).await.status, StatusCode::SEE_OTHER);
}
