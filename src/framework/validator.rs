//! The validator trait, and validators that apply another one to keys or elements.

use std::fmt;

use super::diagnostic::Diagnostics;
use super::path::{Path, Step};
use super::value::Value;

/// Validates one attribute value.
pub trait Validator: fmt::Debug + Send + Sync {
    /// Adds the problems of `value` to `report`. `value` is known, and null only as an element of a collection.
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics);
}

/// Applies a validator to every key of a map, except those of null elements.
#[derive(Debug)]
pub struct KeysAre<V>(pub V);

impl<V: Validator> Validator for KeysAre<V> {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        for (key, _) in value.as_map().into_iter().flatten().filter(|(_, element)| !element.is_null()) {
            self.0.check(&path.key(key), &Value::String(key.clone()), report);
        }
    }
}

/// Applies a validator to every known element of a map, list or set. A null element of a map counts as absent.
#[derive(Debug)]
pub struct ValuesAre<V>(pub V);

impl<V: Validator> Validator for ValuesAre<V> {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let is_absent = |element: &Value| element.is_unknown() || (element.is_null() && value.as_map().is_some());
        for (step, element) in elements(value).into_iter().filter(|(_, element)| !is_absent(element)) {
            self.0.check(&path.step(step), element, report);
        }
    }
}

/// Returns the elements of a collection, each with its path step.
pub(super) fn elements(value: &Value) -> Vec<(Step, &Value)> {
    match value {
        Value::List(list) => list.iter().enumerate().map(|(index, v)| (Step::Index(index), v)).collect(),
        Value::Set(set) => set.iter().map(|v| (Step::Element(v.clone()), v)).collect(),
        Value::Map(map) => map.iter().map(|(key, v)| (Step::Key(key.clone()), v)).collect(),
        _ => Vec::new(),
    }
}
