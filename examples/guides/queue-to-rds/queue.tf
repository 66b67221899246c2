data "dli_queues" "reporting" {
  name = var.queue

  lifecycle {
    postcondition {
      condition = length(self.queues) == 1 && alltrue([
        for queue in self.queues : queue.elastic_resource_pool != null
      ])
      error_message = "Queue ${var.queue} was not found in any elastic resource pool."
    }
  }
}

data "dli_elastic_resource_pools" "reporting" {
  name = one(data.dli_queues.reporting.queues).elastic_resource_pool
}

locals {
  pool = one(data.dli_elastic_resource_pools.reporting.elastic_resource_pools)
}
