//! Reads data sources.

use super::response::{Reply, respond};
use super::tfplugin6::read_data_source;
use super::{dynamic, encode};
use crate::framework::server::Server;

pub(super) async fn read(server: &Server, request: read_data_source::Request) -> Reply<read_data_source::Response> {
    respond("ReadDataSource", &request.type_name, async {
        let config = dynamic::decode(request.config.as_ref(), server.data_sources.ty(&request.type_name)?)?;
        let outcome = server.read_data_source(&request.type_name, config).await;
        Ok(read_data_source::Response {
            state: dynamic::encode(&outcome.state),
            diagnostics: encode::diagnostics(outcome.diagnostics),
            deferred: None,
        })
    })
    .await
}
