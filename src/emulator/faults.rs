//! Troubles that are brought on: which requests meet one, how often, and what it does to them.
//!
//! Faults are looked at once a request is believed, in the order in which they were injected. All delays that match a
//! request add up; of the other troubles the first that matches befalls it, and the rest wait for their turn. A further
//! kind is one more variant of [`Trouble`] and one arm where the server meets it.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::{operation, refusal::Refusal};

/// The name that stands for every operation of the service; those of IAM and of the metadata service are named each.
pub const ANY_OPERATION: &str = "*";

/// A trouble, and the requests that meet it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// As the service's SDKs call it, such as `CreateEnhancedConnection`, or [`ANY_OPERATION`].
    #[serde(default = "any_operation")]
    pub operation: String,
    /// Must stand in the decoded path, the query as sent, or the body; such as a route's name or a connection's id.
    #[serde(default)]
    pub containing: Option<String>,
    /// How many requests meet it; for ever where it is `None`.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens to them.
    pub trouble: Trouble,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Trouble {
    /// It is refused, and nothing is done.
    Refuse {
        /// HTTP status, from 400 to 599.
        status: u16,
        /// Such as `DLI.0999`. One of the gateway (`APIGW.`) comes in the gateway's form, with the request id.
        code: String,
        /// The words that go with it.
        text: String,
    },
    /// Nothing is done, and the answer is HTTP 200 with `is_success: false`.
    FailSoftly {
        /// The `message`.
        text: String,
    },
    /// The work is done and kept; then the connection ends without an answer.
    LoseAnswer,
    /// The work is done and kept; the answer is the first half of its JSON.
    TruncateAnswer,
    /// The answer comes later by a random time.
    Delay {
        /// The shortest time.
        #[serde(with = "humane")]
        at_least: Duration,
        /// The longest time.
        #[serde(with = "humane")]
        at_most: Duration,
        /// Where the random times begin; the same seed gives the same times in the same order.
        #[serde(default)]
        seed: u64,
    },
}

impl Fault {
    /// Befalls every request of the operation, for ever.
    pub fn new(operation: impl Into<String>, trouble: Trouble) -> Self {
        Self { operation: operation.into(), containing: None, times: None, trouble }
    }

    /// Refuses, with nothing done.
    pub fn refuse(operation: impl Into<String>, status: u16, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(operation, Trouble::Refuse { status, code: code.into(), text: text.into() })
    }

    /// Refuses as the gateway does a client that asks too often; the words are those that were seen.
    pub fn throttle(operation: impl Into<String>) -> Self {
        let text = "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute";
        Self::refuse(operation, 429, "APIGW.0308", text)
    }

    /// Befalls no more than this many requests.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Befalls only requests with this text in their path, query or body.
    pub fn containing(self, text: impl Into<String>) -> Self {
        Self { containing: Some(text.into()), ..self }
    }

    /// A fault that could never happen is a mistake of whoever asks for it.
    fn check(&self) -> Result<(), FaultError> {
        let mut known = operation::names().chain(operation::other_names());
        if self.operation != ANY_OPERATION && !known.any(|name| name == self.operation) {
            return Err(FaultError::UnknownOperation(self.operation.clone()));
        }
        match &self.trouble {
            Trouble::Refuse { status, .. } if !(400..600).contains(status) => Err(FaultError::Status(*status)),
            Trouble::Delay { at_least, at_most, .. } if at_least > at_most => Err(FaultError::Delay),
            _ if self.times == Some(0) => Err(FaultError::Never),
            _ => Ok(()),
        }
    }
}

/// Why a fault cannot be injected.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// A misspelt operation would never be met.
    #[error("there is no operation {0:?}; there are *, {names}", names = operation::names().collect::<Vec<_>>().join(", "))]
    UnknownOperation(String),
    /// Not a status of refusals.
    #[error("the status {0} is not one of a refusal, from 400 to 599")]
    Status(u16),
    /// It is to befall no request.
    #[error("a fault that happens 0 times is none")]
    Never,
    /// No time lies between them.
    #[error("at_least is longer than at_most")]
    Delay,
}

/// What befalls one request.
#[derive(Debug, Default)]
pub(super) struct Strike {
    pub(super) delay: Duration,
    /// Never a delay.
    pub(super) trouble: Option<Trouble>,
}

impl Strike {
    /// The refusal that comes in the place of the work.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match &self.trouble {
            Some(Trouble::Refuse { status, code, text }) => {
                Some(Refusal { status: *status, code: code.clone().into(), text: text.clone() })
            }
            Some(Trouble::FailSoftly { text }) => Some(Refusal::soft(text)),
            _ => None,
        }
    }
}

/// The faults that are still to be met.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, Rng)>);

impl Faults {
    pub(super) fn new(faults: &[Fault]) -> Result<Self, FaultError> {
        let mut all = Self::default();
        faults.iter().try_for_each(|fault| all.inject(fault.clone()))?;
        Ok(all)
    }

    pub(super) fn inject(&mut self, fault: Fault) -> Result<(), FaultError> {
        fault.check()?;
        let seed = if let Trouble::Delay { seed, .. } = fault.trouble { seed } else { 0 };
        self.0.push((fault, Rng::with_seed(seed)));
        Ok(())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|(fault, _)| fault)
    }

    /// What befalls a request of this operation, in which `contains` finds a text.
    pub(super) fn strike(&mut self, operation: &str, contains: impl Fn(&str) -> bool) -> Strike {
        let mut strike = Strike::default();
        let is_of_the_service = operation::names().any(|name| name == operation);
        for (fault, rng) in &mut self.0 {
            let meant = fault.operation == operation || fault.operation == ANY_OPERATION && is_of_the_service;
            if !meant || !fault.containing.as_deref().is_none_or(&contains) {
                continue;
            }
            match &fault.trouble {
                Trouble::Delay { at_least, at_most, .. } => {
                    strike.delay = strike.delay.saturating_add(between(*at_least, *at_most, rng));
                }
                _ if strike.trouble.is_some() => continue,
                trouble => strike.trouble = Some(trouble.clone()),
            }
            fault.times = fault.times.map(|times| times.saturating_sub(1));
        }
        self.0.retain(|(fault, _)| fault.times != Some(0));
        strike
    }
}

fn between(at_least: Duration, at_most: Duration, rng: &mut Rng) -> Duration {
    at_least + at_most.saturating_sub(at_least).mul_f64(rng.f64())
}

fn any_operation() -> String {
    ANY_OPERATION.to_owned()
}

/// A span of time as people write it: `500ms`, `10m`.
pub(super) mod humane {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::emulator) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*span))
    }

    pub(in crate::emulator) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        humantime::parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(seed: u64) -> Vec<Duration> {
        let [at_least, at_most] = [10, 50].map(Duration::from_millis);
        let mut faults = Faults::default();
        faults.inject(Fault::new("*", Trouble::Delay { at_least, at_most, seed })).expect("a good fault");
        (0..100).map(|_| faults.strike("ListQueues", |_| false).delay).collect()
    }

    #[test]
    fn random_times_lie_between_their_ends_and_follow_the_seed() {
        let all = spans(7);
        let range = Duration::from_millis(10)..=Duration::from_millis(50);
        assert!(all.iter().all(|span| range.contains(span)), "{all:?}");
        for tens in 1..5 {
            assert!(all.iter().any(|span| span.as_millis() / 10 == tens), "between {tens}0 and {tens}9 ms: {all:?}");
        }
        assert_eq!(all, spans(7));
        assert_ne!(all, spans(8));
    }

    #[test]
    fn delays_add_up_and_one_trouble_waits_for_the_other() {
        let second = Duration::from_secs(1);
        let delay = || Fault::new("*", Trouble::Delay { at_least: second, at_most: second, seed: 0 });
        let mut faults = Faults::new(&[
            Fault::refuse("ListQueues", 500, "DLI.0999", "first").times(2),
            delay(),
            Fault::new("*", Trouble::LoseAnswer).times(1),
            delay().times(1),
        ])
        .expect("good faults");
        let mut strike = |operation| {
            let strike = faults.strike(operation, |_| false);
            (strike.refusal().map(|refusal| refusal.text), strike.trouble == Some(Trouble::LoseAnswer), strike.delay)
        };
        let first = || Some("first".to_owned());
        assert_eq!(strike("ListQueues"), (first(), false, 2 * second));
        assert_eq!(strike("ShowQueue"), (None, true, second));
        assert_eq!(strike("ListQueues"), (first(), false, second));
        assert_eq!(strike("ListQueues"), (None, false, second));
    }

    #[test]
    fn a_fault_that_could_never_happen_is_told() {
        let told = |fault: Fault| fault.check().expect_err("a mistake").to_string();
        let unknown = told(Fault::new("CreateConnection", Trouble::LoseAnswer));
        assert!(
            unknown.contains("\"CreateConnection\"") && unknown.contains("*, CreateEnhancedConnection, "),
            "{unknown}"
        );
        assert!(told(Fault::refuse("*", 200, "", "")).contains("200"));
        assert!(told(Fault::throttle("*").times(0)).contains("0 times"));
        let [at_least, at_most] = [2, 1].map(Duration::from_secs);
        assert!(told(Fault::new("*", Trouble::Delay { at_least, at_most, seed: 0 })).contains("longer"));
    }

    /// One of each, as somebody writes it.
    #[test]
    fn faults_are_written_in_json() {
        let read = |text: &str| serde_json::from_str::<Fault>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"trouble":"lose-answer"}"#), Ok(Fault::new("*", Trouble::LoseAnswer)));
        assert_eq!(
            read(
                r#"{"operation":"ListQueues","containing":"a","times":2,
                "trouble":{"refuse":{"status":400,"code":"DLI.0999","text":"b"}}}"#
            ),
            Ok(Fault::refuse("ListQueues", 400, "DLI.0999", "b").times(2).containing("a"))
        );
        let delay = r#"{"trouble":{"delay":{"at_least":"10ms","at_most":"1s"}}}"#;
        let [at_least, at_most] = [10, 1000].map(Duration::from_millis);
        assert_eq!(read(delay), Ok(Fault::new("*", Trouble::Delay { at_least, at_most, seed: 0 })));
        assert!(read(r#"{"trouble":"lose-answer","time":1}"#).expect_err("misspelt").contains("`time`"));
        assert!(read("{}").expect_err("no trouble").contains("`trouble`"));
    }
}
