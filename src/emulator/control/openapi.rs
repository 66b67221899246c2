//! The OpenAPI document of the control API.

use serde_json::{Map, Value, json};

use super::route::Route;
use crate::emulator::response::ApiResponse;

/// The schemas, as JSON Schema, by the names that the table of routes uses.
const SCHEMAS: &str = include_str!("schemas.json");

pub(super) fn document(routes: &[Route]) -> ApiResponse {
    let schemas: Value = serde_json::from_str(SCHEMAS).expect("a test reads it");
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = paths.entry(format!("/_emulator/{}", route.path)).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    ApiResponse::ok(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of dli-emulator",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Reads and changes a running emulator. Requests are not signed. Durations are texts such as \
                            500ms or 1h30m; times are RFC 3339.",
            "license": { "name": "MPL-2.0", "identifier": "MPL-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas },
    }))
}

fn operation(route: &Route) -> Value {
    let segments = route.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = segments
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": reference("Segment") }))
        .collect();
    parameters.extend(route.parameters.iter().map(|parameter| {
        let (name, schema) = (parameter.name, reference(parameter.schema));
        json!({ "name": name, "in": "query", "description": parameter.description, "schema": schema })
    }));
    let mut responses = json!({ "default": {
        "description": "The request is invalid or not allowed",
        "content": { "application/json": { "schema": reference("Error") } },
    }});
    if route.response.is_none() || route.is_optional {
        responses["204"] = json!({ "description": "Done" });
    }
    match route.response {
        None => {}
        Some(kind) if kind.contains('/') => {
            responses["200"] = json!({ "description": "OK", "content": { kind: {} } });
        }
        Some(schema) => {
            let content = json!({ "application/json": { "schema": reference(schema) } });
            responses["200"] = json!({ "description": "OK", "content": content });
        }
    }
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(schema) = route.request {
        let content = json!({ "application/json": { "schema": reference(schema) } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// The method and the path as one word, such as `getProjectsProjectQueues`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let capitalized = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    route.method.to_ascii_lowercase() + &capitalized.collect::<String>()
}
