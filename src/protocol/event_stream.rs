//! The task behind an event stream, of an action or of a list.

/// Runs `work`, which sends the events, until it ends or the client has ended the call.
///
/// `closed` waits until nobody receives the events any more.
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
