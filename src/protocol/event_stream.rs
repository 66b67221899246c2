//! Runs the task that sends the events of an action or a list resource.

/// Runs `work`, which sends the events, until it ends or the client has ended the call.
///
/// `closed` completes when the client has ended the call.
pub(super) fn spawn(
    closed: impl Future<Output = ()> + Send + 'static,
    work: impl Future<Output = ()> + Send + 'static,
) {
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = closed => {}
        }
    });
}
