resource "dli_enhanced_connection" "reporting" {
  name            = "reporting"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]

  hosts = {
    "db.example.com" = "192.168.0.10"
  }
}

output "binding_status" {
  description = "Status of each queue's binding."
  value       = { for name, binding in dli_enhanced_connection.reporting.bindings : name => binding.status }
}
