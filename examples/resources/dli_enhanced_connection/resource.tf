# Gives two queues access to the nodes of an MRS cluster.
resource "dli_enhanced_connection" "mrs" {
  name            = "mrs_production"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"

  # Only dedicated queues; the shared queue "default" cannot be bound.
  queues = ["q1", "q2"]

  # Host names that the services of the cluster use for its nodes.
  hosts = {
    "node-master1.example.com" = "192.168.0.1"
    "node-core1.example.com"   = "192.168.0.2"
  }

  tags = {
    team = "analytics"
  }
}
