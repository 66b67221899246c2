//! Exact decimal numbers.
//!
//! Terraform's numbers are arbitrary-precision decimals. Converting 9223372036854775808 or 0.1 to `f64` changes them,
//! and core then reports an invalid plan. A number is therefore stored as decimal digits; no arithmetic is needed.

use std::{fmt, str::FromStr};

/// Maximum length of a number's text in bytes, far more than the 512 bits that Terraform supports.
const MAX_TEXT: usize = 4096;

/// Maximum number of significant digits. Sign, point and exponent fit into the rest of [`MAX_TEXT`], so every number
/// can be parsed from its own text.
const MAX_DIGITS: usize = 4000;

/// A decimal number: `±digits × 10^exponent`. Each value has one representation, so `==` compares values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, derive_more::Debug)]
#[debug("{self}")]
pub struct Number {
    negative: bool,
    /// Without leading or trailing zeros; empty for zero.
    digits: String,
    exponent: i64,
}

/// The error for text that is not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal number")]
pub struct NotANumber(String);

impl Number {
    /// Returns the exact value of a double, or `None` for infinities and NaN.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        // Every finite double has at most 1074 fractional digits.
        value.is_finite().then(|| format!("{value:.1074}").parse().expect("a finite double prints as a decimal"))
    }

    /// Returns the value as an integer if it is one and fits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        // More than 19 digits cannot fit; this also limits the exponent.
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| self.digits.len() + zeros <= 19)?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{}", if self.digits.is_empty() { "0" } else { &self.digits }, "0".repeat(zeros)).parse().ok()
    }
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let invalid = || NotANumber(text.chars().take(64).collect());
        if text.len() > MAX_TEXT {
            return Err(invalid());
        }
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| invalid())?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        let significant = digits.trim_end_matches('0');
        let dropped = digits.len() - significant.len();
        let shift =
            i64::try_from(dropped).and_then(|up| Ok(up - i64::try_from(fraction.len())?)).map_err(|_| invalid())?;
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        // The exponent of the normalized number can be larger than the one in this text.
        let exponent = i32::try_from(i64::from(exponent) + shift).map_err(|_| invalid())?;
        if significant.len() > MAX_DIGITS {
            return Err(invalid());
        }
        Ok(Self { negative, digits: significant.to_owned(), exponent: i64::from(exponent) })
    }
}

impl<T: Into<i128>> From<T> for Number {
    fn from(value: T) -> Self {
        value.into().to_string().parse().expect("an integer prints as a decimal")
    }
}

/// Formats small numbers as plain digits and others in scientific notation. Both parse to the same number.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PLAIN: i64 = 64;
        let sign = if self.negative { "-" } else { "" };
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let point = length.saturating_add(self.exponent);
        if self.digits.is_empty() {
            f.write_str("0")
        } else if (0..=PLAIN).contains(&self.exponent) {
            write!(f, "{sign}{}{}", self.digits, "0".repeat(usize::try_from(self.exponent).unwrap_or(0)))
        } else if self.exponent < 0 && point > 0 {
            let (whole, fraction) = self.digits.split_at(usize::try_from(point).unwrap_or(0));
            write!(f, "{sign}{whole}.{fraction}")
        } else if self.exponent < 0 && point > -PLAIN {
            write!(f, "{sign}0.{}{}", "0".repeat(usize::try_from(-point).unwrap_or(0)), self.digits)
        } else {
            write!(f, "{sign}{}e{}", self.digits, self.exponent)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        text.parse().expect(text)
    }

    #[test]
    fn equal_values_have_one_representation() {
        for (a, b) in [("1.50", "1.5"), ("100", "1e2"), ("-0", "0"), ("0.10", "1E-1"), ("007", "7"), ("+3", "3")] {
            assert_eq!(number(a), number(b), "{a} {b}");
        }
        assert_ne!(number("1"), number("-1"));
        assert_ne!(number("9223372036854775808"), number("9223372036854775807"));
    }

    #[test]
    fn text_round_trips() {
        for text in
            ["0", "-7", "0.1", "1.5", "9223372036854775808", "3.14159265358979323846", "-0.001", "12e70", "5e-100"]
        {
            assert_eq!(number(text).to_string(), text);
        }
    }

    #[test]
    fn invalid_text_is_rejected() {
        for text in ["", "-", ".", "e5", "1e", "0x10", "1_000", "Infinity", "NaN", "1.2.3", "１"] {
            assert!(text.parse::<Number>().is_err(), "{text:?}");
        }
        assert!("0".repeat(MAX_TEXT + 1).parse::<Number>().is_err());
        assert!("1".repeat(MAX_DIGITS + 1).parse::<Number>().is_err());
        for text in ["10e2147483647", "0.1e-2147483648"] {
            assert!(text.parse::<Number>().is_err(), "its own text would be invalid: {text}");
        }
    }

    #[test]
    fn longest_numbers_round_trip() {
        let nines = "9".repeat(MAX_DIGITS);
        for text in [format!("-.{nines}"), format!("-{nines}e64"), format!("-{nines}e-4063"), format!("-{nines}e-9999")]
        {
            assert_eq!(number(&number(&text).to_string()), number(&text));
        }
    }

    #[test]
    fn to_i64_requires_an_integer_in_range() {
        assert_eq!(number("9223372036854775807").to_i64(), Some(i64::MAX));
        assert_eq!(number("-9223372036854775808").to_i64(), Some(i64::MIN));
        assert_eq!(number("9223372036854775808").to_i64(), None);
        assert_eq!(number("1.5").to_i64(), None);
        assert_eq!(number("1e2000000000").to_i64(), None);
        assert_eq!(number("0").to_i64(), Some(0));
    }

    /// 2^-60 has 60 fractional digits. The shortest text of the same double is another number.
    #[test]
    fn double_converts_exactly() {
        let exact = "0.000000000000000000867361737988403547205962240695953369140625";
        assert_eq!(Number::from_f64(2f64.powi(-60)), Some(number(exact)));
        assert_eq!(Number::from_f64(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn any_number_round_trips(digits in "-?[0-9]{1,40}(\\.[0-9]{1,40})?(e-?[0-9]{1,3})?") {
            let first = number(&digits);
            prop_assert_eq!(number(&first.to_string()), first);
        }

        #[test]
        fn any_integer_round_trips(value: i64) {
            prop_assert_eq!(Number::from(value).to_i64(), Some(value));
        }
    }
}
