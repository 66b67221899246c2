//! A machine whose clock is wrong.

use std::sync::Arc;

use terraform_provider_dli::client::Client;
use terraform_provider_dli::emulator::{ManualClock, Settings};
use time::OffsetDateTime;

use super::{call, config, key, operations, start};

#[tokio::test]
async fn a_clock_that_is_wrong_is_corrected_by_the_services_word_and_only_once() {
    for minutes in [-40, 40] {
        let clock = Arc::new(ManualClock::new(OffsetDateTime::now_utc() + time::Duration::minutes(minutes)));
        let emulator = start(Settings { clock: clock.clone(), ..Settings::default() }).await;
        let client = Client::new(config(&emulator, key())).expect("in order");
        call(&client).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(operations(&emulator), ["ListQueues"; 2]);
        call(&client).await.expect("signed by the service's clock from the start");
        assert_eq!(operations(&emulator), ["ListQueues"; 3]);
        // Somebody turns it right again.
        clock.set(OffsetDateTime::now_utc());
        call(&client).await.expect("corrected again");
        assert_eq!(operations(&emulator), ["ListQueues"; 5]);
        emulator.stop().await;
    }
}
