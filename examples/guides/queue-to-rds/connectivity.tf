data "dli_connectivity" "database" {
  for_each = toset([var.database_address, "orders-db"])

  queue      = var.queue
  address    = "${each.key}:3306"
  depends_on = [dli_enhanced_connection.rds]
}

check "database" {
  assert {
    condition     = alltrue([for test in data.dli_connectivity.database : test.reachable])
    error_message = join("\n", [for test in data.dli_connectivity.database : "${test.address}: ${test.result}"])
  }
}
