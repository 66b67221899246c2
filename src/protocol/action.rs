//! Invokes actions. An invocation responds with its progress messages, and exactly one completion at the end.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use super::response::respond;
use super::tfplugin6::invoke_action::{Event, Request, event};
use super::{dynamic, encode, event_stream};
use crate::framework::action::Progress;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::server::Server;

pub(super) type ActionEvents = UnboundedReceiverStream<Result<Event, Status>>;

/// Invokes an action. If the client disconnects, the action is cancelled.
pub(super) fn invoke(server: Arc<Server>, request: Request) -> ActionEvents {
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

async fn run(server: &Server, request: &Request, progress: &Progress) -> Result<event::Completed, Diagnostics> {
    let config = dynamic::decode(request.config.as_ref(), server.actions.ty(&request.action_type)?)?;
    let diagnostics = server.invoke_action(&request.action_type, config, progress).await;
    Ok(event::Completed { diagnostics: encode::diagnostics(diagnostics) })
}
