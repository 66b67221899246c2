//! Queues and elastic resource pools, which only tests and the control API change.

use super::ProjectService;
use crate::{
    dli::{
        rules,
        wire::{Pool, Queue},
    },
    emulator::{api_error::ApiError, limits},
};

impl ProjectService<'_> {
    /// Adds or replaces a queue. The name is stored in lower case.
    pub fn put_queue(&mut self, queue: Queue) -> Result<(), ApiError> {
        limits::text("queue_name", &rules::QUEUE_NAME, &queue.queue_name)?;
        let pool = &queue.elastic_resource_pool_name;
        if !pool.is_empty() && self.project.pool(pool).is_none() {
            return Err(ApiError::not_found("elastic resource pool", pool));
        }
        let queue = Queue { queue_name: queue.queue_name.to_ascii_lowercase(), ..queue };
        self.project.queues.retain(|other| other.queue_name != queue.queue_name);
        self.project.queues.push(queue);
        Ok(())
    }

    /// Removes a queue. Its bindings remain; the documents do not say what happens to them.
    pub fn remove_queue(&mut self, name: &str) -> Result<(), ApiError> {
        let name = self.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?.queue_name.clone();
        self.project.queues.retain(|queue| queue.queue_name != name);
        Ok(())
    }

    /// Adds or replaces an elastic resource pool. Its queue list is ignored because it is derived from the queues.
    pub fn put_pool(&mut self, pool: Pool) -> Result<(), ApiError> {
        limits::text("elastic_resource_pool_name", &rules::POOL_NAME, &pool.name)?;
        self.project.pools.retain(|other| other.name != pool.name);
        self.project.pools.push(Pool { queues: Vec::new(), ..pool });
        Ok(())
    }

    /// Removes an elastic resource pool without queues.
    pub fn remove_pool(&mut self, name: &str) -> Result<(), ApiError> {
        let pool = self.project.pool(name).ok_or_else(|| ApiError::not_found("elastic resource pool", name))?;
        if let Some(queue) = pool.queues.first() {
            return Err(ApiError::unsupported(format!("Elastic resource pool {name} holds the queue {queue}")));
        }
        self.project.pools.retain(|pool| pool.name != name);
        Ok(())
    }
}
