//! The DNS servers of a region, as the DNS service lists them. Clients that create a subnet use them.

use serde_json::{Value, json};

use super::{api_error::ApiError, request::ApiRequest, response::ApiResponse};

/// Addresses of the private servers, from the documents' example.
const PRIVATE: [&str; 2] = ["100.125.0.81", "100.125.0.82"];
/// Host names of the public servers. These are the emulator's own.
const PUBLIC: [&str; 2] = ["ns1.emulator.example.", "ns2.emulator.example."];

/// Lists the servers of a type. Every region has the same private servers; public servers have no region.
pub(super) fn list(request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let kind = request.parameter("type");
    if let Some(other) = kind.filter(|kind| !["public", "private"].contains(kind)) {
        // The code is an inference.
        return Err(ApiError::new(400, "DNS.0304", format!("The type {other:?} is neither public nor private")));
    }
    let region = request.parameter("region");
    let numbered = |servers: [(&str, &str); 2]| -> Vec<_> {
        (1..).zip(servers).map(|(priority, (hostname, address))| record(priority, hostname, address)).collect()
    };
    let private = numbered(PRIVATE.map(|address| ("", address)));
    let public = numbered(PUBLIC.map(|hostname| (hostname, "")));
    let mut servers = Vec::new();
    if kind != Some("private") && region.is_none() {
        servers.push(json!({ "type": "public", "region": "", "ns_records": public }));
    }
    if kind != Some("public") {
        servers.push(json!({ "type": "private", "region": region.unwrap_or_default(), "ns_records": private }));
    }
    Ok(ApiResponse::ok(&json!({ "nameservers": servers })))
}

fn record(priority: i32, hostname: &str, address: &str) -> Value {
    json!({ "hostname": hostname, "address": address, "priority": priority })
}
