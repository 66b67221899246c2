//! The services of go-plugin: controller, stdio and broker, with health and reflection.
//!
//! Terraform opens the stdio and broker streams on every connection and uses neither.

use std::future::ready;

use futures_util::{StreamExt as _, stream};
use tonic::codegen::BoxStream;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use uuid::Uuid;

use super::shutdown::Shutdown;
use super::wire::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use super::wire::grpc_controller_server::{GrpcController, GrpcControllerServer};
use super::wire::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use super::wire::{ConnInfo, Empty, StdioData};

/// The service name that go-plugin's `Ping` checks.
const HEALTH: &str = "plugin";

/// Adds these services to the provider's. Reflection lets tools list and call them.
pub(super) async fn add_to(provider: Routes, shutdown: &Shutdown) -> Routes {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status(HEALTH, ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(super::wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("the build wrote the descriptors");
    provider
        .add_service(GrpcControllerServer::new(Controller(shutdown.clone())))
        .add_service(GrpcStdioServer::new(NoopStream(shutdown.clone())))
        .add_service(GrpcBrokerServer::new(NoopStream(shutdown.clone())))
        .add_service(health_service)
        .add_service(reflection)
}

struct Controller(Shutdown);

#[tonic::async_trait]
impl GrpcController for Controller {
    /// Responds before the process ends, because the server lets running calls finish.
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        let span = tracing::error_span!("rpc", tf_req_id = %Uuid::new_v4(), tf_rpc = "Shutdown");
        span.in_scope(|| tracing::debug!("shutting down"));
        self.0.request_by_client();
        Ok(Response::new(Empty {}))
    }
}

/// Streams without messages, open until shutdown.
struct NoopStream(Shutdown);

#[tonic::async_trait]
impl GrpcStdio for NoopStream {
    type StreamStdioStream = BoxStream<StdioData>;

    async fn stream_stdio(&self, _request: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        Ok(Response::new(Box::pin(stream::pending().take_until(self.0.requested()))))
    }
}

#[tonic::async_trait]
impl GrpcBroker for NoopStream {
    type StartStreamStream = BoxStream<ConnInfo>;

    /// Discards the client's messages and ends when the client's stream does.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<BoxStream<ConnInfo>>, Status> {
        let discarded = request.into_inner().filter_map(|_| ready(None));
        Ok(Response::new(Box::pin(discarded.take_until(self.0.requested()))))
    }
}
