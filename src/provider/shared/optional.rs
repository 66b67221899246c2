//! Values that a response may omit.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Returns a text; `None` if it is empty.
pub(in crate::provider) fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Formats milliseconds since the epoch as RFC 3339; `None` for 0, which the service uses for "unknown".
pub(in crate::provider) fn timestamp(milliseconds: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    (milliseconds > 0).then(|| time.format(&Rfc3339).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1553168490000 is the example in the documentation of queues.
    #[test]
    fn timestamp_formats_milliseconds() {
        assert_eq!(timestamp(1_553_168_490_000).as_deref(), Some("2019-03-21T11:41:30Z"));
        assert_eq!(timestamp(0), None);
        assert_eq!(timestamp(i64::MAX), None);
    }
}
