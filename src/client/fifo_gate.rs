//! A FIFO queue in front of a rule that grants permits (rate limiter, retry budget).
//!
//! The rule is plain data and takes the time as an argument; callers wait here. A caller that gives up leaves the queue
//! at once.

use parking_lot::Mutex;
use tokio::sync::{self, Notify};
use tokio::time::{Instant, sleep_until};

#[derive(Debug, Default)]
pub(super) struct FifoGate<R> {
    rule: Mutex<R>,
    /// Held by the head of the queue; the others wait for it in order.
    head: sync::Mutex<()>,
    /// Notified when the rule changes.
    changed: Notify,
}

impl<R> FifoGate<R> {
    /// Waits until `take` grants a permit; on refusal it returns when to ask again.
    pub(super) async fn take<T>(&self, take: impl Fn(&mut R, Instant) -> Result<T, Instant>) -> T {
        let _first = self.head.lock().await;
        loop {
            let outcome = take(&mut self.rule.lock(), Instant::now());
            match outcome {
                Ok(taken) => return taken,
                Err(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = self.changed.notified() => {}
                },
            }
        }
    }

    pub(super) fn has_waiters(&self) -> bool {
        self.head.try_lock().is_err()
    }

    /// Updates the rule and wakes the head of the queue.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut R, Instant) -> T) -> T {
        let outcome = change(&mut self.rule.lock(), Instant::now());
        self.changed.notify_one();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn gate<R>(rule: R) -> FifoGate<R> {
        FifoGate { rule: Mutex::new(rule), head: sync::Mutex::default(), changed: Notify::new() }
    }

    /// Grants nothing before this time.
    struct Opens(Instant);

    fn when_open(opens: &mut Opens, now: Instant) -> Result<Instant, Instant> {
        if now < opens.0 { Err(opens.0) } else { Ok(now) }
    }

    #[tokio::test(start_paused = true)]
    async fn callers_are_served_in_order() {
        let start = Instant::now();
        let gate = Arc::new(gate(Opens(start)));
        assert_eq!(gate.take(when_open).await, start);

        gate.update(|rule, _| rule.0 = start + Duration::from_secs(10));
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..3 {
            let (gate, served) = (Arc::clone(&gate), Arc::clone(&served));
            waiting.spawn(async move {
                let at = gate.take(when_open).await;
                served.lock().push((number, at - start));
            });
            tokio::task::yield_now().await;
        }
        waiting.join_all().await;
        let ten = Duration::from_secs(10);
        assert_eq!(*served.lock(), [(0, ten), (1, ten), (2, ten)]);
    }

    #[tokio::test(start_paused = true)]
    async fn updates_and_leavers_wake_the_queue() {
        let start = Instant::now();
        let gate = gate(Opens(start + Duration::from_hours(1)));
        let second = Duration::from_secs(1);
        let leaver = tokio::time::timeout(second, gate.take(when_open));
        let update = async {
            tokio::time::sleep(second * 2).await;
            gate.update(|rule, _| rule.0 = start + second * 3);
        };
        let (left, at, ()) = tokio::join!(leaver, gate.take(when_open), update);
        assert!(left.is_err());
        assert_eq!(at - start, second * 3);
    }
}
