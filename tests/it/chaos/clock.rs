//! A clock that runs twenty times faster for the provider, while its requests are real.
//!
//! Tokio's clock is paused and advanced in small steps. A paused clock jumps to the next timer when the runtime is
//! idle, which would expire deadlines while a response is on its way; a blocking task that runs until the end of the
//! test prevents this. The emulator runs in its own threads with the system clock.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::mpsc;

/// How much faster the clock runs.
pub(super) const FACTOR: u32 = 20;

/// The interval between two steps, in real time.
const TICK: Duration = Duration::from_millis(4);

/// Runs the future to completion with the fast clock.
pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let (ticks, mut ticked) = mpsc::channel(1);
        // Ends when the receiver is dropped.
        let ticking = tokio::task::spawn_blocking(move || {
            while ticks.blocking_send(()).is_ok() {
                std::thread::sleep(TICK);
            }
        });
        let advance = async {
            let mut last = Instant::now();
            while ticked.recv().await.is_some() {
                let now = Instant::now();
                tokio::time::advance((now - last) * FACTOR).await;
                last = now;
            }
            unreachable!("the sender outlives this future");
        };
        let done = tokio::select! {
            done = work => done,
            () = advance => unreachable!("it loops until it is dropped"),
        };
        drop(ticked);
        ticking.await.expect("no panic");
        done
    })
}

/// Sleeps for this span of real time, which the emulator uses.
pub(super) async fn pause(span: Duration) {
    tokio::time::sleep(span * FACTOR).await;
}
