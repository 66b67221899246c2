# Run it with: dli-emulator -- terraform test
run "binding_has_a_peering" {
  assert {
    condition     = output.peer_ids["q1"] != null
    error_message = "The queue q1 has no peering."
  }
}
