//! Quirks that change the form of responses.
//!
//! The JSON is rewritten after the operation, so that operations need not know about quirks.

use fastrand::Rng;
use serde_json::{Map, Value};

use super::quirks::{Quirk, Quirks};
use super::response::ApiResponse;

/// The keys of a queue that "show" spells in camel case.
const CAMEL_CASE: [(&str, &str); 4] = [
    ("queue_name", "queueName"),
    ("queue_type", "queueType"),
    ("cu_count", "cuCount"),
    ("charging_mode", "chargingMode"),
];

/// What brief lists of connections leave out.
const LEFT_OUT: [&str; 4] = ["available_queue_info", "elastic_resource_pools", "hosts", "routes"];

pub(super) fn apply_quirks(response: ApiResponse, quirks: &Quirks, rng: &mut Rng) -> ApiResponse {
    if quirks.is_empty() {
        return response;
    }
    let Some(Ok(mut value)) = response.body.as_deref().map(serde_json::from_slice::<Value>) else { return response };
    change(&mut value, quirks, rng);
    ApiResponse { headers: response.headers, ..ApiResponse::json(response.status, &value) }
}

fn change(value: &mut Value, quirks: &Quirks, rng: &mut Rng) {
    let on = |quirk| quirks.contains(&quirk);
    match value {
        Value::Array(items) => {
            for item in items.iter_mut() {
                change(item, quirks, rng);
            }
            if on(Quirk::ReshuffledOrder) {
                rng.shuffle(items);
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                change(field, quirks, rng);
            }
            if on(Quirk::CamelCase) {
                for (from, to) in CAMEL_CASE {
                    fields.remove(from).map(|field| fields.insert(to.to_owned(), field));
                }
            }
            if on(Quirk::BriefLists)
                && let Some(Value::Array(rows)) = fields.get_mut("connections")
            {
                for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                    row.retain(|key, _| !LEFT_OUT.contains(&key.as_str()));
                }
            }
            if on(Quirk::PrivilegeApplicantProjectId) && fields.contains_key("applicant_project_id") {
                fields.remove("project_id");
            } else if on(Quirk::PrivilegeProjectId) {
                fields.remove("applicant_project_id");
            }
            if on(Quirk::StatusInProse) {
                spell(fields, "status", |status| {
                    let (first, rest) = status.split_at_checked(1).unwrap_or_default();
                    format!("{first}{}", rest.to_ascii_lowercase())
                });
            }
            // Only bindings have this key.
            if on(Quirk::UpperCaseNames) && fields.contains_key("peer_id") {
                spell(fields, "name", str::to_ascii_uppercase);
            }
        }
        Value::Bool(flag) if on(Quirk::BooleansAsStrings) => *value = flag.to_string().into(),
        Value::Number(number) if on(Quirk::NumbersAsStrings) => *value = number.to_string().into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn spell(fields: &mut Map<String, Value>, key: &str, how: impl Fn(&str) -> String) {
    if let Some(Value::String(text)) = fields.get_mut(key) {
        *text = how(text);
    }
}
