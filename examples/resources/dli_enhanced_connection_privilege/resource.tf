resource "dli_enhanced_connection" "mrs" {
  name            = "mrs_production"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
}

# Allows the project of another team in the same region to bind its queues and elastic resource pools.
resource "dli_enhanced_connection_privilege" "mrs" {
  connection_id        = dli_enhanced_connection.mrs.id
  applicant_project_id = "330e068af1334c9782f4226acc00a2e2"
}
