//! Durations as text, such as `500ms`, `1m30s` or `-20m`, in command-line arguments, JSON and faults.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, thiserror::Error)]
#[error("invalid duration {text:?}: {reason}; expected a value such as 500ms or 2s")]
pub(super) struct InvalidDuration {
    text: String,
    reason: humantime::DurationError,
}

pub(super) fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    humantime::parse_duration(text).map_err(|reason| InvalidDuration { text: text.to_owned(), reason })
}

/// Formats a duration without spaces.
pub(super) fn format(span: Duration) -> String {
    humantime::format_duration(span).to_string().replace(' ', "")
}

pub(super) fn parse_signed(text: &str) -> Result<time::Duration, InvalidDuration> {
    let span = parse(text.trim_start_matches('-'))?.try_into().unwrap_or(time::Duration::MAX);
    Ok(if text.starts_with('-') { -span } else { span })
}

/// Formats a positive or negative duration without spaces.
pub(super) fn format_signed(span: time::Duration) -> String {
    let sign = if span.is_negative() { "-" } else { "" };
    format!("{sign}{}", format(span.unsigned_abs()))
}

/// Serializes a duration as text.
pub(super) mod unsigned {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::emulator::durations::{format, parse};

    pub(in crate::emulator) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format(*span))
    }

    pub(in crate::emulator) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Serializes a positive or negative duration as text.
pub(super) mod signed {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::emulator::durations::{format_signed, parse_signed};

    pub(in crate::emulator) fn serialize<S: Serializer>(span: &time::Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_signed(*span))
    }

    pub(in crate::emulator) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<time::Duration, D::Error> {
        parse_signed(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
