//! Functions, which Terraform 1.8 and later calls as `provider::NAME::FUNCTION(...)`.

use super::types::Type;
use super::value::Value;

/// A function as data.
///
/// It is pure: it depends on its arguments alone, because Terraform calls it in a process that is not configured, and
/// again in the apply, where the result must be the same.
#[derive(Debug, Clone)]
pub struct Function {
    /// Lower-case letters, digits and underscores.
    pub name: &'static str,
    /// One line that says what it returns.
    pub summary: &'static str,
    /// Description in Markdown.
    pub description: &'static str,
    /// The positional parameters.
    pub parameters: Vec<Parameter>,
    /// Type of the result.
    pub result: Type,
    /// Computes the result. There are as many arguments as parameters, each wholly known and not null.
    pub call: fn(&[Value]) -> Result<Value, FunctionError>,
}

/// A parameter of a function. Its argument is never null.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Lower-case letters, digits and underscores.
    pub name: &'static str,
    /// Type of the argument.
    pub ty: Type,
    /// Description in Markdown.
    pub description: &'static str,
}

/// Why an argument is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// Position of the argument, from 0. OpenTofu shows an error without a position at the first argument.
    pub argument: usize,
    /// What is wrong and what to do, without a full stop: Terraform adds one.
    pub text: String,
}
