//! Validation of request parameters against the documented limits.

use std::{collections::BTreeSet, fmt::Display};

use super::api_error::ApiError;
use crate::dli::rules::{self, CountRule, Rule};
use crate::dli::wire::{Host, Tag};

pub(super) fn text(parameter: &str, rule: &Rule, value: &str) -> Result<(), ApiError> {
    let Some(reason) = rule.violation(value) else { return Ok(()) };
    let shown: String = value.chars().take(80).collect();
    Err(invalid(parameter, format!("{shown:?} {reason}"), rule.expected))
}

/// The error of a parameter with another value than the expected ones.
pub(super) fn invalid(parameter: &str, value: impl Display, expected: &str) -> ApiError {
    ApiError::invalid_parameter(format!("The parameter {parameter} is invalid: {value}; allowed: {expected}"))
}

/// Validates the charging mode of a new queue or pool.
pub(super) fn charging_mode(mode: Option<i64>) -> Result<(), ApiError> {
    let expected = "1 (pay per use); the emulator has no billing service";
    mode.filter(|mode| *mode != 1).map_or(Ok(()), |mode| Err(invalid("charging_mode", mode, expected)))
}

fn count(parameter: &str, rule: &CountRule, found: usize) -> Result<(), ApiError> {
    if found <= rule.max {
        return Ok(());
    }
    let text = format!("The parameter {parameter} is invalid: {found} records; at most {} are supported", rule.max);
    Err(ApiError::invalid_parameter(text))
}

/// Validates a list of host records. Duplicate names are allowed. The documents make name and address optional;
/// requiring both is an inference.
pub(super) fn hosts(hosts: &[Host]) -> Result<(), ApiError> {
    count("hosts", &rules::HOST_COUNT, hosts.len())?;
    hosts.iter().enumerate().try_for_each(|(index, host)| {
        text(&format!("hosts[{index}].name"), &rules::HOST_NAME, &host.name)?;
        text(&format!("hosts[{index}].ip"), &rules::HOST_IP, &host.ip)
    })
}

/// Validates the tags of one request. Keys must be unique.
pub(super) fn tags(tags: &[Tag]) -> Result<(), ApiError> {
    tag_count(tags.len())?;
    let mut keys = BTreeSet::new();
    tags.iter().try_for_each(|tag| {
        text("tags.key", &rules::TAG_KEY, &tag.key)?;
        text("tags.value", &rules::TAG_VALUE, &tag.value)?;
        if keys.insert(&tag.key) {
            return Ok(());
        }
        Err(ApiError::invalid_parameter(format!("The parameter tags is invalid: the key {:?} occurs twice", tag.key)))
    })
}

/// Validates the number of tags of a connection.
pub(super) fn tag_count(found: usize) -> Result<(), ApiError> {
    count("tags", &rules::TAG_COUNT, found)
}
