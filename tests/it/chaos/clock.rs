//! Time that runs faster: the provider's pauses pass in a tenth of their length, while what it sends and receives is real.
//!
//! Tokio's clock is stopped and pushed on by hand. It never jumps ahead on its own, which would let deadlines pass while an
//! answer is on its way: that is kept from happening by work on a blocking thread that does not end before the test does.
//! The emulator lives in threads of its own, by the machine's clock.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::mpsc;

/// How much faster.
pub(super) const FACTOR: u32 = 10;

/// How often the clock is pushed on, in the machine's time.
const TICK: Duration = Duration::from_millis(4);

/// Runs the work to its end, in fast time.
pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        Builder::new_current_thread().enable_all().start_paused(true).build().expect("threads can be started");
    runtime.block_on(async {
        let (ticks, mut ticked) = mpsc::channel(1);
        // It ends when nobody listens any more.
        let ticking = tokio::task::spawn_blocking(move || {
            while ticks.blocking_send(()).is_ok() {
                std::thread::sleep(TICK);
            }
        });
        let pushing = async {
            let mut last = Instant::now();
            while ticked.recv().await.is_some() {
                let now = Instant::now();
                tokio::time::advance((now - last) * FACTOR).await;
                last = now;
            }
            unreachable!("the ticking ends after this");
        };
        let done = tokio::select! {
            done = work => done,
            () = pushing => unreachable!("it has no end"),
        };
        drop(ticked);
        ticking.await.expect("it does not panic");
        done
    })
}

/// A pause in the machine's time, by which the emulator lives.
pub(super) async fn pause(span: Duration) {
    tokio::time::sleep(span * FACTOR).await;
}
