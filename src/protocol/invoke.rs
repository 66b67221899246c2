//! The event stream of an action: its progress messages, and exactly one completion at the end.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use super::response::respond;
use super::tfplugin6::invoke_action::{Event, Request, event};
use super::{dynamic, encode};
use crate::framework::action::Progress;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::server::Server;

pub(super) type EventStream = UnboundedReceiverStream<Result<Event, Status>>;

/// Invokes an action. If the client disconnects, the action is cancelled.
pub(super) fn invoke(server: Arc<Server>, request: Request) -> EventStream {
    let (events, stream) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let send = {
            let events = events.clone();
            // The receiver is gone if the client has disconnected.
            move |kind| drop(events.send(Ok(Event { r#type: Some(kind) })))
        };
        let progress = Progress::new({
            let send = send.clone();
            move |message| send(event::Type::Progress(event::Progress { message }))
        });
        let call = respond("InvokeAction", &request.action_type, run(&server, &request, &progress));
        tokio::select! {
            // Without a completion, core would report success.
            completed = call => {
                let completed = completed.map(tonic::Response::into_inner).unwrap_or_default();
                send(event::Type::Completed(completed));
            }
            () = events.closed() => {}
        }
    });
    UnboundedReceiverStream::new(stream)
}

async fn run(server: &Server, request: &Request, progress: &Progress) -> Result<event::Completed, Diagnostics> {
    let ty = server.action_type(&request.action_type)?;
    let config =
        dynamic::decode(request.config.as_ref(), ty).map_err(|error| Diagnostics::from(Diagnostic::from(error)))?;
    let diagnostics = server.invoke_action(&request.action_type, config, progress).await;
    Ok(event::Completed { diagnostics: encode::diagnostics(diagnostics) })
}
