data "dli_elastic_resource_pools" "available" {
  status = "AVAILABLE"
}

# A subnet that is connected to these pools must not overlap any of these networks.
output "networks" {
  value = {
    for pool in data.dli_elastic_resource_pools.available.elastic_resource_pools : pool.name => pool.cidr_in_vpc
  }
}
