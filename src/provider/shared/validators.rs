//! The documents' rules as validators: the fault, what was found, what is allowed, and where the document says so.

use std::collections::BTreeMap;

use crate::{
    client,
    dli::rules::{self, CountRule, Rule},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::{Path, Step},
        validator::Validator,
        value::Value,
    },
};

/// A text keeps all these rules; the first one that it breaks is reported.
#[derive(Debug)]
pub(in crate::provider) struct MatchesRule(pub(in crate::provider) &'static [Rule]);

impl Validator for MatchesRule {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let error = match value {
            Value::String(text) => self.0.iter().find_map(|rule| Some((rule, shown(text), rule.violation(text)?))),
            Value::Null => self.0.last().map(|rule| (rule, "it".to_owned(), "is null".to_owned())),
            _ => None,
        };
        if let Some((Rule { title, expected, document, .. }, found, broken)) = error {
            let detail = format!("{path}: {found} {broken}.\n\nAllowed: {expected}.\nDocument: {document}.");
            report.push(Diagnostic::error(format!("Invalid {title}"), detail).at(path.clone()));
        }
    }
}

/// A text as a message quotes it; what is too long to read is also too long to be the point.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(80).collect();
    if start.len() < text.len() { format!("{start:?}…") } else { format!("{text:?}") }
}

/// A collection has no more elements than a rule allows.
#[derive(Debug)]
pub(in crate::provider) struct SizeAtMost(pub(in crate::provider) CountRule);

impl Validator for SizeAtMost {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let count = value.as_map().map(BTreeMap::len).or_else(|| value.as_elements().map(<[Value]>::len));
        let CountRule { title, max, document } = self.0;
        if let Some(count) = count.filter(|count| *count > max) {
            let detail = format!("{path} has {count} elements.\n\nAllowed: at most {max}.\nDocument: {document}.");
            report.push(Diagnostic::error(format!("Too Many {title}"), detail).at(path.clone()));
        }
    }
}

/// No two texts of a set differ in case alone: the service keeps them in lower case.
#[derive(Debug)]
pub(in crate::provider) struct DistinctInAnyCase;

impl Validator for DistinctInAnyCase {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (element, text) in value.as_elements().into_iter().flatten().filter_map(|e| Some((e, e.as_str()?))) {
            if let Some(first) = seen.insert(text.to_ascii_lowercase(), text) {
                let detail = format!(
                    "{path}: {first:?} and {text:?} are the same queue, because the service keeps names in lower case.\
                     \n\nAllowed: each queue once.\nDocument: DLI API Reference, \"Creating a Queue\", request parameter \
                     queue_name."
                );
                let path = path.step(Step::Element(element.clone()));
                report.push(Diagnostic::error("Queue Listed Twice", detail).at(path));
            }
        }
    }
}

/// No two routes lead to the same network, however it is written.
#[derive(Debug)]
pub(in crate::provider) struct DistinctNetworks;

impl Validator for DistinctNetworks {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let mut seen = BTreeMap::new();
        for (name, cidr) in value.as_map().into_iter().flatten().filter_map(|(name, v)| Some((name, v.as_str()?))) {
            let Some(first) = rules::network(cidr).and_then(|network| seen.insert(network, name)) else { continue };
            let detail = format!(
                "{path}: {first:?} and {name:?} both lead to {cidr}.\n\nAllowed: each CIDR once.\nDocument: DLI User Guide, \
                 \"Adding a Route\"."
            );
            report.push(Diagnostic::error("Route CIDR Listed Twice", detail).at(path.key(name)));
        }
    }
}

/// A route that leads where the cloud itself lives is allowed, but should not be.
#[derive(Debug)]
pub(in crate::provider) struct NotReserved;

impl Validator for NotReserved {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let Some(network) = value.as_str().and_then(rules::network) else { return };
        let meets = |reserved: &&&str| {
            rules::network(reserved).is_some_and(|reserved| reserved.contains(&network) || network.contains(&reserved))
        };
        // A default route contains everything, and is meant to.
        if let Some(reserved) = rules::RESERVED_ROUTES.iter().rev().find(meets).filter(|_| network.prefix_len() > 0) {
            let detail = format!(
                "{path}: {network} overlaps {reserved}, which the cloud uses for its own services; traffic to them may be \
                 lost.\n\nDocument: DLI User Guide, \"Adding a Route\"."
            );
            report.push(Diagnostic::warning("Route to a Reserved Network", detail).at(path.clone()));
        }
    }
}

/// A service that has an address. Core would pass over the misspelt attribute of an object, and requests would go to the
/// real service.
#[derive(Debug)]
pub(in crate::provider) struct ServiceName;

impl Validator for ServiceName {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        if !value.as_str().is_some_and(|name| ["dli", "iam", "metadata"].contains(&name)) {
            let detail = format!("{path}: this provider calls no such service.\n\nAllowed: dli, iam, metadata.");
            report.push(Diagnostic::error("Unknown Service", detail).at(path.clone()));
        }
    }
}

/// The address of a service.
#[derive(Debug)]
pub(in crate::provider) struct Endpoint;

impl Validator for Endpoint {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        if let Some(Err(error)) = value.as_str().map(client::check_endpoint) {
            let detail = format!(
                "{path}: {error}.\n\nAllowed: https://HOST[:PORT], or http:// with a loopback address such as \
                 http://127.0.0.1:8080."
            );
            report.push(Diagnostic::error("Invalid Endpoint", detail).at(path.clone()));
        }
    }
}

/// The address of the identity service, which may name its version.
#[derive(Debug)]
pub(in crate::provider) struct IdentityEndpoint;

impl Validator for IdentityEndpoint {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        if let Some(Err(error)) = value.as_str().filter(|text| !text.is_empty()).map(client::check_identity_endpoint) {
            let detail = format!(
                "{path}: {error}.\n\nAllowed: https://HOST[:PORT][/v3], or http:// with a loopback address such as \
                 http://127.0.0.1:8080."
            );
            report.push(Diagnostic::error("Invalid Endpoint", detail).at(path.clone()));
        }
    }
}

/// What stands there is not null. (Elements of a map may be.)
#[derive(Debug)]
pub(in crate::provider) struct NotNull;

impl Validator for NotNull {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        if value.is_null() {
            let detail = format!("{path}: it is null.\n\nAllowed: a value, or no element.");
            report.push(Diagnostic::error("Missing Value", detail).at(path.clone()));
        }
    }
}

/// A text is one of these.
#[derive(Debug)]
pub(in crate::provider) struct OneOf(pub(in crate::provider) &'static [&'static str]);

impl Validator for OneOf {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        if let Some(text) = value.as_str().filter(|text| !self.0.contains(text)) {
            let detail = format!("{path}: there is no {}.\n\nAllowed: {}.", shown(text), self.0.join(", "));
            report.push(Diagnostic::error("Invalid Value", detail).at(path.clone()));
        }
    }
}

/// Of these attributes exactly one is set. While one is unknown it may turn out to be null, and that waits.
#[derive(Debug)]
pub(in crate::provider) struct ExactlyOneOf(pub(in crate::provider) &'static [&'static str]);

impl Validator for ExactlyOneOf {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let names = self.0.join(", ");
        let mut set = self.0.iter().filter(|name| !value.get(name).is_null() && !value.get(name).is_unknown());
        let open = self.0.iter().any(|name| value.get(name).is_unknown());
        match (set.next(), set.next()) {
            (Some(first), Some(second)) => {
                let path = path.field(*second);
                let detail = format!("{path} is set, and so is {first}.\n\nAllowed: exactly one of {names}.");
                report.push(Diagnostic::error("Only One of Them Can Be Set", detail).at(path));
            }
            (None, _) if !open => {
                let path = path.field(self.0[0]);
                let detail = format!("None of {names} is set.\n\nAllowed: exactly one of {names}.");
                report.push(Diagnostic::error("One of Them Must Be Set", detail).at(path));
            }
            _ => {}
        }
    }
}
