//! Locks that allow one writer for each connection.
//!
//! The API replaces whole lists, so of two concurrent writes one is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

/// A lock for each connection, kept while it is in use.
#[derive(Debug, Default)]
pub(crate) struct WriteLocks(Mutex<BTreeMap<String, Weak<Lock<()>>>>);

impl WriteLocks {
    /// Waits for the lock of this connection.
    pub(crate) async fn lock(&self, connection: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock();
            locks.retain(|_, lock| lock.strong_count() > 0);
            let entry = locks.entry(connection.to_ascii_lowercase()).or_default();
            entry.upgrade().unwrap_or_else(|| {
                let lock = Arc::new(Lock::new(()));
                *entry = Arc::downgrade(&lock);
                lock
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
        assert_eq!(locks.0.lock().len(), 1, "unused locks are removed");
        drop(again);
    }
}
