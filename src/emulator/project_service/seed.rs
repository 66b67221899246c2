//! Queues and elastic resource pools. The API that makes them is no part of the emulator; a test makes its own here.

use super::ProjectService;
use crate::{
    dli::{
        rules,
        wire::{Pool, Queue},
    },
    emulator::{api_error::ApiError, limits},
};

impl ProjectService<'_> {
    /// Puts a queue in the place of the one of its name, or beside the others. Its name is kept in lower case.
    pub fn put_queue(&mut self, queue: Queue) -> Result<(), ApiError> {
        limits::text("queue_name", &rules::QUEUE_NAME, &queue.queue_name)?;
        let pool = &queue.elastic_resource_pool_name;
        if !pool.is_empty() && self.project.pool(pool).is_none() {
            return Err(ApiError::no_such("elastic resource pool", pool));
        }
        let queue = Queue { queue_name: queue.queue_name.to_ascii_lowercase(), ..queue };
        self.project.queues.retain(|other| other.queue_name != queue.queue_name);
        self.project.queues.push(queue);
        Ok(())
    }

    /// Removes a queue. What is bound stays bound: nothing is documented about it.
    pub fn remove_queue(&mut self, name: &str) -> Result<(), ApiError> {
        let name = self.project.queue(name).ok_or_else(|| ApiError::no_such("queue", name))?.queue_name.clone();
        self.project.queues.retain(|queue| queue.queue_name != name);
        Ok(())
    }

    /// Puts an elastic resource pool in the place of the one of its name, or beside the others. Which queues live in
    /// it is for the queues to say; its own list of them is passed over.
    pub fn put_pool(&mut self, pool: Pool) -> Result<(), ApiError> {
        limits::text("elastic_resource_pool_name", &rules::POOL_NAME, &pool.name)?;
        self.project.pools.retain(|other| other.name != pool.name);
        self.project.pools.push(Pool { queues: Vec::new(), ..pool });
        Ok(())
    }

    /// Removes an elastic resource pool that holds no queue.
    pub fn remove_pool(&mut self, name: &str) -> Result<(), ApiError> {
        let pool = self.project.pool(name).ok_or_else(|| ApiError::no_such("elastic resource pool", name))?;
        if let Some(queue) = pool.queues.first() {
            return Err(ApiError::unsupported(format!("Elastic resource pool {name} holds the queue {queue}")));
        }
        self.project.pools.retain(|pool| pool.name != name);
        Ok(())
    }
}
