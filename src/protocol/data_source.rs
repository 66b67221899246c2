//! RPCs of data sources.

use super::decode::decode;
use super::response::{Reply, respond};
use super::tfplugin6::{read_data_source, validate_data_resource_config};
use super::{dynamic, encode};
use crate::framework::server::Server;

pub(super) async fn validate(
    server: &Server,
    request: validate_data_resource_config::Request,
) -> Reply<validate_data_resource_config::Response> {
    respond("ValidateDataResourceConfig", &request.type_name, async {
        let config = decode(request.config.as_ref(), server.data_source_type(&request.type_name)?)?;
        let diagnostics = encode::diagnostics(server.validate_data_source(&request.type_name, &config));
        Ok(validate_data_resource_config::Response { diagnostics })
    })
    .await
}

pub(super) async fn read(server: &Server, request: read_data_source::Request) -> Reply<read_data_source::Response> {
    respond("ReadDataSource", &request.type_name, async {
        let config = decode(request.config.as_ref(), server.data_source_type(&request.type_name)?)?;
        let outcome = server.read_data_source(&request.type_name, config).await;
        Ok(read_data_source::Response {
            state: dynamic::encode(&outcome.state),
            diagnostics: encode::diagnostics(outcome.diagnostics),
            deferred: None,
        })
    })
    .await
}
