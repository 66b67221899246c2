//! Converts between values and Rust types, so that a resource uses a struct with its schema's attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::path::{Path, Step};
use super::value::Value;

/// Converts a value to a Rust type.
///
/// Core has checked the type, so a mismatch is a bug in the provider, except for unexpected nulls in a state.
pub trait FromValue: Sized {
    /// Converts `value` at `path`.
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics>;
}

/// Converts a Rust type to a value.
pub trait IntoValue {
    /// Converts it.
    fn into_value(self) -> Value;
}

/// A computed value; `None` if it is unknown or null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Computed<T>(pub Option<T>);

/// A map of strings that shares its entries with the value that it is read from: a map can have 20,000 of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringMap(Arc<BTreeMap<String, Value>>);

impl StringMap {
    /// The entries; every value is a string.
    pub fn entries(&self) -> &BTreeMap<String, Value> {
        &self.0
    }

    /// Returns the entry with this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// Returns the entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for StringMap {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(entries: T) -> Self {
        Self(Arc::new(entries.into_iter().map(|(key, text)| (key, Value::String(text))).collect()))
    }
}

/// A null element counts as absent.
impl FromValue for StringMap {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        let Value::Map(entries) = value else { return Err(mismatch("map", value, path)) };
        let is_string = |element: &Value| element.as_str().is_some();
        if entries.values().all(is_string) {
            return Ok(Self(Arc::clone(entries)));
        }
        let entries: BTreeMap<String, String> = FromValue::from_value(value, path)?;
        Ok(entries.into_iter().collect())
    }
}

impl IntoValue for StringMap {
    fn into_value(self) -> Value {
        Value::Map(self.0)
    }
}

fn mismatch(wanted: &str, value: &Value, path: &Path) -> Diagnostics {
    let found = match value {
        Value::Null => "null",
        Value::Unknown(_) => "unknown",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::List(_) | Value::Set(_) => "list or set",
        Value::Map(_) => "map or object",
        Value::Dynamic(_) => "dynamic value",
    };
    Diagnostic::bug(format!("{path}: expected {wanted}, found {found}.")).at(path.clone()).into()
}

impl FromValue for Value {
    fn from_value(value: &Value, _: &Path) -> Result<Self, Diagnostics> {
        Ok(value.clone())
    }
}

impl FromValue for String {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        value.as_str().map(str::to_owned).ok_or_else(|| mismatch("string", value, path))
    }
}

impl FromValue for bool {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        match value {
            Value::Bool(value) => Ok(*value),
            other => Err(mismatch("bool", other, path)),
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        match value {
            Value::Number(number) => number.to_i64().ok_or_else(|| mismatch("a 64-bit integer", value, path)),
            other => Err(mismatch("number", other, path)),
        }
    }
}

impl<T: Into<Value>> IntoValue for T {
    fn into_value(self) -> Value {
        self.into()
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        if value.is_null() { Ok(None) } else { T::from_value(value, path).map(Some) }
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

impl<T: FromValue> FromValue for Computed<T> {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        if value.is_unknown() { Ok(Self(None)) } else { Option::from_value(value, path).map(Self) }
    }
}

impl<T: IntoValue> IntoValue for Computed<T> {
    fn into_value(self) -> Value {
        self.0.into_value()
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        let elements = value.as_elements().ok_or_else(|| mismatch("list", value, path))?;
        let element = |(index, value)| T::from_value(value, &path.step(Step::Index(index)));
        elements.iter().enumerate().map(element).collect()
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

/// A null element counts as absent.
impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        let entries = value.as_map().ok_or_else(|| mismatch("map", value, path))?;
        let entries = entries.iter().filter(|(_, value)| !value.is_null());
        entries.map(|(key, value)| Ok((key.clone(), T::from_value(value, &path.key(key))?))).collect()
    }
}

impl<T: IntoValue> IntoValue for BTreeMap<String, T> {
    fn into_value(self) -> Value {
        Value::map(self.into_iter().map(|(key, value)| (key, value.into_value())))
    }
}

impl<T: FromValue + Ord> FromValue for BTreeSet<T> {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        let elements = value.as_elements().ok_or_else(|| mismatch("set", value, path))?;
        elements.iter().map(|value| T::from_value(value, &path.step(Step::Element(value.clone())))).collect()
    }
}

impl<T: IntoValue> IntoValue for BTreeSet<T> {
    fn into_value(self) -> Value {
        Value::set(self.into_iter().map(T::into_value))
    }
}

/// Declares a struct whose fields are the attributes of an object, with [`FromValue`] and [`IntoValue`] for it.
#[macro_export]
macro_rules! model {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field_visibility:vis $field:ident : $ty:ty ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $visibility struct $name {
            $( $(#[$field_meta])* $field_visibility $field: $ty ),*
        }

        impl $crate::framework::model::FromValue for $name {
            fn from_value(
                value: &$crate::framework::value::Value,
                path: &$crate::framework::path::Path,
            ) -> Result<Self, $crate::framework::diagnostic::Diagnostics> {
                Ok(Self {
                    $( $field: $crate::framework::model::FromValue::from_value(
                        value.get(stringify!($field)),
                        &path.field(stringify!($field)),
                    )? ),*
                })
            }
        }

        impl $crate::framework::model::IntoValue for $name {
            fn into_value(self) -> $crate::framework::value::Value {
                $crate::framework::value::Value::map([
                    $( (stringify!($field), $crate::framework::model::IntoValue::into_value(self.$field)) ),*
                ])
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::value::UNKNOWN;

    model! {
        #[derive(Debug, PartialEq)]
        struct Row {
            name: String,
            hosts: Option<BTreeMap<String, String>>,
            id: Computed<String>,
        }
    }

    fn value(hosts: Value, id: Value) -> Value {
        Value::map([("name", "a".into()), ("hosts", hosts), ("id", id)])
    }

    #[test]
    fn unknown_is_none_and_null_is_not_empty() {
        let row = Row::from_value(&value(Value::Null, UNKNOWN), &Path::root()).expect("reads");
        assert_eq!(row, Row { name: "a".into(), hosts: None, id: Computed(None) });
        let empty = Row::from_value(&value(Value::map::<String>([]), "1".into()), &Path::root()).expect("reads");
        assert_eq!(empty.hosts, Some(BTreeMap::new()));
        assert_eq!(empty.into_value(), value(Value::map::<String>([]), "1".into()));
    }

    #[test]
    fn mismatch_has_a_path() {
        let bad = value(Value::map([("h", true.into())]), Value::Null);
        let report = Row::from_value(&bad, &Path::root()).expect_err("a bool is not a string");
        let report: Vec<_> = report.into_iter().collect();
        assert_eq!(report[0].path, Path::attribute("hosts").key("h"));
        assert!(report[0].detail.starts_with(r#"hosts["h"]: expected string, found bool."#));
    }

    #[test]
    fn integers_and_lists_convert() {
        type Sizes = Vec<i64>;
        let sizes = Value::List(vec![2.into(), (-1).into()]);
        assert_eq!(Sizes::from_value(&sizes, &Path::root()), Ok(vec![2, -1]));
        assert_eq!(vec![2_i64, -1].into_value(), sizes);
        let half = Value::List(vec![2.into(), Value::Number("0.5".parse().expect("a decimal"))]);
        let report: Vec<_> =
            Sizes::from_value(&half, &Path::attribute("sizes")).expect_err("a half").into_iter().collect();
        assert_eq!(report[0].path, Path::attribute("sizes").step(Step::Index(1)));
        assert!(report[0].detail.contains("a 64-bit integer"), "{}", report[0].detail);
    }
}
