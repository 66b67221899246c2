//! Writes that are not idempotent.

use futures_util::future::BoxFuture;

use super::error::Error;
use super::project::Project;
use super::request::Request;
use super::retry::{Check, OnUnknownOutcome};

/// A write that is not idempotent, such as adding a route.
#[must_use = "a write has no effect until it is sent"]
#[derive(derive_more::Debug)]
#[debug("Write {{ project: {project:?}, .. }}")]
pub struct Write<'a> {
    pub(super) project: &'a Project,
    pub(super) request: Request<'static>,
    /// Sent instead if the region does not publish the API of `request`.
    pub(super) fallback: Option<Request<'static>>,
}

impl Project {
    pub(super) fn write(&self, request: Request<'static>) -> Write<'_> {
        Write { project: self, request, fallback: None }
    }
}

impl Write<'_> {
    /// Sends the write. Repeats it only after attempts that certainly had no effect.
    pub async fn send(self) -> Result<(), Error> {
        self.run(OnUnknownOutcome::Fail).await
    }

    /// Sends the write. If its outcome is unknown, calls `is_done` and repeats the write only if it had no effect.
    pub async fn verified<D>(self, is_done: impl Fn() -> D + Sync) -> Result<(), Error>
    where
        D: Future<Output = Result<bool, Error>> + Send,
    {
        let is_done = || Box::pin(is_done()) as BoxFuture<'_, _>;
        let delays = self.project.consistency_delays();
        self.run(OnUnknownOutcome::Verify(Check { is_done: &is_done, delays })).await
    }

    async fn run(self, on_unknown: OnUnknownOutcome<'_>) -> Result<(), Error> {
        let Self { project, request, fallback } = self;
        match (project.response(&request, on_unknown).await, fallback) {
            (Err(error), Some(fallback)) if error.is_not_published() => {
                let host = project.endpoint.host();
                tracing::info!(host, "this host does not publish the v3 route API; using v2.0");
                project.client.without_v3_routes.lock().insert(host);
                project.response(&fallback, on_unknown).await.map(drop)
            }
            (outcome, _) => outcome.map(drop),
        }
    }
}
