//! The event stream of the control API: tells the page that something has changed.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::{response::ApiResponse, state::AppState};

const EVENT_STREAM: &str = "text/event-stream";
/// The shortest time between two events. A page reads what it shows after each event.
const INTERVAL: Duration = Duration::from_millis(200);

/// The head of the response, which [`respond`] turns into a stream.
pub(super) fn head() -> ApiResponse {
    let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM))];
    ApiResponse { status: 200, body: None, headers }
}

pub(super) fn is_event_stream(response: &ApiResponse) -> bool {
    response.headers.iter().any(|(name, value)| name == CONTENT_TYPE && value == EVENT_STREAM)
}

/// Streams an event at once and after each change, until the client disconnects or the emulator stops.
pub(super) fn respond(response: ApiResponse, state: Arc<AppState>) -> Response {
    let activity = state.activity.subscribe();
    let events = stream::unfold((state, activity, true), |(state, mut activity, is_first)| async move {
        if !is_first {
            let next = async {
                let changed = activity.changed().await;
                tokio::time::sleep(INTERVAL).await;
                changed.ok()
            };
            state.stopped.run_until_cancelled(next).await??;
        }
        let changes = *activity.borrow_and_update();
        let requests = state.request_log.lock().count();
        let event = format!("data: {}\n\n", json!({ "changes": changes, "requests": requests }));
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(event)), (state, activity, false)))
    });
    let mut streamed = Response::new(Body::from_stream(events));
    *streamed.status_mut() = StatusCode::OK;
    streamed.headers_mut().extend(response.headers);
    streamed
}
