//! The validator trait, and validators that apply another one to keys or elements.

use super::diagnostic::Diagnostics;
use super::path::{Path, Step};
use super::value::Value;

/// Validates one attribute value. A function with these arguments is a validator.
pub trait Validator: Send + Sync {
    /// Adds the problems of `value` to `report`. `value` is known, and null only as an element of a collection.
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics);
}

impl<F: Fn(&Path, &Value, &mut Diagnostics) + Send + Sync> Validator for F {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        self(path, value, report);
    }
}

/// Applies a validator to every key of a map, except those of null elements.
#[derive(Debug)]
pub struct KeysAre<V>(pub V);

impl<V: Validator> Validator for KeysAre<V> {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        let mut text = Value::default();
        for (key, _) in value.as_map().into_iter().flatten().filter(|(_, element)| !element.is_null()) {
            match &mut text {
                Value::String(text) => key.clone_into(text),
                other => *other = Value::String(key.clone()),
            }
            check_element(&self.0, path, || Step::Key(key.clone()), &text, report);
        }
    }
}

/// Applies a validator to every known element of a map, list or set. A null element of a map counts as absent.
#[derive(Debug)]
pub struct ValuesAre<V>(pub V);

impl<V: Validator> Validator for ValuesAre<V> {
    fn check(&self, path: &Path, value: &Value, report: &mut Diagnostics) {
        for (index, element) in value.as_elements().into_iter().flatten().enumerate() {
            let step =
                || if matches!(value, Value::Set(_)) { Step::Element(element.clone()) } else { Step::Index(index) };
            check_element(&self.0, path, step, element, report);
        }
        for (key, element) in value.as_map().into_iter().flatten().filter(|(_, element)| !element.is_null()) {
            check_element(&self.0, path, || Step::Key(key.clone()), element, report);
        }
    }
}

/// Checks an element that is known. Its path is built only if there is something to report: a map can have 20,000
/// entries.
fn check_element(
    validator: &impl Validator,
    path: &Path,
    step: impl FnOnce() -> Step,
    element: &Value,
    report: &mut Diagnostics,
) {
    if element.is_unknown() {
        return;
    }
    let mut found = Diagnostics::new();
    validator.check(path, element, &mut found);
    if found.iter().next().is_some() {
        validator.check(&path.step(step()), element, report);
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
