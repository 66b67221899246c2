//! RPCs of list resources. A list responds with its objects and warnings as they come, and at most one error at the
//! end.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::Map;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument as _;

use super::decode::decode;
use super::response::{Reply, respond, span};
use super::tfplugin6::list_resource::{Event, Request};
use super::tfplugin6::validate_list_resource_config;
use super::{dynamic, encode, event_stream};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::list_resource::ListEvent;
use crate::framework::server::Server;

pub(super) type ListEvents = Map<ReceiverStream<ListEvent>, fn(ListEvent) -> Result<Event, Status>>;

/// The number of objects that are ready before the client takes them. One can have 20,000 host records.
const CAPACITY: usize = 16;

pub(super) async fn validate(
    server: &Server,
    request: validate_list_resource_config::Request,
) -> Reply<validate_list_resource_config::Response> {
    respond("ValidateListResourceConfig", &request.type_name, async {
        let config = decode(request.config.as_ref(), server.list_resource_type(&request.type_name)?)?;
        let diagnostics = encode::diagnostics(server.validate_list_resource(&request.type_name, &config));
        Ok(validate_list_resource_config::Response { diagnostics })
    })
    .await
}

/// Lists objects. Core ends the call once it has as many as it wants; the list is cancelled then.
pub(super) fn list(server: Arc<Server>, request: Request) -> ListEvents {
    let (events, stream) = mpsc::channel(CAPACITY);
    let span = span("ListResource", &request.type_name);
    let closed = {
        let events = events.clone();
        async move { events.closed().await }
    };
    let work = async move {
        let errors = run(&server, &request, events.clone()).await;
        if errors.iter().next().is_some() {
            // The receiver is gone if the client has ended the call.
            let _ = events.send(ListEvent::Diagnostics(errors)).await;
        }
    };
    event_stream::spawn(closed, work.instrument(span));
    ReceiverStream::new(stream).map(|event| Ok(encode(event)))
}

async fn run(server: &Server, request: &Request, events: mpsc::Sender<ListEvent>) -> Diagnostics {
    let Request { type_name, config, include_resource_object, limit } = request;
    match server.list_resource_type(type_name).and_then(|ty| decode(config.as_ref(), ty)) {
        Ok(config) => server.list(type_name, config, (*include_resource_object, *limit), events).await,
        Err(errors) => errors,
    }
}

fn encode(event: ListEvent) -> Event {
    match event {
        ListEvent::Item(item) => Event {
            identity: encode::identity(&item.identity),
            display_name: item.display_name,
            resource_object: (!item.resource.is_null()).then(|| dynamic::encode(&item.resource)).flatten(),
            diagnostic: Vec::new(),
        },
        ListEvent::Diagnostics(diagnostics) => {
            Event { diagnostic: encode::diagnostics(diagnostics), ..Event::default() }
        }
    }
}
