//! What proves who calls, in the form in which a request carries it, and how long it is good for.

use secrecy::SecretString;
use time::{Duration, OffsetDateTime};

use super::AccessKey;

/// What a request is sent with. Nothing in it is ever printed.
#[derive(Debug)]
pub(in crate::client) struct Access {
    pub(in crate::client) proof: Proof,
    /// Whose it is and where it comes from.
    pub(in crate::client) caller: String,
    /// By the service's clock; `None` where nobody has said.
    pub(in crate::client) expires: Option<OffsetDateTime>,
    /// Whether there is a way to get another one.
    pub(in crate::client) renewable: bool,
}

/// How a request shows who sends it.
#[derive(Debug)]
pub(in crate::client) enum Proof {
    /// It is signed.
    Key(AccessKey),
    /// It carries a token.
    Token(SecretString),
}

impl Access {
    /// What is sent along in the clear and must not be shown where it comes back.
    pub(in crate::client) fn secrets(&self) -> Vec<SecretString> {
        match &self.proof {
            Proof::Key(key) => key.security_token.iter().cloned().collect(),
            Proof::Token(token) => vec![token.clone()],
        }
    }
}

/// When to get another one: `early` before the end, but not before half of the time is over, or what lives only for
/// minutes would be asked for with every call.
pub(in crate::client) fn renewal(now: OffsetDateTime, expires: OffsetDateTime, early: Duration) -> OffsetDateTime {
    let life = (expires - now).max(Duration::ZERO);
    now + (life - early).max(life / 2)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn what_lives_long_is_renewed_early_and_what_lives_shortly_at_its_half() {
        let now = datetime!(2026-01-01 00:00 UTC);
        let after = |life: Duration, early: Duration| renewal(now, now + life, early) - now;
        assert_eq!(after(Duration::hours(24), Duration::minutes(40)), Duration::minutes(24 * 60 - 40));
        assert_eq!(after(Duration::minutes(15), Duration::minutes(5)), Duration::minutes(10));
        assert_eq!(after(Duration::minutes(60), Duration::minutes(40)), Duration::minutes(30));
        assert_eq!(after(Duration::seconds(2), Duration::minutes(5)), Duration::seconds(1));
        assert_eq!(after(Duration::seconds(-9), Duration::minutes(5)), Duration::ZERO);
    }
}
