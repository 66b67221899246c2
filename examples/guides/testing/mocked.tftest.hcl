# Needs neither an account nor an emulator: Terraform generates the computed attributes.
mock_provider "dli" {}

run "connection_has_the_queues" {
  variables {
    queues = ["q1", "q2"]
  }

  assert {
    condition     = dli_enhanced_connection.reporting.queues == toset(["q1", "q2"])
    error_message = "The connection has other queues."
  }
}

run "at_least_one_queue_is_required" {
  command = plan

  variables {
    queues = []
  }

  expect_failures = [var.queues]
}
