//! Fault injection: which requests a fault affects, how often, and what it does.
//!
//! Faults are applied after authentication, in the order in which they were injected. Delays, stale reads and slow
//! bindings accumulate. Of the other kinds only the first match applies to a request. Clock skew is applied before
//! authentication because it decides whether the signature is valid. To add a kind, add a variant to [`FaultKind`],
//! its name in `text`, and its effect in the server.

mod text;

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

pub use self::text::FaultSyntax;
use super::{
    api_error::ApiError,
    clock::{read_skew, write_skew},
    routing,
    throttle::Limit,
};

/// The pattern that matches every DLI operation. Operations of IAM and of the metadata service must be named.
pub const ANY_OPERATION: &str = "*";

/// A fault and the requests that it affects.
///
/// The short form is `OPERATION:TROUBLE[=ARGUMENT][*TIMES][@PROBABILITY[/SEED]][ containing TEXT]`, such as
/// `CreateEnhancedConnection:lose-answer*1` or `*:throttle@0.2/7`. [`std::str::FromStr`] reads the short form and
/// JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Operation name in the SDKs, such as `CreateEnhancedConnection`, or a pattern with one star, such as `Show*`.
    #[serde(default = "any_operation")]
    pub operation: String,
    /// Text that must occur in the decoded path, the raw query or the body, such as a route name or a connection id.
    #[serde(default)]
    pub containing: Option<String>,
    /// Number of requests to affect; unlimited if `None`.
    #[serde(default)]
    pub times: Option<u32>,
    /// Probability that a matching request is affected, above 0 and at most 1.
    #[serde(default = "certain", skip_serializing_if = "is_certain")]
    pub probability: f64,
    /// Random seed for probabilities and delays.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seed: u64,
    /// The effect. The JSON field is named `trouble`.
    #[serde(rename = "trouble")]
    pub kind: FaultKind,
}

/// What a fault does to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
    /// Rejects the request without running it.
    Refuse {
        /// HTTP status, from 400 to 599.
        status: u16,
        /// Error code such as `DLI.0999`. A gateway code (`APIGW.`) produces the gateway's error body with the
        /// request id.
        code: String,
        /// Error message.
        text: String,
    },
    /// Responds with HTTP 200 and `is_success: false` without running the request.
    FailSoftly {
        /// The `message` field.
        text: String,
    },
    /// Closes the connection without running the request.
    CutRequest,
    /// Runs the request, then closes the connection without a response.
    LoseAnswer,
    /// Runs the request, then closes the connection after half of the response.
    CutAnswer,
    /// Runs the request and responds with the first half of the JSON as a complete body.
    TruncateAnswer,
    /// Runs the request and responds with a complete body that is not JSON.
    GarbleAnswer,
    /// Delays the response by a random time.
    Delay {
        /// Minimum delay.
        #[serde(with = "duration_text")]
        at_least: Duration,
        /// Maximum delay.
        #[serde(with = "duration_text")]
        at_most: Duration,
    },
    /// Answers a read with the state from this long ago, but no older than the injection of the fault.
    Stale(#[serde(with = "duration_text")] Duration),
    /// Keeps the bindings created by the request in CREATING for this long.
    SlowBinding(#[serde(with = "duration_text")] Duration),
    /// Moves the clock for one request, forward or backward. The signature check and the `Date` header use the moved
    /// clock; timestamps of resources do not. A request rejected because of the skew counts as affected.
    ClockSkew(#[serde(with = "signed_duration")] time::Duration),
}

impl Fault {
    /// A fault that affects every request of the operation.
    pub fn new(operation: impl Into<String>, kind: FaultKind) -> Self {
        Self { operation: operation.into(), containing: None, times: None, probability: 1.0, seed: 0, kind }
    }

    /// A fault that rejects requests without running them.
    pub fn refuse(operation: impl Into<String>, status: u16, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(operation, FaultKind::Refuse { status, code: code.into(), text: text.into() })
    }

    /// A fault that rejects requests with the gateway's throttling error and the figures observed in production.
    pub fn throttle(operation: impl Into<String>) -> Self {
        let ApiError { status, code, text } = Limit { requests: 200, period: Duration::from_mins(5) }.refusal();
        Self::refuse(operation, status, code, text)
    }

    /// Limits the number of affected requests.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Limits the fault to requests with this text in the path, query or body.
    pub fn containing(self, text: impl Into<String>) -> Self {
        Self { containing: Some(text.into()), ..self }
    }

    /// Sets the probability and the random seed.
    pub fn probability(self, probability: f64, seed: u64) -> Self {
        Self { probability, seed, ..self }
    }

    /// Whether the operation pattern matches `name`.
    fn matches_operation(&self, name: &str) -> bool {
        match self.operation.split_once('*') {
            None => self.operation == name,
            Some((head, tail)) => {
                let rest = name.strip_prefix(head).filter(|_| routing::names().any(|known| known == name));
                rest.is_some_and(|rest| rest.ends_with(tail))
            }
        }
    }

    /// Whether the fault applies to a request. `contains` searches the request for a text.
    fn matches(&self, operation: &str, contains: impl Fn(&str) -> bool) -> bool {
        self.matches_operation(operation) && self.containing.as_deref().is_none_or(contains)
    }

    /// Draws whether a matching request is affected, and counts it.
    fn is_drawn(&mut self, rng: &mut Rng) -> bool {
        let met = self.probability >= 1.0 || rng.f64() < self.probability;
        self.times = self.times.map(|times| times.saturating_sub(u32::from(met)));
        met
    }

    /// Rejects a fault that could never take effect.
    fn check(&self) -> Result<(), FaultError> {
        if !routing::names().chain(routing::other_names()).any(|name| self.matches_operation(name)) {
            return Err(FaultError::UnknownOperation(self.operation.clone()));
        }
        if !(self.probability > 0.0 && self.probability <= 1.0) {
            return Err(FaultError::Probability(self.probability));
        }
        match &self.kind {
            FaultKind::Refuse { status, .. } if !(400..600).contains(status) => Err(FaultError::Status(*status)),
            FaultKind::Delay { at_least, at_most, .. } if at_least > at_most => Err(FaultError::Delay),
            _ if self.times == Some(0) => Err(FaultError::Never),
            _ => Ok(()),
        }
    }
}

impl FaultKind {
    /// Whether the fault is applied before authentication.
    fn precedes_auth(&self) -> bool {
        matches!(self, Self::ClockSkew(_))
    }

    /// Whether the fault only delays, so that another one may affect the same request.
    fn is_delay(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Stale(_) | Self::SlowBinding(_))
    }
}

/// Why a fault is invalid.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// No operation matches.
    #[error("unknown operation {0:?}; expected *, {names}", names = routing::names().chain(routing::other_names()).collect::<Vec<_>>().join(", "))]
    UnknownOperation(String),
    /// The status is not an error status.
    #[error("invalid status {0}; expected 400 to 599")]
    Status(u16),
    /// `times` is 0.
    #[error("a fault must occur at least once, not 0 times")]
    Never,
    /// The probability is out of range.
    #[error("invalid probability {0}; expected a number above 0 and at most 1")]
    Probability(f64),
    /// The delay range is empty.
    #[error("at_least must not be longer than at_most")]
    Delay,
}

/// The faults that affect one request.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults {
    /// Clock skew.
    pub(super) skew: time::Duration,
    pub(super) delay: Duration,
    /// Age of the state that a read returns.
    pub(super) lag: Duration,
    /// How long bindings created by the request stay CREATING.
    pub(super) binding: Option<Duration>,
    /// The fault that is neither a delay nor a clock skew.
    pub(super) kind: Option<FaultKind>,
}

impl ActiveFaults {
    /// The error that replaces the response.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        match &self.kind {
            Some(FaultKind::Refuse { status, code, text }) => {
                Some(ApiError { status: *status, code: code.clone().into(), text: text.clone() })
            }
            Some(FaultKind::FailSoftly { text }) => Some(ApiError::soft_failure(text)),
            Some(FaultKind::CutRequest) => {
                Some(ApiError::plain_text(0, "the connection was cut before anything was done"))
            }
            _ => None,
        }
    }
}

/// The faults that are still active.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Vec<(Fault, Rng)>);

impl Faults {
    pub(super) fn new(faults: &[Fault]) -> Result<Self, FaultError> {
        let mut all = Self::default();
        faults.iter().try_for_each(|fault| all.inject(fault.clone()))?;
        Ok(all)
    }

    pub(super) fn inject(&mut self, fault: Fault) -> Result<(), FaultError> {
        fault.check()?;
        let rng = Rng::with_seed(fault.seed);
        self.0.push((fault, rng));
        Ok(())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|(fault, _)| fault)
    }

    /// Age of the oldest state that a read may need.
    pub(super) fn longest_lag(&self) -> Option<Duration> {
        let lag = |fault: &Fault| if let FaultKind::Stale(lag) = fault.kind { Some(lag) } else { None };
        self.all().filter_map(lag).max()
    }

    /// Applies clock skew, which precedes authentication.
    pub(super) fn apply_clock_skew(&mut self, operation: &str, contains: impl Fn(&str) -> bool) -> ActiveFaults {
        let mut active_faults = ActiveFaults::default();
        for (fault, rng) in &mut self.0 {
            if let FaultKind::ClockSkew(skew) = fault.kind
                && active_faults.skew.is_zero()
                && fault.matches(operation, &contains)
                && fault.is_drawn(rng)
            {
                active_faults.skew = skew;
            }
        }
        self.drop_spent();
        active_faults
    }

    /// Applies all other faults after authentication.
    pub(super) fn apply(&mut self, active_faults: &mut ActiveFaults, operation: &str, contains: impl Fn(&str) -> bool) {
        for (fault, rng) in &mut self.0 {
            let waits = active_faults.kind.is_some() && !fault.kind.is_delay();
            if fault.kind.precedes_auth() || waits || !fault.matches(operation, &contains) || !fault.is_drawn(rng) {
                continue;
            }
            match &fault.kind {
                FaultKind::Delay { at_least, at_most } => {
                    active_faults.delay = active_faults.delay.saturating_add(between(*at_least, *at_most, rng));
                }
                FaultKind::Stale(lag) => active_faults.lag = active_faults.lag.max(*lag),
                FaultKind::SlowBinding(delay) => active_faults.binding = active_faults.binding.max(Some(*delay)),
                kind => active_faults.kind = Some(kind.clone()),
            }
        }
        self.drop_spent();
    }

    fn drop_spent(&mut self) {
        self.0.retain(|(fault, _)| fault.times != Some(0));
    }
}

fn between(at_least: Duration, at_most: Duration, rng: &mut Rng) -> Duration {
    at_least + at_most.saturating_sub(at_least).mul_f64(rng.f64())
}

fn certain() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_certain(probability: &f64) -> bool {
    *probability >= 1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(seed: &u64) -> bool {
    *seed == 0
}

fn any_operation() -> String {
    ANY_OPERATION.to_owned()
}

/// Serializes a duration as text, such as `500ms` or `10m`.
pub(super) mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::emulator) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*span))
    }

    pub(in crate::emulator) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        humantime::parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Serializes a positive or negative duration as text, such as `20m` or `-20m`.
pub(super) mod signed_duration {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(skew: &time::Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::write_skew(*skew))
    }

    pub(in crate::emulator) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<time::Duration, D::Error> {
        super::read_skew(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults that affect an authenticated request.
    fn active_faults(faults: &mut Faults, operation: &str) -> ActiveFaults {
        let mut active_faults = ActiveFaults::default();
        faults.apply(&mut active_faults, operation, |_| false);
        active_faults
    }

    fn spans(seed: u64) -> Vec<Duration> {
        let [at_least, at_most] = [10, 50].map(Duration::from_millis);
        let mut faults = Faults::default();
        faults
            .inject(Fault::new("*", FaultKind::Delay { at_least, at_most }).probability(1.0, seed))
            .expect("a good fault");
        (0..100).map(|_| active_faults(&mut faults, "ListQueues").delay).collect()
    }

    #[test]
    fn random_delay_is_in_range_and_seeded() {
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
    fn delays_add_up_and_other_faults_queue() {
        let second = Duration::from_secs(1);
        let delay = || Fault::new("*", FaultKind::Delay { at_least: second, at_most: second });
        let mut faults = Faults::new(&[
            Fault::refuse("ListQueues", 500, "DLI.0999", "first").times(2),
            delay(),
            Fault::new("*", FaultKind::LoseAnswer).times(1),
            delay().times(1),
        ])
        .expect("good faults");
        let mut active_faults = |operation| {
            let active_faults = active_faults(&mut faults, operation);
            (
                active_faults.refusal().map(|refusal| refusal.text),
                active_faults.kind == Some(FaultKind::LoseAnswer),
                active_faults.delay,
            )
        };
        let first = || Some("first".to_owned());
        assert_eq!(active_faults("ListQueues"), (first(), false, 2 * second));
        assert_eq!(active_faults("ShowQueue"), (None, true, second));
        assert_eq!(active_faults("ListQueues"), (first(), false, second));
        assert_eq!(active_faults("ListQueues"), (None, false, second));
    }

    /// The second clock skew waits until the first is used up. Neither is consumed by the other faults.
    #[test]
    fn clock_skew_precedes_other_faults() {
        let skew = |minutes| Fault::new("ListQueues", FaultKind::ClockSkew(time::Duration::minutes(minutes))).times(1);
        let refused = Fault::throttle("ListQueues").times(1);
        let mut faults = Faults::new(&[refused, skew(20).containing("a"), skew(-20)]).expect("good faults");
        let first = |faults: &mut Faults, operation: &str, text| {
            let active_faults = faults.apply_clock_skew(operation, |part| part == text);
            assert!(active_faults.kind.is_none());
            active_faults.skew.whole_minutes()
        };
        assert!(active_faults(&mut faults, "ListQueues").refusal().is_some());
        assert_eq!(active_faults(&mut faults, "ListQueues").skew, time::Duration::ZERO);
        assert_eq!(first(&mut faults, "ShowQueue", "a"), 0);
        assert_eq!([1, 2, 3].map(|_| first(&mut faults, "ListQueues", "a")), [20, -20, 0]);
    }

    /// The seed decides which of 1,000 requests are affected.
    #[test]
    fn probability_follows_seed() {
        let struck = |seed| -> Vec<bool> {
            let fault = Fault::new("*", FaultKind::LoseAnswer).probability(0.2, seed);
            let mut faults = Faults::new(&[fault]).expect("a good fault");
            (0..1000).map(|_| active_faults(&mut faults, "ListQueues").kind.is_some()).collect()
        };
        let count = struck(7).into_iter().filter(|struck| *struck).count();
        assert!((100..333).contains(&count), "{count} of 1000");
        assert_eq!(struck(7), struck(7));
        assert_ne!(struck(7), struck(8));
        let fault = Fault::new("*", FaultKind::LoseAnswer).probability(0.5, 1).times(3);
        let mut faults = Faults::new(&[fault]).expect("a good fault");
        let met = (0..100).filter(|_| active_faults(&mut faults, "ListQueues").kind.is_some()).count();
        assert_eq!(met, 3, "only those that meet it count");
    }

    #[test]
    fn star_matches_service_operations() {
        let meant = |pattern: &str, name| Fault::throttle(pattern).matches_operation(name);
        assert!(meant("Show*", "ShowEnhancedConnection") && meant("*Tags", "BatchCreateResourceTags"));
        assert!(meant("Show*Tags", "ShowResourceTags") && meant("*", "ListQueues"));
        assert!(!meant("Show*", "ListEnhancedConnections") && !meant("ShowQueue", "ShowQueues"));
        assert!(!meant("*", "KeystoneListProjects") && meant("KeystoneListProjects", "KeystoneListProjects"));
    }

    #[test]
    fn impossible_fault_is_rejected() {
        let error_text = |fault: Fault| fault.check().expect_err("a mistake").to_string();
        let unknown = error_text(Fault::new("CreateConnection", FaultKind::LoseAnswer));
        assert!(
            unknown.contains("\"CreateConnection\"") && unknown.contains("*, CreateEnhancedConnection, "),
            "{unknown}"
        );
        assert!(error_text(Fault::refuse("*", 200, "", "")).contains("200"));
        assert!(error_text(Fault::throttle("*").times(0)).contains("0 times"));
        for probability in [0.0, 1.1, -1.0, f64::NAN] {
            assert!(error_text(Fault::throttle("*").probability(probability, 0)).contains("probability"));
        }
        assert!(error_text(Fault::throttle("Show*Tag")).contains("Show*Tag"));
        let [at_least, at_most] = [2, 1].map(Duration::from_secs);
        assert!(error_text(Fault::new("*", FaultKind::Delay { at_least, at_most })).contains("longer"));
    }

    /// One fault of each form.
    #[test]
    fn fault_is_read_from_json() {
        let read = |text: &str| serde_json::from_str::<Fault>(text).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"trouble":"lose-answer"}"#), Ok(Fault::new("*", FaultKind::LoseAnswer)));
        assert_eq!(
            read(
                r#"{"operation":"ListQueues","containing":"a","times":2,
                "trouble":{"refuse":{"status":400,"code":"DLI.0999","text":"b"}}}"#
            ),
            Ok(Fault::refuse("ListQueues", 400, "DLI.0999", "b").times(2).containing("a"))
        );
        let delay = r#"{"trouble":{"delay":{"at_least":"10ms","at_most":"1s"}}}"#;
        let [at_least, at_most] = [10, 1000].map(Duration::from_millis);
        assert_eq!(read(delay), Ok(Fault::new("*", FaultKind::Delay { at_least, at_most })));
        let chance = r#"{"trouble":{"stale":"2s"},"probability":0.2,"seed":7}"#;
        assert_eq!(read(chance), Ok(Fault::new("*", FaultKind::Stale(Duration::from_secs(2))).probability(0.2, 7)));
        let skew = r#"{"operation":"*","containing":null,"times":null,"trouble":{"clock-skew":"-1h 30m"}}"#;
        let fault = Fault::new("*", FaultKind::ClockSkew(time::Duration::minutes(-90)));
        assert_eq!(read(skew), Ok(fault.clone()));
        let written = serde_json::to_string(&fault).expect("it writes");
        assert_eq!(written, skew.replace(' ', ""));
        assert!(read(r#"{"trouble":"lose-answer","time":1}"#).expect_err("misspelt").contains("`time`"));
        assert!(read("{}").expect_err("no trouble").contains("`trouble`"));
    }
}
