//! Time sources of the emulator: the system clock or a manual clock.
//!
//! Bindings, signatures and creation times are computed from timestamps and one of these clocks.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;

/// A source of the current time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> OffsetDateTime;
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// A clock that only moves when a test moves it.
#[derive(Debug)]
pub struct ManualClock(Mutex<OffsetDateTime>);

impl ManualClock {
    /// A clock that starts at `start`.
    #[must_use]
    pub fn new(start: OffsetDateTime) -> Self {
        Self(Mutex::new(start))
    }

    /// Advances by `span`.
    pub fn advance(&self, span: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = time::Duration::try_from(span).ok().and_then(|span| now.checked_add(span)).unwrap_or(*now);
    }

    /// Sets the time.
    pub fn set(&self, time: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a positive or negative duration, such as `20m` or `-20m`.
pub fn read_skew(text: &str) -> Result<time::Duration, humantime::DurationError> {
    let span = humantime::parse_duration(text.trim_start_matches('-'))?;
    let span = time::Duration::try_from(span).map_err(|_| humantime::DurationError::NumberOverflow)?;
    Ok(if text.starts_with('-') { -span } else { span })
}

/// Writes the form that [`read_skew`] reads.
pub(super) fn write_skew(skew: time::Duration) -> String {
    let span = humantime::format_duration(skew.unsigned_abs()).to_string().replace(' ', "");
    if skew.is_negative() { format!("-{span}") } else { span }
}

/// Milliseconds since the Unix epoch, the unit of every time in the API.
pub(super) fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
