//! Reads data sources, and checks the result against the configuration.

use super::{ResourceResponse, Server, catch_panic};
use crate::framework::data_source::DataRequest;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::plan::{apply_default, keep_equivalent};
use crate::framework::resource::ResponseState;
use crate::framework::schema::Schema;
use crate::framework::validate::validate;
use crate::framework::value::Value;

impl Server {
    /// Reads a data source. On error the state is null.
    pub async fn read_data_source(&self, type_name: &str, mut config: Value) -> ResourceResponse {
        let registered = match self.data_sources.get(type_name) {
            Ok(registered) => registered,
            Err(diagnostics) => return ResourceResponse { diagnostics, ..ResourceResponse::default() },
        };
        // Values that were unknown during validation are known now.
        let faults = validate(&registered.schema, &config);
        if faults.has_errors() {
            return ResourceResponse { diagnostics: faults, ..ResourceResponse::default() };
        }
        for attribute in &registered.schema.body.attributes {
            let configured = config.get(attribute.name).clone();
            apply_default(attribute, &configured, &mut config);
        }
        let stop = self.stop_token();
        let mut response = ResponseState::default();
        let request = DataRequest { config: &config, stop: &stop };
        let result = catch_panic(registered.implementation.read(request, &mut response)).await;
        let (mut state, _, mut diagnostics) = response.into_parts();
        diagnostics.extend(match result {
            Err(errors) => errors,
            Ok(()) => check_result_against_config(&registered.schema, type_name, &config, &mut state),
        });
        if diagnostics.has_errors() {
            state = Value::Null;
        }
        ResourceResponse { state, diagnostics, ..ResourceResponse::default() }
    }
}

/// Reports unknown values in a result, and differences from the configuration.
fn check_result_against_config(schema: &Schema, type_name: &str, config: &Value, state: &mut Value) -> Diagnostics {
    if state.is_null() {
        return Diagnostic::bug(format!("The read of {type_name} succeeded, but it left no state.")).into();
    }
    let mut report = Diagnostics::new();
    for attribute in &schema.body.attributes {
        keep_equivalent(attribute, config, state);
        let (configured, read) = (config.get(attribute.name), state.get(attribute.name));
        if (!attribute.is_computed() || !configured.is_null()) && configured != read {
            report.push(broken(type_name, attribute.name, "is not what is configured"));
        } else if !read.is_wholly_known() {
            report.push(broken(type_name, attribute.name, "is not decided"));
        }
    }
    for block in &schema.body.blocks {
        if config.get(block.name) != state.get(block.name) {
            report.push(broken(type_name, block.name, "is not what is configured"));
        }
    }
    report
}

fn broken(type_name: &str, name: &str, how: &str) -> Diagnostic {
    Diagnostic::bug(format!("{name} of the {type_name} {how}.")).at(Path::attribute(name))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::*;
    use crate::framework::{
        data_source::DataSource,
        provider::Provider,
        resource::Resource,
        schema::{Attribute, Block, BlockBody, BlockNesting},
        value::UNKNOWN,
    };

    /// Returns its configuration with these values.
    struct Lookup(Vec<(&'static str, Value)>);

    #[async_trait]
    impl DataSource for Lookup {
        fn type_name(&self) -> &'static str {
            "test_lookup"
        }

        fn schema(&self) -> Schema {
            let attributes = vec![
                Attribute::string("name").required().semantic_equality(|a, b| {
                    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
                }),
                Attribute::string("filter"),
                Attribute::string("status").default("any"),
                Attribute::string("id").computed(),
            ];
            let inner = BlockBody { attributes: vec![Attribute::string("read")], ..BlockBody::default() };
            let blocks = vec![Block { name: "timeouts", nesting: BlockNesting::Single, body: inner }];
            Schema { body: BlockBody { attributes, blocks, ..BlockBody::default() }, ..Schema::default() }
        }

        async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
            let mut state = request.config.clone();
            for (name, value) in &self.0 {
                match *name {
                    "warn" => response.add_warning(Diagnostic::warning("Read Twice", "")),
                    "fail" => return Err(Diagnostic::error("Not Found", "").into()),
                    "panic" => panic!("as requested"),
                    "nothing" => return Ok(()),
                    _ => state.set_attribute(name, value.clone()),
                }
                response.set_state(state.clone());
            }
            Ok(())
        }
    }

    struct TestProvider(Arc<Lookup>);

    #[async_trait]
    impl Provider for TestProvider {
        fn schema(&self) -> Schema {
            Schema::default()
        }

        async fn configure(&self, _: &Value) -> Result<Diagnostics, Diagnostics> {
            Ok(Diagnostics::new())
        }

        fn resources(&self) -> Vec<Arc<dyn Resource>> {
            Vec::new()
        }

        fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
            vec![Arc::<Lookup>::clone(&self.0)]
        }
    }

    fn config(name: Value) -> Value {
        let mut config = Lookup(Vec::new()).schema().empty();
        config.set_attribute("name", name);
        config
    }

    async fn read(config: Value, saved: &[(&'static str, Value)]) -> (Value, Vec<String>) {
        let server = Server::new(TestProvider(Arc::new(Lookup(saved.to_vec()))));
        let ResourceResponse { state, diagnostics, .. } = server.read_data_source("test_lookup", config).await;
        (state, diagnostics.iter().map(|d| format!("{}: {}", d.path, d.summary)).collect())
    }

    #[tokio::test]
    async fn read_returns_configured_and_found_values() {
        let (state, messages) =
            read(config("a".into()), &[("name", "A".into()), ("id", "1".into()), ("warn", true.into())]).await;
        let mut expected = config("a".into());
        expected.set_attribute("status", "any".into());
        expected.set_attribute("id", "1".into());
        assert_eq!((state, messages), (expected, vec![": Read Twice".to_owned()]));
    }

    #[tokio::test]
    async fn invalid_or_contradicting_result_is_a_bug() {
        let cases: [(&'static str, Value, &str); 7] = [
            ("nothing", Value::Null, ": Bug in the Provider"),
            ("panic", Value::Null, ": Bug in the Provider"),
            ("id", UNKNOWN, "id: Bug in the Provider"),
            ("name", "b".into(), "name: Bug in the Provider"),
            ("filter", "b".into(), "filter: Bug in the Provider"),
            ("status", Value::Null, "status: Bug in the Provider"),
            ("timeouts", Value::map([("read", Value::Null)]), "timeouts: Bug in the Provider"),
        ];
        for (name, value, messages) in cases {
            assert_eq!(
                read(config("a".into()), &[(name, value)]).await,
                (Value::Null, vec![messages.to_owned()]),
                "{name}"
            );
        }
    }

    #[tokio::test]
    async fn failed_read_has_no_state_but_its_warnings() {
        let (state, messages) = read(config("a".into()), &[("warn", true.into()), ("fail", true.into())]).await;
        assert_eq!((state, messages), (Value::Null, vec![": Read Twice".to_owned(), ": Not Found".to_owned()]));
    }

    #[tokio::test]
    async fn config_is_validated_again_before_the_read() {
        let server = Server::new(TestProvider(Arc::new(Lookup(Vec::new()))));
        assert!(!server.data_sources.validate("test_lookup", &config(UNKNOWN)).has_errors());
        assert!(server.data_sources.validate("test_lookup", &config(Value::Null)).has_errors());
        assert!(server.data_sources.validate("test_other", &config("a".into())).has_errors());
        let (state, messages) = read(config(Value::Null), &[("panic", true.into())]).await;
        assert_eq!((state, messages), (Value::Null, vec!["name: Missing Required Attribute".to_owned()]));
    }
}
