data "dli_queues" "all" {}

# Every queue that a connection of its own may use; those in an elastic resource pool share the pool's.
output "bindable" {
  value = [for queue in data.dli_queues.all.queues : queue.name if queue.can_be_bound && queue.elastic_resource_pool == null]
}

output "not_bindable" {
  value = { for queue in data.dli_queues.all.queues : queue.name => queue.reason if !queue.can_be_bound }
}
