//! Responses of all RPCs. Errors and panics become diagnostics, because after a gRPC error Terraform drops the new
//! state.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use tokio_stream::Once;
use tonic::{Response, Status};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::{dynamic, encode, tfplugin6 as wire};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::server::{self, Registry};

/// The result of an RPC; `Err` is never used.
pub(super) type Reply<T> = Result<Response<T>, Status>;
pub(super) type OneMessage<T> = Once<Result<T, Status>>;

/// A response that can consist of diagnostics alone.
pub(super) trait WithDiagnostics: Default {
    fn with_diagnostics(diagnostics: Vec<wire::Diagnostic>) -> Self;
}

macro_rules! impl_with_diagnostics {
    ($($module:ident),* $(,)?) => {
        $(impl WithDiagnostics for wire::$module::Response {
            fn with_diagnostics(diagnostics: Vec<wire::Diagnostic>) -> Self {
                let mut response = Self::default();
                response.diagnostics = diagnostics;
                response
            }
        })*
    };
}

impl WithDiagnostics for wire::invoke_action::event::Completed {
    fn with_diagnostics(diagnostics: Vec<wire::Diagnostic>) -> Self {
        Self { diagnostics }
    }
}

impl_with_diagnostics! {
    get_metadata, get_provider_schema, get_resource_identity_schemas, validate_provider_config, configure_provider,
    validate_resource_config, upgrade_resource_state, upgrade_resource_identity, read_resource, plan_resource_change,
    apply_resource_change, import_resource_state, move_resource_state, generate_resource_config,
    validate_data_resource_config, read_data_source, validate_ephemeral_resource_config, open_ephemeral_resource,
    renew_ephemeral_resource, close_ephemeral_resource, validate_list_resource_config, get_functions,
    validate_action_config, plan_action, validate_state_store, configure_state_store, read_state_bytes,
    write_state_bytes, lock_state, unlock_state, get_states, delete_state,
}

/// The span of an RPC. Each log line in it has these fields, which the Go libraries use too.
///
/// `type_name` is empty if the RPC is not about one resource, data source or action.
pub(super) fn span(rpc: &str, type_name: &str) -> Span {
    let is_data_source = matches!(rpc, "ValidateDataResourceConfig" | "ReadDataSource");
    let is_action = matches!(rpc, "ValidateActionConfig" | "PlanAction" | "InvokeAction");
    let type_if = |is_kind: bool| (is_kind && !type_name.is_empty()).then_some(type_name);
    // Enabled at every level, so that the fields are on every line.
    tracing::error_span!(
        "rpc",
        tf_req_id = %Uuid::new_v4(),
        tf_rpc = rpc,
        tf_resource_type = type_if(!is_data_source && !is_action),
        tf_data_source_type = type_if(is_data_source),
        tf_action_type = type_if(is_action),
    )
}

/// Runs an RPC and turns errors and panics into diagnostics.
pub(super) async fn respond<T: WithDiagnostics>(
    rpc: &str,
    type_name: &str,
    call: impl Future<Output = Result<T, Diagnostics>>,
) -> Reply<T> {
    let span = span(rpc, type_name);
    let started = Instant::now();
    let outcome = AssertUnwindSafe(call).catch_unwind().instrument(span.clone()).await;
    span.in_scope(|| tracing::debug!(tf_req_duration_ms = started.elapsed().as_millis(), "responded"));
    let failed = |diagnostics: Diagnostics| T::with_diagnostics(encode::diagnostics(diagnostics));
    Ok(Response::new(match outcome {
        Ok(result) => result.unwrap_or_else(failed),
        Err(panic) => failed(server::panicked(panic.as_ref()).into()),
    }))
}

/// Validates a configuration and responds with the diagnostics.
pub(super) async fn validate<T: WithDiagnostics, K: ?Sized>(
    rpc: &str,
    types: &Registry<K>,
    type_name: &str,
    config: Option<&wire::DynamicValue>,
) -> Reply<T> {
    respond(rpc, type_name, async {
        let config = dynamic::decode(config, types.ty(type_name)?)?;
        Ok(T::with_diagnostics(encode::diagnostics(types.validate(type_name, &config))))
    })
    .await
}

/// Responds to an RPC for a type that this provider does not have.
pub(super) async fn unsupported<T: WithDiagnostics>(rpc: &str, kind: &str, name: &str) -> Reply<T> {
    respond(rpc, name, async { Err(server::not_in_provider(kind, name)) }).await
}

pub(super) fn one_message<T>(message: T) -> Response<OneMessage<T>> {
    Response::new(tokio_stream::once(Ok(message)))
}
