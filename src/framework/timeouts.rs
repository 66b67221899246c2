//! The `timeouts` block: the maximum duration of each operation, in Go's duration syntax.
//!
//! Terraform Core treats it as an ordinary block. The provider validates the durations and keeps them in the state
//! unchanged. The crate humantime rejects some of Go's durations (`1.0001h`, `.5s`) and accepts others (`1 week`), so
//! they are parsed here.

use std::time::Duration;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::model::{FromValue, IntoValue};
use super::path::Path;
use super::schema::{Attribute, Block, BlockBody, BlockNesting};
use super::value::Value;

/// The `timeouts` block of a resource, for a [`crate::model!`] field of that name.
///
/// An unset, unknown or invalid timeout means the default; validation reports an invalid one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeouts(Value);

impl Timeouts {
    /// Returns the block for these operations, such as `create`, with their defaults in whole seconds, below a day.
    pub fn block(operations: &[(&'static str, Duration)]) -> Block {
        let attribute = |&(name, default): &(&'static str, Duration)| {
            let default = humantime::format_duration(default).to_string().replace(' ', "");
            Attribute::string(name).validator(is_duration).description(format!(
                "How long {name} may take: a duration such as `30s`, `10m` or `1h30m`. Default `{default}`."
            ))
        };
        let attributes = operations.iter().map(attribute).collect();
        let description = "How long operations may take.".to_owned();
        let body = BlockBody { attributes, description, ..BlockBody::default() };
        Block { name: "timeouts", nesting: BlockNesting::Single, body }
    }

    /// Returns the timeout of create.
    pub fn create(&self, default: Duration) -> Duration {
        self.limit("create", default)
    }

    /// Returns the timeout of read.
    pub fn read(&self, default: Duration) -> Duration {
        self.limit("read", default)
    }

    /// Returns the timeout of update.
    pub fn update(&self, default: Duration) -> Duration {
        self.limit("update", default)
    }

    /// Returns the timeout of delete.
    pub fn delete(&self, default: Duration) -> Duration {
        self.limit("delete", default)
    }

    fn limit(&self, operation: &str, default: Duration) -> Duration {
        self.0.get(operation).as_str().and_then(parse).unwrap_or(default)
    }
}

impl FromValue for Timeouts {
    fn from_value(value: &Value, _: &Path) -> Result<Self, Diagnostics> {
        Ok(Self(value.clone()))
    }
}

impl IntoValue for Timeouts {
    fn into_value(self) -> Value {
        self.0
    }
}

/// Returns an optional attribute for a duration outside of a `timeouts` block.
pub fn duration_attribute(name: &'static str) -> Attribute {
    Attribute::string(name).validator(is_duration)
}

/// A positive duration in Go's syntax.
fn is_duration(path: &Path, value: &Value, report: &mut Diagnostics) {
    let Some(text) = value.as_str().filter(|text| parse(text).is_none()) else { return };
    let detail = format!(
        "{path} is {text:?}. It must be a positive duration: numbers, each with a unit, such as \"300ms\", \
         \"1.5h\" or \"2h45m\". Units are ns, us (or µs), ms, s, m and h."
    );
    report.push(Diagnostic::error("Invalid Timeout", detail).at(path.clone()));
}

/// Parses a positive duration as Go's `time.ParseDuration` does. Fractions of a nanosecond are dropped.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, tail) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, tail) = split_where(tail, |c| c.is_ascii_digit() || c == '.');
        let unit: u64 = match unit {
            "ns" => 1,
            // The micro sign and the Greek letter mu.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?.checked_add(fraction_of(unit, fraction)?)?;
        rest = tail;
    }
    // Go counts nanoseconds in an i64, about 292 years.
    (1..=i64::MAX.unsigned_abs()).contains(&total).then(|| Duration::from_nanos(total))
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// Returns this decimal fraction of a unit, in nanoseconds.
fn fraction_of(unit: u64, decimals: &str) -> Option<u64> {
    if !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // An hour has 13 digits of nanoseconds, so digits after the 18th add less than one nanosecond.
    let decimals = &decimals[..decimals.len().min(18)];
    let scale = 10u128.pow(u32::try_from(decimals.len()).ok()?);
    let decimals: u128 = if decimals.is_empty() { 0 } else { decimals.parse().ok()? };
    u64::try_from(decimals * u128::from(unit) / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        framework::{model::Computed, plan::plan, schema::Schema, validate::validate, value::UNKNOWN},
        model,
    };

    const MINUTE: Duration = Duration::from_mins(1);

    model! {
        #[derive(Debug, Clone, PartialEq)]
        struct Thing {
            name: String,
            id: Computed<String>,
            timeouts: Timeouts,
        }
    }

    fn schema() -> Schema {
        let attributes = vec![Attribute::string("name").required(), Attribute::string("id").computed()];
        let blocks = vec![Timeouts::block(&[("create", 90 * MINUTE), ("delete", MINUTE / 2)])];
        Schema { body: BlockBody { attributes, blocks, ..BlockBody::default() }, ..Schema::default() }
    }

    fn config(create: Value) -> Value {
        let timeouts = Value::map([("create", create), ("delete", Value::Null)]);
        Value::map([("name", "a".into()), ("id", Value::Null), ("timeouts", timeouts)])
    }

    /// Cases of Go's own test of `time.ParseDuration`, except that zero and negative durations are invalid.
    #[test]
    fn durations_parse_as_in_go() {
        for (text, nanoseconds) in [
            ("+5s", 5_000_000_000),
            ("5.6s", 5_600_000_000),
            ("5.s", 5_000_000_000),
            (".5s", 500_000_000),
            ("1.0040s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12\u{b5}s", 12_000),
            ("12\u{3bc}s", 12_000),
            ("13ms", 13_000_000),
            ("15m", 900_000_000_000),
            ("16h", 57_600_000_000_000),
            ("10.5s4m", 250_500_000_000),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006),
            ("39h9m14.425s", 140_954_425_000_000),
            ("9007199254740993ns", 9_007_199_254_740_993),
            ("9223372036854775.807us", i64::MAX.unsigned_abs()),
            ("9223372036s854ms775us807ns", i64::MAX.unsigned_abs()),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.830103483285477580700h", 2_988_372_539_827),
            ("0.500000000000000000000000000000000000000000000000s", 500_000_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanoseconds)), "{text}");
        }
        for text in [
            "",
            "3",
            "-",
            "s",
            ".",
            "-.",
            ".s",
            "+.s",
            "1d",
            "hello world",
            "9223372036854775808ns",
            "9223372036854775.808us",
            "3000000h",
            "9223372036854ms775us808ns",
            "99999999999999999999h",
            "0",
            "0s",
            "0.4ns",
            "-5s",
            "++5s",
            "5s.s",
            "6000000h",
            "0.1000000000000000000.5s",
            "1.2.3s",
            "1 h",
            " 1h",
            "1h ",
            "1H",
            "1h30",
            "1e3s",
            "1week",
            "\u{661}s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn invalid_duration_is_an_error_at_its_path() {
        let report = validate(&schema(), &config("10 minutes".into()));
        let report: Vec<_> = report.iter().collect();
        assert_eq!((report.len(), report[0].path.to_string().as_str()), (1, "timeouts.create"));
        assert!(report[0].detail.contains(r#"timeouts.create is "10 minutes""#), "{}", report[0].detail);
        assert!(report[0].detail.contains(r#""2h45m""#), "{}", report[0].detail);
        for good in ["10m".into(), UNKNOWN, Value::Null] {
            assert_eq!(validate(&schema(), &config(good)), Diagnostics::new());
        }
    }

    #[test]
    fn block_documents_operations_and_defaults() {
        let block = &schema().body.blocks[0];
        let attributes: Vec<_> = block.body.attributes.iter().map(|a| (a.name, a.description.as_str())).collect();
        assert_eq!(attributes.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["create", "delete"]);
        assert!(attributes[0].1.ends_with("Default `1h30m`."), "{}", attributes[0].1);
        assert!(attributes[1].1.ends_with("Default `30s`."), "{}", attributes[1].1);
    }

    #[test]
    fn text_is_kept_and_limits_one_operation() {
        for (create, limit) in [("120s".into(), 2 * MINUTE), (Value::Null, MINUTE), (UNKNOWN, MINUTE)] {
            let thing = Thing::from_value(&config(create.clone()), &Path::root()).expect("reads");
            assert_eq!(thing.timeouts.create(MINUTE), limit);
            assert_eq!(thing.timeouts.delete(MINUTE), MINUTE);
            assert_eq!(thing.into_value(), config(create));
        }
        let missing = Timeouts::from_value(&Value::Null, &Path::root()).expect("reads");
        assert_eq!((missing.create(MINUTE), missing.into_value()), (MINUTE, Value::Null));
        let each = ["create", "read", "update", "delete"].map(|name| (name, Value::from(format!("{}s", name.len()))));
        let timeouts = Timeouts(Value::map(each));
        let limits =
            [Timeouts::create, Timeouts::read, Timeouts::update, Timeouts::delete].map(|of| of(&timeouts, MINUTE));
        assert_eq!(limits.map(|limit| limit.as_secs()), [6, 4, 6, 6]);
    }

    /// Core rejects any other planned block.
    #[test]
    fn planned_block_equals_the_configured_one() {
        let mut prior = config("1m".into());
        prior.set_attribute("id", "1".into());
        for create in ["2m".into(), "60s".into(), Value::Null, UNKNOWN] {
            let proposed = |prior: &Value| {
                let mut proposed = config(create.clone());
                proposed.set_attribute("id", prior.get("id").clone());
                proposed
            };
            for prior in [&Value::Null, &prior] {
                let planned = plan(&schema(), prior, proposed(prior), &config(create.clone())).planned;
                assert_eq!(planned.get("timeouts"), config(create.clone()).get("timeouts"));
            }
        }
    }
}
