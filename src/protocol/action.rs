//! RPCs of actions. An invocation responds with its progress messages, and exactly one completion at the end.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use super::decode::decode;
use super::response::{Reply, respond};
use super::tfplugin6::invoke_action::{Event, event};
use super::tfplugin6::{self as wire, DynamicValue, invoke_action, plan_action, validate_action_config};
use super::{encode, event_stream};
use crate::framework::action::Progress;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::server::Server;

pub(super) type ActionEvents = UnboundedReceiverStream<Result<Event, Status>>;

pub(super) async fn validate(
    server: &Server,
    request: validate_action_config::Request,
) -> Reply<validate_action_config::Response> {
    respond("ValidateActionConfig", &request.type_name, async {
        let diagnostics = check(server, &request.type_name, request.config.as_ref())?;
        Ok(validate_action_config::Response { diagnostics })
    })
    .await
}

pub(super) async fn plan(server: &Server, request: plan_action::Request) -> Reply<plan_action::Response> {
    respond("PlanAction", &request.action_type, async {
        let diagnostics = check(server, &request.action_type, request.config.as_ref())?;
        Ok(plan_action::Response { diagnostics, deferred: None })
    })
    .await
}

fn check(
    server: &Server,
    type_name: &str,
    config: Option<&DynamicValue>,
) -> Result<Vec<wire::Diagnostic>, Diagnostics> {
    let config = decode(config, server.action_type(type_name)?)?;
    Ok(encode::diagnostics(server.validate_action(type_name, &config)))
}

/// Invokes an action. If the client disconnects, the action is cancelled.
pub(super) fn invoke(server: Arc<Server>, request: invoke_action::Request) -> ActionEvents {
    let (events, stream) = mpsc::unbounded_channel();
    let closed = {
        let events = events.clone();
        async move { events.closed().await }
    };
    // The receiver is gone if the client has disconnected.
    let send = move |kind| drop(events.send(Ok(Event { r#type: Some(kind) })));
    event_stream::spawn(closed, async move {
        let progress = Progress::new({
            let send = send.clone();
            move |message| send(event::Type::Progress(event::Progress { message }))
        });
        let completed = respond("InvokeAction", &request.action_type, run(&server, &request, &progress)).await;
        // Without a completion, core would report success.
        send(event::Type::Completed(completed.map(tonic::Response::into_inner).unwrap_or_default()));
    });
    UnboundedReceiverStream::new(stream)
}

async fn run(
    server: &Server,
    request: &invoke_action::Request,
    progress: &Progress,
) -> Result<event::Completed, Diagnostics> {
    let config = decode(request.config.as_ref(), server.action_type(&request.action_type)?)?;
    let diagnostics = server.invoke_action(&request.action_type, config, progress).await;
    Ok(event::Completed { diagnostics: encode::diagnostics(diagnostics) })
}
