//! Random text for the rules of names, hosts, networks, endpoints, rate limits and signatures. No text causes a panic,
//! and accepted text meets the rule.

use std::net::Ipv4Addr;

use terraform_provider_dli::{
    client,
    dli::{
        operation::Operation,
        rate_limit::RateLimit,
        rules::{self, Rule},
        signature::{self, Authorization},
    },
    emulator::Fault,
};

use super::source::Source;

const RULES: [Rule; 15] = [
    rules::CONNECTION_NAME,
    rules::VPC_ID,
    rules::NETWORK_ID,
    rules::ROUTE_TABLE_ID,
    rules::CONNECTION_ID,
    rules::QUEUE_NAME,
    rules::QUEUE_NOT_DEFAULT,
    rules::POOL_NAME,
    rules::ROUTE_NAME,
    rules::ROUTE_CIDR,
    rules::PROJECT_ID,
    rules::HOST_NAME,
    rules::HOST_IP,
    rules::TAG_KEY,
    rules::TAG_VALUE,
];

pub fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let kind = source.below(5);
    let text = if source.rarely(4) { source.text() } else { String::from_utf8_lossy(source.rest()).into_owned() };
    match kind {
        0 => names(&text),
        1 => networks(&text),
        2 => addresses(&text),
        3 => signatures(&text),
        _ => rate_limits(&text),
    }
}

fn names(text: &str) {
    for rule in RULES {
        match rule.violation(text) {
            // The error for a text of any length is short.
            Some(reason) => assert!(!reason.is_empty() && reason.len() < 200, "{}: {reason}", rule.title),
            None => assert!(text.chars().count() <= 255 || rule.title == "Queue", "{} allows {text:?}", rule.title),
        }
    }
    if rules::HOST_IP.allows(text) {
        assert_eq!(text.parse::<Ipv4Addr>().map(|ip| ip.to_string()).as_deref(), Ok(text), "one spelling");
    }
    // An escaped identifier is one path segment.
    let made = Operation::DeleteRoute.path(&[text, text, text]);
    assert_eq!(made.split('/').count(), 8, "{made}");
    assert!(made.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\".contains(&byte)), "{made}");
}

fn networks(text: &str) {
    let network = rules::network(text);
    if let Some(network) = network {
        assert_eq!(network, network.trunc());
        assert_eq!(rules::network(&network.to_string()), Some(network), "its own text means the same");
        assert_eq!(rules::ROUTE_CIDR.violation(&network.to_string()), None);
    }
    if rules::ROUTE_CIDR.allows(text) {
        assert!(network.is_some(), "{text:?} is allowed and no network");
    }
}

fn addresses(text: &str) {
    match client::check_endpoint(text) {
        Ok(()) => assert!(!text.contains('@'), "{text:?} may hold a password"),
        Err(refusal) => assert!(!refusal.to_string().chars().any(char::is_control), "{refusal}"),
    }
}

/// The rate limit in a gateway error, and the short form of a fault.
fn rate_limits(text: &str) {
    if let Some(RateLimit { calls, period }) = RateLimit::find(text) {
        assert!(calls > 0 && !period.is_zero() && period.as_secs() <= 24 * 60 * 60, "{calls} in {period:?}");
    }
    if let Ok(fault) = text.parse::<Fault>() {
        let json = serde_json::to_string(&fault).expect("JSON");
        assert_eq!(json.parse::<Fault>().ok().as_ref(), Some(&fault), "{json}");
        if let Ok(again) = fault.to_string().parse::<Fault>() {
            assert_eq!(again.to_string(), fault.to_string());
        }
    }
}

fn signatures(text: &str) {
    if let Some(time) = signature::parse_date(text) {
        assert_eq!(signature::parse_date(&signature::format_date(time)), Some(time));
    }
    if let Some(claimed) = Authorization::parse(text) {
        assert!(claimed.access_key.len() + claimed.signature.len() <= text.len());
        let _ = signature::is_signature(&claimed.signature, "secret", text);
    }
    let uri = signature::canonical_uri(text);
    assert_eq!(signature::canonical_uri(&uri), uri, "what is canonical stays so");
}
