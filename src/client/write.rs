//! Writes that are not idempotent.

use futures_util::future::BoxFuture;

use super::{
    error::Error,
    project::Project,
    request::Request,
    retry::{Check, Safety},
};

/// A write that is not idempotent, such as adding a route.
#[must_use = "a write has no effect until it is sent"]
pub struct Write<'a> {
    pub(super) project: &'a Project,
    pub(super) request: Request<'static>,
    /// Sent where the region does not publish the API of `request`.
    pub(super) fallback: Option<Request<'static>>,
}

impl Write<'_> {
    /// Sends the write. It is repeated only after attempts that certainly had no effect.
    pub async fn send(self) -> Result<(), Error> {
        self.run(Safety::Once).await
    }

    /// Sends the write. When its outcome is unknown, `is_done` reads whether it took effect; it is repeated only if it
    /// did not.
    pub async fn verified<D>(self, is_done: impl Fn() -> D + Sync) -> Result<(), Error>
    where
        D: Future<Output = Result<bool, Error>> + Send,
    {
        let is_done = || Box::pin(is_done()) as BoxFuture<'_, _>;
        let delays = self.project.consistency_delays();
        self.run(Safety::Verify(Check { is_done: &is_done, delays })).await
    }

    async fn run(self, safety: Safety<'_>) -> Result<(), Error> {
        let Self { project, request, fallback } = self;
        match (project.response(&request, safety).await, fallback) {
            (Err(error), Some(fallback)) if error.is_not_published() => {
                let host = project.endpoint.host();
                tracing::info!(host, "v3 routes are not published here; using v2.0");
                project.client.without_v3_routes.lock().insert(host);
                project.response(&fallback, safety).await.map(drop)
            }
            (outcome, _) => outcome.map(drop),
        }
    }
}

impl std::fmt::Debug for Write<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Write").field("project", self.project).finish_non_exhaustive()
    }
}
