//! The page for browsers, which uses the control API. Its files are part of the program.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue};

use super::{request::ApiRequest, response::ApiResponse};

/// The path of the page below the control API. Its other files are below this path.
const PATH: &str = "/_emulator/ui";

const HTML: &str = include_str!("page/index.html");
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The other files with their media types.
const FILES: [(&str, &str, &str); 12] = [
    ("style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("api.js", SCRIPT, include_str!("page/api.js")),
    ("connections.js", SCRIPT, include_str!("page/connections.js")),
    ("dialog.js", SCRIPT, include_str!("page/dialog.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("lists.js", SCRIPT, include_str!("page/lists.js")),
    ("main.js", SCRIPT, include_str!("page/main.js")),
    ("objects.js", SCRIPT, include_str!("page/objects.js")),
    ("requests.js", SCRIPT, include_str!("page/requests.js")),
    ("settings.js", SCRIPT, include_str!("page/settings.js")),
    ("setup.js", SCRIPT, include_str!("page/setup.js")),
];

/// The page loads nothing from elsewhere, and no other page can embed it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file of the page that a request asks for. A browser gets the page at `/` too.
pub(super) fn find(request: &ApiRequest) -> Option<ApiResponse> {
    if request.method() != "GET" {
        return None;
    }
    let accepts_html = || request.header("accept").is_some_and(|types| types.contains("text/html"));
    match request.path() {
        "/" if accepts_html() => Some(file("text/html; charset=utf-8", HTML)),
        path => match path.strip_prefix(PATH)? {
            "" | "/" => Some(file("text/html; charset=utf-8", HTML)),
            path => {
                let name = path.strip_prefix('/')?;
                let (_, kind, content) = FILES.iter().find(|(known, ..)| *known == name)?;
                Some(file(kind, content))
            }
        },
    }
}

fn file(kind: &'static str, content: &str) -> ApiResponse {
    let headers: Vec<(HeaderName, HeaderValue)> = vec![
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    ApiResponse { status: 200, body: Some(content.into()), headers }
}
