//! Validators for the rules of the documents. Each error quotes the value, and says what is allowed and by which
//! document.

use std::collections::BTreeMap;

use crate::client::{self, ConfigError};
use crate::dli::rules::{self, CountRule, Rule};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::{Path, Step};
use crate::framework::validator::Validator;
use crate::framework::value::Value;

fn push_error(report: &mut Diagnostics, path: &Path, summary: impl Into<String>, detail: String) {
    report.push(Diagnostic::error(summary, detail).at(path.clone()));
}

/// A string follows all these rules. The error names the first violated rule.
pub(crate) struct MatchesRule(pub(crate) &'static [Rule]);

impl Validator for MatchesRule {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let error = match value {
            Value::String(text) => self.0.iter().find_map(|rule| Some((rule, violation(path, rule, text)?))),
            Value::Null => self.0.last().map(|rule| (rule, null(path))),
            _ => None,
        };
        if let Some((rule, fact)) = error {
            push_violation(report, path, rule, &fact);
        }
    }
}

/// Says how a string violates a rule.
fn violation(path: &Path, rule: &Rule, text: &str) -> Option<String> {
    rule.violation(text).map(|violation| format!("{path}: {} {violation}", quote(text)))
}

/// Says that a value is null. The null element of a set has no name.
fn null(path: &Path) -> String {
    match path.steps() {
        [before @ .., Step::Element(_)] => format!("{} contains null", Path::from_steps(before)),
        _ => format!("{path} is null"),
    }
}

fn push_violation(report: &mut Diagnostics, path: &Path, rule: &Rule, fact: &str) {
    let Rule { title, expected, document, .. } = rule;
    let detail = format!("{fact}.\n\nAllowed: {expected}.\nDocument: {document}.");
    push_error(report, path, format!("Invalid {title}"), detail);
}

/// The ID of an object that the provider does not manage. Its form is not certain, and `terraform test` makes IDs up,
/// so an ID that does not follow the rule is a warning if it can be one at all.
pub(crate) struct ObjectId(pub(crate) Rule);

impl Validator for ObjectId {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let Self(Rule { title, expected, document, .. }) = self;
        let Some((text, fact)) = value.as_str().and_then(|text| Some((text, violation(path, &self.0, text)?))) else {
            return;
        };
        if rules::OBJECT_ID.allows(text) {
            let detail = format!(
                "{fact}. The service may not find this object.\n\nExpected: {expected}.\nDocument: {document}."
            );
            report.push(Diagnostic::warning(format!("Unusual {title}"), detail).at(path.clone()));
        } else {
            push_violation(report, path, &self.0, &fact);
        }
    }
}

/// Quotes at most 80 characters.
fn quote(text: &str) -> String {
    let start: String = text.chars().take(80).collect();
    if start.len() < text.len() { format!("{start:?}…") } else { format!("{text:?}") }
}

/// A collection has at most the number of elements of this rule.
pub(crate) struct SizeAtMost(pub(crate) CountRule);

impl Validator for SizeAtMost {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let entries = value.as_map().map(|entries| entries.values().filter(|element| !element.is_null()).count());
        let count = entries.or_else(|| value.as_elements().map(<[Value]>::len));
        let CountRule { title, max, document } = self.0;
        if let Some(count) = count.filter(|count| *count > max) {
            let detail = format!("{path} has {count} elements.\n\nAllowed: at most {max}.\nDocument: {document}.");
            push_error(report, path, format!("Too Many {title}"), detail);
        }
    }
}

/// A list has at least one element.
pub(crate) fn not_empty(path: &Path, value: &Value, report: &mut Diagnostics) {
    if value.as_elements().is_some_and(<[Value]>::is_empty) {
        push_error(report, path, "Empty List", format!("{path} is empty.\n\nExpected: at least one element."));
    }
}

/// A set contains no names that differ only in case: the service keeps them in lower case.
pub(crate) struct DistinctInAnyCase;

impl Validator for DistinctInAnyCase {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (element, text) in value.as_elements().into_iter().flatten().filter_map(|e| Some((e, e.as_str()?))) {
            let Some(first) = seen.insert(text.to_ascii_lowercase(), text) else { continue };
            let detail = format!(
                "{path}: {first:?} and {text:?} are the same queue, because the service keeps names in lower \
                 case.\n\nAllowed: each queue once.\nDocument: DLI API Reference, \"Creating a Queue\", request \
                 parameter queue_name."
            );
            push_error(report, &path.step(Step::Element(element.clone())), "Queue Listed Twice", detail);
        }
    }
}

/// A map of routes contains each network once, in any spelling.
pub(crate) struct DistinctNetworks;

impl Validator for DistinctNetworks {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let mut seen = BTreeMap::new();
        for (name, cidr) in value.entries().filter_map(|(name, v)| Some((name, v.as_str()?))) {
            let Some(first) = rules::network(cidr).and_then(|network| seen.insert(network, name)) else { continue };
            let detail = format!(
                "{path}: {first:?} and {name:?} both lead to {cidr}.\n\nAllowed: each CIDR once.\nDocument: DLI User \
                 Guide, \"Adding a Route\"."
            );
            push_error(report, &path.key(name), "Route CIDR Listed Twice", detail);
        }
    }
}

/// A key of `endpoints`. Without this check, a misspelled service would keep its default endpoint.
pub(crate) fn service_name(path: &Path, value: &Value, report: &mut Diagnostics) {
    if !value.as_str().is_some_and(|name| ["dli", "iam", "metadata", "vpc"].contains(&name)) {
        let detail = format!("{path}: the provider does not use this service.\n\nAllowed: dli, iam, metadata, vpc.");
        push_error(report, path, "Unknown Service", detail);
    }
}

/// The address of a service. A blank one counts as not set.
pub(crate) struct Endpoint {
    check: fn(&str) -> Result<(), ConfigError>,
    form: &'static str,
}

pub(crate) const ENDPOINT: Endpoint = Endpoint { check: client::check_endpoint, form: "https://HOST[:PORT]" };
/// The address may contain the version of the API.
pub(crate) const IDENTITY_ENDPOINT: Endpoint =
    Endpoint { check: client::check_identity_endpoint, form: "https://HOST[:PORT][/v3]" };

impl Validator for Endpoint {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
        if let Some(Err(error)) = text.map(self.check) {
            let detail = format!(
                "{path}: {error}.\n\nAllowed: {}, or http:// with a loopback address such as http://127.0.0.1:8080.",
                self.form
            );
            push_error(report, path, "Invalid Endpoint", detail);
        }
    }
}

/// A string is one of these.
pub(crate) struct OneOf(pub(crate) &'static [&'static str]);

impl Validator for OneOf {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        if let Some(text) = value.as_str().filter(|text| !self.0.contains(text)) {
            let detail = format!("{} is not a valid {path}.\n\nAllowed: {}.", quote(text), self.0.join(", "));
            push_error(report, path, "Invalid Value", detail);
        }
    }
}

/// Exactly one of these attributes is set. An unknown one may turn out to be null, so it is checked later.
pub(crate) struct ExactlyOneOf(pub(crate) &'static [&'static str]);

impl Validator for ExactlyOneOf {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let names = self.0.join(", ");
        let mut set = self.0.iter().filter(|name| !value.get(name).is_null() && !value.get(name).is_unknown());
        let has_unknown = self.0.iter().any(|name| value.get(name).is_unknown());
        match (set.next(), set.next()) {
            (Some(first), Some(second)) => {
                let path = path.field(*second);
                let detail = format!("{path} is set, and so is {first}.\n\nAllowed: exactly one of {names}.");
                push_error(report, &path, format!("Only One of {} Can Be Set", self.0.join(" and ")), detail);
            }
            (None, _) if !has_unknown => {
                let choice = self.0.join(" or ");
                push_error(report, &path.field(self.0[0]), format!("{choice} Must Be Set"), format!("Set {choice}."));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The details of the errors at `path`.
    fn details(validator: &dyn Validator, path: &Path, value: &Value) -> Vec<String> {
        let mut report = Diagnostics::new();
        validator.check(path, value, &mut report);
        report.into_iter().map(|diagnostic| diagnostic.detail).collect()
    }

    #[test]
    fn null_is_reported_with_its_collection() {
        let rule = MatchesRule(&[rules::QUEUE_NAME]);
        let starts = |path: Path, start: &str| {
            let details = details(&rule, &path, &Value::Null);
            assert!(matches!(&details[..], [detail] if detail.starts_with(start)), "{details:?}");
        };
        starts(Path::attribute("queues").step(Step::Element(Value::Null)), "queues contains null.\n");
        starts(Path::attribute("addresses").step(Step::Index(0)), "addresses[0] is null.\n");
        starts(Path::attribute("hosts").key("a"), "hosts[\"a\"] is null.\n");
    }

    #[test]
    fn invalid_choice_is_quoted() {
        let expected = "\"all\" is not a valid status.\n\nAllowed: A, B.";
        assert_eq!(details(&OneOf(&["A", "B"]), &Path::attribute("status"), &"all".into()), [expected]);
    }

    #[test]
    fn missing_choice_says_what_to_set() {
        let neither = Value::map([("queue", Value::Null), ("pool", Value::Null)]);
        assert_eq!(details(&ExactlyOneOf(&["queue", "pool"]), &Path::root(), &neither), ["Set queue or pool."]);
    }
}
