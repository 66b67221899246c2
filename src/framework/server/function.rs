//! Calls functions.

use super::Server;
use crate::framework::function::{Function, FunctionError};
use crate::framework::value::{UNKNOWN, Value};

impl Server {
    /// Returns all functions.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Returns the function of this name.
    pub fn function(&self, name: &str) -> Result<&Function, FunctionError> {
        let found = self.functions.iter().find(|function| function.name == name);
        found.ok_or_else(|| FunctionError { argument: 0, text: format!("this provider has no function {name:?}") })
    }
}

impl Function {
    /// Calls the function with arguments of the types of its parameters. The result of an unknown argument is unknown.
    pub fn evaluate(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let expected = self.parameters.len();
        if arguments.len() != expected {
            let text = format!("{} takes {expected} argument(s), not {}", self.name, arguments.len());
            return Err(FunctionError { argument: expected.saturating_sub(1).min(arguments.len()), text });
        }
        if let Some(argument) = arguments.iter().position(Value::is_null) {
            let text = format!("{} must not be null", self.parameters[argument].name);
            return Err(FunctionError { argument, text });
        }
        if arguments.iter().all(Value::is_wholly_known) { (self.call)(arguments) } else { Ok(UNKNOWN) }
    }
}
