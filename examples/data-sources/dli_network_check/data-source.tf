resource "dli_enhanced_connection" "rds" {
  name                   = "rds"
  dest_vpc_id            = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id        = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  elastic_resource_pools = ["pool1"]
}

# Reads the networks when the connection exists, and at every later plan.
data "dli_network_check" "rds" {
  connection_id = dli_enhanced_connection.rds.id
}

# A failed check is a warning.
check "network" {
  assert {
    condition     = data.dli_network_check.rds.ok
    error_message = join("\n", data.dli_network_check.rds.findings[*].detail)
  }
}
