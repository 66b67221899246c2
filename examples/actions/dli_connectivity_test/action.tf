resource "dli_enhanced_connection" "rds" {
  name            = "rds"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]

  hosts = {
    "orders-db" = "192.168.0.31"
  }

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.dli_connectivity_test.rds]
    }
  }
}

action "dli_connectivity_test" "rds" {
  config {
    queue     = "q1"
    addresses = ["orders-db:3306", "192.168.0.31:22"]
  }
}
