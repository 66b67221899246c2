//! A warning about routes to networks that the cloud uses itself. Such a route is allowed.

use crate::dli::rules;
use crate::framework::diagnostic::Diagnostic;
use crate::framework::path::Path;
use crate::framework::value::Value;

/// Warns if a plan changes the network of a route to a reserved one.
pub(crate) fn warning(path: Path, prior: &Value, planned: &Value) -> Option<Diagnostic> {
    let network = planned.as_str().filter(|_| prior != planned).and_then(rules::network)?;
    let overlaps =
        |reserved: &&&str| rules::network(reserved).is_some_and(|reserved| rules::overlap(&reserved, &network));
    // A default route contains every network on purpose.
    let reserved = rules::RESERVED_ROUTES.iter().rev().find(overlaps).filter(|_| network.prefix_len() > 0)?;
    let detail = format!(
        "{path}: {network} overlaps {reserved}, which the cloud uses for its own services; traffic to them may be \
         lost.\n\nDocument: DLI User Guide, \"Adding a Route\"."
    );
    Some(Diagnostic::warning("Route to a Reserved Network", detail).at(path))
}
