//! Signatures of functions, and calls of them. A call has no diagnostics: its only error names one argument.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::response::span;
use super::tfplugin6::{self as wire, StringKind, call_function, function};
use super::{dynamic, type_json};
use crate::framework::function::{Function, FunctionError};
use crate::framework::server::{self, Server};
use crate::framework::types::Type;
use crate::framework::value::Value;

/// Encodes the signatures of all functions by name.
pub(super) fn signatures(server: &Server) -> BTreeMap<String, wire::Function> {
    server.functions().iter().map(|function| (function.name.to_owned(), signature(function))).collect()
}

fn signature(function: &Function) -> wire::Function {
    let ty = |ty: &Type| type_json::to_json(ty).to_string().into_bytes();
    let parameter = |parameter: &crate::framework::function::Parameter| function::Parameter {
        name: parameter.name.to_owned(),
        r#type: ty(&parameter.ty),
        description: parameter.description.to_owned(),
        description_kind: StringKind::Markdown.into(),
        ..function::Parameter::default()
    };
    wire::Function {
        parameters: function.parameters.iter().map(parameter).collect(),
        r#return: Some(function::Return { r#type: ty(&function.result) }),
        summary: function.summary.to_owned(),
        description: function.description.to_owned(),
        description_kind: StringKind::Markdown.into(),
        ..wire::Function::default()
    }
}

/// Calls a function, whether the provider is configured or not.
pub(super) fn call(server: &Server, request: &call_function::Request) -> call_function::Response {
    let called = span("CallFunction", "").in_scope(|| catch_unwind(AssertUnwindSafe(|| evaluate(server, request))));
    let result = called
        .unwrap_or_else(|panic| Err(FunctionError { argument: 0, text: server::panicked(panic.as_ref()).detail }));
    match result {
        Ok(value) => call_function::Response { result: dynamic::encode(&value), error: None },
        Err(FunctionError { argument, text }) => {
            let function_argument = i64::try_from(argument).ok();
            call_function::Response { result: None, error: Some(wire::FunctionError { text, function_argument }) }
        }
    }
}

fn evaluate(server: &Server, request: &call_function::Request) -> Result<Value, FunctionError> {
    let function = server.function(&request.name)?;
    // OpenTofu sends an empty value for null.
    let arguments = request.arguments.iter().enumerate().map(|(argument, value)| {
        let Some(parameter) = function.parameters.get(argument) else { return Ok(Value::Null) };
        let unreadable = |error: super::codec::CodecError| FunctionError { argument, text: error.to_string() };
        dynamic::decode(Some(value), &parameter.ty).map_err(unreadable)
    });
    function.evaluate(&arguments.collect::<Result<Vec<_>, _>>()?)
}
