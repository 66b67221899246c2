//! Shared parts of the two codecs of cty values: the error and the depth limit.

use std::fmt;

use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::{Path, Step};
use crate::framework::types::Type;
use crate::framework::value::Value;

/// Maximum nesting of a value. Only values of the dynamic type, which carry their own type, can reach it.
pub(super) const MAX_DEPTH: usize = 128;

/// The bytes are not a value of the expected type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError {
    /// From the innermost step outwards.
    steps: Vec<Step>,
    problem: String,
}

impl CodecError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { steps: Vec::new(), problem: problem.into() }
    }

    pub(super) fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// The type of an element of a tuple.
pub(super) fn element_type(types: &[Type], index: usize) -> Result<&Type, CodecError> {
    types.get(index).ok_or_else(|| CodecError::new("the tuple has fewer elements"))
}

/// Requires that a tuple has all its elements.
pub(super) fn whole_tuple(types: &[Type], elements: Vec<Value>) -> Result<Value, CodecError> {
    if elements.len() < types.len() {
        return Err(CodecError::new(format!("a tuple of {} has {} elements", types.len(), elements.len())));
    }
    Ok(Value::List(elements))
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.steps.iter().rev().fold(Path::root(), |path, step| path.step(step.clone()));
        if self.steps.is_empty() { f.write_str(&self.problem) } else { write!(f, "{path}: {}", self.problem) }
    }
}

impl std::error::Error for CodecError {}

impl From<CodecError> for Diagnostics {
    fn from(error: CodecError) -> Self {
        let text = format!(
            "A value does not have the form that this version of the provider expects: {error}.\n\nWhere it comes \
             from a state file, the file was changed by hand or written by another version of the provider."
        );
        Diagnostic::error("Unreadable Value", text).into()
    }
}
