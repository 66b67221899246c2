//! Credentials in the form that a request carries.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use super::AccessKey;

/// How long a rejected replacement is kept before another one is fetched.
const NO_BETTER: std::time::Duration = std::time::Duration::from_mins(1);
/// Shorter key ids are not redacted.
const AN_ID: usize = 12;

/// Credentials that a request is sent with. No secret in it is ever printed.
#[derive(Debug)]
pub(in crate::client) struct ResolvedCredentials {
    pub(in crate::client) scheme: AuthScheme,
    /// Owner and origin, for messages.
    pub(in crate::client) caller: String,
    /// By the service's clock; `None` if unknown.
    pub(in crate::client) expires: Option<OffsetDateTime>,
    /// Whether new ones can be fetched.
    pub(in crate::client) renewable: bool,
    accepted: AtomicBool,
    /// Since when they replace rejected ones.
    replaces: OnceLock<Instant>,
}

#[derive(Debug)]
pub(in crate::client) enum AuthScheme {
    Key(AccessKey),
    Token(SecretString),
}

impl ResolvedCredentials {
    pub(in crate::client) fn new(
        scheme: AuthScheme,
        caller: String,
        expires: Option<OffsetDateTime>,
        renewable: bool,
    ) -> Self {
        Self { scheme, caller, expires, renewable, accepted: AtomicBool::new(false), replaces: OnceLock::new() }
    }

    /// The texts to redact from responses. The key id is included in case the secret was put in its place.
    pub(in crate::client) fn secrets(&self) -> Vec<SecretString> {
        match &self.scheme {
            AuthScheme::Key(AccessKey { id, secret, security_token }) => {
                let id = Some(id).filter(|id| id.len() >= AN_ID).map(|id| SecretString::from(id.as_str()));
                security_token.iter().chain([secret]).cloned().chain(id).collect()
            }
            AuthScheme::Token(token) => vec![token.clone()],
        }
    }

    /// Records that the service accepted them.
    pub(in crate::client) fn succeed(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    /// Records that they replace rejected ones.
    pub(in crate::client) fn replace(&self) {
        self.replaces.get_or_init(Instant::now);
    }

    /// Whether they are a recent replacement that was not accepted either.
    pub(in crate::client) fn is_no_better(&self) -> bool {
        let is_new = self.replaces.get().is_some_and(|since| since.elapsed() < NO_BETTER);
        is_new && !self.accepted.load(Ordering::Relaxed)
    }
}

/// When to renew: `early` before expiry, but not before half of the lifetime.
pub(in crate::client) fn renewal(now: OffsetDateTime, expires: OffsetDateTime, early: Duration) -> OffsetDateTime {
    let life = (expires - now).max(Duration::ZERO);
    now + (life - early).max(life / 2)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use time::macros::datetime;

    use super::*;

    /// The gateway repeats an unknown key id, and id and secret may have been swapped.
    #[test]
    fn all_parts_of_a_key_are_redacted() {
        let secrets = |id: &str| {
            let key = AccessKey { id: id.to_owned(), secret: "b".into(), security_token: Some("c".into()) };
            let resolved = ResolvedCredentials::new(AuthScheme::Key(key), String::new(), None, false);
            resolved.secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(secrets("AKEXAMPLE0000000000A"), ["c", "b", "AKEXAMPLE0000000000A"]);
        assert_eq!(secrets("emulator"), ["c", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn rejected_replacement_is_kept_for_a_minute() {
        let resolved = || ResolvedCredentials::new(AuthScheme::Token("t".into()), String::new(), None, true);
        let first = resolved();
        assert!(!first.is_no_better());
        first.replace();
        assert!(first.is_no_better());
        tokio::time::advance(NO_BETTER).await;
        first.replace();
        assert!(!first.is_no_better());
        let second = resolved();
        second.replace();
        second.succeed();
        assert!(!second.is_no_better());
    }

    #[test]
    fn renewal_is_early_or_at_half_of_the_lifetime() {
        let now = datetime!(2026-01-01 00:00 UTC);
        let after = |life: Duration, early: Duration| renewal(now, now + life, early) - now;
        assert_eq!(after(Duration::hours(24), Duration::minutes(40)), Duration::minutes(24 * 60 - 40));
        assert_eq!(after(Duration::minutes(15), Duration::minutes(5)), Duration::minutes(10));
        assert_eq!(after(Duration::minutes(60), Duration::minutes(40)), Duration::minutes(30));
        assert_eq!(after(Duration::seconds(2), Duration::minutes(5)), Duration::seconds(1));
        assert_eq!(after(Duration::seconds(-9), Duration::minutes(5)), Duration::ZERO);
    }
}
