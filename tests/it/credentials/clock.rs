//! A wrong system clock.

use std::sync::Arc;

use terraform_provider_dli::client::Client;
use terraform_provider_dli::emulator::{ManualClock, Settings};
use time::OffsetDateTime;

use super::{call, config, key, operations, start};

#[tokio::test]
async fn clock_skew_is_corrected_from_the_date_header() {
    for minutes in [-40, 40] {
        let clock = Arc::new(ManualClock::new(OffsetDateTime::now_utc() + time::Duration::minutes(minutes)));
        let emulator = start(Settings { clock: clock.clone(), ..Settings::default() }).await;
        let client = Client::new(config(&emulator, key())).expect("a valid configuration");
        call(&client).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(operations(&emulator), ["ListQueues"; 2]);
        call(&client).await.expect("a signature with the corrected time");
        assert_eq!(operations(&emulator), ["ListQueues"; 3]);
        // The clock becomes correct again.
        clock.set(OffsetDateTime::now_utc());
        call(&client).await.expect("a signature with the new correction");
        assert_eq!(operations(&emulator), ["ListQueues"; 5]);
        emulator.stop().await;
    }
}
