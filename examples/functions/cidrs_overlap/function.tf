locals {
  pool_network   = "10.30.0.0/18"
  subnet_network = "192.168.0.0/24"
}

# The service does not bind a pool whose network overlaps the network of the subnet.
resource "dli_enhanced_connection" "rds" {
  name                   = "rds"
  dest_vpc_id            = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id        = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  elastic_resource_pools = ["pool1"]

  lifecycle {
    precondition {
      condition     = !provider::dli::cidrs_overlap(local.pool_network, local.subnet_network)
      error_message = "The network of the pool overlaps the network of the subnet."
    }
  }
}
