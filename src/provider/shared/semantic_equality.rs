//! Comparisons of attribute values that ignore a difference in spelling.

use std::collections::BTreeSet;

use crate::{dli::rules, framework::value::Value};

/// Compares two strings without regard to case.
pub(crate) fn same_text(a: &Value, b: &Value) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Compares two sets of strings without regard to case.
pub(crate) fn same_texts(a: &Value, b: &Value) -> bool {
    let lower = |value: &Value| -> Option<BTreeSet<String>> {
        value.as_elements()?.iter().map(|element| element.as_str().map(str::to_ascii_lowercase)).collect()
    };
    lower(a).is_some_and(|a| Some(a) == lower(b))
}

/// Compares two CIDRs by the network that they denote.
pub(crate) fn same_network(a: &Value, b: &Value) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| rules::same_network(a, b))
}

/// Compares two maps of CIDRs: equal keys, each with the same network.
pub(crate) fn same_networks(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_map(), b.as_map()) else { return false };
    a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| same_network(a, b))
}
