resource "dli_enhanced_connection" "rds" {
  name            = "rds_production"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]
}

# Use the name if another configuration creates the connection. Here the ID makes the data source wait for the resource.
data "dli_enhanced_connection" "rds" {
  id = dli_enhanced_connection.rds.id
}

output "reachable_from" {
  value = [for name, binding in data.dli_enhanced_connection.rds.bindings : name if binding.status == "ACTIVE"]
}
