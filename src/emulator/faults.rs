//! Fault injection: which requests a fault affects, how often, and what it does.
//!
//! Faults are applied after authentication, in the order in which they were injected. Delays, stale reads and slow
//! bindings accumulate. Of the other kinds only the first match applies to a request. Clock skew is applied before
//! authentication because it decides whether the signature is valid. To add a kind, add a variant to [`FaultKind`],
//! its name in `text`, and its effect in `pipeline` or `server`.

mod text;

use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::operation::{is_of_credentials, operation_name};
use super::{api_error::ApiError, durations, throttle::Limit};
use crate::dli::operation::Operation;

/// A fault and the requests that it affects.
///
/// The short form is `OPERATION:TROUBLE[=ARGUMENT][*TIMES][@PROBABILITY[/SEED]][ containing TEXT]`, such as
/// `CreateEnhancedConnection:lose-answer*1` or `*:throttle@0.2/7`. [`std::str::FromStr`] reads the short form and
/// JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Operation name in the SDKs, such as `CreateEnhancedConnection`, or a pattern with one star, such as `Show*`.
    /// Patterns do not match operations of IAM and of the metadata service.
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
    #[serde(rename = "trouble", deserialize_with = "text::kind_from_json")]
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
        #[serde(with = "durations::unsigned")]
        at_least: Duration,
        /// Maximum delay.
        #[serde(with = "durations::unsigned")]
        at_most: Duration,
    },
    /// Answers a read with the state from this long ago, but no older than the injection of the fault.
    Stale(#[serde(with = "durations::unsigned")] Duration),
    /// Keeps the bindings created by the request in CREATING for this long.
    SlowBinding(#[serde(with = "durations::unsigned")] Duration),
    /// Moves the clock for one request, forward or backward. The signature check and the `Date` header use the moved
    /// clock; timestamps of resources do not. A request rejected because of the skew counts as affected.
    ClockSkew(#[serde(with = "durations::signed")] time::Duration),
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
        Self::new(operation, Limit { requests: 200, period: Duration::from_mins(5) }.into())
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
                let rest = name.strip_prefix(head);
                rest.is_some_and(|rest| rest.ends_with(tail)) && !is_of_credentials(name)
            }
        }
    }

    /// Draws whether a matching request is affected, and counts it.
    fn is_drawn(&mut self, rng: &mut Rng) -> bool {
        let is_drawn = self.probability >= 1.0 || rng.f64() < self.probability;
        self.times = self.times.map(|times| times.saturating_sub(u32::from(is_drawn)));
        is_drawn
    }

    /// Rejects a fault that could never take effect.
    fn check(&self) -> Result<(), FaultError> {
        let names = || Operation::value_variants().iter().copied().map(operation_name);
        let problem = match &self.kind {
            _ if !names().any(|name| self.matches_operation(name)) => {
                let names = names().collect::<Vec<_>>().join(", ");
                format!("unknown operation {:?}; expected *, {names}", self.operation)
            }
            _ if !(self.probability > 0.0 && self.probability <= 1.0) => {
                format!("invalid probability {}; expected a number above 0 and at most 1", self.probability)
            }
            _ if self.times == Some(0) => "a fault must occur at least once, not 0 times".to_owned(),
            FaultKind::Refuse { status, .. } if !(400..600).contains(status) => {
                format!("invalid status {status}; expected 400 to 599")
            }
            FaultKind::Delay { at_least, at_most } if at_least > at_most => {
                "at_least must not be longer than at_most".to_owned()
            }
            _ => return Ok(()),
        };
        Err(FaultError(problem))
    }
}

impl FaultKind {
    /// Whether the fault only delays, so that another one may affect the same request.
    fn is_delay(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Stale(_) | Self::SlowBinding(_))
    }
}

impl From<Limit> for FaultKind {
    /// Rejects requests with the gateway's throttling error.
    fn from(limit: Limit) -> Self {
        let ApiError { status, code, text } = limit.throttling_error();
        Self::Refuse { status, code: code.into_owned(), text }
    }
}

/// Why a fault is invalid.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FaultError(String);

/// The faults that affect one request.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults {
    pub(super) skew: time::Duration,
    pub(super) delay: Duration,
    /// Age of the state that a read returns.
    pub(super) lag: Duration,
    /// How long bindings created by the request stay CREATING.
    pub(super) binding_delay: Option<Duration>,
    /// The fault that is neither a delay nor a clock skew.
    pub(super) kind: Option<FaultKind>,
}

impl ActiveFaults {
    pub(super) fn error(&self) -> Option<ApiError> {
        match &self.kind {
            Some(FaultKind::Refuse { status, code, text }) => {
                Some(ApiError { status: *status, code: code.clone().into(), text: text.clone() })
            }
            Some(FaultKind::FailSoftly { text }) => Some(ApiError::soft_failure(text)),
            Some(FaultKind::CutRequest) => {
                Some(ApiError::plain_text(0, "the connection was closed before the request ran"))
            }
            _ => None,
        }
    }
}

/// The active faults in the order in which they were injected.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    active: Vec<InjectedFault>,
    /// Number of injected faults.
    count: u64,
}

#[derive(Debug, Clone)]
struct InjectedFault {
    id: u64,
    fault: Fault,
    rng: Rng,
}

impl Faults {
    pub(super) fn new(faults: &[Fault]) -> Result<Self, FaultError> {
        let mut all = Self::default();
        faults.iter().try_for_each(|fault| all.inject(fault.clone()).map(drop))?;
        Ok(all)
    }

    /// Adds a fault and returns the number by which it can be removed.
    pub(super) fn inject(&mut self, fault: Fault) -> Result<u64, FaultError> {
        fault.check()?;
        self.count += 1;
        self.active.push(InjectedFault { id: self.count, rng: Rng::with_seed(fault.seed), fault });
        Ok(self.count)
    }

    /// Removes a fault, and returns whether it was active.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|injected| injected.id != id);
        self.active.len() < before
    }

    /// Removes all faults. Numbers are not used again.
    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    /// The active faults with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Fault)> {
        self.active.iter().map(|injected| (injected.id, &injected.fault))
    }

    /// Age of the oldest state that a read may need.
    pub(super) fn longest_lag(&self) -> Option<Duration> {
        let lag = |fault: &Fault| if let FaultKind::Stale(lag) = fault.kind { Some(lag) } else { None };
        self.numbered().filter_map(|(_, fault)| lag(fault)).max()
    }

    /// Applies the faults to a request in two steps: clock skew before authentication, all others after it. `contains`
    /// searches the request for a text.
    pub(super) fn apply(
        &mut self,
        active: &mut ActiveFaults,
        is_authenticated: bool,
        operation: &str,
        contains: impl Fn(&str) -> bool,
    ) {
        for InjectedFault { fault, rng, .. } in &mut self.active {
            let waits = match &fault.kind {
                FaultKind::ClockSkew(_) => is_authenticated || !active.skew.is_zero(),
                kind => !is_authenticated || (active.kind.is_some() && !kind.is_delay()),
            };
            if waits
                || !fault.matches_operation(operation)
                || !fault.containing.as_deref().is_none_or(&contains)
                || !fault.is_drawn(rng)
            {
                continue;
            }
            match &fault.kind {
                FaultKind::ClockSkew(skew) => active.skew = *skew,
                FaultKind::Delay { at_least, at_most } => {
                    let extra = at_most.saturating_sub(*at_least).mul_f64(rng.f64());
                    active.delay = active.delay.saturating_add(*at_least + extra);
                }
                FaultKind::Stale(lag) => active.lag = active.lag.max(*lag),
                FaultKind::SlowBinding(delay) => active.binding_delay = active.binding_delay.max(Some(*delay)),
                kind => active.kind = Some(kind.clone()),
            }
        }
        self.active.retain(|injected| injected.fault.times != Some(0));
    }
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
    "*".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults that affect an authenticated request.
    fn active_faults(faults: &mut Faults, operation: &str) -> ActiveFaults {
        let mut active = ActiveFaults::default();
        faults.apply(&mut active, true, operation, |_| false);
        active
    }

    fn spans(seed: u64) -> Vec<Duration> {
        let [at_least, at_most] = [10, 50].map(Duration::from_millis);
        let mut faults = Faults::default();
        faults
            .inject(Fault::new("*", FaultKind::Delay { at_least, at_most }).probability(1.0, seed))
            .expect("a valid fault");
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
        .expect("valid faults");
        let mut active_faults = |operation| {
            let active_faults = active_faults(&mut faults, operation);
            (
                active_faults.error().map(|error| error.text),
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
        let throttled = Fault::throttle("ListQueues").times(1);
        let mut faults = Faults::new(&[throttled, skew(20).containing("a"), skew(-20)]).expect("valid faults");
        let first = |faults: &mut Faults, operation: &str, text| {
            let mut active = ActiveFaults::default();
            faults.apply(&mut active, false, operation, |part| part == text);
            assert!(active.kind.is_none());
            active.skew.whole_minutes()
        };
        assert!(active_faults(&mut faults, "ListQueues").error().is_some());
        assert_eq!(active_faults(&mut faults, "ListQueues").skew, time::Duration::ZERO);
        assert_eq!(first(&mut faults, "ShowQueue", "a"), 0);
        assert_eq!([1, 2, 3].map(|_| first(&mut faults, "ListQueues", "a")), [20, -20, 0]);
    }

    /// The seed decides which of 1,000 requests are affected.
    #[test]
    fn probability_follows_seed() {
        let drawn = |seed| -> Vec<bool> {
            let fault = Fault::new("*", FaultKind::LoseAnswer).probability(0.2, seed);
            let mut faults = Faults::new(&[fault]).expect("a valid fault");
            (0..1000).map(|_| active_faults(&mut faults, "ListQueues").kind.is_some()).collect()
        };
        let count = drawn(7).into_iter().filter(|is_drawn| *is_drawn).count();
        assert!((100..333).contains(&count), "{count} of 1000");
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let fault = Fault::new("*", FaultKind::LoseAnswer).probability(0.5, 1).times(3);
        let mut faults = Faults::new(&[fault]).expect("a valid fault");
        let affected = (0..100).filter(|_| active_faults(&mut faults, "ListQueues").kind.is_some()).count();
        assert_eq!(affected, 3, "only affected requests count");
    }

    #[test]
    fn star_matches_service_operations() {
        let matches = |pattern: &str, name| Fault::throttle(pattern).matches_operation(name);
        assert!(matches("Show*", "ShowEnhancedConnection") && matches("*Tags", "BatchCreateResourceTags"));
        assert!(matches("Show*Tags", "ShowResourceTags") && matches("*", "ListQueues"));
        assert!(matches("ShowVpc*", "ShowVpcV3") && matches("*Subnets", "ListSubnets"));
        assert!(!matches("Show*", "ListEnhancedConnections") && !matches("ShowQueue", "ShowQueues"));
        assert!(!matches("*", "KeystoneListProjects") && matches("KeystoneListProjects", "KeystoneListProjects"));
    }

    #[test]
    fn impossible_fault_is_rejected() {
        let error_text = |fault: Fault| fault.check().expect_err("an invalid fault").to_string();
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
        assert_eq!(read(r#"{"trouble":"throttle"}"#), Ok(Fault::throttle("*")));
        let five = FaultKind::from(Limit { requests: 5, period: Duration::from_secs(1) });
        assert_eq!(read(r#"{"trouble":{"throttle":"5/1s"}}"#), Ok(Fault::new("*", five)));
        assert!(read(r#"{"trouble":{"throttle":"5"}}"#).expect_err("invalid limit").contains("invalid limit \"5\""));
        let unknown = read(r#"{"trouble":"throttl"}"#).expect_err("unknown fault");
        assert!(unknown.contains("unknown fault \"throttl\"; expected refuse=STATUS,CODE,TEXT, throttle"), "{unknown}");
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
        assert!(read(r#"{"trouble":"lose-answer","time":1}"#).expect_err("unknown field").contains("`time`"));
        assert!(read("{}").expect_err("missing field").contains("`trouble`"));
    }
}
