resource "dli_enhanced_connection" "rds" {
  name            = "rds"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]

  hosts = {
    "orders-db" = "192.168.0.31"
  }
}

# The test runs when the connection exists, and at every later plan.
data "dli_connectivity" "orders_db" {
  queue      = "q1"
  address    = "orders-db:3306"
  depends_on = [dli_enhanced_connection.rds]
}

# A failed check is a warning.
check "orders_db" {
  assert {
    condition     = data.dli_connectivity.orders_db.reachable
    error_message = "Queue q1 does not reach orders-db:3306: ${data.dli_connectivity.orders_db.result}."
  }
}
