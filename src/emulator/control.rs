//! The control API, which reads and changes a running emulator. [`CONTROL_API`] is its documentation for people; the
//! OpenAPI document is made of the same table of routes that serves the requests.
//!
//! Control requests are neither signed nor logged. `access` decides who may send them.

mod edit;
mod error;
mod objects;
mod openapi;
mod requests;
mod route;
mod settings;
mod table;

use http::header::{CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method};

use self::error::ControlError;
use self::table::ROUTES;
use super::{access::Area, page, request::ApiRequest, response::ApiResponse, routing, state::AppState};

/// The documentation of the control API, as shown by `dli-emulator --help`.
pub const CONTROL_API: &str = include_str!("control.txt");

const ROOT: &str = "/_emulator/";

/// Headers of every response: no other page can load it, and no cache keeps it.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

pub(super) fn is_control_path(path: &str) -> bool {
    path.starts_with(ROOT)
}

/// Whether a request is for the control API or for the page.
pub(super) fn is_control(request: &ApiRequest) -> bool {
    is_control_path(request.path()) || page::find(request).is_some()
}

/// Handles a control request. Changes to projects are in the state file before it returns.
pub(super) fn handle(state: &AppState, mut request: ApiRequest) -> ApiResponse {
    let page = page::find(&request);
    let area = if page.is_some() { Area::Page } else { Area::Control };
    let response = match (state.access.check(&request.parts, area), page) {
        (Err(error), _) => ApiResponse::json(403, &serde_json::json!({ "error": error.to_string() })),
        (Ok(()), Some(page)) => page,
        (Ok(()), None) => run(state, &mut request).unwrap_or_else(|error| error.response()),
    };
    if request.parts.method != Method::GET {
        state.announce();
    }
    ApiResponse { headers: response.headers.into_iter().chain(HEADERS).collect(), ..response }
}

fn run(state: &AppState, request: &mut ApiRequest) -> Result<ApiResponse, ControlError> {
    let path = request.path().strip_prefix(ROOT).unwrap_or_default();
    let of_path: Vec<_> =
        ROUTES.iter().filter_map(|route| Some((route, routing::segments(route.path, path)?))).collect();
    let allowed = of_path.iter().map(|(route, _)| route.method).collect::<Vec<_>>().join(", ");
    let Some((route, segments)) = of_path.into_iter().find(|(route, _)| route.method == request.method()) else {
        let (method, path) = (request.method().to_owned(), request.path().to_owned());
        return Err(if allowed.is_empty() {
            ControlError::Unknown { method, path }
        } else {
            ControlError::Method { method, path, allowed }
        });
    };
    request.segments = segments;
    (route.run)(state, request)
}
