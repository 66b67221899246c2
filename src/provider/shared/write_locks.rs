//! One writer at a time for each connection, over all resources of the process: the service takes whole lists, and what
//! two write at once is lost for one of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

/// The connections that are being written to.
#[derive(Debug, Default)]
pub(in crate::provider) struct WriteLocks(Mutex<BTreeMap<String, Weak<Lock<()>>>>);

impl WriteLocks {
    /// Waits until nobody else writes to this connection; nobody does until the guard is dropped.
    pub(in crate::provider) async fn lock(&self, connection: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let held = locks.entry(connection.to_ascii_lowercase()).or_default();
            held.upgrade().unwrap_or_else(|| {
                let fresh = Arc::new(Lock::new(()));
                *held = Arc::downgrade(&fresh);
                fresh
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_connection_has_one_writer() {
        let locks = WriteLocks::default();
        let first = locks.lock("A").await;
        let other = locks.lock("b").await;
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), locks.lock("a")).await.is_err());
        drop((first, other));
        let again = locks.lock("a").await;
        assert_eq!(locks.0.lock().expect("nobody panicked").len(), 1, "what nobody holds is forgotten");
        drop(again);
    }
}
