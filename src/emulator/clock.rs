//! Time sources of the emulator: the system clock or a manual clock.
//!
//! Bindings, signatures and creation times are computed from timestamps and one of these clocks.

use std::{fmt, time::Duration};

use parking_lot::Mutex;
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
        let mut now = self.0.lock();
        *now = later(*now, span);
    }

    /// Sets the time.
    pub fn set(&self, time: OffsetDateTime) {
        *self.0.lock() = time;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock()
    }
}

/// Adds a duration to a time. A result out of range is the latest possible time.
pub(super) fn later(time: OffsetDateTime, span: Duration) -> OffsetDateTime {
    time.saturating_add(span.try_into().unwrap_or(time::Duration::MAX))
}

/// Milliseconds since the Unix epoch, the unit of every time in the API.
pub(super) fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// Adds a duration to a time in milliseconds.
pub(super) fn after(now: i64, span: Duration) -> i64 {
    now.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}
