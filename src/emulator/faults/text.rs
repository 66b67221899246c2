//! The short form of a fault, as used on the command line.
//!
//! `OPERATION:TROUBLE[=ARGUMENT][*TIMES][@PROBABILITY[/SEED]][ containing TEXT]`, such as `*:throttle@0.2/7` or
//! `Show*:stale=2s containing conn-3`. A text that ends like one of these parts requires JSON, which is accepted in
//! the same place.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::{Fault, FaultError, FaultKind};
use crate::emulator::{durations, throttle::Limit};

/// The name and argument of each fault kind.
const FAULT_KINDS: [(&str, &str); 12] = [
    ("refuse", "=STATUS,CODE,TEXT"),
    ("throttle", "[=REQUESTS/TIME]"),
    ("fail-softly", "=TEXT"),
    ("cut-request", ""),
    ("lose-answer", ""),
    ("cut-answer", ""),
    ("truncate-answer", ""),
    ("garble-answer", ""),
    ("delay", "=TIME[..TIME]"),
    ("stale", "=TIME"),
    ("slow-binding", "=TIME"),
    ("clock-skew", "=[-]TIME"),
];

/// Precedes the text that a request must contain.
const CONTAINING: &str = " containing ";

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads the short form or JSON.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let is_json = text.trim_start().starts_with('{');
        let fault: Self = if is_json { serde_json::from_str(text).map_err(invalid)? } else { short(text)? };
        fault.check()?;
        Ok(fault)
    }
}

fn invalid(error: impl fmt::Display) -> FaultError {
    FaultError(error.to_string())
}

fn short(text: &str) -> Result<Fault, FaultError> {
    let (text, containing) = match text.split_once(CONTAINING) {
        Some((text, containing)) => (text, Some(containing.to_owned())),
        None => (text, None),
    };
    let expected = "expected OPERATION:TROUBLE, such as CreateEnhancedConnection:lose-answer*1, or as JSON";
    let (operation, text) = text.split_once(':').ok_or_else(|| invalid(expected))?;
    let (text, (probability, seed)) = tail(text, '@', chance).unwrap_or((text, (1.0, 0)));
    let (text, times) = match tail(text, '*', |times| times.parse().ok()) {
        Some((text, times)) => (text, Some(times)),
        None => (text, None),
    };
    Ok(Fault { operation: operation.to_owned(), containing, times, probability, seed, kind: kind(text)? })
}

/// Splits at the last mark if `read` accepts the rest.
fn tail<T>(text: &str, mark: char, read: impl Fn(&str) -> Option<T>) -> Option<(&str, T)> {
    let (before, behind) = text.rsplit_once(mark)?;
    Some((before, read(behind)?))
}

fn chance(text: &str) -> Option<(f64, u64)> {
    let (probability, seed) = text.split_once('/').unwrap_or((text, "0"));
    Some((probability.parse().ok()?, seed.parse().ok()?))
}

/// Reads a fault kind from its JSON form, which has the same names.
fn kind(text: &str) -> Result<FaultKind, FaultError> {
    let (name, argument) = match text.split_once('=') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let is_valid = |(known, form): &(&str, &str)| {
        *known == name && if argument.is_some() { !form.is_empty() } else { !form.starts_with('=') }
    };
    if !FAULT_KINDS.iter().any(is_valid) {
        return Err(unknown_kind(text));
    }
    let value = match (name, argument) {
        ("throttle", limit) => return throttle(limit),
        ("refuse", Some(argument)) => {
            let mut parts = argument.splitn(3, ',');
            let mut next = || parts.next().unwrap_or_default();
            let (status, code, text) = (next(), next(), next());
            let status = status.parse().map_or(Value::from(status), |status: u16| status.into());
            json!({name: {"status": status, "code": code, "text": text}})
        }
        ("fail-softly", Some(text)) => json!({name: {"text": text}}),
        ("delay", Some(span)) => {
            let (at_least, at_most) = span.split_once("..").unwrap_or((span, span));
            json!({name: {"at_least": at_least, "at_most": at_most}})
        }
        (_, Some(argument)) => json!({name: argument}),
        (_, None) => name.into(),
    };
    serde_json::from_value(value).map_err(|error| invalid(format!("invalid argument of {name}: {error}")))
}

/// Reads a fault kind from JSON. `throttle`, with or without figures, is another form of `refuse`.
pub(super) fn kind_from_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FaultKind, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let entry = value.as_object().and_then(|fields| fields.iter().next());
    let name = value.as_str().or(entry.map(|(name, _)| name.as_str())).unwrap_or_default();
    if name == "throttle" {
        let limit = entry.map(|(_, limit)| limit.as_str().unwrap_or_default());
        return throttle(limit).map_err(de::Error::custom);
    }
    if !FAULT_KINDS.iter().any(|(known, _)| *known == name) {
        return Err(de::Error::custom(unknown_kind(name)));
    }
    serde_json::from_value(value).map_err(de::Error::custom)
}

/// Rejects requests with the gateway's throttling error, with the figures of `limit` or else those of production.
fn throttle(limit: Option<&str>) -> Result<FaultKind, FaultError> {
    match limit {
        None => Ok(Fault::throttle("").kind),
        Some(limit) => limit.parse::<Limit>().map(FaultKind::from).map_err(invalid),
    }
}

fn unknown_kind(text: &str) -> FaultError {
    let expected = FAULT_KINDS.map(|(name, argument)| format!("{name}{argument}")).join(", ");
    invalid(format!("unknown fault {text:?}; expected {expected}"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.kind)?;
        if let Some(times) = self.times {
            write!(f, "*{times}")?;
        }
        if self.probability < 1.0 || self.seed != 0 {
            write!(f, "@{}/{}", self.probability, self.seed)?;
        }
        self.containing.as_ref().map_or(Ok(()), |text| write!(f, "{CONTAINING}{text}"))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse { status, code, text } => write!(f, "refuse={status},{code},{text}"),
            Self::FailSoftly { text } => write!(f, "fail-softly={text}"),
            Self::Delay { at_least, at_most } => {
                write!(f, "delay={}..{}", durations::format(*at_least), durations::format(*at_most))
            }
            kind => match serde_json::to_value(kind).map_err(|_| fmt::Error)? {
                Value::Object(fields) => fields
                    .iter()
                    .try_for_each(|(name, argument)| write!(f, "{name}={}", argument.as_str().unwrap_or_default())),
                name => f.write_str(name.as_str().unwrap_or_default()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Fault {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn short_form_is_parsed() {
        let [ms, second] = [Duration::from_millis(10), Duration::from_secs(1)];
        let skew = |seconds| Fault::new("*", FaultKind::ClockSkew(time::Duration::seconds(seconds)));
        let refuse = |times: &str| Fault::refuse("ListQueues", 500, "DLI.0999", times);
        for (text, expected) in [
            ("*:lose-answer", Fault::new("*", FaultKind::LoseAnswer)),
            ("Show*:cut-request*3", Fault::new("Show*", FaultKind::CutRequest).times(3)),
            ("*:throttle@0.2/7", Fault::throttle("*").probability(0.2, 7)),
            ("*:cut-answer*2@0.5", Fault::new("*", FaultKind::CutAnswer).times(2).probability(0.5, 0)),
            ("ListQueues:refuse=500,DLI.0999,a, b*2", refuse("a, b").times(2)),
            ("ListQueues:refuse=500,DLI.0999,me@home", refuse("me@home")),
            ("ListQueues:refuse=500,DLI.0999,", refuse("")),
            ("*:fail-softly=not=now", Fault::new("*", FaultKind::FailSoftly { text: "not=now".to_owned() })),
            ("*:garble-answer containing a:b*2", Fault::new("*", FaultKind::GarbleAnswer).containing("a:b*2")),
            (
                "*:delay=10ms..1s@1/7",
                Fault::new("*", FaultKind::Delay { at_least: ms, at_most: second }).probability(1.0, 7),
            ),
            ("*:delay=1s", Fault::new("*", FaultKind::Delay { at_least: second, at_most: second })),
            ("List*:stale=1s", Fault::new("List*", FaultKind::Stale(second))),
            ("*:slow-binding=1m30s", Fault::new("*", FaultKind::SlowBinding(Duration::from_secs(90)))),
            ("*:clock-skew=20m*2@0.5", skew(1200).times(2).probability(0.5, 0)),
            ("*:clock-skew=-1h30m", skew(-5400)),
            (r#" {"trouble":"truncate-answer"}"#, Fault::new("*", FaultKind::TruncateAnswer)),
        ] {
            assert_eq!(read(text), expected, "{text}");
            assert_eq!(read(&expected.to_string()), expected, "{expected} is read back");
        }
        let FaultKind::Refuse { status: 429, code, text } = read("*:throttle=5/1s").kind else { panic!("a refusal") };
        assert_eq!(
            (code.as_str(), text.as_str()),
            (
                "APIGW.0308",
                "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 second"
            )
        );
    }

    #[test]
    fn help_lists_every_fault_kind() {
        for (name, argument) in FAULT_KINDS {
            let line = format!("\n  {name}{argument} ");
            assert!(crate::emulator::CONTROL_API.contains(&line), "the help lacks {name}{argument}");
        }
    }

    #[test]
    fn invalid_fault_is_reported() {
        for (text, said) in [
            ("lose-answer", "OPERATION:TROUBLE"),
            ("*:lose", "unknown fault \"lose\"; expected refuse=STATUS,CODE,TEXT, throttle"),
            ("*:lose-answer=1", "\"lose-answer=1\""),
            ("*:lose-answer*", "\"lose-answer*\""),
            ("*:delay", "delay=TIME"),
            ("*:delay=soon", "\"soon\""),
            ("*:clock-skew", "clock-skew=[-]TIME"),
            ("*:clock-skew=late", "\"late\""),
            ("*:refuse=ok,a,b", "\"ok\""),
            ("*:refuse=200,a,b", "200"),
            ("*:throttle=5", "\"5\""),
            ("*:lose-answer*0", "0 times"),
            ("*:lose-answer@0", "probability"),
            ("Create:lose-answer", "CreateEnhancedConnection"),
            ("{}", "missing field `trouble`"),
        ] {
            let error = text.parse::<Fault>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
