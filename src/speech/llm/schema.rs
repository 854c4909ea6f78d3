//! Whether an answer is what was asked for: the part of JSON Schema that our requests use.

use serde_json::Value;

/// Checks `value` against `schema`: `type` (one or several), `enum`, `properties` with `required` and
/// `additionalProperties: false`, `items`.
///
/// # Errors
/// Where it differs, without the value itself: it may hold what a caller said.
pub(super) fn check(value: &Value, schema: &Value) -> Result<(), String> {
    at("the answer", value, schema)
}

fn at(place: &str, value: &Value, schema: &Value) -> Result<(), String> {
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(value, kind)) {
        return Err(format!("{place} is no {}", kinds.join(" or ")));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        return Err(format!("{place} is none of the values it may have"));
    }
    if let Some(object) = value.as_object() {
        let properties = schema["properties"].as_object();
        let missing = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(key) = missing.into_iter().find(|key| !object.contains_key(*key)) {
            return Err(format!("`{key}` is missing in {place}"));
        }
        for (key, value) in object {
            match properties.and_then(|properties| properties.get(key)) {
                Some(schema) => at(&format!("`{key}`"), value, schema)?,
                None if schema["additionalProperties"] == false => {
                    return Err(format!("{place} has a key that was not asked for"));
                }
                None => {}
            }
        }
    }
    match value.as_array() {
        Some(items) => items.iter().try_for_each(|item| at("an item", item, &schema["items"])),
        None => Ok(()),
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_asked_for_passes() {
        let schema = json!({
            "type": "object",
            "properties": {
                "intent": { "type": "string", "enum": ["message", "unclear"] },
                "name": { "type": ["string", "null"] },
                "facts": { "type": "array", "items": { "type": "integer" } },
            },
            "required": ["intent", "name", "facts"],
            "additionalProperties": false,
        });
        let whole = json!({ "intent": "message", "name": null, "facts": [1, 2] });
        assert_eq!(check(&whole, &schema), Ok(()));
        for (wrong, why) in [
            (json!([]), "the answer is no object"),
            (json!({ "intent": "message", "facts": [] }), "`name` is missing in the answer"),
            (json!({ "intent": "transfer", "name": null, "facts": [] }), "`intent` is none of the values it may have"),
            (json!({ "intent": "message", "name": 7, "facts": [] }), "`name` is no string or null"),
            (json!({ "intent": "message", "name": "A", "facts": ["1"] }), "an item is no integer"),
            (
                json!({ "intent": "message", "name": "A", "facts": [], "to": "+91" }),
                "the answer has a key that was not asked for",
            ),
        ] {
            assert_eq!(check(&wrong, &schema).unwrap_err(), why);
        }
    }
}
