//! The retry budget of the process, which prevents retry storms. Pure: time is an argument.
//!
//! As in the AWS SDKs, a retry takes a token and a successful retry refunds it. Unlike there, an empty budget fails no
//! call: tokens refill with time and callers wait for the next one. Throttled calls take no tokens; the rate limiter
//! delays them.

use std::time::Duration;

use tokio::time::Instant;

/// Tokens of a full budget.
const TOKENS: u32 = 100;
/// Time to refill one token.
const REFILL: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct RetryBudget {
    /// When it will be full again if nothing more is taken.
    full: Option<Instant>,
}

impl RetryBudget {
    /// Takes a token, or returns when one will be available.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let missing = self.missing(now) + REFILL;
        let too_many = missing.saturating_sub(REFILL * TOKENS);
        if !too_many.is_zero() {
            return Err(now + too_many);
        }
        self.full = Some(now + missing);
        Ok(())
    }

    pub(super) fn refund(&mut self, tokens: u32, now: Instant) {
        self.full = Some(now + self.missing(now).saturating_sub(REFILL * tokens));
    }

    /// Time until the budget is full.
    fn missing(&self, now: Instant) -> Duration {
        self.full.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(retry_budget: &mut RetryBudget, now: Instant) -> u32 {
        let mut taken = 0;
        while retry_budget.take(now).is_ok() {
            taken += 1;
        }
        taken
    }

    #[test]
    fn budget_refills_with_time() {
        let start = Instant::now();
        let mut retry_budget = RetryBudget::default();
        assert_eq!(taken(&mut retry_budget, start), 100);
        assert_eq!(retry_budget.take(start), Err(start + Duration::from_millis(500)));
        assert_eq!(taken(&mut retry_budget, start + Duration::from_secs(5)), 10);
        // During a minute without success: the rest of the budget and two tokens per second.
        let mut sum = 0;
        for second in 6..=60 {
            sum += taken(&mut retry_budget, start + Duration::from_secs(second));
        }
        assert_eq!(sum, 110);
        assert_eq!(taken(&mut retry_budget, start + Duration::from_hours(1)), 100);
    }

    #[test]
    fn refund_never_exceeds_a_full_budget() {
        let start = Instant::now();
        let mut retry_budget = RetryBudget::default();
        assert_eq!(taken(&mut retry_budget, start), 100);
        retry_budget.refund(3, start);
        assert_eq!(taken(&mut retry_budget, start), 3);
        retry_budget.refund(1000, start);
        assert_eq!(taken(&mut retry_budget, start), 100);
    }
}
