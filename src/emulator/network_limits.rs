//! The limits of the VPC service for names, descriptions, addresses and tags.
//!
//! Source: VPC API Reference, "Creating a VPC", "Creating a Subnet", "Batch Adding or Deleting VPC Tags" and "Error
//! Codes". The texts are the emulator's own where the documents have none.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::api_error::ApiError;

/// Maximum number of tags of a VPC or subnet, and of one request.
const MAX_TAGS: usize = 20;
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 255;
const MAX_NAME: usize = 64;
const MAX_DESCRIPTION: usize = 255;

/// Checks a name: at least `min` and at most 64 characters.
pub(super) fn name(code: &'static str, name: &str, min: usize) -> Result<(), ApiError> {
    if (min..=MAX_NAME).contains(&name.chars().count()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    let text =
        format!("The name {name:?} is invalid; allowed: {min} to 64 letters, digits, underscores, hyphens and periods");
    Err(ApiError::new(400, code, text))
}

/// Checks a description.
pub(super) fn description(code: &'static str, description: &str) -> Result<(), ApiError> {
    if description.chars().count() <= MAX_DESCRIPTION && !description.contains(['<', '>']) {
        return Ok(());
    }
    Err(ApiError::new(400, code, "The description is invalid; allowed: at most 255 characters without < and >"))
}

/// Checks the address of a DNS server.
pub(super) fn address(address: &str) -> Result<(), ApiError> {
    match address.parse::<Ipv4Addr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(ApiError::new(400, "VPC.0201", format!("The DNS server {address:?} is not an IPv4 address"))),
    }
}

/// The code of all errors of tag operations.
pub(super) const TAG_CODE: &str = "VPC.1801";

/// An error of a tag operation.
pub(super) fn tag_error(text: impl Into<String>) -> ApiError {
    ApiError::new(400, TAG_CODE, text)
}

/// Checks the tags of a request. Keys must differ.
///
/// The documents allow no period in a key, but the service was observed to accept it.
pub(super) fn tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), ApiError> {
    let mut keys = BTreeSet::new();
    for (key, value) in tags {
        if !(1..=MAX_KEY).contains(&key.chars().count()) || value.chars().count() > MAX_VALUE {
            let text = "Tag length is invalid. The key length must be in range [1,128] and value in range [0,255]";
            return Err(tag_error(text));
        }
        if let Some(text) = [key, value].iter().find(|text| !text.chars().all(is_allowed)) {
            return Err(tag_error(format!("Tag value {text} is invalid.")));
        }
        if !keys.insert(key) {
            return Err(tag_error(format!("The tag key {key} occurs twice")));
        }
    }
    tag_count(keys.len())
}

/// Checks the number of tags.
pub(super) fn tag_count(count: usize) -> Result<(), ApiError> {
    if count <= MAX_TAGS { Ok(()) } else { Err(tag_error(format!("{count} tags; at most {MAX_TAGS} are supported"))) }
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || "._-".contains(c)
}
