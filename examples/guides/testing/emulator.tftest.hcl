# Needs a running dli-emulator: the provider creates, reads and destroys the connection there.
provider "dli" {
  region     = "emulated"
  project_id = "0123456789abcdef0123456789abcdef"
  access_key = "emulator"
  secret_key = "emulator-secret"
  endpoints  = { dli = "http://127.0.0.1:7080" }
}

run "binding_has_a_peering" {
  assert {
    condition     = output.peer_ids["q1"] != null
    error_message = "The queue q1 has no peering."
  }
}
