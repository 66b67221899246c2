# The example request of "Creating an Enhanced Datasource Connection" in the API Reference.
resource "dli_enhanced_connection" "test" {
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1", "q2"]

  hosts = {
    "ecs-97f8-0001" = "192.168.0.1"
    "ecs-97f8-0002" = "192.168.0.2"
  }
}
