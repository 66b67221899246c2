resource "dli_enhanced_connection" "mrs" {
  name            = "mrs_production"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]

  hosts = {
    "node-master1.example.com" = "192.168.0.1"
    "node-core1.example.com"   = "192.168.0.2"
  }
  routes = {
    warehouse = "192.168.2.0/24"
  }
  tags = {
    team = "analytics"
  }
}

# This connection leaves elastic_resource_pools unset, because the binding has a resource of its own.
resource "dli_enhanced_connection_binding" "pool" {
  connection_id         = dli_enhanced_connection.mrs.id
  elastic_resource_pool = "pool1"
}

resource "dli_enhanced_connection_privilege" "partner" {
  connection_id        = dli_enhanced_connection.mrs.id
  applicant_project_id = "330e068af1334c9782f4226acc00a2e2"
}
