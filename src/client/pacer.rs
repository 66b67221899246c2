//! When the next call may be sent to a host whose gateway throttles. Pure: time and chance are arguments.
//!
//! Until a call is refused for being one too many, all calls pass. The refusal tells the limit and its period, and from
//! then on no more calls are sent within any such period, wherever the gateway's own windows begin. A call is counted
//! when its answer is there (or when it is slow to come, a moment after it was sent): by then the gateway has counted it,
//! so that the way there and its jitter cannot put one call too many into a window.
//!
//! The limit may be shared with others who are not seen from here. A refusal at a pace that should be allowed makes our
//! share of it smaller; every period without one makes it larger again. And where our own calls do not explain the
//! refusal (or it names no figures), the gate closes: one call at a time asks, at growing intervals, until one passes.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::schedule;
use crate::dli::throttling::Limit;

/// A call whose answer is slow is counted this long after it was sent.
const SLOW: Duration = Duration::from_millis(100);
/// Calls that are kept count of. A higher limit than this is not paced, its refusals are waited for.
const KEPT: usize = 10_000;

/// The calls of the process to one host, and what its gateway allows.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    /// By their period: a user, an API and an address may have a limit each.
    windows: BTreeMap<Duration, Window>,
    /// When the gateway had counted each of the latest calls, in order of time.
    counted: VecDeque<Instant>,
    closed: Option<Closed>,
}

#[derive(Debug)]
struct Window {
    calls: u32,
    /// The calls that we take for ours, at least 1.
    share: u32,
    /// When that was changed.
    since: Instant,
}

#[derive(Debug)]
struct Closed {
    since: Instant,
    refusals: u32,
    /// From one question to the next.
    interval: Duration,
    next: Instant,
}

/// Leave to send one call now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    at: Instant,
}

impl Pacer {
    /// Gives the next turn, or says when there may be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<Turn, Instant> {
        for (period, window) in &mut self.windows {
            window.grow(*period, now);
        }
        let windows = self.windows.iter().filter_map(|(period, window)| window.free(*period, &self.counted));
        let gate = self.closed.as_ref().map(|closed| closed.next);
        if let Some(next) = windows.chain(gate).max().filter(|next| *next > now) {
            return Err(next);
        }
        if let Some(closed) = &mut self.closed {
            closed.next = now + closed.interval;
        }
        // More, where a call was slow and its entry was dropped before its answer came.
        let surplus = (self.counted.len() + 1).saturating_sub(KEPT);
        self.counted.drain(..surplus);
        self.counted.push_back(now + SLOW);
        Ok(Turn { at: now })
    }

    /// The gateway did not throttle this call.
    pub(super) fn passed(&mut self, turn: Turn, now: Instant) {
        self.closed.take_if(|closed| turn.at >= closed.since);
        self.forget(turn);
        let at = now.min(turn.at + SLOW);
        self.counted.insert(self.counted.partition_point(|counted| *counted <= at), at);
    }

    /// The limit with the longest period of those that are known.
    pub(super) fn limit(&self) -> Option<Limit> {
        self.windows.iter().next_back().map(|(period, window)| Limit { calls: window.calls, period: *period })
    }

    /// The call never reached the gateway.
    pub(super) fn unsent(&mut self, turn: Turn) {
        self.forget(turn);
    }

    /// The gateway throttled this call, for this limit if it told one, and perhaps asked to `wait`. `chance` is between 0
    /// and 1.
    pub(super) fn refused(
        &mut self,
        turn: Turn,
        now: Instant,
        limit: Option<Limit>,
        wait: Option<Duration>,
        chance: f64,
    ) {
        self.forget(turn);
        let explained = limit.is_some_and(|limit| self.learn(turn, now, limit));
        let refusals = match &self.closed {
            // It was under way when the gate closed, and has nothing to add.
            Some(closed) if turn.at < closed.since => return,
            Some(closed) => closed.refusals + 1,
            None if explained && wait.is_none() => return,
            None => 1,
        };
        // Not quite full jitter: nothing would keep the questions apart.
        let interval = schedule::pause(refusals, 0.5 + chance / 2.0);
        let interval = limit.map_or(interval, |limit| interval.min(limit.period));
        let next = now + wait.map_or(interval, schedule::granted);
        self.closed = Some(Closed { since: now, refusals, interval, next });
    }

    /// Whether our own calls have used up the limit, so that it is known when there will be a turn.
    fn learn(&mut self, turn: Turn, now: Instant, limit: Limit) -> bool {
        let taught = Window { calls: limit.calls, share: limit.calls, since: now };
        match self.windows.get_mut(&limit.period).filter(|window| window.calls == limit.calls) {
            // Not for a question at a closed gate: that is refused for what happened before.
            Some(window) if self.closed.is_none() && turn.at >= window.since => window.shrink(now),
            Some(_) => {}
            None => {
                tracing::info!("the gateway allows {limit}; calls wait for their turn from now on");
                self.windows.insert(limit.period, taught);
            }
        }
        self.windows[&limit.period].free(limit.period, &self.counted).is_some_and(|free| free > now)
    }

    fn forget(&mut self, turn: Turn) {
        if let Ok(index) = self.counted.binary_search(&(turn.at + SLOW)) {
            self.counted.remove(index);
        }
    }
}

impl Window {
    /// When there is room for a call; at once where there is none that stands in the way.
    fn free(&self, period: Duration, counted: &VecDeque<Instant>) -> Option<Instant> {
        let before = counted.len().checked_sub(usize::try_from(self.share).ok()?)?;
        Some(*counted.get(before)? + period)
    }

    fn shrink(&mut self, now: Instant) {
        self.share = (self.share - (self.share / 4).max(1)).max(1);
        self.since = now;
    }

    /// A tenth of the limit for each period without a refusal.
    fn grow(&mut self, period: Duration, now: Instant) {
        while self.share < self.calls && now >= self.since + period {
            self.share = (self.share + (self.calls / 10).max(1)).min(self.calls);
            self.since += period;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { calls: 5, period: Duration::from_secs(1) };

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A pacer that was refused the sixth of six calls, each answered at once.
    fn taught(start: Instant) -> Pacer {
        let mut pacer = Pacer::default();
        for _ in 0..5 {
            let turn = pacer.take(start).expect("nothing is in the way");
            pacer.passed(turn, start);
        }
        let sixth = pacer.take(start).expect("nothing is in the way");
        pacer.refused(sixth, start, Some(LIMIT), None, 1.0);
        pacer
    }

    /// The turns to be had at once, each answered at once.
    fn burst(pacer: &mut Pacer, now: Instant) -> usize {
        let mut turns = 0;
        while let (Ok(turn), true) = (pacer.take(now), turns < 1000) {
            pacer.passed(turn, now);
            turns += 1;
        }
        turns
    }

    #[test]
    fn all_calls_pass_until_one_is_refused() {
        assert_eq!(burst(&mut Pacer::default(), Instant::now()), 1000);
    }

    #[test]
    fn the_calls_before_the_refusal_count() {
        let start = Instant::now();
        let mut pacer = taught(start);
        assert_eq!(pacer.take(start + ms(1)).map(|_| ()), Err(start + ms(1000)));
        assert_eq!(burst(&mut pacer, start + ms(999)), 0);
        assert_eq!(burst(&mut pacer, start + ms(1000)), 5);
        assert_eq!(burst(&mut pacer, start + ms(1999)), 0);
        assert_eq!(burst(&mut pacer, start + ms(2000)), 5);
        assert_eq!(pacer.limit(), Some(LIMIT));
    }

    /// The gateway counts a call somewhere between its sending and its answer.
    #[test]
    fn a_call_counts_when_it_is_answered_or_slow() {
        let start = Instant::now();
        for (answered, counted) in [(0, 0), (40, 40), (100, 100), (700, 100)] {
            let mut pacer = taught(start);
            let turns: Vec<_> = (0..5).map(|_| pacer.take(start + ms(1000)).expect("a new second")).collect();
            for turn in turns {
                pacer.passed(turn, start + ms(1000 + answered));
            }
            let next = pacer.take(start + ms(1900)).map(|_| ());
            assert_eq!(next, Err(start + ms(2000 + counted)), "{answered}");
        }
        // One that never reached the gateway does not count at all.
        let mut pacer = taught(start);
        let turns: Vec<_> = (0..5).map(|_| pacer.take(start + ms(1000)).expect("a new second")).collect();
        for turn in turns {
            pacer.unsent(turn);
        }
        assert_eq!(burst(&mut pacer, start + ms(1200)), 5);
    }

    #[test]
    fn two_limits_hold_together() {
        let start = Instant::now();
        let mut pacer = taught(start);
        let minute = Limit { calls: 8, period: Duration::from_mins(1) };
        assert_eq!(burst(&mut pacer, start + ms(1000)), 5);
        let turn = pacer.take(start + ms(2000)).expect("a new second");
        pacer.refused(turn, start + ms(2000), Some(minute), None, 1.0);
        // Ten are counted in this minute. Eight are once three are past it, and five of these in one second.
        assert_eq!(burst(&mut pacer, start + ms(59_999)), 0);
        assert_eq!(burst(&mut pacer, start + ms(60_000)), 3);
        assert_eq!(burst(&mut pacer, start + ms(61_000)), 5);
        assert_eq!(burst(&mut pacer, start + ms(62_000)), 0);
    }

    /// Others use the same limit: our calls do not explain the refusal, so one at a time asks.
    #[test]
    fn a_closed_gate_is_asked_at_growing_intervals() {
        let start = Instant::now();
        let limit = Limit { calls: 200, period: Duration::from_mins(5) };
        let mut pacer = Pacer::default();
        let turn = pacer.take(start).expect("nothing is in the way");
        pacer.refused(turn, start, Some(limit), None, 1.0);
        let mut now = start;
        for seconds in [1, 2, 4, 8, 16, 20, 20] {
            let Err(next) = pacer.take(now + ms(1)) else { panic!("it is closed") };
            assert_eq!(next - now, Duration::from_secs(seconds));
            let turn = pacer.take(next).expect("one asks");
            pacer.take(next).expect_err("and only one");
            now = next + ms(1);
            pacer.refused(turn, now, Some(limit), None, 1.0);
        }
        let Err(next) = pacer.take(now) else { panic!("it is closed") };
        let turn = pacer.take(next).expect("one asks");
        pacer.passed(turn, next + ms(1));
        assert_eq!(burst(&mut pacer, next + ms(1)), 199);
    }

    #[test]
    fn calls_that_were_under_way_have_nothing_to_add() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        let turns: Vec<_> = (0..50).map(|_| pacer.take(start).expect("nothing is in the way")).collect();
        let mut turns = turns.into_iter();
        let passes = turns.next_back().expect("there are fifty");
        for turn in turns {
            pacer.refused(turn, start + ms(1), None, None, 1.0);
        }
        pacer.passed(passes, start + ms(2));
        assert_eq!(pacer.take(start + ms(3)).map(|_| ()), Err(start + ms(1001)));
    }

    #[test]
    fn the_wait_that_is_asked_for_is_kept_and_bounded() {
        let start = Instant::now();
        for (asked, kept) in [(7, 7), (3600, 60)] {
            for limit in [None, Some(LIMIT)] {
                let mut pacer = Pacer::default();
                let turn = pacer.take(start).expect("nothing is in the way");
                pacer.refused(turn, start, limit, Some(Duration::from_secs(asked)), 1.0);
                assert_eq!(pacer.take(start).map(|_| ()), Err(start + Duration::from_secs(kept)));
            }
        }
    }

    /// With a limit of 20: a refusal at the allowed pace takes a quarter, each period without one gives a tenth back.
    #[test]
    fn our_share_shrinks_and_recovers() {
        let start = Instant::now();
        let limit = Limit { calls: 20, period: Duration::from_secs(1) };
        let mut pacer = Pacer::default();
        burst_of(&mut pacer, start, 20);
        let turn = pacer.take(start).expect("nothing is in the way");
        pacer.refused(turn, start, Some(limit), None, 1.0);

        let second = start + ms(1000);
        burst_of(&mut pacer, second, 19);
        let turn = pacer.take(second).expect("the twentieth");
        pacer.refused(turn, second, Some(limit), None, 1.0);
        let shares: Vec<_> = (2..7).map(|number| burst(&mut pacer, start + ms(number * 1000))).collect();
        assert_eq!(shares, [17, 19, 20, 20, 20]);
    }

    /// The entry of the slow one is dropped, and its answer is counted all the same.
    #[test]
    fn a_slow_answer_does_not_let_the_count_grow_for_ever() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        let slow = pacer.take(start).expect("nothing is in the way");
        burst_of(&mut pacer, start + SLOW * 2, KEPT);
        pacer.passed(slow, start + SLOW * 3);
        burst_of(&mut pacer, start + SLOW * 4, KEPT);
        assert_eq!(pacer.counted.len(), KEPT);
    }

    fn burst_of(pacer: &mut Pacer, now: Instant, calls: usize) {
        for _ in 0..calls {
            let turn = pacer.take(now).expect("there is a turn");
            pacer.passed(turn, now);
        }
    }
}
