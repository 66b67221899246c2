data "dli_queues" "all" {}

# Queues that can be bound individually. A queue in an elastic resource pool is bound together with its pool.
output "bindable" {
  value = [
    for queue in data.dli_queues.all.queues : queue.name
    if queue.can_be_bound && queue.elastic_resource_pool == null
  ]
}

output "not_bindable" {
  value = { for queue in data.dli_queues.all.queues : queue.name => queue.reason if !queue.can_be_bound }
}
