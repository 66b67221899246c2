//! Lists objects. A list responds with its objects and warnings as they come, and at most one error at the
//! end.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::Map;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument as _;

use super::response::span;
use super::tfplugin6::list_resource::{Event, Request};
use super::{dynamic, encode, event_stream};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::list_resource::ListEvent;
use crate::framework::server::Server;

pub(super) type ListEvents = Map<ReceiverStream<ListEvent>, fn(ListEvent) -> Result<Event, Status>>;

/// The number of objects that are ready before the client takes them. One can have 20,000 host records.
const CAPACITY: usize = 16;

/// Lists objects. Core ends the call once it has as many as it wants; the list is cancelled then.
pub(super) fn list(server: Arc<Server>, request: Request) -> ListEvents {
    let (events, stream) = mpsc::channel(CAPACITY);
    let span = span("ListResource", &request.type_name);
    let closed = {
        let events = events.clone();
        async move { events.closed().await }
    };
    let work = async move {
        let errors = run(&server, &request, events.clone()).await.unwrap_or_else(|errors| errors);
        if errors.iter().next().is_some() {
            // The receiver is gone if the client has ended the call.
            let _ = events.send(ListEvent::Diagnostics(errors)).await;
        }
    };
    event_stream::spawn(closed, work.instrument(span));
    ReceiverStream::new(stream).map(|event| Ok(encode(event)))
}

async fn run(server: &Server, request: &Request, events: mpsc::Sender<ListEvent>) -> Result<Diagnostics, Diagnostics> {
    let Request { type_name, config, include_resource_object, limit } = request;
    let config = dynamic::decode(config.as_ref(), server.list_resources.ty(type_name)?)?;
    Ok(server.list(type_name, config, (*include_resource_object, *limit), events).await)
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
