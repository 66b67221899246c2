//! Troubles that are brought on: which requests meet one, how often, by what chance, and what it does to them.
//!
//! Faults are looked at once a request is believed, in the order in which they were injected. What slows a request down
//! (delays, lags, slow bindings) adds to whatever else befalls it; of the other troubles the first that matches does, and
//! the rest wait for their turn. Only a clock that is off is looked at before, because whether a request is believed hangs
//! on it. A further kind is one more variant of [`FaultKind`], its name in `text`, and one arm where the server meets it.

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

/// The name that stands for every operation of the service; those of IAM and of the metadata service are named each.
pub const ANY_OPERATION: &str = "*";

/// A trouble, and the requests that meet it.
///
/// In short it is written `OPERATION:TROUBLE[=ARGUMENT][*TIMES][@PROBABILITY[/SEED]][ containing TEXT]`, such as
/// `CreateEnhancedConnection:lose-answer*1` or `*:throttle@0.2/7`; [`std::str::FromStr`] reads that as well as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// As the service's SDKs call it, such as `CreateEnhancedConnection`, or a part of it and a star: `Show*`.
    #[serde(default = "any_operation")]
    pub operation: String,
    /// Must stand in the decoded path, the query as sent, or the body; such as a route's name or a connection's id.
    #[serde(default)]
    pub containing: Option<String>,
    /// How many requests meet it; for ever where it is `None`.
    #[serde(default)]
    pub times: Option<u32>,
    /// How likely a request that is meant meets it, from above 0 to 1.
    #[serde(default = "certain", skip_serializing_if = "is_certain")]
    pub probability: f64,
    /// Where chance begins; the same seed gives the same chances and delays in the same order.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seed: u64,
    /// What happens to them.
    #[serde(rename = "trouble")]
    pub kind: FaultKind,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
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
    /// Nothing is done, and the connection ends without an answer.
    CutRequest,
    /// The work is done and kept; then the connection ends without an answer.
    LoseAnswer,
    /// The work is done and kept; the connection ends after the first half of the answer.
    CutAnswer,
    /// The work is done and kept; the answer is the first half of its JSON, and says that this is all.
    TruncateAnswer,
    /// The work is done and kept; the answer is whole, and no JSON.
    GarbleAnswer,
    /// The answer comes later by a random time.
    Delay {
        /// The shortest time.
        #[serde(with = "duration_text")]
        at_least: Duration,
        /// The longest time.
        #[serde(with = "duration_text")]
        at_most: Duration,
    },
    /// A read sees things as they were this long ago, but not from before the fault was injected.
    Stale(#[serde(with = "duration_text")] Duration),
    /// The bindings that the request begins stay CREATING for this long.
    SlowBinding(#[serde(with = "duration_text")] Duration),
    /// The clock is so far ahead, or behind where it is negative: the request's signature is judged by it, and the `Date`
    /// of the answer follows it. What the request does and gets has the right time. A request that is refused for it has
    /// met it.
    ClockSkew(#[serde(with = "signed_duration")] time::Duration),
}

impl Fault {
    /// Befalls every request of the operation, for ever.
    pub fn new(operation: impl Into<String>, kind: FaultKind) -> Self {
        Self { operation: operation.into(), containing: None, times: None, probability: 1.0, seed: 0, kind }
    }

    /// Refuses, with nothing done.
    pub fn refuse(operation: impl Into<String>, status: u16, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(operation, FaultKind::Refuse { status, code: code.into(), text: text.into() })
    }

    /// Refuses as the gateway does a client that asks too often; the figures are those that were seen.
    pub fn throttle(operation: impl Into<String>) -> Self {
        let ApiError { status, code, text } = Limit { requests: 200, period: Duration::from_mins(5) }.refusal();
        Self::refuse(operation, status, code, text)
    }

    /// Befalls no more than this many requests.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Befalls only requests with this text in their path, query or body.
    pub fn containing(self, text: impl Into<String>) -> Self {
        Self { containing: Some(text.into()), ..self }
    }

    /// Befalls a request by this chance only.
    pub fn probability(self, probability: f64, seed: u64) -> Self {
        Self { probability, seed, ..self }
    }

    /// Whether it is for this operation.
    fn is_for(&self, name: &str) -> bool {
        match self.operation.split_once('*') {
            None => self.operation == name,
            Some((head, tail)) => {
                let rest = name.strip_prefix(head).filter(|_| routing::names().any(|known| known == name));
                rest.is_some_and(|rest| rest.ends_with(tail))
            }
        }
    }

    /// Whether it is for a request of this operation, in which `contains` finds a text.
    fn matches(&self, operation: &str, contains: impl Fn(&str) -> bool) -> bool {
        self.is_for(operation) && self.containing.as_deref().is_none_or(contains)
    }

    /// Whether a request that is meant meets it by its chance, which counts then.
    fn is_drawn(&mut self, rng: &mut Rng) -> bool {
        let met = self.probability >= 1.0 || rng.f64() < self.probability;
        self.times = self.times.map(|times| times.saturating_sub(u32::from(met)));
        met
    }

    /// A fault that could never happen is a mistake of whoever asks for it.
    fn check(&self) -> Result<(), FaultError> {
        if !routing::names().chain(routing::other_names()).any(|name| self.is_for(name)) {
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
    /// Whether it befalls a request that is not believed yet.
    fn precedes_auth(&self) -> bool {
        matches!(self, Self::ClockSkew(_))
    }

    /// Whether another one may befall the same request.
    fn is_delay(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Stale(_) | Self::SlowBinding(_))
    }
}

/// Why a fault cannot be injected.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// A misspelt operation would never be met.
    #[error("there is no operation {0:?}; there are *, {names}", names = routing::names().chain(routing::other_names()).collect::<Vec<_>>().join(", "))]
    UnknownOperation(String),
    /// Not a status of refusals.
    #[error("the status {0} is not one of a refusal, from 400 to 599")]
    Status(u16),
    /// It is to befall no request.
    #[error("a fault that happens 0 times is none")]
    Never,
    /// Never, or more often than always.
    #[error("the probability {0} is not above 0 and up to 1")]
    Probability(f64),
    /// No time lies between them.
    #[error("at_least is longer than at_most")]
    Delay,
}

/// What befalls one request.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults {
    /// How far the clock is off.
    pub(super) skew: time::Duration,
    pub(super) delay: Duration,
    /// How old a state a read sees.
    pub(super) lag: Duration,
    /// How long bindings that it begins stay CREATING.
    pub(super) binding: Option<Duration>,
    /// None of those.
    pub(super) kind: Option<FaultKind>,
}

impl ActiveFaults {
    /// The refusal that comes in the place of the work.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        match &self.kind {
            Some(FaultKind::Refuse { status, code, text }) => {
                Some(ApiError { status: *status, code: code.clone().into(), text: text.clone() })
            }
            Some(FaultKind::FailSoftly { text }) => Some(ApiError::soft(text)),
            Some(FaultKind::CutRequest) => Some(ApiError::plain(0, "the connection was cut before anything was done")),
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
        let rng = Rng::with_seed(fault.seed);
        self.0.push((fault, rng));
        Ok(())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|(fault, _)| fault)
    }

    /// How far back a read may have to see.
    pub(super) fn longest_lag(&self) -> Option<Duration> {
        let lag = |fault: &Fault| if let FaultKind::Stale(lag) = fault.kind { Some(lag) } else { None };
        self.all().filter_map(lag).max()
    }

    /// What befalls a request of this operation, in which `contains` finds a text, before it is believed.
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

    /// What else befalls it once it is believed.
    pub(super) fn active_faults(
        &mut self,
        active_faults: &mut ActiveFaults,
        operation: &str,
        contains: impl Fn(&str) -> bool,
    ) {
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

/// A span of time as people write it: `500ms`, `10m`.
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

/// The same ahead or behind: `20m`, `-20m`.
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

    /// What befalls a request that is believed.
    fn active_faults(faults: &mut Faults, operation: &str) -> ActiveFaults {
        let mut active_faults = ActiveFaults::default();
        faults.active_faults(&mut active_faults, operation, |_| false);
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

    /// Of two the second waits for its turn, and neither is met where other troubles are looked at.
    #[test]
    fn a_clock_that_is_off_comes_first() {
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

    /// A tenth to a third of 1,000, and the same ones for the same seed.
    #[test]
    fn chance_follows_the_seed() {
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
    fn a_star_stands_for_a_part_of_the_services_names() {
        let meant = |pattern: &str, name| Fault::throttle(pattern).is_for(name);
        assert!(meant("Show*", "ShowEnhancedConnection") && meant("*Tags", "BatchCreateResourceTags"));
        assert!(meant("Show*Tags", "ShowResourceTags") && meant("*", "ListQueues"));
        assert!(!meant("Show*", "ListEnhancedConnections") && !meant("ShowQueue", "ShowQueues"));
        assert!(!meant("*", "KeystoneListProjects") && meant("KeystoneListProjects", "KeystoneListProjects"));
    }

    #[test]
    fn a_fault_that_could_never_happen_is_told() {
        let told = |fault: Fault| fault.check().expect_err("a mistake").to_string();
        let unknown = told(Fault::new("CreateConnection", FaultKind::LoseAnswer));
        assert!(
            unknown.contains("\"CreateConnection\"") && unknown.contains("*, CreateEnhancedConnection, "),
            "{unknown}"
        );
        assert!(told(Fault::refuse("*", 200, "", "")).contains("200"));
        assert!(told(Fault::throttle("*").times(0)).contains("0 times"));
        for probability in [0.0, 1.1, -1.0, f64::NAN] {
            assert!(told(Fault::throttle("*").probability(probability, 0)).contains("probability"));
        }
        assert!(told(Fault::throttle("Show*Tag")).contains("Show*Tag"));
        let [at_least, at_most] = [2, 1].map(Duration::from_secs);
        assert!(told(Fault::new("*", FaultKind::Delay { at_least, at_most })).contains("longer"));
    }

    /// One of each, as somebody writes it.
    #[test]
    fn faults_are_written_in_json() {
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
