data "dli_elastic_resource_pools" "available" {
  status = "AVAILABLE"
}

# The networks that those of a connection's VPC must not overlap.
output "networks" {
  value = { for pool in data.dli_elastic_resource_pools.available.elastic_resource_pools : pool.name => pool.cidr_in_vpc }
}
