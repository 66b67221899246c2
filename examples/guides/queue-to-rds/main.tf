resource "dli_enhanced_connection" "rds" {
  name            = "reporting_rds"
  dest_vpc_id     = var.vpc_id
  dest_network_id = var.subnet_id

  # The pool, with every queue in it.
  elastic_resource_pools = [local.pool.name]

  # What jobs call the database, so that no job holds its address.
  hosts = {
    "orders-db" = var.database_address
  }

  # Networks behind the subnet, here that of the read replicas. The subnet itself needs no route.
  routes = {
    "replicas" = "192.168.32.0/24"
  }
}

output "pool_network" {
  description = "What the database's security group has to let in."
  value       = local.pool.cidr_in_vpc
}

output "bindings" {
  description = "How each queue and pool is doing."
  value       = { for name, binding in dli_enhanced_connection.rds.bindings : name => binding.status }
}
