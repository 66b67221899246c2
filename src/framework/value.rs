//! Terraform's values: null, unknown or known, of any type.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{number::Number, types::Type};

/// A value without its type, which the schema defines.
///
/// Lists and tuples are both [`Value::List`], maps and objects both [`Value::Map`]. A set is kept sorted
/// ([`Value::set`]), so that equality does not depend on order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, derive_more::From)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Value {
    /// Null, of any type.
    #[default]
    Null,
    /// Unknown until apply, with optional refinements.
    Unknown(Option<Box<Refinement>>),
    #[from]
    Bool(bool),
    #[from(i64)]
    Number(Number),
    #[from(&str, String)]
    String(String),
    /// A list or tuple.
    List(Vec<Value>),
    /// A sorted set. Unknown elements may occur more than once.
    Set(Vec<Value>),
    /// A map, or an object with all its attributes. Clones share the entries: a map can have 20,000 of them.
    Map(Arc<BTreeMap<String, Value>>),
    /// A value of the dynamic type with its actual type.
    Dynamic(Box<(Type, Value)>),
}

/// Refinements of an unknown value (cty).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refinement {
    /// `Some(false)` means that it is not null.
    pub null: Option<bool>,
    /// Prefix of a string.
    pub prefix: Option<String>,
    /// Minimum of a number, and whether it is inclusive.
    pub lower: Option<(Number, bool)>,
    /// Maximum of a number, and whether it is inclusive.
    pub upper: Option<(Number, bool)>,
    /// Minimum number of elements of a collection.
    pub min_length: Option<i64>,
    /// Maximum number of elements of a collection.
    pub max_length: Option<i64>,
}

/// An unknown value without refinements.
pub const UNKNOWN: Value = Value::Unknown(None);

impl Value {
    /// Creates a set: sorted, without duplicates of known elements.
    pub fn set(elements: impl IntoIterator<Item = Self>) -> Self {
        let mut elements: Vec<_> = elements.into_iter().collect();
        elements.sort();
        elements.dedup_by(|a, b| a == b && a.is_wholly_known());
        Self::Set(elements)
    }

    /// Creates a map or object.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Arc::new(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is unknown itself; elements do not count.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether no part of it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::List(elements) | Self::Set(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(entries) => entries.values().all(Self::is_wholly_known),
            Self::Dynamic(typed) => typed.1.is_wholly_known(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
        }
    }

    /// Returns the string, or `None` for another kind.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the entries of a map or object.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Map(entries) => Some(entries.as_ref()),
            _ => None,
        }
    }

    /// Returns the entries of a map or object, to change them in place.
    pub fn as_map_mut(&mut self) -> Option<&mut BTreeMap<String, Self>> {
        match self {
            Self::Map(entries) => Some(Arc::make_mut(entries)),
            _ => None,
        }
    }

    /// Returns the elements of a list, tuple or set.
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self {
            Self::List(elements) | Self::Set(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the strings in a list, tuple or set.
    pub fn strings(&self) -> impl Iterator<Item = &str> {
        self.as_elements().unwrap_or_default().iter().filter_map(Self::as_str)
    }

    /// Returns the entries of a map or object; none for other values.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Self)> {
        self.as_map().into_iter().flatten()
    }

    /// Returns an attribute of an object, or null if there is none.
    pub fn get(&self, attribute: &str) -> &Self {
        const NULL: &Value = &Value::Null;
        self.as_map().and_then(|entries| entries.get(attribute)).unwrap_or(NULL)
    }

    /// Sets an attribute of an object. Does nothing for other values.
    pub fn set_attribute(&mut self, attribute: &str, value: Self) {
        if let Some(entries) = self.as_map_mut() {
            entries.insert(attribute.to_owned(), value);
        }
    }

    /// Replaces unknown parts with null.
    pub fn nullify_unknowns(&mut self) {
        match self {
            Self::Unknown(_) => *self = Self::Null,
            Self::List(elements) | Self::Set(elements) => elements.iter_mut().for_each(Self::nullify_unknowns),
            // Entries that other values share are copied only if they change.
            Self::Map(entries) if entries.values().all(Self::is_wholly_known) => {}
            Self::Map(entries) => Arc::make_mut(entries).values_mut().for_each(Self::nullify_unknowns),
            Self::Dynamic(typed) => typed.1.nullify_unknowns(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_has_no_order_and_no_duplicates() {
        assert_eq!(Value::set(["b".into(), "a".into(), "b".into()]), Value::set(["a".into(), "b".into()]));
        assert_eq!(Value::set([UNKNOWN, UNKNOWN]).as_elements().map(<[_]>::len), Some(2));
    }

    #[test]
    fn unknowns_are_found_at_any_depth() {
        let mut value = Value::map([("a", Value::List(vec![Value::map([("b", UNKNOWN)])]))]);
        assert!(!value.is_wholly_known());
        value.nullify_unknowns();
        assert_eq!(value, Value::map([("a", Value::List(vec![Value::map([("b", Value::Null)])]))]));
    }
}
