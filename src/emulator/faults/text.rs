//! The short form of a fault, as used on the command line.
//!
//! `OPERATION:TROUBLE[=ARGUMENT][*TIMES][@PROBABILITY[/SEED]][ containing TEXT]`, such as `*:throttle@0.2/7` or
//! `Show*:stale=2s containing conn-3`. A text that ends like one of these parts requires JSON, which is accepted in
//! the same place.

use std::{fmt, num::ParseIntError, str::FromStr, time::Duration};

use super::{Fault, FaultError, FaultKind};
use crate::emulator::{
    clock::{read_skew, write_skew},
    throttle::{Limit, LimitSyntax},
};

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

/// Why a text is not a valid fault.
#[derive(Debug, thiserror::Error)]
pub enum FaultSyntax {
    /// The colon is missing.
    #[error("expected OPERATION:TROUBLE, such as CreateEnhancedConnection:lose-answer*1, or as JSON")]
    Form,
    /// The fault kind does not exist or takes another argument.
    #[error(
        "unknown fault {0:?}; expected {names}",
        names = FAULT_KINDS.map(|(name, argument)| format!("{name}{argument}")).join(", ")
    )]
    UnknownKind(String),
    /// The duration is invalid.
    #[error("invalid duration {0:?}; expected a value such as 500ms or 2s")]
    Time(String, #[source] humantime::DurationError),
    /// The status is invalid.
    #[error("invalid HTTP status {0:?}")]
    Status(String, #[source] ParseIntError),
    /// The request limit is invalid.
    #[error(transparent)]
    Limit(#[from] LimitSyntax),
    /// The JSON is invalid.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The fault could never take effect.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl FromStr for Fault {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let fault: Self = if text.trim_start().starts_with('{') { serde_json::from_str(text)? } else { short(text)? };
        fault.check()?;
        Ok(fault)
    }
}

fn short(text: &str) -> Result<Fault, FaultSyntax> {
    let (text, containing) = match text.split_once(CONTAINING) {
        Some((text, containing)) => (text, Some(containing.to_owned())),
        None => (text, None),
    };
    let (operation, text) = text.split_once(':').ok_or(FaultSyntax::Form)?;
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

fn kind(text: &str) -> Result<FaultKind, FaultSyntax> {
    let (name, argument) = match text.split_once('=') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    match (name, argument) {
        ("refuse", Some(argument)) => {
            let mut parts = argument.splitn(3, ',');
            let mut next = || parts.next().unwrap_or_default();
            let status = next();
            let status = status.parse().map_err(|error| FaultSyntax::Status(status.to_owned(), error))?;
            Ok(FaultKind::Refuse { status, code: next().to_owned(), text: next().to_owned() })
        }
        ("throttle", None) => Ok(Fault::throttle("").kind),
        ("throttle", Some(limit)) => {
            let refusal = limit.parse::<Limit>()?.refusal();
            Ok(FaultKind::Refuse { status: refusal.status, code: refusal.code.into_owned(), text: refusal.text })
        }
        ("fail-softly", Some(text)) => Ok(FaultKind::FailSoftly { text: text.to_owned() }),
        ("cut-request", None) => Ok(FaultKind::CutRequest),
        ("lose-answer", None) => Ok(FaultKind::LoseAnswer),
        ("cut-answer", None) => Ok(FaultKind::CutAnswer),
        ("truncate-answer", None) => Ok(FaultKind::TruncateAnswer),
        ("garble-answer", None) => Ok(FaultKind::GarbleAnswer),
        ("delay", Some(span)) => {
            let (at_least, at_most) = span.split_once("..").unwrap_or((span, span));
            Ok(FaultKind::Delay { at_least: time(at_least)?, at_most: time(at_most)? })
        }
        ("stale", Some(span)) => Ok(FaultKind::Stale(time(span)?)),
        ("slow-binding", Some(span)) => Ok(FaultKind::SlowBinding(time(span)?)),
        ("clock-skew", Some(span)) => {
            let skew = read_skew(span).map_err(|error| FaultSyntax::Time(span.to_owned(), error))?;
            Ok(FaultKind::ClockSkew(skew))
        }
        _ => Err(FaultSyntax::UnknownKind(text.to_owned())),
    }
}

fn time(text: &str) -> Result<Duration, FaultSyntax> {
    humantime::parse_duration(text).map_err(|error| FaultSyntax::Time(text.to_owned(), error))
}

impl fmt::Display for Fault {
    /// Writes the short form.
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
    /// Writes the fault kind as in the short form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |span: &Duration| humantime::format_duration(*span).to_string().replace(' ', "");
        match self {
            Self::Refuse { status, code, text } => write!(f, "refuse={status},{code},{text}"),
            Self::FailSoftly { text } => write!(f, "fail-softly={text}"),
            Self::CutRequest => f.write_str("cut-request"),
            Self::LoseAnswer => f.write_str("lose-answer"),
            Self::CutAnswer => f.write_str("cut-answer"),
            Self::TruncateAnswer => f.write_str("truncate-answer"),
            Self::GarbleAnswer => f.write_str("garble-answer"),
            Self::Delay { at_least, at_most } if at_least == at_most => write!(f, "delay={}", span(at_least)),
            Self::Delay { at_least, at_most } => write!(f, "delay={}..{}", span(at_least), span(at_most)),
            Self::Stale(lag) => write!(f, "stale={}", span(lag)),
            Self::SlowBinding(delay) => write!(f, "slow-binding={}", span(delay)),
            Self::ClockSkew(skew) => write!(f, "clock-skew={}", write_skew(*skew)),
        }
    }
}

#[cfg(test)]
mod tests {
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
