resource "dli_enhanced_connection" "rds" {
  name            = "reporting_rds"
  dest_vpc_id     = var.vpc_id
  dest_network_id = var.subnet_id

  # Binds the pool with all its queues.
  elastic_resource_pools = [local.pool.name]

  # Host name that jobs use instead of the address.
  hosts = {
    "orders-db" = var.database_address
  }

  # Networks behind the subnet, here the network of the read replicas. The subnet itself needs no route.
  routes = {
    "replicas" = "192.168.32.0/24"
  }
}

output "pool_network" {
  description = "Network of the pool, to be allowed in the security group of the database."
  value       = local.pool.cidr_in_vpc
}

output "bindings" {
  description = "Status of each binding."
  value       = { for name, binding in dli_enhanced_connection.rds.bindings : name => binding.status }
}
