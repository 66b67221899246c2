//! Protection against account lockout. One request tries an unknown key or password while the others wait. A rejected
//! key or password is not sent again.

use parking_lot::Mutex;

use crate::client::error::Error;

/// Guards one key or password in all its uses.
#[derive(Debug, Default)]
pub(in crate::client) struct LockoutGuard {
    /// Held during the first attempt.
    first_attempt: tokio::sync::Mutex<()>,
    key_status: Mutex<KeyStatus>,
}

#[derive(Debug, Clone, Default)]
enum KeyStatus {
    #[default]
    Untried,
    /// Tried; neither accepted nor rejected.
    Inconclusive,
    Accepted,
    Rejected(Box<Error>),
}

impl LockoutGuard {
    /// Runs an attempt, unless the key or password was rejected. `is_rejection` decides whether HTTP 401 rejects the
    /// key or password itself; its second argument is whether it was accepted before.
    pub(in crate::client) async fn with<T>(
        &self,
        attempt: impl Future<Output = Result<T, Error>>,
        is_rejection: impl FnOnce(&Error, bool) -> bool,
    ) -> Result<T, Error> {
        let is_untried = || matches!(*self.key_status.lock(), KeyStatus::Untried);
        let first_attempt = if is_untried() { Some(self.first_attempt.lock().await) } else { None };
        let _first_attempt = first_attempt.filter(|_| is_untried());
        if let KeyStatus::Rejected(rejection) = &*self.key_status.lock() {
            return Err(rejection.as_ref().clone().preliminary());
        }
        let outcome = attempt.await;
        self.record_outcome(outcome.as_ref().err(), is_rejection);
        outcome
    }

    fn record_outcome(&self, failure: Option<&Error>, is_rejection: impl FnOnce(&Error, bool) -> bool) {
        let mut key_status = self.key_status.lock();
        let was_accepted = matches!(*key_status, KeyStatus::Accepted);
        match failure {
            None => *key_status = KeyStatus::Accepted,
            Some(rejection) if rejection.is_unauthorized() && is_rejection(rejection, was_accepted) => {
                *key_status = KeyStatus::Rejected(Box::new(rejection.clone()));
            }
            Some(_) if matches!(*key_status, KeyStatus::Untried) => *key_status = KeyStatus::Inconclusive,
            Some(_) => {}
        }
    }
}

/// Whether the gateway rejects the access key or its signature, rather than reporting a wrong clock or project. A key
/// that was accepted once is not rejected later.
pub(in crate::client) fn is_key_rejected(rejection: &Error, was_accepted: bool) -> bool {
    const KEY: [&str; 8] =
        ["signature", "aksk", "ak ", "ak:", "access key", "secret key", "secretkey", "security token"];
    const OTHER: [&str; 3] = ["expired", "server time", "project"];
    !was_accepted && has_one_of(rejection, &KEY) && !has_one_of(rejection, &OTHER)
}

/// Whether IAM rejects the user or the password, rather than the scope of the token.
pub(in crate::client) fn is_password_rejected(rejection: &Error, _: bool) -> bool {
    has_one_of(rejection, &["password", "username", "user name", "locked"])
}

fn has_one_of(rejection: &Error, words: &[&str]) -> bool {
    let message = rejection.message.to_ascii_lowercase();
    words.iter().any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use http::StatusCode;

    use super::*;
    use crate::client::Operation;

    fn rejection(message: &str) -> Error {
        Error::reported(Operation::ListQueues, StatusCode::UNAUTHORIZED, None, message.to_owned())
    }

    /// Runs fifty attempts at once with the same outcome; returns how many were sent.
    async fn run_fifty(guard: &LockoutGuard, outcome: impl Fn() -> Result<(), Error>) -> usize {
        let sent = AtomicUsize::new(0);
        let attempt = || async {
            sent.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            outcome()
        };
        let all = join_all((0..50).map(|_| guard.with(attempt(), is_key_rejected))).await;
        assert!(all.iter().all(|one| one.is_ok() == outcome().is_ok()));
        sent.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn rejected_key_is_not_sent_again() {
        let guard = LockoutGuard::default();
        let wrong = || Err(rejection("verify aksk signature fail"));
        assert_eq!(run_fifty(&guard, wrong).await, 1);
        assert_eq!(run_fifty(&guard, wrong).await, 0);
    }

    #[tokio::test]
    async fn inconclusive_and_accepted_keys_are_sent_again() {
        let other = || Err(rejection("signature expired, server time:20260101T000000Z"));
        let guard = LockoutGuard::default();
        assert_eq!(run_fifty(&guard, other).await, 50);
        assert_eq!(run_fifty(&guard, || Ok(())).await, 50);
        assert_eq!(run_fifty(&guard, || Err(rejection("verify aksk signature fail"))).await, 50);
    }

    /// The others wait for the first attempt only.
    #[tokio::test(start_paused = true)]
    async fn only_the_first_request_goes_alone() {
        let guard = LockoutGuard::default();
        let began = tokio::time::Instant::now();
        let attempt = || async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Err::<(), _>(Error::reported(Operation::ListQueues, status, None, "away".to_owned()))
        };
        join_all((0..50).map(|_| guard.with(attempt(), is_key_rejected))).await;
        assert_eq!(began.elapsed().as_secs(), 2);
        // A caller that gives up releases the guard.
        let guard = LockoutGuard::default();
        let given_up = tokio::time::timeout(
            std::time::Duration::from_millis(1),
            guard.with(std::future::pending::<Result<(), Error>>(), is_key_rejected),
        );
        given_up.await.expect_err("it never ends");
        guard.with(async { Ok(()) }, is_key_rejected).await.expect("the guard is free");
    }

    #[test]
    fn message_tells_what_was_rejected() {
        for (words, is_key, is_login) in [
            ("Get secretKey failed,ak:[REDACTED],err:ak not exist", true, false),
            ("the access key [REDACTED] does not exist", true, false),
            ("verify aksk signature fail", true, false),
            ("AK access failed to reach the limit,forbidden.", true, false),
            ("signature expired, signature time:20260101T120000Z,server time:20260101T122500Z", false, false),
            ("the access key is not of this project", false, false),
            ("decrypt token fail", false, false),
            ("The username or password is wrong.", false, true),
            ("The user is locked.", false, true),
            ("The request you have made requires authentication.", false, false),
        ] {
            let rejection = rejection(words);
            let is = (
                is_key_rejected(&rejection, false),
                is_key_rejected(&rejection, true),
                is_password_rejected(&rejection, false),
            );
            assert_eq!(is, (is_key, false, is_login), "{words}");
        }
    }
}
