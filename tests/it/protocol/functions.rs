//! Functions over gRPC: both lists of signatures, calls before the configuration, and errors with an argument.

use std::sync::Arc;

use async_trait::async_trait;
use terraform_provider_dli::framework::diagnostic::Diagnostics;
use terraform_provider_dli::framework::function::{Function, FunctionError, Parameter};
use terraform_provider_dli::framework::provider::Provider;
use terraform_provider_dli::framework::resource::Resource;
use terraform_provider_dli::framework::schema::Schema;
use terraform_provider_dli::framework::server::Server;
use terraform_provider_dli::framework::types::Type;
use terraform_provider_dli::framework::value::{UNKNOWN, Value};
use terraform_provider_dli::protocol::tfplugin6::provider_client::ProviderClient;
use terraform_provider_dli::protocol::tfplugin6::{self as wire, DynamicValue};
use tonic::transport::Channel;

use super::{client_of, dynamic_value};

/// A provider with one function, which panics at "panic".
struct Sample;

#[async_trait]
impl Provider for Sample {
    fn schema(&self) -> Schema {
        Schema::default()
    }

    async fn configure(&self, _: &Value) -> Result<Diagnostics, Diagnostics> {
        Ok(Diagnostics::new())
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        Vec::new()
    }

    fn functions(&self) -> Vec<Function> {
        let parameter = |name| Parameter { name, ty: Type::String, description: "A text." };
        vec![Function {
            name: "join",
            summary: "Joins two texts",
            description: "Joins two texts.",
            parameters: vec![parameter("a"), parameter("b")],
            result: Type::String,
            call: |arguments| match (arguments[0].as_str().unwrap(), arguments[1].as_str().unwrap()) {
                ("panic", _) => panic!("as requested"),
                (_, "") => Err(FunctionError { argument: 1, text: "b is empty".to_owned() }),
                (a, b) => Ok(format!("{a}{b}").into()),
            },
        }]
    }
}

/// The result, or the text of the error with its argument.
async fn call(
    provider: &mut ProviderClient<Channel>,
    name: &str,
    arguments: &[Value],
) -> Result<Option<DynamicValue>, (String, Option<i64>)> {
    let arguments = arguments.iter().filter_map(dynamic_value).collect();
    let request = wire::call_function::Request { name: name.to_owned(), arguments };
    let response = provider.call_function(request).await.unwrap().into_inner();
    match response.error {
        None => Ok(response.result),
        Some(error) => Err((error.text, error.function_argument)),
    }
}

#[tokio::test]
async fn functions_are_called_without_configuration() {
    let mut provider = client_of(Server::new(Sample)).await;
    let schema =
        provider.get_provider_schema(wire::get_provider_schema::Request::default()).await.unwrap().into_inner();
    let functions = provider.get_functions(wire::get_functions::Request::default()).await.unwrap().into_inner();
    assert_eq!(schema.functions, functions.functions, "OpenTofu asks for functions alone");
    let signature = &functions.functions["join"];
    assert_eq!(signature.r#return.as_ref().unwrap().r#type, b"\"string\"");
    let never = |parameter: &wire::function::Parameter| !parameter.allow_null_value && !parameter.allow_unknown_values;
    assert!(signature.parameters.len() == 2 && signature.parameters.iter().all(never));
    let metadata = provider.get_metadata(wire::get_metadata::Request::default()).await.unwrap().into_inner();
    assert_eq!(metadata.functions.iter().map(|function| &function.name).collect::<Vec<_>>(), ["join"]);

    assert_eq!(call(&mut provider, "join", &["a".into(), "b".into()]).await, Ok(dynamic_value(&"ab".into())));
    assert_eq!(call(&mut provider, "join", &[UNKNOWN, "b".into()]).await, Ok(dynamic_value(&UNKNOWN)));
}

/// OpenTofu shows an error without an argument at the first one.
#[tokio::test]
async fn every_error_has_an_argument() {
    let mut provider = client_of(Server::new(Sample)).await;
    for (name, arguments, words, argument) in [
        ("join", &["a".into(), "".into()][..], "b is empty", 1),
        ("join", &["a".into(), Value::Null], "b must not be null", 1),
        ("join", &["a".into()], "takes 2 argument(s), not 1", 1),
        ("join", &[], "takes 2 argument(s), not 0", 0),
        ("join", &["a".into(), "b".into(), "c".into()], "not 3", 1),
        ("join", &["panic".into(), "b".into()], "as requested", 0),
        ("join", &["a".into(), true.into()], "expected string", 1),
        ("nothing", &["a".into()], "no function \"nothing\"", 0),
    ] {
        let (text, at) = call(&mut provider, name, arguments).await.expect_err(words);
        assert!(text.contains(words) && at == Some(argument), "{words}: {text} at {at:?}");
    }
    // OpenTofu sends null as an empty value.
    let arguments = vec![DynamicValue::default(), DynamicValue::default()];
    let request = wire::call_function::Request { name: "join".to_owned(), arguments };
    let error = provider.call_function(request).await.unwrap().into_inner().error.unwrap();
    assert_eq!((error.text.as_str(), error.function_argument), ("a must not be null", Some(0)));
}
