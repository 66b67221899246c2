//! Exponential backoff with full jitter. Pure: the random number is an argument.
//!
//! Full jitter (between zero and the ceiling) spreads callers that failed together and halves the average wait.

use std::time::Duration;

/// Ceiling of the first delay; each further one doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// Maximum ceiling.
const LONGEST: Duration = Duration::from_secs(20);
/// Maximum of a `Retry-After` that is honored.
const LONGEST_ASKED: Duration = Duration::from_mins(1);

/// The delay after the given number of failures in a row (from 1). `jitter` is between 0 and 1.
pub(super) fn delay(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    FIRST.saturating_mul(1 << doublings).min(LONGEST).mul_f64(jitter.clamp(0.0, 1.0))
}

/// The `Retry-After` of a server, capped.
pub(super) fn capped_retry_after(retry_after: Duration) -> Duration {
    retry_after.min(LONGEST_ASKED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_up_to_the_longest() {
        let ceilings: Vec<_> = (0..8).map(|failures| delay(failures, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [1, 1, 2, 4, 8, 16, 20, 20]);
        assert_eq!(delay(u32::MAX, 1.0), LONGEST);
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(delay(3, 0.0), Duration::ZERO);
        assert_eq!(delay(3, 0.5), Duration::from_secs(2));
        assert_eq!(delay(3, -1.0), Duration::ZERO);
        assert_eq!(delay(3, 7.0), Duration::from_secs(4));
    }

    #[test]
    fn retry_after_is_capped() {
        assert_eq!(capped_retry_after(Duration::from_secs(7)), Duration::from_secs(7));
        assert_eq!(capped_retry_after(Duration::from_hours(1)), Duration::from_mins(1));
    }
}
